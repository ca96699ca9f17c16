"""Who may still listen to a conversation: all open sockets are asked for at once."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from services import chat_rooms, direct
from services.actor import Actor, Via

_SEATS = f"""
SELECT seat.place, room.*
  FROM unnest(CAST(%(places)s AS int[]), CAST(%(bookings)s AS uuid[]),
              CAST(%(users)s AS uuid[]), CAST(%(roles)s AS text[]),
              CAST(%(families)s AS uuid[]), CAST(%(versions)s AS int[]))
       AS seat (place, booking_id, user_id, role, family_id, version)
  JOIN LATERAL ({chat_rooms.ROOMS} WHERE b.id = seat.booking_id) AS room ON true
  JOIN app_user u ON u.id = seat.user_id
       AND u.blocked_at IS NULL AND u.auth_version = seat.version
 WHERE EXISTS (SELECT FROM role_grant g
                WHERE g.user_id = seat.user_id AND g.role = seat.role
                  AND g.revoked_at IS NULL)
   AND EXISTS (SELECT FROM refresh_token t
                WHERE t.family_id = seat.family_id AND t.user_id = seat.user_id
                  AND t.revoked_at IS NULL AND t.expires_at > app_now())
"""  # noqa: S608 - only constants are filled in


@dataclass(frozen=True)
class Seat:
    """One listener: who, as what, in which conversation, by which sign-in.

    `version` is the account's when they came in; it grows with each change of rights.
    """

    booking_id: uuid.UUID
    user_id: uuid.UUID
    role: Role
    family_id: uuid.UUID
    version: int
    locale: str

    def speaking(self, locale: str) -> Self:
        """The same seat of somebody who reads another language."""
        return replace(self, locale=locale)

    @property
    def actor(self) -> Actor:
        """Whoever sits there, acting in that role."""
        return Actor(self.user_id, self.role, Via.API)


async def standing(session: AsyncSession, seats: Sequence[Seat]) -> set[Seat]:
    """Tell whose sign-in lives, who has their role, and the conversation, still."""
    values = {
        "places": [*range(len(seats))],
        "bookings": [seat.booking_id for seat in seats],
        "users": [seat.user_id for seat in seats],
        "roles": [seat.role.value for seat in seats],
        "families": [seat.family_id for seat in seats],
        "versions": [seat.version for seat in seats],
        **chat_rooms.access(),
    }
    found: set[Seat] = set()
    for row in await direct.fetch_all(session, _SEATS, values):
        seat = seats[row.place]
        if chat_rooms.filled(row).holds(seat.role, seat.user_id):
            found.add(seat)
    return found
