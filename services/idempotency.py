"""A repeated request is answered and not redone: the lock, the lookup, the record."""

import hashlib
import uuid
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7
from services import direct

KEPT = "interval '24 hours'"
# A request of two transactions keeps a mark until its answer is known. Whoever made
# it has died once it is this old, and the next one takes over.
UNDER_WAY, DIED_AFTER = 0, "interval '60 seconds'"


@dataclass(frozen=True)
class Attempt:
    """One request under a key; the key belongs to one user, method and path."""

    user_id: uuid.UUID
    method: str
    path: str
    key: str
    request_hash: str

    @property
    def lock(self) -> int:
        """The number of the advisory lock that twins of this request contend for."""
        name = f"{self.user_id} {self.method} {self.path} {self.key}"
        digest = hashlib.sha256(name.encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


@dataclass(frozen=True)
class Answer:
    """The first answer to a key, and what it was an answer to.

    With the status UNDER_WAY it is the mark of a request that died half-way.
    """

    request_hash: str
    status_code: int
    body: str


# A live record of the caller's key, for the statement that checks the caller.
LOOKUP = f"""
    SELECT request_hash, status_code, body,
           created_at <= app_now() - {DIED_AFTER} AS abandoned
      FROM idempotency_record
     WHERE user_id = %(user_id)s AND method = %(method)s AND path = %(path)s
       AND key = %(key)s AND created_at > app_now() - {KEPT}
"""  # noqa: S608 - only a constant is filled in

_KEEP = f"""
    INSERT INTO idempotency_record AS kept
           (id, user_id, method, path, key, request_hash, status_code, body)
    VALUES (%(id)s, %(user_id)s, %(method)s, %(path)s, %(key)s,
            %(request_hash)s, %(status_code)s, %(body)s)
    ON CONFLICT (user_id, method, path, key) DO UPDATE
       SET id = excluded.id, request_hash = excluded.request_hash,
           status_code = excluded.status_code, body = excluded.body,
           created_at = app_now()
     WHERE kept.created_at <= app_now() - {KEPT}
    RETURNING kept.id
"""  # noqa: S608 - only a constant is filled in


async def keep(
    session: AsyncSession, attempt: Attempt, status_code: int, body: str
) -> bool:
    """Store the answer in the caller's transaction; False when a twin was faster.

    A record older than its day is overwritten.
    """
    values = {"id": uuid7(), "status_code": status_code, "body": body, **vars(attempt)}
    return await direct.fetch_one(session, _KEEP, values) is not None


_FINISH = f"""
    UPDATE idempotency_record SET status_code = %(status_code)s, body = %(body)s
     WHERE user_id = %(user_id)s AND method = %(method)s AND path = %(path)s
       AND key = %(key)s AND request_hash = %(request_hash)s
       AND status_code = {UNDER_WAY}
    RETURNING id
"""  # noqa: S608 - only a constant is filled in


async def finish(
    session: AsyncSession, attempt: Attempt, status_code: int, body: str
) -> bool:
    """Put the answer in the place of the mark; False when somebody else did."""
    values = {"status_code": status_code, "body": body, **vars(attempt)}
    return await direct.fetch_one(session, _FINISH, values) is not None
