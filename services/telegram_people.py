"""Who writes to the bot: the person a chat belongs to, with their roles of now."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from services import direct
from services.actor import Actor, Via
from services.errors import NotFound

# Staff work in the console, so their roles do not exist here.
_PERSON = """
SELECT u.id, u.locale,
       ARRAY(SELECT g.role FROM role_grant g
              WHERE g.user_id = u.id AND g.revoked_at IS NULL
                AND g.role IN ('patient', 'doctor')) AS roles
  FROM telegram_link l JOIN app_user u ON u.id = l.user_id
 WHERE l.chat_id = %(chat_id)s AND l.state = 'linked'
   AND u.blocked_at IS NULL AND u.erased_at IS NULL AND u.merged_into IS NULL
"""
_SEEN = """
INSERT INTO telegram_update (id, update_id)
VALUES (gen_random_uuid(), %(update_id)s)
ON CONFLICT (update_id) DO NOTHING
RETURNING update_id
"""


@dataclass(frozen=True)
class Person:
    """The account behind a chat."""

    user_id: uuid.UUID
    locale: str
    roles: frozenset[Role]

    def acting_as(self, role: Role) -> Actor:
        """Act in one role that the person holds now; NotFound without it."""
        if role not in self.roles:
            raise NotFound
        return Actor(self.user_id, role, Via.BOT)


async def person_of(session: AsyncSession, chat_id: int) -> Person | None:
    """Find whom a private chat belongs to; None for nobody, and for who is blocked or
    has no role here."""
    row: Any = await direct.fetch_one(session, _PERSON, {"chat_id": chat_id})
    if row is None or not row.roles:
        return None
    return Person(row.id, row.locale, frozenset(map(Role, row.roles)))


async def first_time(session: AsyncSession, update_id: int) -> bool:
    """Note an update in the transaction that handles it; False for a duplicate.

    A twin that is being handled elsewhere is waited for.
    """
    return await direct.fetch_one(session, _SEEN, {"update_id": update_id}) is not None
