"""People of the house: created, given and losing roles, blocked, let in again."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, PatientProfile, Role, RoleGrant, StaffSession
from models.booking import Status
from services import (
    flashes,
    invariants,
    passwords,
    people,
    refresh_tokens,
    roles,
    staff,
    staff_sessions,
    telegram_links,
)
from services.actor import SYSTEM, Actor, Via
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import (
    AccountExists,
    Conflict,
    Forbidden,
    NotFound,
    OpenObligations,
    ValidationFailed,
)
from services.people import NewPerson
from services.roles import LastAdmin, NotReadyForRole, RolesExclude
from services.staff_sessions import Candidate, Client
from tests import factories, telegram_accounts
from tests.conftest import settle

WHY = "Потому что"


def boss(user_id: object = None) -> Actor:
    return Actor(factories.nobody(), Role.ADMIN, Via.CONSOLE)


CURATOR = Actor(factories.nobody(), Role.CURATOR, Via.CONSOLE)
DISPATCHER = Actor(factories.nobody(), Role.DISPATCHER, Via.CONSOLE)


def person(**facts: str) -> NewPerson:
    typed = {"first_name": "Ирина", "last_name": "Петрова", "email": "I@Example.org"}
    return NewPerson.model_validate(typed | facts)


async def journal(session: AsyncSession) -> list[str]:
    await session.flush()
    query = sa.select(col(AuditEvent.action)).order_by(col(AuditEvent.id))
    return list((await session.scalars(query)).all())


async def admin_with_password(session: AsyncSession) -> Actor:
    user = await factories.person(session, Role.ADMIN, password_hash="x")
    return Actor(user.id, Role.ADMIN, Via.CONSOLE)


async def test_a_new_member_has_a_password_for_one_use(session: AsyncSession) -> None:
    user, secret = await staff.create_staff(
        session, boss(), person(), Role.DISPATCHER, WHY
    )
    assert await passwords.verify(secret, user.password_hash)
    assert user.must_change_password
    assert user.email == "i@example.org"
    assert await roles.roles_of(session, user.id) == {Role.DISPATCHER}
    assert await journal(session) == ["staff.created", "role.granted"]
    assert len(set(secret)) > 4
    assert secret != people.one_time_password()


async def test_only_an_admin_makes_staff_and_only_staff(session: AsyncSession) -> None:
    with pytest.raises(Forbidden):
        await staff.create_staff(session, CURATOR, person(), Role.DISPATCHER, WHY)
    with pytest.raises(ValidationFailed):
        await staff.create_staff(session, boss(), person(), Role.DOCTOR, WHY)


@pytest.mark.parametrize(
    "twin",
    [{"email": "i@EXAMPLE.org"}, {"email": "j@example.org", "phone": "89161234567"}],
    ids=["e-mail", "phone"],
)
async def test_a_known_login_is_refused(
    session: AsyncSession, twin: dict[str, str]
) -> None:
    await people.make(session, person(phone="+7 916 123-45-67"), None)
    with pytest.raises(AccountExists):
        await people.make(session, person(**twin), None)


async def test_two_at_the_same_moment_make_one_person(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        await people.make(session, person(), None)
        # The rival sees nobody yet, and waits at the index for our commit.
        rival = asyncio.create_task(
            in_transaction(sessions, lambda own: people.make(own, person(), None))
        )
        await asyncio.sleep(0.3)
    with pytest.raises(AccountExists):
        await rival


def test_a_person_needs_a_way_to_be_reached() -> None:
    with pytest.raises(ValueError, match="почту"):
        NewPerson(first_name="А", last_name="Б")


async def test_the_first_admin_comes_from_the_command_line(
    session: AsyncSession,
) -> None:
    facts = {"email": "boss@example.org", "first_name": "Олег", "last_name": "Громов"}
    user = await staff.create_admin(session, SYSTEM, **facts, password="long enough 12")
    assert not user.must_change_password
    assert await roles.roles_of(session, user.id) == {Role.ADMIN}
    wrong = [
        facts | {"email": "nonsense", "password": "long enough 12"},
        facts | {"email": "b@example.org", "password": "short"},
        facts | {"email": "boss2@example.org", "password": "boss2@example.org"},
    ]
    for each in wrong:
        with pytest.raises(ValidationFailed):
            await staff.create_admin(session, SYSTEM, **each)
    with pytest.raises(Forbidden):
        await staff.create_admin(session, boss(), **facts, password="long enough 12")


async def test_a_forgotten_password_is_renewed_by_an_admin(
    session: AsyncSession,
) -> None:
    user, first = await staff.create_staff(session, boss(), person(), Role.FINANCE, WHY)
    version = user.auth_version
    second = await staff.renew_password(session, boss(), user.id)
    assert await passwords.verify(second, user.password_hash)
    assert not await passwords.verify(first, user.password_hash)
    assert user.auth_version > version
    patient = await factories.patient(session)
    with pytest.raises(NotFound):
        await staff.renew_password(session, boss(), patient.id)
    with pytest.raises(Forbidden):
        await staff.renew_password(session, CURATOR, user.id)


async def test_a_new_password_parts_the_chat_from_the_account(
    session: AsyncSession,
) -> None:
    """H13: as a patient's does; whoever knew the old one may have linked theirs."""
    user, _ = await staff.create_staff(session, boss(), person(), Role.DISPATCHER, WHY)
    await roles.grant(session, boss(), user.id, Role.PATIENT, WHY)
    await telegram_accounts.link(session, user, 1)
    first = await staff.renew_password(session, boss(), user.id)
    assert await telegram_links.chat_of(session, user.id) is None
    await telegram_accounts.link(session, user, 1)
    found, client = Candidate(user, Role.DISPATCHER), Client("127.0.0.1", "x")
    token = await staff_sessions.begin(session, found, client, 12)
    await session.flush()
    mine = await staff_sessions.find(session, token, 30)
    assert mine is not None
    await staff.change_own_password(session, mine, first, "another one 12")
    assert await telegram_links.chat_of(session, user.id) is None


