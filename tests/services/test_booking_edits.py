"""Changing a call that is open."""

from datetime import timedelta

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    Role,
)
from services import assignments, bookings
from services.actor import Actor, Via
from services.booking_drafts import (
    BookingChanges,
)
from services.errors import (
    DoctorBusy,
    Forbidden,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_staff


class TestEdit:
    """Changing a call that is open."""

    async def test_only_what_was_given_changes(self, session: AsyncSession) -> None:
        made = await factories.booking(session)
        dispatcher = as_staff(await factories.dispatcher(session))
        changes = BookingChanges(symptoms="Сыпь", priority="emergency")
        await bookings.edit(session, dispatcher, made.id, changes, 1)
        await settle(session)
        assert (made.symptoms, made.priority, made.version) == ("Сыпь", "emergency", 2)
        assert made.address_text == "Тверская улица, 12"

    async def test_a_patient_changes_their_words_only(
        self, session: AsyncSession
    ) -> None:
        made = await factories.booking(session)
        patient = Actor(made.patient_id, Role.PATIENT, Via.API)
        await bookings.edit(session, patient, made.id, BookingChanges(symptoms="x"), 1)
        for changes in ({"priority": "emergency"}, {"specialization": "surgeon"}):
            with pytest.raises(Forbidden):
                await bookings.edit(
                    session, patient, made.id, BookingChanges(**changes), 2
                )

    async def test_another_door_is_another_stop(self, session: AsyncSession) -> None:
        doctor = await factories.doctor(session)
        dispatcher = await factories.dispatcher(session)
        made = await factories.assigned(session, doctor, dispatcher)
        was = made.stop_id
        changes = BookingChanges(address=factories.address(intercom="1"))
        await bookings.edit(session, as_staff(dispatcher), made.id, changes, 2)
        assert (made.stop_id, made.intercom) == (was, "1")
        changes = BookingChanges(address=factories.address(flat="46"))
        await bookings.edit(session, as_staff(dispatcher), made.id, changes, 3)
        turn = (await session.exec(select(Assignment))).one()
        assert made.stop_id == turn.stop_id != was
        waiting = await factories.booking(session)
        await bookings.edit(session, as_staff(dispatcher), waiting.id, changes, 1)
        assert waiting.flat == "46"

    async def test_a_stop_cannot_be_parted_while_one_doctor_serves_both(
        self, session: AsyncSession
    ) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        doctor = await factories.doctor(session)
        first = await factories.booking(session)
        draft = factories.phone_draft(
            address=None, patient_id=first.patient_id, same_stop_as=first.id
        )
        second = await bookings.create(session, dispatcher, draft)
        await assignments.assign(session, dispatcher, first.id, doctor.id, 1)
        turn = (await session.exec(select(Assignment))).one()
        await assignments.assign(
            session, dispatcher, second.id, doctor.id, 1, turn.planned_start
        )
        changes = BookingChanges(address=factories.address(text="Арбат, 1"))
        with pytest.raises(DoctorBusy):
            await bookings.edit(session, dispatcher, second.id, changes, 2)

    async def test_the_contact_of_another_subject(self, session: AsyncSession) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        changes = BookingChanges(contact_phone="+79160001122")
        own = await factories.booking(session)
        with pytest.raises(ValidationFailed):
            await bookings.edit(session, dispatcher, own.id, changes, 1)
        other = await factories.booking(session, subject={"name": "Миша"})
        await bookings.edit(session, dispatcher, other.id, changes, 1)
        assert other.subject_contact_phone == "+79160001122"

    async def test_the_window_of_a_scheduled_call(self, session: AsyncSession) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        start = await factories.tomorrow(session)
        end = start + timedelta(hours=2)
        made = await factories.booking(
            session, call_type="scheduled", wanted_from=start, wanted_to=end
        )
        later = BookingChanges(wanted_to=end + timedelta(hours=1))
        await bookings.edit(session, dispatcher, made.id, later, 1)
        assert (made.wanted_from, made.wanted_to) == (start, end + timedelta(hours=1))
        wrong = (
            BookingChanges(wanted_from=None),
            BookingChanges(wanted_from=end + timedelta(hours=2)),
            BookingChanges(wanted_from=start - timedelta(days=2)),
            BookingChanges(wanted_to=start + timedelta(days=400)),
        )
        for changes in wrong:
            with pytest.raises(ValidationFailed):
                await bookings.edit(session, dispatcher, made.id, changes, 2)
        assert made.version == 2

    async def test_an_urgent_call_may_lose_its_window(
        self, session: AsyncSession
    ) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        start = await factories.tomorrow(session)
        made = await factories.booking(session, wanted_from=start)
        none = BookingChanges(wanted_from=None)
        await bookings.edit(session, dispatcher, made.id, none, 1)
        assert made.wanted_from is None
