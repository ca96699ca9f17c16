"""The sliding window of the rate limits, and what it counts."""

import hashlib
import uuid
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import RateLimit
from services import clock, rate_limits
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction, is_rivalry
from services.errors import TooManyRequests
from services.rate_limits import DAY, Limit
from tests import factories

TEN = [Limit("test bucket", 10, 300)]


async def admitted(session: AsyncSession, limits: list[Limit], tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            async with session.begin_nested():
                await rate_limits.hit(session, limits)
            count += 1
        except TooManyRequests:
            pass
    return count


async def test_the_limit_admits_so_many_and_no_more(session: AsyncSession) -> None:
    assert await admitted(session, TEN, 25) == 10
    assert (await session.exec(select(RateLimit))).one().hits == 10


async def test_the_window_slides(session: AsyncSession) -> None:
    await clock.shift(session, 0)
    start = (await clock.now(session)).timestamp()
    into = 300 - start % 300
    await clock.shift(session, into + 290)
    assert await admitted(session, TEN, 12) == 10
    await clock.shift(session, into + 301)
    assert await admitted(session, TEN, 5) == 0
    await clock.shift(session, into + 300 + 150)
    assert await admitted(session, TEN, 12) == 5
    await clock.shift(session, into + 900)
    assert await admitted(session, TEN, 12) == 10


async def test_the_wait_is_long_enough_and_not_longer(session: AsyncSession) -> None:
    start = (await clock.now(session)).timestamp()
    into = 300 - start % 300
    await clock.shift(session, into + 10)
    assert await admitted(session, TEN, 10) == 10
    passed = 10.0
    for moment in (10.0, 310.0):
        await clock.shift(session, into + moment)
        with pytest.raises(TooManyRequests) as refused:
            async with session.begin_nested():
                await rate_limits.hit(session, TEN)
        passed = moment + refused.value.facts["retry_after"]
        assert moment < passed <= moment + 300
    await clock.shift(session, into + passed + 0.5)
    assert await admitted(session, TEN, 1) == 1


async def test_the_longest_of_several_waits_is_told(session: AsyncSession) -> None:
    both = [Limit("a", 1, 10), Limit("b", 1, 3600), Limit("c", 5, 10)]
    assert await admitted(session, both, 1) == 1
    with pytest.raises(TooManyRequests) as refused:
        await rate_limits.hit(session, both)
    assert refused.value.facts["retry_after"] > 10


async def test_every_limit_counts_on_its_own(session: AsyncSession) -> None:
    user_id = (await factories.patient(session, email="Known@example.com")).id
    await rate_limits.password_check(session, user_id, "2001:db8::1")
    await rate_limits.sign_in(session, "nobody@example.com", None)
    await rate_limits.sign_in(session, " known@EXAMPLE.com", None)
    await rate_limits.registration(session, "192.0.2.1")
    await rate_limits.refresh(session, "::ffff:192.0.2.1")
    buckets = set((await session.exec(select(RateLimit.bucket))).all())
    assert {
        f"sign-in account:{user_id}",
        "sign-in address:2001:db8::/64",
        "sign-in address:unknown",
        "register address:192.0.2.1",
        "refresh address:192.0.2.1",
    } < buckets
    assert "nobody@example.com" not in " ".join(buckets)
    assert get_settings().address_limit_factor == 1000
    await rate_limits.forgive(session, user_id)
    left = set((await session.exec(select(RateLimit.bucket))).all())
    name = hashlib.sha256(b"known@example.com").hexdigest()
    assert buckets - left == {f"sign-in account:{user_id}", f"sign-in login:{name}"}


FIVE_MINUTES = 300


async def messages(
    session: AsyncSession,
    send: Callable[[int], Awaitable[None]],
    most: int,
    later: int = 0,
) -> int:
    """Try to send, three at a time and past the window each time; count how many.

    So that no window of five minutes is in the way, only the day's.
    """
    await clock.shift(session, 0)
    into = DAY - (await clock.now(session)).timestamp() % DAY + later
    waits = []
    for number in range(most):
        await clock.shift(session, into + number // 3 * 2 * FIVE_MINUTES)
        try:
            async with session.begin_nested():
                await send(number)
        except TooManyRequests as refused:
            waits.append(refused.facts["retry_after"])
    assert all(wait > 2 * FIVE_MINUTES for wait in waits)
    return most - len(waits)


async def test_the_eleventh_code_of_a_day_to_one_contact_is_refused(
    session: AsyncSession,
) -> None:
    """Whoever asks, and however the contact is spelled."""
    ways = ("+79161112233", "8 916 111-22-33")

    async def send(number: int) -> None:
        address = f"192.0.2.{number}"
        await rate_limits.code(session, uuid.uuid4(), ways[number % 2], address)

    assert await messages(session, send, 14) == 10


async def test_the_twenty_first_code_of_a_day_for_one_person_is_refused(
    session: AsyncSession,
) -> None:
    """Whatever the contacts are."""
    user_id = uuid.uuid4()

    async def send(number: int) -> None:
        contact, address = f"next{number}@example.org", f"192.0.2.{number}"
        await rate_limits.code(session, user_id, contact, address)

    assert await messages(session, send, 24) == 20


async def test_links_spend_half_of_a_days_messages_at_most(
    session: AsyncSession,
) -> None:
    async def link(_: int) -> None:
        await rate_limits.reset_letter(session, "known@example.org")

    async def code(number: int) -> None:
        address = f"192.0.2.{number}"
        await rate_limits.code(session, uuid.uuid4(), "Known@example.org", address)

    assert await messages(session, link, 9) == 5
    assert await messages(session, code, 9, later=3600) == 5


async def test_a_rivals_count_is_left_to_the_edge_that_starts_anew(
    sessions: Sessions,
) -> None:
    """A conflict is no broken limiter: the same work succeeds at the next attempt."""
    limits = [Limit("rivals", 10, 300)]
    await in_transaction(sessions, lambda own: rate_limits.hit(own, limits))
    isolated = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    async with sessions() as late:
        await late.execute(isolated)
        await late.execute(sa.text("SELECT count(*) FROM rate_limit"))
        await in_transaction(sessions, lambda own: rate_limits.hit(own, limits))
        with pytest.raises(DBAPIError) as caught:
            await rate_limits.hit(late, limits)
    assert is_rivalry(caught.value)
