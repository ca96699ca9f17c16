"""A forgotten password: a signed link that works once, for thirty minutes.

Asking does the same work for any login, known or not: one look and one job. The
link stands on the fixed base address, never on what a request calls us.
"""

import secrets
import uuid
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User, VerificationCode
from models.notification import NotificationChannel
from models.role_grant import Role
from models.verification_code import Channel, Purpose
from services import (
    audit,
    clock,
    codes,
    jobs,
    links,
    passwords,
    rate_limits,
    refresh_tokens,
    roles,
    sealing,
    staff_sessions,
    telegram_ending,
)
from services.actor import SYSTEM, SYSTEM_ID, Actor, Via
from services.config import get_settings
from services.errors import TooManyRequests, ValidationFailed
from services.i18n import gettext
from services.inputs import wrong
from services.logins import known_login
from services.notifications import Notice, notify

LIFETIME = timedelta(minutes=30)
SEND = "password_reset.send"
PAGE = "/reset-password"


async def ask(session: AsyncSession, login: str) -> None:
    """Have a link sent to whoever the login names; nobody learns if there is one."""
    user_id = await known_login(session, login) or SYSTEM_ID
    await jobs.enqueue(session, SEND, user_id=user_id)


@jobs.job(SEND)
async def send(session: AsyncSession, user_id: str) -> None:
    """Send the link by e-mail, or by SMS to somebody without one.

    Beyond the contact's limit nothing is sent, and the last link stays good.
    """
    query = select(User).where(col(User.id) == uuid.UUID(user_id))
    user = (await session.exec(query.with_for_update())).one_or_none()
    if user is None or user.password_hash is None or user.blocked_at is not None:
        return
    reached = _reach(user)
    if reached is None:
        return
    channel, way, address = reached
    try:
        async with session.begin_nested():
            await rate_limits.reset_letter(session, address)
    except TooManyRequests:
        return
    for each in Channel:
        await codes.burn(session, user.id, Purpose.PASSWORD_RESET, each)
    token = await _link(session, user, channel, address)
    link = f"{get_settings().base_url}{PAGE}?token={token}"
    notice = Notice("password_reset", user.id, way, address, secret=link)
    await notify(session, SYSTEM, notice)


def _reach(user: User) -> tuple[Channel, NotificationChannel, str] | None:
    """Where the link goes: a proven contact before one that may be a slip."""
    email = (Channel.EMAIL, NotificationChannel.EMAIL, user.email)
    phone = (Channel.PHONE, NotificationChannel.SMS, user.phone)
    slip = user.email_verified_at is None and user.phone_verified_at is not None
    for channel, way, address in (phone, email) if slip else (email, phone):
        if address is not None:
            return channel, way, address
    return None


async def _link(
    session: AsyncSession, user: User, channel: Channel, address: str
) -> str:
    nonce = secrets.token_urlsafe(24)
    row = VerificationCode(
        user_id=user.id,
        purpose=Purpose.PASSWORD_RESET,
        channel=channel,
        address=address,
        code_hash=sealing.keyed_hash(SEND, _said(nonce, user)),
        tries_left=1,
        expires_at=await clock.now(session) + LIFETIME,
    )
    session.add(row)
    await session.flush()
    return links.sign(Purpose.PASSWORD_RESET, row.id, nonce)


async def confirm(session: AsyncSession, token: str, new_password: str) -> None:
    """Set the password that the link's holder chose; every sign-in ends.

    A second factor stays as it is. A link that was used, changed or has run out is
    refused with ValidationFailed, and so is one whose contact or password is the
    person's no more.
    """
    user = await _spend(session, token)
    shortest = await roles.shortest_password(session, user.id)
    names = (user.email, user.phone, user.first_name, user.last_name)
    passwords.demand_strong(new_password, shortest, unlike=names, field="new_password")
    user.password_hash = await passwords.hash(new_password)
    user.must_change_password = False
    user.auth_version += 1
    await refresh_tokens.revoke_all(session, user.id)
    await staff_sessions.end_all(session, user.id)
    await rate_limits.forgive(session, user.id)
    actor = Actor(user.id, Role.PATIENT, Via.API)
    audit.record(session, actor, "account.password_reset", "user", user.id)
    await telegram_ending.end(session, actor, user.id, "password_changed")
    await notify(session, actor, Notice("password_changed", user.id))


async def look(session: AsyncSession, token: str) -> User:
    """Tell whose password the link sets; ValidationFailed if it is worth nothing."""
    row_id, nonce = _opened(token)
    owner = sa.select(col(VerificationCode.user_id)).where(*_live(row_id))
    user_id = await session.scalar(owner)
    if user_id is None:
        raise _worthless()
    user = await roles.lock_user(session, user_id)
    # Whoever makes or burns links locks the person first, so now they stand still.
    row = (await session.exec(select(VerificationCode).where(*_live(row_id)))).first()
    own = row is not None and row.address in {user.email, user.phone}
    if row is None or not own or user.blocked_at is not None:
        raise _worthless()
    if not sealing.is_keyed_hash(row.code_hash, SEND, _said(nonce, user)):
        raise _worthless()
    return user


async def _spend(session: AsyncSession, token: str) -> User:
    user = await look(session, token)
    await session.execute(
        sa.update(VerificationCode)
        .where(*_live(_opened(token)[0]))
        .values(used_at=sa.func.app_now(), tries_left=0)
    )
    return user


def _live(row_id: uuid.UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(VerificationCode.id) == row_id,
        col(VerificationCode.purpose) == Purpose.PASSWORD_RESET,
        col(VerificationCode.used_at).is_(None),
        col(VerificationCode.burnt_at).is_(None),
        col(VerificationCode.expires_at) > sa.func.app_now(),
    )


def _opened(token: str) -> tuple[uuid.UUID, str]:
    opened = links.read(Purpose.PASSWORD_RESET, token)
    if opened is None:
        raise _worthless()
    return opened


def _worthless() -> ValidationFailed:
    return wrong("token", gettext("The link was used already or has run out."))


def _said(nonce: str, user: User) -> str:
    # Bound to the password that it replaces: any other change of it ends the link.
    return f"{nonce} {user.password_hash}"
