"""Rate limits in PostgreSQL, so that all processes count together.

A limit slides: the window before counts for the part of it that still lies within
the period. Only admitted attempts are counted. Call these in a short transaction
of their own, before the work, so that a try that fails is counted all the same; what
limits messages goes into the transaction that sends one.
"""

import hashlib
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.base import uuid7
from services.client_address import address_group
from services.config import get_settings
from services.edges import is_rivalry
from services.errors import TooManyRequests, Unavailable
from services.logins import canonical_login

FIVE_MINUTES, HOUR, DAY = 300, 3600, 86_400


@dataclass(frozen=True)
class Limit:
    """At most so many hits of one bucket in a period."""

    bucket: str
    most: int
    seconds: int


# Windows are hit in the order of their names, so that no two callers deadlock.
_HIT = sa.text(
    """
    WITH now AS MATERIALIZED (SELECT app_now() AS at),
    wanted AS MATERIALIZED (
      SELECT each.id, each.bucket, each.seconds,
             date_bin(make_interval(secs => each.seconds), now.at,
                      timestamptz 'epoch') AS starts,
             now.at
        FROM now, unnest(CAST(:ids AS uuid[]), CAST(:buckets AS text[]),
                         CAST(:seconds AS int[])) AS each (id, bucket, seconds)
    ),
    hit AS (
      INSERT INTO rate_limit AS known (id, bucket, window_starts_at, hits)
      SELECT id, bucket, starts, 1 FROM wanted ORDER BY bucket
      ON CONFLICT (bucket, window_starts_at) DO UPDATE SET hits = known.hits + 1
      RETURNING known.bucket, known.hits
    )
    SELECT hit.bucket, hit.hits,
           CAST(extract(epoch FROM wanted.at - wanted.starts) AS float8) AS passed,
           coalesce(earlier.hits, 0) AS before
      FROM hit JOIN wanted USING (bucket)
      LEFT JOIN rate_limit earlier
        ON earlier.bucket = hit.bucket
       AND earlier.window_starts_at
           = wanted.starts - make_interval(secs => wanted.seconds)
    """
)


async def hit(session: AsyncSession, limits: Sequence[Limit]) -> None:
    """Count one attempt against all limits, or refuse it with TooManyRequests."""
    by_bucket = {each.bucket: each for each in limits}
    ordered = [by_bucket[name] for name in sorted(by_bucket)]
    waits = [
        _wait(by_bucket[row.bucket], row) for row in await _count(session, ordered)
    ]
    if any(waits):
        raise TooManyRequests(retry_after=max(waits))


async def _count(session: AsyncSession, limits: Sequence[Limit]) -> Sequence[Any]:
    """Count in the database; where it cannot count, nobody passes."""
    given = {
        "ids": [uuid7() for _ in limits],
        "buckets": [each.bucket for each in limits],
        "seconds": [each.seconds for each in limits],
    }
    try:
        return (await session.execute(_HIT, given)).all()
    except DBAPIError as error:
        if is_rivalry(error):
            raise
        raise Unavailable from error


def _wait(limit: Limit, row: Any) -> int:
    """Seconds until this hit would have been admitted; 0 if it is."""
    passed, before = float(row.passed), int(row.before)
    left = 1 - passed / limit.seconds
    hits = int(row.hits)
    if hits + before * left <= limit.most:
        return 0
    if hits > limit.most or not before:
        return max(1, math.ceil(limit.seconds * left))
    # The window before fades; at this part of the present one it is small enough.
    part = 1 - (limit.most - hits) / before
    return max(1, math.ceil(limit.seconds * part - passed))


async def sign_in(session: AsyncSession, login: str, address: str | None) -> None:
    """Limit tries to sign in, for the login meant and for the client's address.

    Whether anybody has the login makes no difference, or the limit would tell.
    """
    await hit(session, [_tries(_login_bucket(login)), *_sign_in_address(address)])


async def password_check(
    session: AsyncSession, user_id: uuid.UUID, address: str
) -> None:
    """Limit tries at the present password of somebody who is signed in."""
    await hit(session, [_tries(_own_bucket(user_id)), *_sign_in_address(address)])


