"""What stands in Telegram chats of each call, so that it can be taken from there.

Notices have their rows; what the bot itself shows of a call is noted here, by
Telegram's number of it and without its words.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Notification, Outcome
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services import clock, jobs

# Kinds that come with the card of their call, by who gets them.
WITH_CARD = {
    "visit_assigned": Role.DOCTOR,
    "visit_changed": Role.DOCTOR,
    "booking_received": Role.PATIENT,
    "booking_assigned": Role.PATIENT,
    "booking_moved": Role.PATIENT,
    "booking_accepted": Role.PATIENT,
    "booking_declined": Role.PATIENT,
    "booking_on_the_way": Role.PATIENT,
    "booking_started": Role.PATIENT,
    "booking_finished": Role.PATIENT,
    "booking_cancelled": Role.PATIENT,
}
# What the bot itself has shown of a call, so that it is found again.
VISIT_CARD = "visit_card"
LOST_NOTICE, RELAY = "visit_lost", "chat_message"
LOST, HIDDEN = "telegram.visit_lost", "telegram.message_hidden"
OLDER = "telegram.older_cards"
BARE = "bare"


async def visit_lost(
    session: AsyncSession, booking_id: uuid.UUID, doctor_id: uuid.UUID
) -> None:
    """Let everything of a visit go from the chat of the doctor who has lost it."""
    query = sent(booking_id).where(col(Notification.user_id) == doctor_id)
    if (await session.exec(query.limit(1))).first() is not None:
        await jobs.enqueue(session, LOST, booking_id=booking_id, doctor_id=doctor_id)


async def message_hidden(
    session: AsyncSession, booking_id: uuid.UUID, message_id: uuid.UUID
) -> None:
    """Let a hidden message go from every chat that it was relayed to."""
    if (await session.exec(relays(booking_id, message_id).limit(1))).first():
        ids = {"booking_id": booking_id, "message_id": message_id}
        await jobs.enqueue(session, HIDDEN, **ids)


async def card_sent(session: AsyncSession, row: Notification) -> None:
    """Take the buttons off the cards before this one, if it is a card at all."""
    if row.provider_id is not None and row.kind in WITH_CARD:
        ids = {"user_id": row.user_id, "booking_id": row.booking_id}
        await jobs.enqueue(session, OLDER, **ids)


async def note(
    session: AsyncSession,
    user_id: uuid.UUID,
    chat_id: int,
    message_id: int,
    booking_id: uuid.UUID,
    *,
    is_card: bool = True,
) -> None:
    """Remember what the bot itself has shown of a call, by Telegram's number of it.

    Only where it stands is kept, not what it says. Who has lost the visit while it was
    on its way keeps it no longer than the others.
    """
    query = sent(booking_id).where(
        col(Notification.user_id) == user_id,
        col(Notification.address) == str(chat_id),
        col(Notification.provider_id) == str(message_id),
    )
    row = (await session.exec(query)).first()
    if row is None:
        row = Notification(
            user_id=user_id,
            channel=NotificationChannel.TELEGRAM,
            address=str(chat_id),
            kind=VISIT_CARD,
            status=NotificationStatus.DELIVERED,
            booking_id=booking_id,
            provider_id=str(message_id),
        )
        session.add(row)
    row.delivered_at = await clock.now(session)
    row.facts = _marked(row.facts, bare=not is_card)
    await session.flush()
    if is_card:
        ids = {"user_id": user_id, "booking_id": booking_id}
        await jobs.enqueue(session, OLDER, **ids)
    turn = await last_turn(session, booking_id, user_id)
    if turn is not None and turn.outcome not in {None, Outcome.COMPLETED}:
        await visit_lost(session, booking_id, user_id)


def sent(booking_id: uuid.UUID) -> Any:
    """What of a call went, or is going, to Telegram chats that are known."""
    return select(Notification).where(
        col(Notification.booking_id) == booking_id,
        col(Notification.channel) == NotificationChannel.TELEGRAM,
        col(Notification.address) != "",
        sa.or_(
            col(Notification.provider_id).is_not(None),
            sa.and_(
                col(Notification.status) == NotificationStatus.QUEUED,
                col(Notification.attempts) > 0,
            ),
        ),
    )


def relays(booking_id: uuid.UUID, message_id: uuid.UUID) -> Any:
    """The relays of one message among them."""
    return sent(booking_id).where(
        col(Notification.kind) == RELAY,
        col(Notification.facts)["message_id"].as_string() == str(message_id),
    )


async def last_turn(
    session: AsyncSession, booking_id: uuid.UUID, doctor_id: uuid.UUID
) -> Assignment | None:
    """The doctor's latest turn at a call, whether or not it runs."""
    query = select(Assignment).where(
        col(Assignment.booking_id) == booking_id,
        col(Assignment.doctor_id) == doctor_id,
    )
    last = query.order_by(col(Assignment.id).desc()).limit(1)
    return (await session.exec(last)).one_or_none()


def _marked(facts: Mapping[str, Any], *, bare: bool) -> dict[str, Any]:
    kept = {name: fact for name, fact in facts.items() if name != BARE}
    return {**kept, BARE: True} if bare else kept
