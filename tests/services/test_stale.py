"""Who did what, and when: the sentence that a late dispatcher reads."""

from datetime import timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Role
from models.booking_words import CancelReason, Flag
from services import assignments, bookings, clock, russian, stale, visits
from services.actor import SYSTEM, Actor, Via
from services.booking_drafts import BookingChanges
from services.errors import StaleVersion
from services.i18n import use_locale
from tests import factories
from tests.factories import as_clinic, as_doctor, as_patient, as_staff


async def test_the_sentence_of_the_design(session: AsyncSession) -> None:
    anna, boris = (
        await factories.dispatcher(session),
        await factories.dispatcher(session, first_name="Борис", middle_name="Ильич"),
    )
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    await assignments.assign(session, as_staff(anna), made.id, doctor.id, 1)
    await clock.shift(session, 12)
    with pytest.raises(StaleVersion) as refused:
        await assignments.assign(session, as_staff(boris), made.id, doctor.id, 1)
    with use_locale("ru"):
        assert "Анна назначила врача Орлова 12 с назад" in refused.value.message
    assert refused.value.public_facts == {"current_version": 2}
    with use_locale("en"), pytest.raises(StaleVersion) as refused:
        await assignments.assign(session, as_staff(boris), made.id, doctor.id, 1)
    assert "Анна assigned Орлов 12 s ago" in refused.value.facts["what"]
    await clock.shift(session, 0)


async def test_every_step_has_its_sentence(session: AsyncSession) -> None:
    anna = as_staff(await factories.dispatcher(session))
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    clinic = await factories.clinic(session)
    user = await factories.patient(session)
    made = await factories.booking(session, user)
    me, number = as_doctor(other), made.id

    async def said() -> str:
        at = await clock.now(session)
        return await stale.last_change(session, made, at, named=True)

    assert await said() == "вызов изменили 0 с назад"
    await bookings.edit(
        session, as_patient(user), number, BookingChanges(symptoms="x"), 1
    )
    assert await said() == "Пациент изменил вызов 0 с назад"
    await bookings.hand_to_clinic(session, anna, number, clinic.id, 2)
    assert (await said()).startswith("Анна передала вызов клинике")
    await bookings.take_back(session, anna, number, 3)
    assert (await said()).startswith("Анна забрала вызов у клиники")
    await bookings.flag(session, anna, number, Flag.RESUSCITATION)
    assert (await said()).startswith("Анна изменила флаг")
    await assignments.assign(session, anna, number, doctor.id, 5)
    await assignments.reassign(session, anna, number, other.id, 6)
    assert (await said()).startswith("Анна переназначила вызов на врача Орлова")
    await assignments.unassign(session, SYSTEM, number, 7)
    assert await said() == "вызов изменили 0 с назад"
    await assignments.assign(session, anna, number, other.id, 8)
    await visits.accept(session, me, number)
    assert await said() == "Орлов принял вызов 0 с назад"
    await visits.start(session, me, number)
    await bookings.cancel(session, me, number, CancelReason.REFUSED_ON_SITE)
    assert await said() == "Орлов отменил вызов 0 с назад"


async def test_patients_and_clinics_read_no_names(session: AsyncSession) -> None:
    user = await factories.patient(session)
    clinic = await factories.clinic(session)
    manager = as_clinic(await factories.clinic_manager(session, clinic))
    anna = as_staff(await factories.dispatcher(session))
    doctor = await factories.doctor(session, profile={"clinic_id": clinic.id})
    made = await factories.booking(session, user)
    await bookings.hand_to_clinic(session, anna, made.id, clinic.id, 1)
    with pytest.raises(StaleVersion) as refused:
        await assignments.assign(session, manager, made.id, doctor.id, 1)
    assert "Анна" not in refused.value.message
    with pytest.raises(StaleVersion) as refused:
        await bookings.edit(
            session, as_patient(user), made.id, BookingChanges(symptoms="x"), 1
        )
    assert "Анна" not in refused.value.message


async def test_a_finished_call_is_stale_first(session: AsyncSession) -> None:
    user = await factories.person(session, Role.PATIENT, Role.DISPATCHER)
    made = await factories.booking(session, await factories.patient(session))
    actor = Actor(user.id, Role.DISPATCHER, Via.CONSOLE)
    await bookings.cancel(session, actor, made.id, CancelReason.OTHER)
    with pytest.raises(StaleVersion):
        await bookings.cancel(session, actor, made.id, CancelReason.OTHER, version=1)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-3), "0 с назад"),
        (timedelta(seconds=59), "59 с назад"),
        (timedelta(minutes=59), "59 мин назад"),
        (timedelta(hours=23), "23 ч назад"),
        (timedelta(days=3), "3 дн назад"),
    ],
)
def test_how_long_ago(age: timedelta, words: str) -> None:
    with use_locale("ru"):
        assert stale.time_ago(int(age.total_seconds())) == words


@pytest.mark.parametrize(
    ("last_name", "feminine", "expected"),
    [
        ("Орлов", False, "Орлова"),
        ("Лебедева", True, "Лебедеву"),
        ("Чайковский", False, "Чайковского"),
        ("Толстая", True, "Толстую"),
        ("Гоголь", False, "Гоголя"),
        ("Глинка", False, "Глинку"),
        ("Данелия", False, "Данелию"),
        ("Синяя", True, "Синюю"),
        ("Данелия", True, "Данелию"),
        ("Ахмадулина", True, "Ахмадулину"),
        ("Дюма", False, "Дюму"),
        ("Шевченко", False, "Шевченко"),
        ("Гайдай", False, "Гайдая"),
        ("Мицкевич", True, "Мицкевич"),
    ],
)
def test_surnames_in_the_accusative(
    last_name: str, feminine: bool, expected: str
) -> None:
    assert russian.accusative(last_name, feminine=feminine) == expected


@pytest.mark.parametrize(
    ("first", "middle", "feminine"),
    [
        ("Анна", "Петровна", True),
        ("Никита", "Ильич", False),
        ("Никита", None, False),
        ("Мария", None, True),
        ("Али", "Гасан оглы", False),
        ("Игорь", None, False),
    ],
)
def test_who_is_a_woman(first: str, middle: str | None, feminine: bool) -> None:
    assert russian.is_feminine(first, middle) is feminine
