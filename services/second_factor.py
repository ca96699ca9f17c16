"""The second factor of staff: a code of RFC 6238 from a phone, or a recovery code.

Each step of the clock is good for one use, whoever asks first under the row's lock.
A code is never tried before `limit` has counted the try; where it cannot count,
nobody passes.
"""

import hmac
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pyotp
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import RecoveryCode, TotpSecret, User
from services import audit, clock, rate_limits, roles, sealing, staff_sessions
from services.actor import Actor
from services.errors import (
    Conflict,
    DomainError,
    Forbidden,
    NotFound,
    ReauthenticationNeeded,
    Unauthenticated,
)
from services.notifications import Notice, notify
from services.permissions import Permission, demand
from services.rate_limits import FIVE_MINUTES, HOUR, Limit
from services.staff_sessions import Candidate, Client, Staff

ISSUER = "TOT"
STEP_SECONDS, DIGITS, WINDOW = 30, 6, 1
CODES, CODE_LENGTH = 10, 10
# Letters and digits that nobody takes for one another.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
PURPOSE = "recovery code"


class AlreadyEnrolled(Conflict):
    """There is a second factor; it goes first."""

    code = "already_enrolled"
    text = "The second factor is set up already."


class WrongCode(DomainError):
    """The code fits no step of the clock that may still be used, and no recovery code."""

    code, status = "wrong_code", 422
    text = "The code is wrong or was used already."


class SealLost(Conflict):
    """The secret was sealed with a key that we no longer have."""

    code = "second_factor_lost"
    text = "The second factor cannot be checked. An administrator has to reset it."


@dataclass(frozen=True)
class Enrolment:
    """What the phone has to learn: as a link for its camera and as letters."""

    link: str
    letters: str


@dataclass(frozen=True)
class Standing:
    """How a person's second factor stands."""

    enrolled: bool
    codes_left: int


