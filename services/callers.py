"""Who calls the API: one statement checks the person, the sign-in and the roles."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import API_ROLES, Role
from services import direct
from services.actor import Actor, Via
from services.errors import (
    Forbidden,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    Unauthenticated,
)
from services.idempotency import LOOKUP, UNDER_WAY, Answer, Attempt
from services.tokens import Claims

_CALLER = """
SELECT u.locale,
       ARRAY(SELECT g.role FROM role_grant g
              WHERE g.user_id = u.id AND g.revoked_at IS NULL) AS roles
  FROM app_user u
 WHERE u.id = %(user_id)s AND u.blocked_at IS NULL AND u.auth_version = %(version)s
   AND EXISTS (SELECT FROM refresh_token t
                WHERE t.family_id = %(family_id)s AND t.user_id = u.id
                  AND t.revoked_at IS NULL AND t.expires_at > app_now())
"""
# A twin that commits after this statement's snapshot but before its lock is not
# seen here; the unique key of the record then makes the edge start anew.
_CALLER_AND_ANSWER = f"""
SELECT caller.*, answer.*, pg_try_advisory_xact_lock(%(lock)s) AS mine
  FROM ({_CALLER}) AS caller LEFT JOIN ({LOOKUP}) AS answer ON true
"""  # noqa: S608 - only constants are filled in


@dataclass(frozen=True)
class Caller:
    """The person behind a token, as the database knows them now."""

    user_id: uuid.UUID
    family_id: uuid.UUID
    locale: str
    roles: frozenset[Role]

    def acting_as(self, role: Role) -> Actor:
        """Act in the one role that the route fixed; Forbidden without it."""
        if role not in self.roles:
            raise Forbidden
        return Actor(self.user_id, role, Via.API)

    @property
    def actor(self) -> Actor:
        """Act in any role one has, where the route serves one's own account."""
        first = next(role for role in Role if role in self.roles)
        return Actor(self.user_id, first, Via.API)


async def find(session: AsyncSession, claims: Claims) -> Caller:
    """Tell whose token it is; Unauthenticated once anything has ended it.

    Blocking, a new password, a lost role and a sign-out show at the next request.
    """
    row = await direct.fetch_one(session, _CALLER, _facts(claims))
    return _caller(claims, row)


async def find_attempt(
    session: AsyncSession, claims: Claims, attempt: Attempt
) -> tuple[Caller, Answer | None]:
    """Tell whose token it is, lock their key and look for its first answer.

    The mark of a request that is under way is no answer; that of one that died is
    given to whoever holds the lock.
    """
    facts = _facts(claims) | vars(attempt) | {"lock": attempt.lock}
    row = await direct.fetch_one(session, _CALLER_AND_ANSWER, facts)
    caller = _caller(claims, row)
    if row is None or row.request_hash is None:
        if row is not None and not row.mine:
            raise IdempotencyInProgress
        return caller, None
    if row.request_hash != attempt.request_hash:
        raise IdempotencyKeyReused
    if row.status_code == UNDER_WAY and not (row.abandoned and row.mine):
        raise IdempotencyInProgress
    return caller, Answer(row.request_hash, row.status_code, row.body)


def _facts(claims: Claims) -> dict[str, Any]:
    return {
        "user_id": claims.user_id,
        "family_id": claims.family_id,
        "version": claims.version,
    }


def _caller(claims: Claims, row: Any) -> Caller:
    # Staff work in the console, so their roles do not exist here.
    roles = frozenset() if row is None else API_ROLES.intersection(row.roles)
    if not roles:
        raise Unauthenticated
    return Caller(
        claims.user_id, claims.family_id, row.locale, frozenset(map(Role, roles))
    )