async def test_a_changed_password_ends_the_other_sessions_only(
    session: AsyncSession,
) -> None:
    user, secret = await staff.create_staff(
        session, boss(), person(), Role.FINANCE, WHY
    )
    found = Candidate(user, Role.FINANCE)
    client = Client("127.0.0.1", "x" * 400)
    tokens = [await staff_sessions.begin(session, found, client, 12) for _ in range(2)]
    await session.flush()
    mine = await staff_sessions.find(session, tokens[0], 30)
    assert mine is not None
    for current, new, field in (
        ("no", "another one 12", "current_password"),
        (secret, secret, "new_password"),
        (secret, "short", "new_password"),
        (secret, "i@example.org", "new_password"),
    ):
        with pytest.raises(ValidationFailed) as caught:
            await staff.change_own_password(session, mine, current, new)
        assert caught.value.facts["errors"][0]["field"] == field
    await staff.change_own_password(session, mine, secret, "another one 12")
    await session.flush()
    assert not user.must_change_password
    assert await staff_sessions.find(session, tokens[0], 30)
    assert await staff_sessions.find(session, tokens[1], 30) is None


GRANTS = [
    # held, asked for, allowed
    ((), Role.DISPATCHER, True),
    ((), Role.ADMIN, True),
    ((), Role.PATIENT, True),
    ((Role.PATIENT,), Role.DISPATCHER, True),
    ((Role.PATIENT,), Role.ADMIN, False),
    ((Role.DISPATCHER,), Role.CURATOR, False),
    ((Role.DISPATCHER,), Role.FINANCE, False),
    ((Role.CURATOR,), Role.FINANCE, False),
    ((Role.FINANCE,), Role.ADMIN, False),
    ((Role.ADMIN,), Role.PATIENT, False),
    ((Role.ADMIN,), Role.DISPATCHER, False),
    ((Role.DISPATCHER,), Role.PATIENT, True),
    ((), Role.SYSTEM, False),
]


