"""The second factor: every step once, every recovery code once, nobody past a limit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pyotp
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    AuditEvent,
    Notification,
    RecoveryCode,
    Role,
    StaffSession,
    TotpSecret,
)
from services import clock, second_factor, staff_sessions
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from services.errors import (
    Forbidden,
    NotFound,
    ReauthenticationNeeded,
    TooManyRequests,
)
from services.second_factor import AlreadyEnrolled, SealLost
from services.staff_sessions import Candidate, Client, Staff, Step
from tests import factories

WHY = "телефон потерян"


@dataclass
class Enrolled:
    """Somebody with an app, and the app."""

    staff: Staff
    app: pyotp.TOTP
    codes: list[str]

    def code(self, moment: float) -> str:
        return self.app.at(int(moment))


async def signed_in(session: AsyncSession, role: Role = Role.CURATOR) -> Staff:
    user = await factories.person(session, role)
    return await again(session, user.id, role)


async def again(session: AsyncSession, user_id: object, role: Role) -> Staff:
    user = await session.get_one(factories.User, user_id)
    found = Candidate(user, role)
    token = await staff_sessions.begin(session, found, Client(None, None), 12)
    await session.flush()
    staff = await staff_sessions.find(session, token, 30)
    assert staff is not None
    return staff


async def enrol(session: AsyncSession, staff: Staff) -> Enrolled:
    await second_factor.begin(session, staff)
    await session.flush()
    shown = await second_factor.enrolment(session, staff)
    assert shown is not None
    app = pyotp.parse_uri(shown.link)
    assert isinstance(app, pyotp.TOTP)
    assert app.secret == shown.letters.replace(" ", "")
    codes = await second_factor.confirm(session, staff, app.at(await now(session)))
    assert codes is not None
    await session.flush()
    return Enrolled(staff, app, list(codes))


async def now(session: AsyncSession) -> int:
    return int((await clock.now(session)).timestamp())


@pytest_asyncio.fixture(loop_scope="session")
async def me(session: AsyncSession) -> Enrolled:
    return await enrol(session, await signed_in(session))


@pytest_asyncio.fixture(loop_scope="session")
async def required(settings: Settings) -> AsyncIterator[None]:
    use_settings(settings.model_copy(update={"require_staff_totp": True}))
    yield
    use_settings(settings)


async def test_a_step_is_good_once_and_no_earlier_one_after_it(
    session: AsyncSession, me: Enrolled
) -> None:
    await clock.shift(session, 300)
    at = await now(session)
    check, key = second_factor.check, me.staff.user_id
    assert not await check(session, key, me.code(at - 60))
    assert not await check(session, key, me.code(at + 60))
    assert await check(session, key, f" {me.code(at)[:3]} {me.code(at)[3:]} ")
    assert not await check(session, key, me.code(at))
    assert not await check(session, key, me.code(at - 30))
    assert await check(session, key, me.code(at + 30))
    assert not await check(session, key, me.code(at + 30))


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "½23456"]
)
async def test_what_is_no_code_opens_nothing(
    session: AsyncSession, me: Enrolled, typed: str
) -> None:
    assert not await second_factor.check(session, me.staff.user_id, typed)


async def test_the_code_that_confirmed_opens_nothing_more(
    session: AsyncSession, me: Enrolled
) -> None:
    used = me.code(await now(session))
    assert not await second_factor.check(session, me.staff.user_id, used)


async def test_a_recovery_code_burns_and_new_ones_replace_the_rest(
    session: AsyncSession, me: Enrolled
) -> None:
    key = me.staff.user_id
    assert len(set(me.codes)) == second_factor.CODES
    first, second, *_ = me.codes
    assert await second_factor.check(session, key, first.upper().replace("-", " "))
    assert not await second_factor.check(session, key, first)
    assert (await second_factor.standing(session, key)).codes_left == 9
    fresh = await second_factor.renew_codes(session, me.staff)
    assert not await second_factor.check(session, key, second)
    assert await second_factor.check(session, key, fresh[0])
    kept = (await session.scalars(sa.select(col(RecoveryCode.code_hash)))).all()
    assert not any(code.replace("-", "") in "".join(kept) for code in fresh)


async def test_somebody_elses_codes_open_nothing(
    session: AsyncSession, me: Enrolled
) -> None:
    other = await enrol(session, await signed_in(session))
    await clock.shift(session, 60)
    key = me.staff.user_id
    assert not await second_factor.check(session, key, other.codes[0])
    assert not await second_factor.check(session, key, other.code(await now(session)))


async def test_codes_live_through_a_change_of_our_key(
    session: AsyncSession, me: Enrolled, settings: Settings
) -> None:
    await clock.shift(session, 60)
    keys = {"secret_key": "n" * 40, "secret_key_previous": settings.secret_key}
    use_settings(settings.model_copy(update=keys))
    try:
        key, at = me.staff.user_id, await now(session)
        assert await second_factor.check(session, key, me.code(at))
        assert await second_factor.check(session, key, me.codes[0])
        lost = {"secret_key": "o" * 40, "secret_key_previous": ""}
        use_settings(settings.model_copy(update=lost))
        with pytest.raises(SealLost):
            await second_factor.check(session, key, me.code(at + 30))
    finally:
        use_settings(settings)


async def test_enrolment_is_in_force_only_after_its_first_code(
    session: AsyncSession,
) -> None:
    staff = await signed_in(session)
    with pytest.raises(NotFound):
        await second_factor.confirm(session, staff, "123456")
    with pytest.raises(NotFound):
        await second_factor.renew_codes(session, staff)
    assert await second_factor.enrolment(session, staff) is None
    await second_factor.begin(session, staff)
    await session.flush()
    first = await second_factor.enrolment(session, staff)
    await second_factor.begin(session, staff)
    second = await second_factor.enrolment(session, staff)
    assert first != second
    assert await second_factor.confirm(session, staff, "000000") is None
    assert not (await second_factor.standing(session, staff.user_id)).enrolled
    assert (await again(session, staff.user_id, staff.role)).step is None


async def test_a_screen_left_alone_shows_no_secret_and_takes_no_code(
    session: AsyncSession,
) -> None:
    staff = await signed_in(session)
    await second_factor.begin(session, staff)
    await session.flush()
    old = replace(staff, fresh=False)
    assert await second_factor.enrolment(session, old) is None
    with pytest.raises(ReauthenticationNeeded):
        await second_factor.confirm(session, old, "123456")


async def test_what_is_enrolled_is_neither_shown_nor_begun_again(
    session: AsyncSession, me: Enrolled
) -> None:
    assert await second_factor.enrolment(session, me.staff) is None
    with pytest.raises(AlreadyEnrolled):
        await second_factor.begin(session, me.staff)
    with pytest.raises(AlreadyEnrolled):
        await second_factor.confirm(session, me.staff, "123456")
    secret = (await session.scalars(sa.select(TotpSecret))).one()
    assert me.app.secret not in secret.sealed


async def test_the_next_sign_in_waits_for_a_code_and_enrolling_ended_the_others(
    session: AsyncSession,
) -> None:
    staff = await signed_in(session)
    other = await again(session, staff.user_id, staff.role)
    await enrol(session, staff)
    open_now = sa.select(col(StaffSession.id)).where(
        col(StaffSession.ended_at).is_(None)
    )
    assert (await session.scalars(open_now)).all() == [staff.session_id]
    assert other.step is None
    half = await again(session, staff.user_id, staff.role)
    assert (half.step, half.enrolled) == (Step.CODE, True)
    row = await session.get_one(StaffSession, half.session_id)
    assert row.expires_at - row.created_at <= staff_sessions.HALF_LIFE
    token = await second_factor.complete(session, half, Client(None, None), 12)
    await session.flush()
    whole = await staff_sessions.find(session, token, 30)
    assert whole is not None
    assert whole.step is None
    assert whole.session_id != half.session_id
    await session.refresh(row)
    assert row.ended_at is not None


@pytest.mark.usefixtures("required")
async def test_where_it_is_required_nobody_gets_in_without(
    session: AsyncSession,
) -> None:
    staff = await signed_in(session)
    assert staff.step is Step.ENROLMENT
    me = await enrol(session, staff)
    assert (await again(session, me.staff.user_id, staff.role)).step is Step.CODE


async def test_turning_it_off_ends_other_sessions_and_tells_the_owner(
    session: AsyncSession, me: Enrolled
) -> None:
    other = await again(session, me.staff.user_id, me.staff.role)
    await second_factor.turn_off(session, me.staff)
    await session.flush()
    row = await session.get_one(StaffSession, other.session_id, populate_existing=True)
    assert row.ended_at is not None
    assert not (await second_factor.standing(session, me.staff.user_id)).enrolled
    told = (await session.scalars(sa.select(col(Notification.kind)))).all()
    assert told == ["second_factor_off"]
    with pytest.raises(NotFound):
        await second_factor.turn_off(session, me.staff)
    assert await second_factor.check(session, me.staff.user_id, me.codes[0]) is False


async def test_an_administrator_frees_others_but_not_themselves(
    session: AsyncSession, me: Enrolled
) -> None:
    boss = await enrol(session, await signed_in(session, Role.ADMIN))
    key = me.staff.user_id
    with pytest.raises(Forbidden):
        await second_factor.reset(session, me.staff.actor, boss.staff.user_id, WHY)
    with pytest.raises(Forbidden):
        await second_factor.reset(session, boss.staff.actor, boss.staff.user_id, WHY)
    await second_factor.reset(session, boss.staff.actor, key, WHY)
    assert not (await second_factor.standing(session, key)).enrolled
    line = sa.select(AuditEvent).where(col(AuditEvent.action) == "second_factor.reset")
    assert (await session.scalars(line)).one().data == {"reason": WHY}
    with pytest.raises(NotFound):
        await second_factor.reset(session, boss.staff.actor, key, WHY)


async def test_tries_are_counted_for_the_person_and_for_the_hour(
    session: AsyncSession, me: Enrolled
) -> None:
    for _ in range(5):
        await second_factor.limit(session, me.staff.user_id)
    with pytest.raises(TooManyRequests):
        await second_factor.limit(session, me.staff.user_id)
    other = await signed_in(session)
    await second_factor.limit(session, other.user_id)


async def test_of_two_who_show_the_same_code_at_once_one_gets_in(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        me = await enrol(session, await signed_in(session))
        moment = await now(session) + 30

    async def show(typed: str) -> bool:
        async with transaction(sessions) as session:
            return await second_factor.check(session, me.staff.user_id, typed)

    for typed in (me.code(moment), me.codes[0]):
        passed = await asyncio.gather(*(show(typed) for _ in range(6)))
        assert sorted(passed) == [False] * 5 + [True]
