"""Each step of a call tells whom it concerns, once, and nobody of their own doing."""

from dataclasses import dataclass
from datetime import datetime

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification, User
from models.booking import Status, Verb
from models.booking_words import CallType, CancelReason
from models.role_grant import Role
from services import (
    assignments,
    booking_edits,
    booking_notices,
    bookings,
    direct,
    staff,
    visits,
)
from services.booking_drafts import BookingChanges
from services.config import use_settings
from services.errors import TooManyBookings
from services.notification_texts import TEXTS
from tests import factories
from tests.conftest import settle
from tests.factories import as_doctor, as_patient, as_staff
from tests.telling import SMS, link_of


@dataclass
class Stage:
    session: AsyncSession
    patient: User
    doctor: User
    other: User
    dispatcher: User
    booking: Booking

    async def told(self) -> list[tuple[str, str]]:
        """What was told since the last look, as (to whom, kind)."""
        rows = await rows_of(self.session, self.booking)
        names = {
            self.patient.id: "patient",
            self.doctor.id: "doctor",
            self.other.id: "other",
        }
        found = [(names[row.user_id], row.kind) for row in rows]
        await self.session.execute(sa.delete(Notification))
        return sorted(found)

    async def assign(self) -> None:
        await assignments.assign(
            self.session,
            as_staff(self.dispatcher),
            self.booking.id,
            self.doctor.id,
            self.booking.version,
        )
        await self.told()


async def rows_of(session: AsyncSession, booking: Booking) -> list[Notification]:
    query = sa.select(Notification).where(col(Notification.booking_id) == booking.id)
    return list((await session.scalars(query)).all())


@pytest_asyncio.fixture(loop_scope="session")
async def stage(session: AsyncSession) -> Stage:
    dispatcher = await factories.dispatcher(session)
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    patient = await factories.patient(session)
    booking = await factories.booking(session, patient)
    return Stage(session, patient, doctor, other, dispatcher, booking)


async def test_a_received_call_is_a_job_of_the_call_that_tells_the_patient(
    stage: Stage,
) -> None:
    query = "SELECT args FROM procrastinate_jobs WHERE task_name = 'booking.received'"
    (job,) = await direct.fetch_all(stage.session, query, {})
    assert job.args == {"booking_id": str(stage.booking.id)}
    for _ in range(2):
        await booking_notices.received(stage.session, **job.args)
    (row,) = await rows_of(stage.session, stage.booking)
    assert (row.kind, row.user_id) == ("booking_received", stage.patient.id)
    assert row.urgent
    assert row.facts == {"call": stage.booking.label}


async def test_a_call_that_is_over_is_not_said_to_be_received(stage: Stage) -> None:
    patient, reason = as_patient(stage.patient), CancelReason.OTHER
    await bookings.cancel(stage.session, patient, stage.booking.id, reason)
    await booking_notices.received(stage.session, str(stage.booking.id))
    assert await stage.told() == []


async def test_a_refused_call_tells_nobody(stage: Stage) -> None:
    with pytest.raises(TooManyBookings):
        await bookings.create(
            stage.session,
            as_patient(stage.patient),
            factories.draft(),
            open_limit=1,
        )
    query = "SELECT FROM procrastinate_jobs WHERE task_name = 'booking.received'"
    assert len(await direct.fetch_all(stage.session, query, {})) == 1


async def test_a_whole_visit_tells_each_side_what_it_did_not_do(stage: Stage) -> None:
    session, booking, doctor = stage.session, stage.booking, as_doctor(stage.doctor)
    desk = as_staff(stage.dispatcher)
    await assignments.assign(
        session, desk, booking.id, stage.doctor.id, booking.version
    )
    rows = await rows_of(session, booking)
    facts = {row.kind: row.facts for row in rows}
    assert facts["booking_assigned"]["doctor"] == stage.doctor.short_name
    assert facts["visit_assigned"]["district"] == booking.district
    assert await stage.told() == [
        ("doctor", "visit_assigned"),
        ("patient", "booking_assigned"),
    ]
    for verb, kind in (
        (visits.accept, "booking_accepted"),
        (visits.depart, "booking_on_the_way"),
        (visits.start, "booking_started"),
    ):
        await verb(session, doctor, booking.id)
        assert await stage.told() == [("patient", kind)]
    await visits.complete(session, doctor, booking.id, 30, "ОРВИ")
    assert await stage.told() == [("patient", "booking_finished")]


async def test_a_changed_visit_is_told_to_its_doctor(stage: Stage) -> None:
    session, booking = stage.session, stage.booking
    desk = as_staff(stage.dispatcher)
    changes = BookingChanges(symptoms="Кашель сильнее")
    await booking_edits.edit(session, desk, booking.id, changes, booking.version)
    assert await stage.told() == []
    await stage.assign()
    await booking_edits.edit(session, desk, booking.id, changes, booking.version)
    assert await stage.told() == [("doctor", "visit_changed")]
    later = await factories.tomorrow(session)
    await assignments.replan(session, desk, booking.id, later, booking.version)
    rows = await rows_of(session, booking)
    planned = {datetime.fromisoformat(row.facts["time"]) for row in rows}
    assert planned == {later}
    assert await stage.told() == [
        ("doctor", "visit_changed"),
        ("patient", "booking_moved"),
    ]