@pytest.mark.parametrize(("held", "asked", "allowed"), GRANTS)
async def test_staff_roles_exclude_each_other_and_admin_stands_alone(
    session: AsyncSession, held: tuple[Role, ...], asked: Role, allowed: bool
) -> None:
    user = await factories.person(session, *held)
    if allowed:
        await roles.grant(session, boss(), user.id, asked, WHY)
        await settle(session)
        assert await roles.roles_of(session, user.id) == {*held, asked}
        assert await journal(session) == ["role.granted"]
    else:
        with pytest.raises(RolesExclude):
            await roles.grant(session, boss(), user.id, asked, WHY)
        assert await roles.roles_of(session, user.id) == set(held)


async def test_a_role_twice_changes_nothing(session: AsyncSession) -> None:
    user = await factories.dispatcher(session)
    await roles.grant(session, boss(), user.id, Role.DISPATCHER, WHY)
    assert await journal(session) == []


async def test_a_patient_role_brings_a_profile_once(session: AsyncSession) -> None:
    user = await factories.person(session)
    for _ in range(2):
        await roles.grant(session, boss(), user.id, Role.PATIENT, WHY)
        await roles.revoke(session, boss(), user.id, Role.PATIENT, WHY)
    profiles = await session.scalars(
        sa.select(PatientProfile).where(col(PatientProfile.user_id) == user.id)
    )
    assert len(profiles.all()) == 1


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.CLINIC])
async def test_a_doctor_and_a_manager_need_their_facts_first(
    session: AsyncSession, role: Role
) -> None:
    user = await factories.person(session)
    with pytest.raises(NotReadyForRole):
        await roles.grant(session, boss(), user.id, role, WHY)


