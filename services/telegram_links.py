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

from models import TelegramLink, User
from models.notification import NotificationChannel
from models.role_grant import Role
from models.telegram import LinkState
from services import audit, clock, rate_limits, roles, telegram_ending
from services.actor import Actor, Via
from services.config import get_settings
from services.errors import Conflict, NotFound, TooManyRequests, Unavailable
from services.notifications import Notice, notify
from services.permissions import Permission, demand
from services.sealing import keyed_hash, keyed_hashes
from services.telegram_ending import OPEN

LIFETIME = timedelta(minutes=10)
USE, LINKED = "telegram link", "telegram_linked"
# 128 bits; a start parameter is at most 64 letters of base64url (Bot API, deep links).
_BYTES, _LONGEST = 16, 64
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


async def may_explain(session: AsyncSession, chat_id: int) -> bool:
    """Tell whether a chat that is nobody's is to be answered again already."""
    limits = [
        rate_limits.Limit(f"telegram stranger:{chat_id}", 1, rate_limits.FIVE_MINUTES)
    ]
    try:
        # What is not answered is not counted either.
        async with session.begin_nested():
            await rate_limits.hit(session, limits)
    except TooManyRequests:
        return False
    return True


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
    await telegram_ending.end_in(session, actor.user_id, OPEN, "replaced")
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
                col(TelegramLink.state).in_(OPEN),
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
    holding = (LinkState.LINKED,)
    await telegram_ending.end_in(session, actor.user_id, holding, "replaced")
    link.state, link.linked_at = LinkState.LINKED, await clock.now(session)
    audit.record(session, actor, "telegram.linked", "user", actor.user_id)
    await _flush(session)
    facts = {"person": await owner_of(session, link)}
    told = NotificationChannel.TELEGRAM
    await notify(session, actor, Notice(LINKED, actor.user_id, told, facts=facts))
    return State("linked", link.chat_name, linked_at=link.linked_at)


async def unlink(session: AsyncSession, actor: Actor, reason: str = "own") -> None:
    """Part the account from its chat, and give up a link under way."""
    demand(actor, Permission.TELEGRAM_OWN)
    await roles.lock_user(session, actor.user_id)
    if not await telegram_ending.end(session, actor, actor.user_id, reason):
        raise NotFound


async def stop(session: AsyncSession, chat_id: int) -> bool:
    """Part a chat from its account, whatever may have become of its owner's roles."""
    query = select(TelegramLink.user_id).where(
        col(TelegramLink.chat_id) == chat_id,
        col(TelegramLink.state) == LinkState.LINKED,
    )
    user_id = (await session.exec(query)).one_or_none()
    if user_id is None:
        return False
    await roles.lock_user(session, user_id)
    held = await roles.roles_of(session, user_id) & {Role.PATIENT, Role.DOCTOR}
    actor = Actor(user_id, min(held, default=Role.PATIENT), Via.BOT)
    return await telegram_ending.end(session, actor, user_id, "stopped")


async def owner_of(session: AsyncSession, link: TelegramLink) -> str:
    """Name whose account it is to a chat that may be a stranger's: «Иван П.»."""
    user = await session.get_one(User, link.user_id)
    return f"{user.first_name} {user.last_name[:1]}."


async def _taken(session: AsyncSession, chat_id: int, user_id: uuid.UUID) -> bool:
    others = sa.exists().where(
        col(TelegramLink.chat_id) == chat_id,
        col(TelegramLink.state) == LinkState.LINKED,
        col(TelegramLink.user_id) != user_id,
    )
    return bool(await session.scalar(sa.select(others)))


async def _flush(session: AsyncSession) -> None:
    """Write; of two accounts that confirm one chat at once, the later is refused."""
    try:
        await session.flush()
    except IntegrityError as error:
        net = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if net == _ONE_CHAT:
            raise ChatTaken from error
        raise
