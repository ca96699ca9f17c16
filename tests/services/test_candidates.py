"""Who should come: ranked with reasons, refused with reasons."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking import Status
from services import assignments, bookings, clock, duty, visits
from services.actor import Actor
from services.booking_drafts import BookingChanges
from services.candidate_reasons import TEXTS, Mark
from services.candidates import Candidate, Candidates, candidates
from services.errors import Forbidden, NotFound
from services.i18n import use_locale
from tests import factories
from tests.factories import as_doctor, as_patient, as_staff

NEAR = (55.7640, 37.6065)
FAR = (55.60, 37.30)


@pytest.fixture
async def staff(session: AsyncSession) -> Actor:
    return as_staff(await factories.dispatcher(session))


def marks(candidate: Candidate) -> set[str]:
    return {mark.code for mark in (*candidate.reasons_for, *candidate.reasons_against)}


async def marks_of(
    session: AsyncSession, staff: Actor, call: Booking, doctor: User
) -> set[str]:
    found = await candidates(session, staff, call.id)
    return next(marks(each) for each in found.items if each.doctor_id == doctor.id)


def order(found: Candidates) -> list[object]:
    return [each.doctor_id for each in found.items]


async def test_the_nearest_comes_first(session: AsyncSession, staff: Actor) -> None:
    far = await factories.doctor(session, point=FAR)
    near = await factories.doctor(session, point=NEAR)
    call = await factories.booking(session)
    found = await candidates(session, staff, call.id)
    assert order(found) == [near.id, far.id]
    first = found.items[0]
    assert (first.rank, first.name, first.short_name) == (
        1,
        "Орлов Денис Ильич",
        "Орлов Д. И.",
    )
    assert first.distance_km is not None
    assert first.distance_km < 0.5
    assert first.travel_minutes < 10
    assert (first.latitude, first.longitude) == NEAR
    assert first.opens + timedelta(minutes=first.travel_minutes) == first.earliest_start
    assert first.closes == first.earliest_start + timedelta(minutes=40)
    assert "near" in marks(first)
    assert "far" in marks(found.items[1])
    assert found.located


async def test_the_first_candidate_can_be_assigned_as_promised(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session, point=NEAR)
    await factories.assigned(session, doctor, await factories.dispatcher(session))
    call = await factories.booking(session)
    first = (await candidates(session, staff, call.id)).items[0]
    assert {"busy_before", "some_visits"} <= marks(first)
    await assignments.assign(session, staff, call.id, first.doctor_id, 1)
    planned = await session.scalar(
        sa.text("SELECT planned_start FROM assignment WHERE booking_id = :id"),
        {"id": call.id},
    )
    assert abs(planned - first.earliest_start) < timedelta(seconds=1)


async def test_only_dispatchers_ask(session: AsyncSession, staff: Actor) -> None:
    user = await factories.patient(session)
    call = await factories.booking(session, user)
    with pytest.raises(Forbidden):
        await candidates(session, as_patient(user), call.id)
    with pytest.raises(NotFound):
        await candidates(session, staff, factories.nobody())


async def test_neighbours_who_cannot_come_are_refused_with_reasons(
    session: AsyncSession, staff: Actor
) -> None:
    now = await clock.now(session)
    expired = {"licence_expires_on": (now - timedelta(days=1)).date()}
    await factories.doctor(session, last_name="Белов", profile=expired, on_duty=False)
    blocked = await factories.doctor(session, last_name="Чернов")
    blocked.blocked_at = now
    surgeon = {"specializations": ["surgeon"]}
    await factories.doctor(session, last_name="Серов", profile=surgeon)
    refuser = await factories.doctor(session, last_name="Отказов")
    call = await factories.booking(session)
    await assignments.assign(session, staff, call.id, refuser.id, 1)
    await visits.decline(session, as_doctor(refuser), call.id, "Нет")
    found = await candidates(session, staff, call.id)
    assert found.items == ()
    told = {
        each.short_name: [reason.code for reason in each.reasons]
        for each in found.refused
    }
    assert told == {
        "Белов Д. И.": ["licence_expires", "off_duty"],
        "Чернов Д. И.": ["blocked"],
        "Серов Д. И.": ["wrong_specialization"],
        "Отказов Д. И.": ["declined"],
    }
    for each in found.refused:
        assert all("{" not in reason.text for reason in each.reasons)


async def test_a_call_with_a_clinic_is_for_its_doctors(
    session: AsyncSession, staff: Actor
) -> None:
    """Also where strangers stand nearer, and where no point is known."""
    clinic, other = [await factories.clinic(session) for _ in range(2)]
    for clinic_id in (None, other.id):
        await factories.doctor(session, point=NEAR, profile={"clinic_id": clinic_id})
    own = await factories.doctor(
        session, point=FAR, profile={"clinic_id": clinic.id}, last_name="Клинин"
    )
    nowhere = factories.address(latitude=None, longitude=None)
    for where in (factories.address(), nowhere):
        call = await factories.booking(session, address=where)
        assert len((await candidates(session, staff, call.id)).items) == 3
        await bookings.hand_to_clinic(session, staff, call.id, clinic.id, 1)
        found = await candidates(session, staff, call.id)
        assert order(found) == [own.id]
        told = [[reason.code for reason in each.reasons] for each in found.refused]
        assert told == ([["other_clinic"]] * 2 if found.located else [])


async def test_the_doctors_own_call_is_not_theirs(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    call = await factories.booking(session, doctor)
    found = await candidates(session, staff, call.id)
    assert [each.reasons[0].code for each in found.refused] == ["own_call"]


async def test_a_name_finds_doctors_anywhere(
    session: AsyncSession, staff: Actor
) -> None:
    wanted = await factories.doctor(session, last_name="Ахмедов", on_duty=False)
    call = await factories.booking(session)
    found = await candidates(session, staff, call.id, name="ахмед")
    assert [each.doctor_id for each in found.refused] == [wanted.id]
    for name in ("%", "_", "\\", "никто", "\0"):
        none = await candidates(session, staff, call.id, name=name)
        assert none.items == ()


async def test_a_doctor_without_position_counts_from_home(
    session: AsyncSession, staff: Actor
) -> None:
    home = {"home_latitude": NEAR[0], "home_longitude": NEAR[1]}
    doctor = await factories.doctor(session, point=None, profile=home)
    call = await factories.booking(session)
    found = await candidates(session, staff, call.id)
    assert order(found) == [doctor.id]
    assert "no_position" in marks(found.items[0])
    assert found.items[0].latitude == NEAR[0]


async def test_without_a_point_nobody_has_a_distance(
    session: AsyncSession, staff: Actor
) -> None:
    good = await factories.doctor(session, profile={"rating": 4.9})
    poor = await factories.doctor(session, profile={"rating": 3.0}, point=None)
    door = factories.address(text="Неведомая, 1", latitude=None, longitude=None)
    call = await factories.booking(session, address=door)
    found = await candidates(session, staff, call.id)
    assert order(found) == [good.id, poor.id]
    assert [each.distance_km for each in found.items] == [None, None]
    assert found.items[0].travel_minutes == 30
    assert "rating" in marks(found.items[0])
    assert "low_rating" in marks(found.items[1])
    assert not found.located


async def test_the_wished_and_the_known_doctor_rise(
    session: AsyncSession, staff: Actor
) -> None:
    near = await factories.doctor(session, point=NEAR)
    wished = await factories.doctor(session, point=(55.775, 37.62))
    known = await factories.doctor(session, point=(55.775, 37.62))
    user = await factories.patient(session)
    dispatcher = await factories.dispatcher(session)
    await factories.booking_in(
        session, Status.COMPLETED, doctor=known, dispatcher=dispatcher, by=user
    )
    await duty.set_position(session, as_doctor(known), 55.775, 37.62)
    call = await factories.booking(session, user, preferred_doctor_id=wished.id)
    found = await candidates(session, staff, call.id)
    assert order(found) == [wished.id, known.id, near.id]
    assert found.items[0].reasons_for[0].code == "wished"
    assert {"seen", "short_rest", "some_visits"} <= marks(found.items[1])
    assert {"free", "no_visits", "main_specialization"} <= marks(found.items[2])


async def test_language_counts_for_those_who_need_it(
    session: AsyncSession, staff: Actor
) -> None:
    speaks = await factories.doctor(session, profile={"languages": ["ru", "en"]})
    silent = await factories.doctor(session)
    guest = await factories.patient(session, locale="en")
    call = await factories.booking(session, guest)
    assert "language" in await marks_of(session, staff, call, speaks)
    assert "no_language" in await marks_of(session, staff, call, silent)


async def test_what_lies_behind_a_doctor_counts(
    session: AsyncSession, staff: Actor
) -> None:
    now = await clock.now(session)
    soon = {
        "licence_expires_on": (now + timedelta(days=10)).date(),
        "specializations": ["surgeon", "therapist"],
    }
    doctor = await factories.doctor(session, profile=soon)
    other = await factories.booking(session)
    await assignments.assign(session, staff, other.id, doctor.id, 1)
    await visits.decline(session, as_doctor(doctor), other.id, "Нет")
    call = await factories.booking(session)
    assert {"papers_end", "declines", "other_specialization"} <= await marks_of(
        session, staff, call, doctor
    )
    await clock.shift(session, 20 * 60)
    assert "stale_position" in await marks_of(session, staff, call, doctor)
    await clock.shift(session, 70 * 60)
    assert "stale_position" in await marks_of(session, staff, call, doctor)
    await clock.shift(session, 0)


async def test_rest_and_load(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    for _ in range(6):
        await factories.booking_in(
            session, Status.COMPLETED, doctor=doctor, dispatcher=dispatcher
        )
    call = await factories.booking(session)
    assert {"many_visits", "short_rest"} <= await marks_of(session, staff, call, doctor)
    await clock.shift(session, 30 * 60)
    rested = await marks_of(session, staff, call, doctor)
    assert not {"short_rest", "rested"} & rested
    await clock.shift(session, 2 * 3600)
    assert "rested" in await marks_of(session, staff, call, doctor)
    await clock.shift(session, 0)


async def test_a_late_doctor_on_duty_may_set_out_at_once(
    session: AsyncSession, staff: Actor
) -> None:
    """The plan of the running visit is over, so nothing holds the next one up."""
    fair = {"rating": 4.0}
    doctor = await factories.doctor(session, point=NEAR, profile=fair)
    await factories.assigned(session, doctor, await factories.dispatcher(session))
    call = await factories.booking(session)
    await clock.shift(session, 3 * 3600)
    await duty.set_position(session, as_doctor(doctor), *NEAR)
    found = await marks_of(session, staff, call, doctor)
    assert not {"free", "busy_before", "rating", "low_rating"} & found
    await clock.shift(session, 0)


async def test_later_than_wanted_is_said(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session, point=FAR)
    soon = await clock.now(session) + timedelta(minutes=2)
    call = await factories.booking(
        session, wanted_from=soon, wanted_to=soon + timedelta(minutes=2)
    )
    assert "after_window" in await marks_of(session, staff, call, doctor)


async def test_for_a_later_call_a_doctor_may_be_off_duty(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session, on_duty=False)
    start = await factories.tomorrow(session)
    window: dict[str, Any] = {
        "wanted_from": start,
        "wanted_to": start + timedelta(hours=1),
    }
    call = await factories.booking(session, **window)
    found = await candidates(session, staff, call.id)
    assert order(found) == [doctor.id]
    assert found.items[0].earliest_start == start


async def test_a_second_child_fits_into_the_same_stop(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    first = await factories.assigned(session, doctor, dispatcher)
    draft = factories.phone_draft(
        address=None, patient_id=first.patient_id, same_stop_as=first.id
    )
    second = await bookings.create(session, staff, draft)
    found = await candidates(session, staff, second.id)
    assert found.items[0].travel_minutes == 0


async def test_no_more_than_twenty_are_shown(
    session: AsyncSession, staff: Actor
) -> None:
    for _ in range(23):
        await factories.doctor(session)
    # Farther than the twenty neighbours whose refusals are told.
    shut_out = await factories.doctor(session, point=FAR)
    shut_out.blocked_at = await clock.now(session)
    call = await factories.booking(session)
    found = await candidates(session, staff, call.id)
    assert [each.rank for each in found.items] == list(range(1, 21))
    assert found.refused == ()


async def test_a_changed_specialization_changes_the_candidates(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    call = await factories.booking(session)
    assert order(await candidates(session, staff, call.id)) == [doctor.id]
    changes = BookingChanges(specialization="surgeon")
    await bookings.edit(session, staff, call.id, changes, 1)
    assert order(await candidates(session, staff, call.id)) == []


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_every_mark_has_words(session: AsyncSession, locale: str) -> None:
    now = await clock.now(session)
    facts: dict[str, Any] = {
        "near": 5,
        "far": 50,
        "busy_before": now,
        "after_window": now,
        "rating": 4.7,
        "low_rating": 3.1,
        "short_rest": timedelta(minutes=3),
        "rested": timedelta(hours=3),
        "stale_position": timedelta(minutes=20),
        "papers_end": now.date(),
    }
    counted = ("some_visits", "many_visits", "declines")
    with use_locale(locale):
        for code in TEXTS:
            assert "{" not in Mark(code, 1, facts.get(code)).text
        for code in counted:
            assert "3" in Mark(code, 1, 3).text
