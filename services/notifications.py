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
from services import (
    audit,
    jobs,
    live,
    notification_channels,
    notification_texts,
    sealing,
)
from services.actor import Actor
from services.i18n import current_locale
from services.notification_channels import Way
from services.notification_kinds import CONSOLE

DELIVER = "notification.deliver"


@dataclass(frozen=True)
class Notice:
    """What somebody is to be told.

    `facts` fill the text and are never medical; `secret` (a code, a link) is sealed
    and erased once it was sent. Without `channel` the person is told by the channels
    of the kind, one after the other until one has delivered it; with it by that one
    alone, and `address` overrides where. A second notice with the same `dedup_key` is
    dropped. `booking_id` is the call that it is about, which shows how far it got;
    `urgent` wakes people up even where the kind as such does not.
    """

    kind: str
    user_id: uuid.UUID | None = None
    channel: NotificationChannel | None = None
    address: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = None
    dedup_key: str | None = None
    booking_id: uuid.UUID | None = None
    urgent: bool = False


async def notify(
    session: AsyncSession, actor: Actor, notice: Notice
) -> uuid.UUID | None:
    """Write the notification and its job; gives its id.

    None when there is no way to reach the person, when they do not want to know, or
    when it was said before.
    """
    # A text that its facts do not fit would fail much later, where nobody sees it.
    notification_texts.render(
        notice.kind, current_locale(), notice.facts, notice.secret
    )
    user = await session.get(User, notice.user_id) if notice.user_id else None
    way = await _way(session, notice, user)
    if way is None:
        return None
    values = _values(notice, user, way)
    made = (
        insert(Notification)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["dedup_key"])
    )
    found = await session.scalar(made.returning(col(Notification.id)))
    if found is None:
        return None
    audit.record(
        session, actor, "notification.made", "user", notice.user_id, kind=notice.kind
    )
    if way[0] is not CONSOLE:
        await jobs.enqueue(session, DELIVER, notification_id=values["id"])
    await announce(session, notice.booking_id)
    made_id: uuid.UUID = values["id"]
    return made_id


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


async def announce(session: AsyncSession, booking_id: uuid.UUID | None) -> None:
    """Let who looks at the call see how far its notices have got."""
    if booking_id is not None:
        await live.announce(session, live.Topic.NOTICE, booking_id)


async def _way(session: AsyncSession, notice: Notice, user: User | None) -> Way | None:
    """The first channel and its address, or None where nobody is to be told."""
    channel, address = notice.channel, notice.address
    if user is None:
        return (channel, address) if channel and address else None
    if channel is None:
        ways = await notification_channels.ways(session, notice.kind, user)
        return ways[0] if ways else None
    if channel is CONSOLE:
        return channel, None
    if channel not in await notification_channels.wanted(session, notice.kind, user.id):
        return None
    found = address or await notification_channels.address_of(session, user, channel)
    return (channel, found) if found else None


def _values(notice: Notice, user: User | None, way: Way) -> dict[str, Any]:
    channel, address = way
    console = channel is CONSOLE
    now, notification_id = sa.func.app_now(), uuid7()
    text = notification_texts.TEXTS[notice.kind]
    return {
        "id": notification_id,
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
        "booking_id": notice.booking_id,
        "urgent": text.urgent or notice.urgent,
        # What was given one channel stays with it.
        "chain_id": None if notice.channel else notification_id,
    }
