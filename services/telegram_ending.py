"""The end of a link between an account and a chat, and of all that lived by it."""

import uuid

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, TalkLink, TelegramDialog, TelegramLink
from models.notification import NotificationChannel, NotificationStatus
from models.telegram import LinkState
from services import audit, clock
from services.actor import Actor

OPEN = (LinkState.OFFERED, LinkState.CLAIMED)


async def end(
    session: AsyncSession, actor: Actor, user_id: uuid.UUID, reason: str
) -> bool:
    """End whatever link a person has or was making; tells whether there was one.

    `reason` is a code: own, stopped, phone_changed, password_changed, role_taken,
    blocked, erased.
    """
    ended = await end_in(session, user_id, (*OPEN, LinkState.LINKED), reason)
    if LinkState.LINKED in ended:
        facts = {"cause": reason}
        audit.record(session, actor, "telegram.unlinked", "user", user_id, **facts)
    return bool(ended)


async def end_in(
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
        await _shut(session, user_id)
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


async def _shut(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Forget what the chat was asked, and shut the pages that it was let into."""
    await session.execute(
        sa.delete(TelegramDialog).where(col(TelegramDialog.user_id) == user_id)
    )
    now = sa.func.app_now()
    for ends in (col(TalkLink.expires_at), col(TalkLink.page_expires_at)):
        mine = sa.update(TalkLink).where(col(TalkLink.user_id) == user_id, ends > now)
        await session.execute(mine.values({ends: now}))
