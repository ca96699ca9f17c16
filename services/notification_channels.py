"""By which channels a person is told something: the kind's order, narrowed by them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from models.notification import NotificationChannel
from services import direct
from services.notification_kinds import CONSOLE, EMAIL, SMS, TELEGRAM
from services.notification_texts import TEXTS

Way = tuple[NotificationChannel, str | None]
# One statement, because every step of a call asks it for each person concerned.
_REACH = """
SELECT u.locale, u.email, u.phone, CAST(l.chat_id AS text) AS chat, p.channels
  FROM app_user u
  LEFT JOIN telegram_link l ON l.user_id = u.id AND l.state = 'linked'
  LEFT JOIN notification_preference p ON p.user_id = u.id AND p.kind = %(kind)s
 WHERE u.id = %(user_id)s
"""


@dataclass(frozen=True)
class Reach:
    """How one person may be told things of one kind.

    `wanted` is the order of channels, none of them is silence; what is mandatory goes
    its own way, whatever they want.
    """

    locale: str
    wanted: Sequence[NotificationChannel]
    addresses: Mapping[NotificationChannel, str | None]

    @property
    def ways(self) -> Sequence[Way]:
        """The channels that reach the person now, each with the address."""
        known = [(each, self.addresses.get(each)) for each in self.wanted]
        return [(each, at) for each, at in known if at is not None or each is CONSOLE]


async def reach(session: AsyncSession, kind: str, user_id: uuid.UUID) -> Reach | None:
    """Find out how to tell somebody something; None where there is nobody.

    What the session has not written yet is not seen.
    """
    given = {"kind": kind, "user_id": user_id}
    row: Any = await direct.fetch_one(session, _REACH, given)
    if row is None:
        return None
    addresses = {TELEGRAM: row.chat, SMS: row.phone, EMAIL: row.email}
    return Reach(row.locale, _wanted(kind, row.channels), addresses)


async def address_now(session: AsyncSession, row: Notification) -> str | None:
    """Tell where a row goes at this moment; None once there is no such way.

    Contacts change while a message waits. What is mandatory goes where it was meant to:
    a code to the contact that it proves, a warning to the one before.
    """
    if row.user_id is None or TEXTS[row.kind].mandatory:
        return row.address
    found = await reach(session, row.kind, row.user_id)
    return found.addresses.get(row.channel) if found else None


def _wanted(kind: str, chosen: Sequence[str] | None) -> Sequence[NotificationChannel]:
    text = TEXTS[kind]
    if text.mandatory or chosen is None:
        return text.channels
    return [each for each in map(NotificationChannel, chosen) if each in text.channels]