async def test_who_loses_a_visit_is_told_and_who_gets_it_too(stage: Stage) -> None:
    session, booking = stage.session, stage.booking
    desk = as_staff(stage.dispatcher)
    await stage.assign()
    await assignments.reassign(
        session, desk, booking.id, stage.other.id, booking.version
    )
    assert await stage.told() == [
        ("doctor", "visit_lost"),
        ("other", "visit_assigned"),
        ("patient", "booking_assigned"),
    ]
    await assignments.unassign(session, desk, booking.id, booking.version)
    assert await stage.told() == [
        ("other", "visit_lost"),
        ("patient", "booking_declined"),
    ]


async def test_a_doctor_who_declines_is_not_told_that_the_visit_is_lost(
    stage: Stage,
) -> None:
    await stage.assign()
    await visits.decline(
        stage.session, as_doctor(stage.doctor), stage.booking.id, "Болен"
    )
    assert await stage.told() == [("patient", "booking_declined")]


async def test_a_call_handed_to_a_clinic_concerns_only_a_doctor_who_had_it(
    stage: Stage,
) -> None:
    session, booking = stage.session, stage.booking
    desk, clinic = as_staff(stage.dispatcher), await factories.clinic(session)
    await bookings.hand_to_clinic(session, desk, booking.id, clinic.id, booking.version)
    await bookings.take_back(session, desk, booking.id, booking.version)
    assert await stage.told() == []
    await stage.assign()
    await bookings.hand_to_clinic(session, desk, booking.id, clinic.id, booking.version)
    assert await stage.told() == [
        ("doctor", "visit_lost"),
        ("patient", "booking_declined"),
    ]


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("patient", [("doctor", "visit_lost")]),
        ("doctor", [("patient", "booking_cancelled")]),
        ("dispatcher", [("doctor", "visit_lost"), ("patient", "booking_cancelled")]),
    ],
)
async def test_a_cancelled_call_is_told_to_everybody_but_who_cancelled_it(
    stage: Stage, who: str, told: list[tuple[str, str]]
) -> None:
    await stage.assign()
    doctor = as_doctor(stage.doctor)
    await visits.accept(stage.session, doctor, stage.booking.id)
    await visits.depart(stage.session, doctor, stage.booking.id)
    await stage.told()
    actors = {
        "patient": as_patient(stage.patient),
        "doctor": doctor,
        "dispatcher": as_staff(stage.dispatcher),
    }
    reason = CancelReason.OTHER
    await bookings.cancel(stage.session, actors[who], stage.booking.id, reason)
    assert await stage.told() == told


async def test_a_blocked_doctor_is_told_of_every_visit_that_is_lost(
    stage: Stage,
) -> None:
    await stage.assign()
    admin = await factories.person(stage.session, Role.ADMIN)
    actor = as_staff(admin, Role.ADMIN)
    await staff.block(stage.session, actor, stage.doctor.id, "Проверка")
    assert await stage.told() == [
        ("doctor", "visit_lost"),
        ("patient", "booking_declined"),
    ]


async def test_a_second_opinion_of_the_table_tells_nothing_twice(stage: Stage) -> None:
    """One step is one version of the call, so its notices have keys of their own."""
    for _ in range(2):
        await booking_notices.tell(
            stage.session,
            as_staff(stage.dispatcher),
            Verb.CANCEL,
            stage.booking,
            None,
            {},
        )
    assert await stage.told() == [("patient", "booking_cancelled")]
    await booking_notices.tell(
        stage.session, as_staff(stage.dispatcher), Verb.FLAG, stage.booking, None, {}
    )
    assert await stage.told() == []


async def test_a_call_by_phone_of_an_unproven_number_is_told_by_sms_alone(
    stage: Stage, settings
) -> None:
    """Whoever registered with the number of somebody else learns nothing of it."""
    session = stage.session
    desk = as_staff(stage.dispatcher)
    draft = factories.phone_draft(patient_id=stage.patient.id)
    booking = await bookings.create(session, desk, draft)
    session.add(await link_of(session, stage.patient, 900))
    use_settings(settings.model_copy(update={"require_verified_phone": True}))
    try:
        await booking_notices.received(session, booking_id=str(booking.id))
    finally:
        use_settings(settings)
    (row,) = await rows_of(session, booking)
    assert (row.channel, row.address) == (SMS, stage.patient.phone)
    assert row.chain_id is None


async def test_a_call_for_another_day_does_not_wake_the_patient(
    stage: Stage,
) -> None:
    session = stage.session
    wanted = await factories.tomorrow(session)
    booking = await factories.booking(
        session,
        call_type=CallType.CONSULTATION,
        wanted_from=wanted,
        wanted_to=wanted.replace(hour=18),
    )
    assert not booking_notices.is_urgent(booking)
    await booking_notices.received(session, booking_id=str(booking.id))
    (row,) = await rows_of(session, booking)
    assert not row.urgent


def test_the_table_names_kinds_that_exist_for_those_who_get_them() -> None:
    roles = {"patient": Role.PATIENT, "doctor": Role.DOCTOR, "before": Role.DOCTOR}
    for verb, entries in booking_notices.TOLD.items():
        for kind, whom in entries:
            assert roles[whom.value] in TEXTS[kind].roles, (verb, kind)


async def test_every_status_is_reached_with_notices_that_a_commit_takes(
    stage: Stage,
) -> None:
    for status in (Status.COMPLETED, Status.CANCELLED):
        await factories.booking_in(
            stage.session, status, doctor=stage.other, dispatcher=stage.dispatcher
        )
    await settle(stage.session)
