"""Which Telegram chat belongs to which account.

Three steps make a link: the app gives a code, the chat shows it, the app says yes. So
neither a guessed or stolen code nor a chat alone is worth anything (A13).
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, TelegramLink
from models.notification import NotificationChannel, NotificationStatus
from models.telegram import LinkState
from services import audit, clock, rate_limits, roles
from services.actor import Actor
from services.config import get_settings
from services.errors import Conflict, NotFound, Unavailable
from services.permissions import Permission, demand
from services.sealing import keyed_hash, keyed_hashes

LIFETIME = timedelta(minutes=10)
USE = "telegram link"
# 128 bits; a start parameter is at most 64 letters of base64url (Bot API, deep links).
_BYTES, _LONGEST = 16, 64
_OPEN = (LinkState.OFFERED, LinkState.CLAIMED)
_ONE_CHAT = "uq_telegram_link_chat"


class ChatTaken(Conflict):
    """The chat belongs to another account already."""

    text = "This Telegram chat belongs to another account."


@dataclass(frozen=True)
class Offer:
    """The link that opens the bot with the code, and when the code runs out."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class State:
    """Where linking stands: none, offered, claimed or linked."""

    state: str
    chat_name: str | None = None
    expires_at: datetime | None = None
    linked_at: datetime | None = None


async def chat_of(session: AsyncSession, user_id: uuid.UUID) -> int | None:
    """Give the private chat that is linked to this account now."""
    query = select(TelegramLink.chat_id).where(
        col(TelegramLink.user_id) == user_id,
        col(TelegramLink.state) == LinkState.LINKED,
    )
    return (await session.exec(query)).one_or_none()