async def limit(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Count one try of a person, in a transaction of its own, before the check."""
    await rate_limits.hit(
        session,
        [
            Limit(f"second factor:{user_id}", 5, FIVE_MINUTES),
            Limit(f"second factor hour:{user_id}", 20, HOUR),
        ],
    )


async def standing(session: AsyncSession, user_id: uuid.UUID) -> Standing:
    """Tell whether a person is enrolled and how many recovery codes are left."""
    secret = await _secret(session, user_id)
    unused = sa.select(sa.func.count()).where(
        col(RecoveryCode.user_id) == user_id, col(RecoveryCode.used_at).is_(None)
    )
    enrolled = secret is not None and secret.confirmed_at is not None
    return Standing(enrolled, await session.scalar(unused) or 0)


async def begin(session: AsyncSession, staff: Staff) -> None:
    """Make a new secret for oneself; nothing is asked before it is confirmed."""
    await roles.lock_user(session, staff.user_id)
    secret = await _secret(session, staff.user_id, lock=True)
    if secret is not None and secret.confirmed_at is not None:
        raise AlreadyEnrolled
    sealed = sealing.seal(pyotp.random_base32())
    if secret is None:
        secret = TotpSecret(user_id=staff.user_id, sealed=sealed)
        session.add(secret)
    secret.sealed, secret.begun_in = sealed, staff.session_id
    audit.record(session, staff.actor, "second_factor.begun", "user", staff.user_id)


async def enrolment(session: AsyncSession, staff: Staff) -> Enrolment | None:
    """Show a secret that waits for its first code; a confirmed one stays hidden.

    A screen left alone and another session show nothing either: whoever scans it
    would hold the owner's second factor.
    """
    secret = await _secret(session, staff.user_id)
    if secret is None or secret.confirmed_at is not None:
        return None
    if secret.begun_in != staff.session_id or not staff.fresh:
        return None
    user = await session.get_one(User, staff.user_id)
    letters = _unsealed(secret)
    name = user.email or user.phone or user.short_name
    link = pyotp.TOTP(letters).provisioning_uri(name=name, issuer_name=ISSUER)
    return Enrolment(link, " ".join(letters[i : i + 4] for i in range(0, 32, 4)))


async def confirm(
    session: AsyncSession, staff: Staff, typed: str
) -> Sequence[str] | None:
    """Put the second factor into force by its first code; gives the recovery codes.

    None when the code is wrong. Every other session of the person ends.
    """
    if not staff.fresh:
        raise ReauthenticationNeeded
    await roles.lock_user(session, staff.user_id)
    secret = await _secret(session, staff.user_id, lock=True)
    if secret is None:
        raise NotFound
    if secret.confirmed_at is not None:
        raise AlreadyEnrolled
    if secret.begun_in != staff.session_id:
        raise NotFound
    if not await _use_step(session, secret, typed):
        return None
    secret.confirmed_at = await clock.now(session)
    await staff_sessions.end_all(session, staff.user_id, keep=staff.session_id)
    audit.record(session, staff.actor, "second_factor.enrolled", "user", staff.user_id)
    return await _new_codes(session, staff.user_id)


async def check(session: AsyncSession, user_id: uuid.UUID, typed: str) -> bool:
    """Use up a code of the phone or a recovery code; False when neither fits."""
    secret = await _secret(session, user_id, lock=True)
    if secret is None or secret.confirmed_at is None:
        return False
    typed = "".join(typed.split()).replace("-", "").lower()
    if len(typed) == CODE_LENGTH:
        return await _burn(session, user_id, typed)
    return await _use_step(session, secret, typed)


async def refused(session: AsyncSession, staff: Staff) -> None:
    """Put a wrong code into the journal."""
    audit.record(session, staff.actor, "second_factor.refused", "user", staff.user_id)


async def complete(
    session: AsyncSession, staff: Staff, client: Client, hours: int
) -> str:
    """End the half of a session and begin the whole one, under another secret."""
    user = await roles.lock_user(session, staff.user_id)
    # A new password or a block may have ended the half while the code was typed.
    if not await staff_sessions.end_quietly(session, staff.session_id):
        raise Unauthenticated
    found = Candidate(user, staff.role)
    return await staff_sessions.begin(
        session,
        found,
        client,
        hours,
        proven=True,
        by_provider=staff.by_provider,
        fresh=staff.fresh,
    )


async def renew_codes(session: AsyncSession, staff: Staff) -> Sequence[str]:
    """Make ten new recovery codes; the old ones are worth nothing."""
    secret = await _secret(session, staff.user_id, lock=True)
    if secret is None or secret.confirmed_at is None:
        raise NotFound
    audit.record(session, staff.actor, "second_factor.codes", "user", staff.user_id)
    return await _new_codes(session, staff.user_id)


async def turn_off(session: AsyncSession, staff: Staff) -> None:
    """Do without, or before another phone is enrolled; other sessions end."""
    if not await _forget(session, staff.user_id):
        raise NotFound
    await staff_sessions.end_all(session, staff.user_id, keep=staff.session_id)
    await staff_sessions.unprove(session, staff.session_id)
    audit.record(session, staff.actor, "second_factor.off", "user", staff.user_id)
    await notify(session, staff.actor, Notice("second_factor_off", staff.user_id))


async def reset(
    session: AsyncSession, actor: Actor, user_id: uuid.UUID, reason: str
) -> None:
    """Free somebody who lost the phone and the codes; all their sessions end."""
    demand(actor, Permission.SECOND_FACTOR_RESET)
    if actor.user_id == user_id:
        raise Forbidden("Nobody decides about themselves.")
    user = await roles.lock_user(session, user_id)
    if not await _forget(session, user_id):
        raise NotFound
    user.auth_version += 1
    await staff_sessions.end_all(session, user_id)
    facts = {"reason": reason}
    audit.record(session, actor, "second_factor.reset", "user", user_id, **facts)
    await notify(session, actor, Notice("second_factor_off", user_id))


async def _secret(
    session: AsyncSession, user_id: uuid.UUID, *, lock: bool = False
) -> TotpSecret | None:
    query = select(TotpSecret).where(col(TotpSecret.user_id) == user_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.exec(query)).one_or_none()


def _unsealed(secret: TotpSecret) -> str:
    try:
        return sealing.unseal(secret.sealed)
    except sealing.BrokenSeal as error:
        raise SealLost from error


async def _use_step(session: AsyncSession, secret: TotpSecret, typed: str) -> bool:
    """Accept the code of a step that is near and later than the last one used."""
    typed = "".join(typed.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return False
    now = int((await clock.now(session)).timestamp()) // STEP_SECONDS
    first = now - WINDOW
    if secret.last_step is not None:
        first = max(first, secret.last_step + 1)
    code_of = pyotp.TOTP(_unsealed(secret)).generate_otp
    for step in range(first, now + WINDOW + 1):
        if hmac.compare_digest(code_of(step), typed):
            secret.last_step = step
            return True
    return False


async def _burn(session: AsyncSession, user_id: uuid.UUID, typed: str) -> bool:
    hashes = sealing.keyed_hashes(PURPOSE, f"{user_id} {typed}")
    used = (
        sa.update(RecoveryCode)
        .where(
            col(RecoveryCode.user_id) == user_id,
            col(RecoveryCode.code_hash).in_(hashes),
            col(RecoveryCode.used_at).is_(None),
        )
        .values(used_at=sa.func.app_now())
        .returning(col(RecoveryCode.id))
    )
    return await session.scalar(used) is not None


async def _new_codes(session: AsyncSession, user_id: uuid.UUID) -> Sequence[str]:
    await session.execute(
        sa.delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id)
    )
    made = [
        "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        for _ in range(CODES)
    ]
    for each in made:
        code_hash = sealing.keyed_hash(PURPOSE, f"{user_id} {each}")
        session.add(RecoveryCode(user_id=user_id, code_hash=code_hash))
    return [f"{each[:5]}-{each[5:]}" for each in made]


async def _forget(session: AsyncSession, user_id: uuid.UUID) -> bool:
    await session.execute(
        sa.delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id)
    )
    gone = sa.delete(TotpSecret).where(col(TotpSecret.user_id) == user_id)
    return await session.scalar(gone.returning(col(TotpSecret.id))) is not None