async def test_a_doctor_who_lost_the_role_can_have_it_again(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    with pytest.raises(Conflict, match="conflict"):
        await roles.revoke(session, boss(), doctor.id, Role.DOCTOR, WHY)
    await session.execute(sa.update(RoleGrant).values(revoked_at=sa.func.app_now()))
    await roles.grant(session, boss(), doctor.id, Role.DOCTOR, WHY)
    assert await roles.roles_of(session, doctor.id) == {Role.DOCTOR}


async def test_losing_a_role_ends_the_sessions(session: AsyncSession) -> None:
    user = await factories.dispatcher(session)
    found = Candidate(user, Role.DISPATCHER)
    token = await staff_sessions.begin(session, found, Client(None, None), 12)
    await session.flush()
    version = user.auth_version
    await roles.revoke(session, boss(), user.id, Role.DISPATCHER, WHY)
    await session.flush()
    assert user.auth_version == version + 1
    assert await staff_sessions.find(session, token, 30) is None
    with pytest.raises(NotFound):
        await roles.revoke(session, boss(), user.id, Role.DISPATCHER, WHY)
    with pytest.raises(NotFound):
        await roles.revoke(session, boss(), factories.nobody(), Role.ADMIN, WHY)


async def test_nobody_decides_about_themselves(session: AsyncSession) -> None:
    me = await admin_with_password(session)
    with pytest.raises(Forbidden):
        await roles.grant(session, me, me.user_id, Role.PATIENT, WHY)
    with pytest.raises(Forbidden):
        await roles.revoke(session, me, me.user_id, Role.ADMIN, WHY)
    with pytest.raises(Forbidden):
        await staff.block(session, me, me.user_id, WHY)


# A3: nobody but an administrator makes staff, and the last of them stays.
async def test_the_last_admin_who_can_sign_in_stays(session: AsyncSession) -> None:
    last = await admin_with_password(session)
    await factories.person(session, Role.ADMIN)
    blocked = await admin_with_password(session)
    await staff.block(session, boss(), blocked.user_id, WHY)
    with pytest.raises(LastAdmin):
        await roles.revoke(session, boss(), last.user_id, Role.ADMIN, WHY)
    with pytest.raises(LastAdmin):
        await staff.block(session, boss(), last.user_id, WHY)
    await staff.unblock(session, boss(), blocked.user_id, WHY)
    await roles.revoke(session, boss(), last.user_id, Role.ADMIN, WHY)


@pytest.mark.race
async def test_two_admins_cannot_remove_each_other(sessions: Sessions) -> None:
    for _ in range(10):
        async with transaction(sessions) as session:
            await session.execute(
                sa.update(RoleGrant)
                .where(col(RoleGrant.revoked_at).is_(None))
                .values(revoked_at=sa.func.app_now())
            )
            pair = [await admin_with_password(session) for _ in range(2)]

        async def remove(actor: Actor, other: Actor) -> object:
            try:
                return await in_transaction(
                    sessions,
                    lambda own: roles.revoke(
                        own, actor, other.user_id, Role.ADMIN, WHY
                    ),
                )
            except LastAdmin as error:
                return error

        told = await asyncio.gather(remove(*pair), remove(*pair[::-1]))
        assert sorted(isinstance(each, LastAdmin) for each in told) == [False, True]


async def test_blocking_a_doctor_hands_the_visits_not_begun_back(
    session: AsyncSession,
) -> None:
    anna, doctor = await factories.dispatcher(session), await factories.doctor(session)
    begun = await factories.booking_in(
        session, Status.IN_PROGRESS, doctor=doctor, dispatcher=anna
    )
    waiting = await factories.assigned(session, doctor, anna)
    lost = await staff.block(session, CURATOR, doctor.id, WHY)
    await settle(session)
    assert [booking.id for booking in lost] == [waiting.id]
    assert (waiting.status, begun.status) == (Status.PENDING, Status.IN_PROGRESS)
    assert (doctor.blocked_at, doctor.blocked_reason) != (None, None)
    assert "user.blocked" in await journal(session)
    assert list(await staff.block(session, CURATOR, doctor.id, WHY)) == []
    await staff.unblock(session, CURATOR, doctor.id, WHY)
    await staff.unblock(session, CURATOR, doctor.id, WHY)
    assert doctor.blocked_at is None


async def test_a_patient_with_an_open_call_is_not_blocked(
    session: AsyncSession,
) -> None:
    patient = await factories.patient(session)
    booking = await factories.booking(session, patient)
    with pytest.raises(OpenObligations) as caught:
        await staff.block(session, boss(), patient.id, WHY)
    assert booking.label in caught.value.message
    assert patient.blocked_at is None


async def test_who_may_block_whom(session: AsyncSession) -> None:
    patient = await factories.patient(session)
    doctor = await factories.doctor(session)
    with pytest.raises(NotFound):
        await staff.block(session, CURATOR, patient.id, WHY)
    for whom in (patient, doctor):
        with pytest.raises(Forbidden):
            await staff.block(session, DISPATCHER, whom.id, WHY)
    await refresh_tokens.begin(session, patient.id)
    await staff.block(session, boss(), patient.id, WHY)
    assert await invariants.check(session) == []
    with pytest.raises(NotFound):
        await staff.block(session, boss(), factories.nobody(), WHY)


async def test_flashes_are_kept_for_the_next_page_and_given_once(
    session: AsyncSession,
) -> None:
    user = await factories.dispatcher(session)
    found = Candidate(user, Role.DISPATCHER)
    token = await staff_sessions.begin(session, found, Client(None, None), 12)
    await session.flush()
    me = await staff_sessions.find(session, token, 30)
    assert me is not None
    assert (me.initials, me.has_flashes) == ("АП", False)
    for number in range(7):
        await flashes.leave(session, me.session_id, "success", str(number))
    await flashes.leave(session, factories.nobody(), "success", "nobody's")
    taken = await flashes.take(session, me.session_id)
    assert [each["text"] for each in taken] == ["2", "3", "4", "5", "6"]
    assert await flashes.take(session, me.session_id) == []
    await staff_sessions.end(session, me)
    row = await session.get(StaffSession, me.session_id, populate_existing=True)
    assert row is not None
    assert row.ended_at is not None
