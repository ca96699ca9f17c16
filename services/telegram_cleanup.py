"""What was sent to a Telegram chat and has to go from there again.

Who loses a visit keeps nothing of it: cards and relayed messages are deleted, as are
the relays of a message that was hidden. Telegram deletes what is younger than 48 hours
(Bot API, deleteMessage); in what is older a line without any facts takes their place.
A row whose message is gone forgets Telegram's number of it, so nothing is done twice.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import procrastinate
import sqlalchemy as sa
import structlog
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification
from services import jobs
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.gateways import NotConfigured, Undelivered, telegram
from services.i18n import gettext, use_locale
from services.telegram_shown import (
    BARE,
    HIDDEN,
    LOST,
    LOST_NOTICE,
    OLDER,
    VISIT_CARD,
    WITH_CARD,
    last_turn,
    relays,
    sent,
)

# A message that is on its way has arrived, or is tried anew, after so long.
ON_ITS_WAY = timedelta(minutes=3)
# An outage of half a day is waited for.
RETRY = procrastinate.RetryStrategy(max_attempts=50, linear_wait=30)
Ids = Mapping[str, uuid.UUID]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Shown:
    """A message in somebody's chat, and what may stand there instead."""

    notification_id: uuid.UUID
    chat_id: str
    message_id: str
    text: str


async def clean_visit(
    sessions: Sessions, booking_id: uuid.UUID, doctor_id: uuid.UUID
) -> None:
    """Remove what a doctor's chat holds of a lost visit.

    A doctor who has it again keeps what they were sent since.
    """

    async def find(session: AsyncSession) -> Sequence[Shown]:
        query = sent(booking_id).where(
            col(Notification.user_id) == doctor_id,
            col(Notification.kind) != LOST_NOTICE,
        )
        turn = await last_turn(session, booking_id, doctor_id)
        if turn is not None and turn.released_at is None:
            query = query.where(col(Notification.created_at) < turn.assigned_at)
        booking = await session.get_one(Booking, booking_id)
        rows = (await session.exec(query)).all()
        return await _found(session, rows, LOST, ids, booking.label)

    ids = {"booking_id": booking_id, "doctor_id": doctor_id}
    await _each(sessions, find, _remove, LOST, ids)


async def clean_message(
    sessions: Sessions, booking_id: uuid.UUID, message_id: uuid.UUID
) -> None:
    """Remove the relays of a hidden message."""

    async def find(session: AsyncSession) -> Sequence[Shown]:
        rows = (await session.exec(relays(booking_id, message_id))).all()
        return await _found(session, rows, HIDDEN, ids, None)

    ids = {"booking_id": booking_id, "message_id": message_id}
    await _each(sessions, find, _remove, HIDDEN, ids)


async def clean_buttons(
    sessions: Sessions, user_id: uuid.UUID, booking_id: uuid.UUID
) -> None:
    """Take the buttons off every card of a call in a person's chat but the newest."""

    async def find(session: AsyncSession) -> Sequence[Shown]:
        query = sent(booking_id).where(
            col(Notification.user_id) == user_id,
            col(Notification.kind).in_([*WITH_CARD, VISIT_CARD]),
            col(Notification.provider_id).is_not(None),
            col(Notification.facts)[BARE].as_string().is_(None),
        )
        newest = col(Notification.delivered_at).desc()
        rows = (await session.exec(query.order_by(newest))).all()
        return [_shown(row, "") for row in rows[1:]]

    ids = {"user_id": user_id, "booking_id": booking_id}
    await _each(sessions, find, _bare, OLDER, ids)


async def _found(
    session: AsyncSession,
    rows: Sequence[Notification],
    job: str,
    ids: Ids,
    label: str | None,
) -> Sequence[Shown]:
    """What stands in the chats; what is still on its way is looked for later."""
    if any(row.provider_id is None for row in rows):
        await jobs.enqueue_later(session, job, ON_ITS_WAY, **ids)
    made = []
    for row in rows:
        if row.provider_id is None:
            continue
        with use_locale(row.locale):
            text = (
                gettext("{call}: this call is no longer yours.", call=label)
                if label
                else gettext("This message was removed.")
            )
        made.append(_shown(row, text))
    return made


def _shown(row: Notification, text: str) -> Shown:
    return Shown(row.id, row.address or "", row.provider_id or "", text)


async def _each(
    sessions: Sessions,
    find: Callable[[AsyncSession], Awaitable[Sequence[Shown]]],
    act: Callable[[Sessions, Shown], Awaitable[None]],
    job: str,
    ids: Ids,
) -> None:
    """Do it to each message; a wait that Telegram asks for is kept, then it goes on."""
    try:
        for each in await in_transaction(sessions, find):
            await act(sessions, each)
    except NotConfigured:
        log.warning("telegram not cleaned", name="NotConfigured")
    except Undelivered as error:
        if error.retry_after is None:
            raise
        pause = timedelta(seconds=max(1, error.retry_after))
        again = lambda own: jobs.enqueue_later(own, job, pause, **ids)  # noqa: E731
        await in_transaction(sessions, again)


async def _remove(sessions: Sessions, shown: Shown) -> None:
    settings, at = get_settings(), (shown.chat_id, shown.message_id)
    if not await _done(telegram.delete(settings, *at)) and not await _done(
        telegram.edit_text(settings, *at, shown.text)
    ):
        # Blocked or gone: nobody can take it from there any more.
        log.warning(
            "telegram message stays", notification_id=str(shown.notification_id)
        )
    change = {"provider_id": None}
    await in_transaction(sessions, lambda own: _write(own, shown, change))


async def _bare(sessions: Sessions, shown: Shown) -> None:
    settings = get_settings()
    await _done(telegram.take_buttons(settings, shown.chat_id, shown.message_id))
    path, true = sa.text(f"'{{{BARE}}}'"), sa.text("'true'")
    facts = sa.func.jsonb_set(col(Notification.facts), path, true)
    await in_transaction(sessions, lambda own: _write(own, shown, {"facts": facts}))


async def _done(call: Awaitable[Any]) -> bool:
    """Wait for a call; False where Telegram will never do it."""
    try:
        await call
    except Undelivered as error:
        if not error.refused:
            raise
        return False
    return True


async def _write(
    session: AsyncSession, shown: Shown, values: Mapping[str, Any]
) -> None:
    row = col(Notification.id) == shown.notification_id
    await session.execute(sa.update(Notification).where(row).values(**values))


def _task(name: str, clean: Callable[..., Awaitable[None]]) -> None:
    async def run(context: JobContext, /, **ids: str) -> None:
        sessions: Sessions = context.additional_context["sessions"]
        await clean(sessions, **{key: uuid.UUID(each) for key, each in ids.items()})

    jobs.queue.task(name=name, pass_context=True, retry=RETRY)(run)


_task(LOST, clean_visit)
_task(HIDDEN, clean_message)
_task(OLDER, clean_buttons)