async def forgive(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Forget the person's tries, by whichever login, once the password was right."""
    query = sa.select(col(User.email), col(User.phone)).where(col(User.id) == user_id)
    logins = (await session.execute(query)).one()
    buckets = [_own_bucket(user_id), *map(_login_bucket, filter(None, logins))]
    await session.execute(
        sa.text("DELETE FROM rate_limit WHERE bucket = ANY(:buckets)"),
        {"buckets": buckets},
    )


async def registration(session: AsyncSession, address: str) -> None:
    """Limit registrations from one address: their answer tells who is known."""
    most = get_settings().register_per_address
    await hit(session, [_address("register", address, most, HOUR)])


async def refresh(session: AsyncSession, address: str) -> None:
    """Limit tries at refresh tokens from one address."""
    most = get_settings().refresh_per_address
    await hit(session, [_address("refresh", address, most, FIVE_MINUTES)])


async def provider(session: AsyncSession, address: str) -> None:
    """Limit sign-ins by way of the provider of identities, from one address."""
    await hit(session, [_address("provider", address, 30, FIVE_MINUTES)])


async def link(session: AsyncSession, address: str) -> None:
    """Limit tries at links that set a password, from one address."""
    await hit(session, [_address("link", address, 60, FIVE_MINUTES)])


async def export(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Limit how often one person has all of their data gathered."""
    await hit(session, [Limit(f"export account:{user_id}", 5, HOUR)])


async def code(
    session: AsyncSession, user_id: uuid.UUID, contact: str, address: str
) -> None:
    """Limit the codes sent to a contact, for a person and from an address.

    A message costs money and patience, so there is a limit for the day as well. Call
    it in the transaction that sends: what is not sent is not counted.
    """
    await hit(
        session,
        [
            *_messages(contact),
            Limit(f"code account day:{user_id}", 20, DAY),
            _address("code", address, 30, HOUR),
        ],
    )


async def code_try(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Limit tries at codes beyond the five of each code."""
    await hit(session, [Limit(f"code try:{user_id}", 20, HOUR)])


async def reset(session: AsyncSession, login: str, address: str) -> None:
    """Limit letters with links, for the login meant whoever has it, and the address."""
    await hit(
        session,
        [
            Limit(f"reset login:{_name(login)}", 5, DAY),
            _address("reset", address, 20, HOUR),
        ],
    )


async def reset_letter(session: AsyncSession, contact: str) -> None:
    """Limit the links sent to a contact, whatever logins were asked for.

    They count as codes, and half of a day's codes stay for their owner: anybody may
    ask for links.
    """
    links = Limit(f"reset contact day:{_name(contact)}", 5, DAY)
    await hit(session, [*_messages(contact), links])


async def chat_ticket(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Limit how often one person opens sockets; a bad network needs many."""
    await hit(session, [Limit(f"chat ticket:{user_id}", 120, FIVE_MINUTES)])


async def upload(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Limit the files that one person has opened here, refused ones too."""
    await hit(session, [Limit(f"upload account:{user_id}", 30, FIVE_MINUTES)])


def _name(contact: str) -> str:
    return hashlib.sha256(canonical_login(contact).encode()).hexdigest()


def _messages(contact: str) -> Iterable[Limit]:
    name = _name(contact)
    yield Limit(f"code contact:{name}", 3, FIVE_MINUTES)
    yield Limit(f"code contact day:{name}", 10, DAY)


def _login_bucket(login: str) -> str:
    return f"sign-in login:{_name(login)}"


def _own_bucket(user_id: uuid.UUID) -> str:
    return f"sign-in account:{user_id}"


def _tries(bucket: str) -> Limit:
    return Limit(bucket, get_settings().login_per_account, FIVE_MINUTES)


def _sign_in_address(address: str | None) -> list[Limit]:
    most = get_settings().login_per_address
    return [_address("sign-in", address or "unknown", most, FIVE_MINUTES)]


def _address(name: str, address: str, most: int, seconds: int) -> Limit:
    factor = get_settings().address_limit_factor
    return Limit(f"{name} address:{address_group(address)}", most * factor, seconds)
