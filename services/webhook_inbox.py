"""Notices of the provider: stored before they are answered, then looked into.

A notice is a hint and proves nothing: what it is about is fetched, and what was
fetched decides. Source: https://yookassa.ru/developers/using-api/webhooks
"""

import hashlib
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import WebhookInbox
from models.base import uuid7
from models.payment import InboxStatus
from services import jobs
from services.gateways.yookassa_notifications import parse_notification

HANDLE = "webhook.handle"
LARGEST = 65_536
MALFORMED = "malformed"
HANDLED_AT_ONCE = 50
OPEN = (InboxStatus.NEW, InboxStatus.WAITING)


async def receive(session: AsyncSession, body: bytes) -> uuid.UUID | None:
    """Store a notice that came from the provider; None when it is there already.

    One that makes no sense is stored for people and not looked into.
    """
    try:
        notice = parse_notification(body)
    except ValueError:
        event, about, status = MALFORMED, "-", InboxStatus.QUARANTINED
    else:
        event, about, status = notice.event, notice.object.id, InboxStatus.NEW
    row = insert(WebhookInbox).values(
        id=uuid7(),
        event=event,
        object_id=about,
        body_hash=hashlib.sha256(body).hexdigest(),
        body=body.decode(errors="replace").replace("\0", "\ufffd"),
        status=status,
        note=MALFORMED if status is InboxStatus.QUARANTINED else None,
        next_try_at=sa.func.app_now() if status is InboxStatus.NEW else None,
        tries=0,
        provider="yookassa",
    )
    made = row.on_conflict_do_nothing(
        index_elements=["event", "object_id", "body_hash"]
    ).returning(col(WebhookInbox.id))
    inbox_id: uuid.UUID | None = await session.scalar(made)
    if inbox_id is not None and status is InboxStatus.NEW:
        await jobs.enqueue(session, HANDLE, inbox_id=inbox_id)
    return inbox_id


async def due(session: AsyncSession) -> int:
    """Enqueue again what was not looked into to the end; gives how many."""
    query = (
        sa.select(col(WebhookInbox.id))
        .where(col(WebhookInbox.status).in_(OPEN))
        .where(col(WebhookInbox.next_try_at) <= sa.func.app_now())
        .order_by(col(WebhookInbox.next_try_at))
        .limit(HANDLED_AT_ONCE)
    )
    found = (await session.scalars(query)).all()
    return await jobs.enqueue_missing(session, HANDLE, "inbox_id", found)