async def limit(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Limit how many links one person has made."""
    limits = [rate_limits.Limit(f"telegram offer:{user_id}", 10, rate_limits.HOUR)]
    await rate_limits.hit(session, limits)


async def limit_chat(session: AsyncSession, chat_id: int) -> None:
    """Limit the codes that one chat tries."""
    limits = [rate_limits.Limit(f"telegram start:{chat_id}", 10, rate_limits.HOUR)]
    await rate_limits.hit(session, limits)


async def offer(session: AsyncSession, actor: Actor) -> Offer:
    """Make a link that opens the bot; the one before is worth nothing from now on.

    A chat that is linked already stays so until the new one is confirmed. Raises
    Unavailable where no bot is set up.
    """
    demand(actor, Permission.TELEGRAM_OWN)
    settings = get_settings()
    if not (settings.telegram_bot_token and settings.telegram_bot_name):
        raise Unavailable("Telegram is not set up.")
    await roles.lock_user(session, actor.user_id)
    await _end(session, actor.user_id, _OPEN, "replaced")
    code = secrets.token_urlsafe(_BYTES)
    made = TelegramLink(
        user_id=actor.user_id,
        code_hash=keyed_hash(USE, code),
        expires_at=await clock.now(session) + LIFETIME,
    )
    session.add(made)
    audit.record(session, actor, "telegram.offered", "user", actor.user_id)
    await session.flush()
    url = f"https://t.me/{settings.telegram_bot_name}?start={code}"
    return Offer(url, made.expires_at)


async def claim(
    session: AsyncSession, chat_id: int, chat_name: str, code: str
) -> TelegramLink | None:
    """Show a code from a private chat; gives the link that waits for the app's yes.

    None for a code that is wrong, used or run out, and for a chat that belongs to
    another account: whoever guesses learns nothing.
    """
    query = select(TelegramLink).where(
        col(TelegramLink.code_hash).in_(keyed_hashes(USE, code[:_LONGEST])),
        col(TelegramLink.state) == LinkState.OFFERED,
        col(TelegramLink.expires_at) > sa.func.app_now(),
    )
    link = (await session.exec(query.with_for_update())).one_or_none()
    if link is None or await _taken(session, chat_id, link.user_id):
        return None
    link.state, link.claimed_at = LinkState.CLAIMED, await clock.now(session)
    link.chat_id, link.chat_name = chat_id, chat_name
    await session.flush()
    return link


async def state(session: AsyncSession, actor: Actor) -> State:
    """Tell where linking stands: a link under way first, else the one that holds.

    `linked_at` also tells, while another is under way, since when one holds.
    """
    demand(actor, Permission.TELEGRAM_OWN)
    query = select(TelegramLink).where(
        col(TelegramLink.user_id) == actor.user_id,
        sa.or_(
            col(TelegramLink.state) == LinkState.LINKED,
            sa.and_(
                col(TelegramLink.state).in_(_OPEN),
                col(TelegramLink.expires_at) > sa.func.app_now(),
            ),
        ),
    )
    links = {link.state: link for link in await session.exec(query)}
    holding = links.pop(LinkState.LINKED, None)
    since = holding.linked_at if holding is not None else None
    for link in links.values():
        return State(link.state.value, link.chat_name, link.expires_at, since)
    if holding is None:
        return State("none")
    return State("linked", holding.chat_name, linked_at=since)


async def confirm(session: AsyncSession, actor: Actor) -> State:
    """Say yes to the chat that has shown the code; the chat before is let go.

    Raises Conflict where no chat waits, ChatTaken where it became another's.
    """
    demand(actor, Permission.TELEGRAM_OWN)
    await roles.lock_user(session, actor.user_id)
    query = select(TelegramLink).where(
        col(TelegramLink.user_id) == actor.user_id,
        col(TelegramLink.state) == LinkState.CLAIMED,
        col(TelegramLink.expires_at) > sa.func.app_now(),
    )
    link = (await session.exec(query.with_for_update())).one_or_none()
    if link is None or link.chat_id is None:
        raise Conflict("No Telegram chat waits to be confirmed.")
    if await _taken(session, link.chat_id, actor.user_id):
        raise ChatTaken
    await _end(session, actor.user_id, (LinkState.LINKED,), "replaced")
    link.state, link.linked_at = LinkState.LINKED, await clock.now(session)
    audit.record(session, actor, "telegram.linked", "user", actor.user_id)
    await _flush(session)
    return State("linked", link.chat_name, linked_at=link.linked_at)


async def unlink(session: AsyncSession, actor: Actor, reason: str = "own") -> None:
    """Part the account from its chat, and give up a link under way."""
    demand(actor, Permission.TELEGRAM_OWN)
    await roles.lock_user(session, actor.user_id)
    if not await end(session, actor, actor.user_id, reason):
        raise NotFound


async def end(
    session: AsyncSession, actor: Actor, user_id: uuid.UUID, reason: str
) -> bool:
    """End whatever link a person has or was making; tells whether there was one.

    `reason` is a code: own, stopped, phone_changed, password_changed, blocked, erased.
    """
    ended = await _end(session, user_id, (*_OPEN, LinkState.LINKED), reason)
    if LinkState.LINKED in ended:
        facts = {"cause": reason}
        audit.record(session, actor, "telegram.unlinked", "user", user_id, **facts)
    return bool(ended)


async def _taken(session: AsyncSession, chat_id: int, user_id: uuid.UUID) -> bool:
    others = sa.exists().where(
        col(TelegramLink.chat_id) == chat_id,
        col(TelegramLink.state) == LinkState.LINKED,
        col(TelegramLink.user_id) != user_id,
    )
    return bool(await session.scalar(sa.select(others)))


async def _end(
    session: AsyncSession,
    user_id: uuid.UUID,
    states: tuple[LinkState, ...],
    reason: str,
) -> set[LinkState]:
    """End the person's links in these states; gives the states they were in."""
    query = (
        select(TelegramLink)
        .where(
            col(TelegramLink.user_id) == user_id, col(TelegramLink.state).in_(states)
        )
        .order_by(col(TelegramLink.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    links = (await session.exec(query)).all()
    was = {link.state for link in links}
    now = await clock.now(session)
    for link in links:
        link.state, link.ended_at, link.end_reason = LinkState.ENDED, now, reason
    await session.flush()
    if LinkState.LINKED in was:
        await _turn_away(session, user_id)
    return was


async def _turn_away(session: AsyncSession, user_id: uuid.UUID) -> None:
    """What waits for the chat must not reach it any more: it goes another way."""
    await session.execute(
        sa.update(Notification)
        .where(
            col(Notification.user_id) == user_id,
            col(Notification.channel) == NotificationChannel.TELEGRAM,
            col(Notification.status) == NotificationStatus.QUEUED,
        )
        .values(address="")
    )


async def _flush(session: AsyncSession) -> None:
    """Write; of two accounts that confirm one chat at once, the later is refused."""
    try:
        await session.flush()
    except IntegrityError as error:
        net = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if net == _ONE_CHAT:
            raise ChatTaken from error
        raise
