"""Telling people things: a row in the caller's transaction, a job that delivers it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, RoleGrant, User
from models.base import uuid7
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services import audit, jobs, notification_texts, sealing
from services.actor import Actor
from services.i18n import current_locale

EMAIL, SMS = NotificationChannel.EMAIL, NotificationChannel.SMS
CONSOLE = NotificationChannel.CONSOLE
DELIVER = "notification.deliver"


@dataclass(frozen=True)
class Notice:
    """What somebody is to be told.

    `facts` fill the text and are never medical; `secret` (a code, a link) is sealed
    and erased once it was sent. Without `channel` the person is told by e-mail, or
    by SMS without one; `address` overrides where. A second notice with the same
    `dedup_key` is dropped.
    """

    kind: str
    user_id: uuid.UUID | None = None
    channel: NotificationChannel | None = None
    address: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = None
    dedup_key: str | None = None


async def notify(
    session: AsyncSession, actor: Actor, notice: Notice
) -> uuid.UUID | None:
    """Write the notification and its job; gives its id.

    None when there is no way to reach the person, or it was said before.
    """
    # A text that its facts do not fit would fail much later, where nobody sees it.
    notification_texts.render(
        notice.kind, current_locale(), notice.facts, notice.secret
    )
    values = await _values(session, notice)
    if values is None:
        return None
    row = insert(Notification).values(id=uuid7(), **values)
    made = row.on_conflict_do_nothing(index_elements=["dedup_key"])
    notification_id: uuid.UUID | None = await session.scalar(
        made.returning(col(Notification.id))
    )
    if notification_id is None:
        return None
    audit.record(
        session, actor, "notification.made", "user", notice.user_id, kind=notice.kind
    )
    if values["channel"] is not CONSOLE:
        await jobs.enqueue(session, DELIVER, notification_id=notification_id)
    return notification_id


async def notify_role(
    session: AsyncSession, actor: Actor, role: Role, notice: Notice
) -> None:
    """Tell everybody of a staff role in the console."""
    query = (
        sa.select(col(RoleGrant.user_id))
        .join(User, col(User.id) == col(RoleGrant.user_id))
        .where(col(RoleGrant.role) == role, col(RoleGrant.revoked_at).is_(None))
        .where(col(User.blocked_at).is_(None))
    )
    for user_id in (await session.scalars(query)).all():
        key = notice.dedup_key and f"{notice.dedup_key} {user_id}"
        one = Notice(notice.kind, user_id, CONSOLE, facts=notice.facts, dedup_key=key)
        await notify(session, actor, one)


async def _values(session: AsyncSession, notice: Notice) -> dict[str, Any] | None:
    user = await session.get(User, notice.user_id) if notice.user_id else None
    way = _way(notice, user)
    if way is None:
        return None
    channel, address = way
    console = channel is CONSOLE
    now = sa.func.app_now()
    return {
        "user_id": notice.user_id,
        "channel": channel,
        "address": address,
        "kind": notice.kind,
        "facts": dict(notice.facts),
        "sealed": None if notice.secret is None else sealing.seal(notice.secret),
        "locale": user.locale if user else current_locale(),
        "status": NotificationStatus.SENT if console else NotificationStatus.QUEUED,
        "attempts": 0,
        "next_try_at": None if console else now,
        "sent_at": now if console else None,
        "dedup_key": notice.dedup_key,
    }


def _way(
    notice: Notice, user: User | None
) -> tuple[NotificationChannel, str | None] | None:
    """The channel and the address, or None where nobody can be reached."""
    email, phone = (user.email, user.phone) if user else (None, None)
    channel = notice.channel or (EMAIL if email else SMS)
    if channel is CONSOLE:
        return channel, None
    address = notice.address or (email if channel is EMAIL else phone)
    return (channel, address) if address else None
