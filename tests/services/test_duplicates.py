"""Finding an open call that a new one may repeat."""

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking_words import CancelReason
from models.role_grant import Role
from services import bookings, clock
from services.actor import Actor
from services.duplicates import open_calls_like
from services.errors import Forbidden
from tests import factories as make

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def dispatcher(session: AsyncSession) -> Actor:
    return make.as_staff(await make.dispatcher(session))


async def _call(session: AsyncSession, by: User | None = None, **facts: Any) -> Booking:
    return await make.booking(session, by, **facts)


async def test_the_same_number_is_found(
    session: AsyncSession, dispatcher: Actor
) -> None:
    patient = await make.patient(session, phone="+79031184206")
    call = await _call(session, patient)
    await _call(session, address=make.address(text="Арбат, 1"))
    (found,) = await open_calls_like(session, dispatcher, phone="+79031184206")
    assert (found.booking_id, found.label) == (call.id, call.label)
    assert found.same_phone
    assert found.waiting_minutes == 0
    (again,) = await open_calls_like(session, dispatcher, patient_id=patient.id)
    assert again.booking_id == call.id


async def test_the_number_of_the_subject_counts_too(
    session: AsyncSession, dispatcher: Actor
) -> None:
    subject = {"name": "Артём", "contact_phone": "+79031184206"}
    call = await _call(session, subject=subject)
    (found,) = await open_calls_like(session, dispatcher, phone="+79031184206")
    assert found.booking_id == call.id


@pytest.mark.parametrize(
    ("text", "flat", "same"),
    [
        ("Таганская улица, 31", "12", True),
        ("г. Москва, ул. Таганская, д. 31", "12", True),
        ("таганская 31", "кв. 12", True),
        ("Таганская улица, 31", None, True),
        ("Таганская улица, 31", "13", False),
        ("Таганская улица, 3", "112", False),
        ("Марксистская улица, 31", "12", False),
        ("   ", "12", False),
    ],
)
async def test_a_door_is_known_by_what_two_people_say_alike(
    session: AsyncSession, dispatcher: Actor, text: str, flat: str | None, same: bool
) -> None:
    await _call(session, address=make.address(text="Таганская улица, 31", flat="12"))
    found = await open_calls_like(session, dispatcher, address_text=text, flat=flat)
    assert bool(found) is same
    assert not any(each.same_phone for each in found)


async def test_a_call_without_a_flat_is_asked_about(
    session: AsyncSession, dispatcher: Actor
) -> None:
    await _call(session, address=make.address(text="Лётная, 5", flat=None))
    assert await open_calls_like(
        session, dispatcher, address_text="Летная, 5", flat="7"
    )


async def test_closed_calls_are_no_duplicates(
    session: AsyncSession, dispatcher: Actor
) -> None:
    patient = await make.patient(session, phone="+79031184206")
    call = await _call(session, patient)
    await bookings.cancel(session, dispatcher, call.id, CancelReason.FALSE_CALL)
    assert await open_calls_like(session, dispatcher, phone="+79031184206") == []


async def test_the_same_number_comes_before_the_same_door(
    session: AsyncSession, dispatcher: Actor
) -> None:
    patient = await make.patient(session, phone="+79031184206")
    mine = await _call(session, patient, address=make.address(text="Арбат, 1"))
    other = await _call(session)
    await clock.shift(session, timedelta(minutes=9).total_seconds())
    found = await open_calls_like(
        session,
        dispatcher,
        phone="+79031184206",
        address_text=other.address_text,
        flat=other.flat,
    )
    assert [each.booking_id for each in found] == [mine.id, other.id]
    assert found[0].waiting_minutes == 9


async def test_nothing_to_look_for_finds_nothing(
    session: AsyncSession, dispatcher: Actor
) -> None:
    await _call(session)
    assert await open_calls_like(session, dispatcher) == []


async def test_only_dispatchers_may_ask(session: AsyncSession) -> None:
    finance = make.as_staff(await make.person(session, Role.FINANCE), Role.FINANCE)
    with pytest.raises(Forbidden):
        await open_calls_like(session, finance, phone="+79031184206")
