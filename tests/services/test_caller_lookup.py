"""Looking a caller up while the number is typed."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, PatientProfile
from models.booking import Status
from models.role_grant import Role
from services.actor import Actor
from services.caller_lookup import Match, look_up
from services.errors import Forbidden
from tests import factories as make

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _dispatcher(session: AsyncSession) -> Actor:
    return make.as_staff(await make.dispatcher(session))


async def test_six_digits_are_too_few(session: AsyncSession) -> None:
    found = await look_up(session, await _dispatcher(session), "+7 903 11")
    assert found.match is Match.SHORT
    assert found.caller is None


@pytest.mark.parametrize(
    "typed",
    ["+7 903 118-42-06", "89031184206", "9031184206", "8 (903) 118", "118-42-06"],
)
async def test_a_number_is_found_however_it_is_typed(
    session: AsyncSession, typed: str
) -> None:
    patient = await make.patient(session, phone="+79031184206")
    found = await look_up(session, await _dispatcher(session), typed)
    assert found.match is Match.FOUND
    assert found.caller is not None
    assert found.caller.user_id == patient.id
    assert found.caller.allergies == "Пенициллин"


async def test_several_matches_name_nobody(session: AsyncSession) -> None:
    await make.patient(session, phone="+79031184206")
    await make.patient(session, phone="+79031184207")
    actor = await _dispatcher(session)
    found = await look_up(session, actor, "903118420")
    assert found.match is Match.SEVERAL
    assert found.caller is None
    assert (await look_up(session, actor, "+79031184207")).match is Match.FOUND


async def test_an_unknown_number_comes_back_whole(session: AsyncSession) -> None:
    found = await look_up(session, await _dispatcher(session), "8 903 118 42 06")
    assert (found.match, found.phone) == (Match.UNKNOWN, "+79031184206")
    partial = await look_up(session, await _dispatcher(session), "8 903 118 42")
    assert (partial.match, partial.phone) == (Match.UNKNOWN, None)


async def test_a_foreign_number_is_looked_for_as_itself(session: AsyncSession) -> None:
    patient = await make.patient(session, phone="+4915112345678")
    found = await look_up(session, await _dispatcher(session), "+49 1511 2345678")
    assert found.caller is not None
    assert found.caller.user_id == patient.id


async def test_the_finding_is_journalled_once(session: AsyncSession) -> None:
    patient = await make.patient(session, phone="+79031184206")
    actor = await _dispatcher(session)
    await look_up(session, actor, "+79031184206")
    await look_up(session, actor, "+79031184206")
    lines = (
        await session.exec(
            select(AuditEvent.action).where(
                col(AuditEvent.object_id) == patient.id,
                col(AuditEvent.actor_id) == actor.user_id,
            )
        )
    ).all()
    assert lines == ["read.patient"]


@pytest.mark.parametrize("role", [Role.CURATOR, Role.FINANCE, Role.ADMIN, Role.PATIENT])
async def test_only_dispatchers_look_callers_up(
    session: AsyncSession, role: Role
) -> None:
    user = await make.person(session, role)
    with pytest.raises(Forbidden):
        await look_up(session, make.as_staff(user, role), "+79031184206")


async def test_the_caller_comes_with_calls_visits_doors_and_people(
    session: AsyncSession,
) -> None:
    dispatcher = await make.dispatcher(session)
    doctor = await make.doctor(session)
    patient = await make.patient(session, phone="+79031184206")
    saved = await make.saved_address(session, patient)
    done = await make.booking_in(
        session, Status.COMPLETED, doctor=doctor, dispatcher=dispatcher, by=patient
    )
    waiting = await make.booking(
        session,
        patient,
        specialization="pediatrician",
        subject={"name": "Громов Артём", "allergies": "Орехи"},
    )
    other = await make.doctor(session, last_name="Ким")
    await make.booking_in(session, Status.ACCEPTED, doctor=other, dispatcher=dispatcher)
    cancelled = await make.booking_in(
        session, Status.CANCELLED, doctor=doctor, dispatcher=dispatcher, by=patient
    )
    found = await look_up(session, make.as_staff(dispatcher), "+79031184206")
    caller = found.caller
    assert caller is not None
    assert caller.calls == 3
    assert [each.booking_id for each in caller.open_calls] == [waiting.id]
    assert [each.booking_id for each in caller.last_visits] == [done.id]
    assert caller.last_visits[0].doctor == doctor.short_name
    assert caller.last_specialization == cancelled.specialization
    assert [each.text for each in caller.addresses] == [
        "Арбат, 10",
        "Тверская улица, 12",
    ]
    assert caller.address(f"address:{saved.id}") == caller.addresses[0]
    assert caller.address("booking:nothing") is None
    assert [each.name for each in caller.subjects] == ["Громов Артём"]
    known = caller.subject(f"booking:{waiting.id}")
    assert known is not None
    assert known.allergies == "Орехи"
    assert caller.subject("self") is None


async def test_a_person_without_profile_or_calls_is_found(
    session: AsyncSession,
) -> None:
    await make.person(session, Role.DOCTOR, phone="+79031184206")
    found = await look_up(session, await _dispatcher(session), "+79031184206")
    assert found.caller is not None
    assert found.caller.calls == 0
    assert found.caller.birth_date is None
    assert found.caller.last_specialization is None
    profiles = select(PatientProfile).where(
        col(PatientProfile.user_id) == found.caller.user_id
    )
    assert (await session.exec(profiles)).all() == []
