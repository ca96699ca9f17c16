"""A repeated request is answered and not redone: the lock, the lookup, the record."""

import hashlib
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7

KEPT = "interval '24 hours'"


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
    """The first answer to a key, and what it was an answer to."""

    request_hash: str
    status_code: int
    body: str


# A live record of the caller's key, for the statement that checks the caller.
LOOKUP = f"""
    SELECT request_hash, status_code, body FROM idempotency_record
     WHERE user_id = :user_id AND method = :method AND path = :path AND key = :key
       AND created_at > app_now() - {KEPT}
"""  # noqa: S608 - only a constant is filled in

_KEEP = sa.text(
    f"""
    INSERT INTO idempotency_record AS kept
           (id, user_id, method, path, key, request_hash, status_code, body)
    VALUES (:id, :user_id, :method, :path, :key, :request_hash, :status_code, :body)
    ON CONFLICT (user_id, method, path, key) DO UPDATE
       SET id = excluded.id, request_hash = excluded.request_hash,
           status_code = excluded.status_code, body = excluded.body,
           created_at = app_now()
     WHERE kept.created_at <= app_now() - {KEPT}
    """  # noqa: S608 - only a constant is filled in
)

_PURGE = sa.text(
    f"DELETE FROM idempotency_record WHERE created_at <= app_now() - {KEPT}"  # noqa: S608 - only a constant is filled in
)


async def keep(
    session: AsyncSession, attempt: Attempt, status_code: int, body: str
) -> bool:
    """Store the answer in the caller's transaction; False when a twin was faster.

    A record older than its day is overwritten.
    """
    result = await session.execute(
        _KEEP,
        {
            "id": uuid7(),
            **vars(attempt),
            "status_code": status_code,
            "body": body,
        },
    )
    return result.rowcount == 1  # type: ignore[attr-defined,no-any-return]


async def purge(session: AsyncSession) -> int:
    """Forget answers that are older than a day; return how many."""
    result = await session.execute(_PURGE)
    return result.rowcount  # type: ignore[attr-defined,no-any-return]
