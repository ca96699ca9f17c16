"""Telling people things: a row in the caller's transaction, a job that delivers it."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import RoleGrant, User
from models.base import uuid7
from models.notification import NotificationChannel
from models.role_grant import Role
from services import direct, live, notification_channels, notification_texts, sealing
from services.actor import Actor
from services.i18n import current_locale
from services.notification_channels import Reach, Way
from services.notification_kinds import CONSOLE
from services.request_id import current_request_id

DELIVER = "notification.deliver"
# The row, its line in the journal, its job and the wake-up in one round trip: a step of
# a call tells several people. What the desk reads in the console needs no delivery.
_MAKE = f"""
WITH made AS (
  INSERT INTO notification (id, user_id, channel, address, kind, facts, sealed, locale,
                            status, attempts, next_try_at, sent_at, dedup_key,
                            booking_id, urgent, chain_id)
  SELECT %(id)s, CAST(%(user_id)s AS uuid), %(channel)s, %(address)s,
         CAST(%(kind)s AS text), %(facts)s, %(sealed)s, %(locale)s,
         CASE WHEN %(desk)s THEN 'sent' ELSE 'queued' END, 0,
         CASE WHEN NOT %(desk)s THEN app_now() END,
         CASE WHEN %(desk)s THEN app_now() END,
         %(dedup_key)s, CAST(%(booking_id)s AS uuid), %(urgent)s,
         CAST(%(chain_id)s AS uuid)
  ON CONFLICT (dedup_key) DO NOTHING
  RETURNING id
), journal AS (
  INSERT INTO audit_event (id, actor_id, acting_as, via, action, object_type,
                           object_id, data, request_id)
  SELECT %(audit_id)s, %(actor_id)s, %(acting_as)s, %(via)s, 'notification.made',
         'user', CAST(%(user_id)s AS uuid),
         jsonb_build_object('kind', CAST(%(kind)s AS text)), %(request_id)s
    FROM made
), job AS (
  INSERT INTO procrastinate_jobs (queue_name, task_name, args)
  SELECT 'default', '{DELIVER}', jsonb_build_object('notification_id', made.id)
    FROM made WHERE NOT %(desk)s
)
SELECT made.id, CASE WHEN CAST(%(wake_up)s AS text) IS NOT NULL
       THEN CAST(pg_notify('{live.CHANNEL}', CAST(%(wake_up)s AS text)) AS text) END
  FROM made
"""  # noqa: S608 - made of constants only


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
    await session.flush()
    reach = None
    if notice.user_id is not None:
        user_id = notice.user_id
        reach = await notification_channels.reach(session, notice.kind, user_id)
    way = _way(notice, reach)
    if way is None:
        return None
    values = _values(actor, notice, way, reach.locale if reach else current_locale())
    made: Any = await direct.fetch_one(session, _MAKE, values)
    return None if made is None else values["id"]


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


def _way(notice: Notice, reach: Reach | None) -> Way | None:
    """The first channel and its address, or None where nobody is to be told."""
    channel, address = notice.channel, notice.address
    if reach is None:
        return (channel, address) if channel and address else None
    if channel is None:
        return reach.ways[0] if reach.ways else None
    if channel is CONSOLE:
        return channel, None
    if channel not in reach.wanted:
        return None
    found = address or reach.addresses.get(channel)
    return (channel, found) if found else None


def _values(actor: Actor, notice: Notice, way: Way, locale: str) -> dict[str, Any]:
    channel, address = way
    notification_id = uuid7()
    text = notification_texts.TEXTS[notice.kind]
    return {
        "id": notification_id,
        "user_id": notice.user_id,
        "channel": channel.value,
        "address": address,
        "kind": notice.kind,
        "facts": Jsonb(dict(notice.facts)),
        "sealed": None if notice.secret is None else sealing.seal(notice.secret),
        "locale": locale,
        "desk": channel is CONSOLE,
        "dedup_key": notice.dedup_key,
        "booking_id": notice.booking_id,
        "urgent": text.urgent or notice.urgent,
        # What was given one channel stays with it.
        "chain_id": None if notice.channel else notification_id,
        "audit_id": uuid7(),
        "actor_id": actor.user_id,
        "acting_as": actor.acting_as.value,
        "via": actor.via.value,
        "request_id": current_request_id(),
        "wake_up": _wake_up(notice.booking_id),
    }


def _wake_up(booking_id: uuid.UUID | None) -> str | None:
    if booking_id is None:
        return None
    return json.dumps({"topic": live.Topic.NOTICE.value, "id": str(booking_id)})
