"""Sessions of the console: made at sign-in, looked up at every request, revocable."""

import hashlib
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Role, RoleGrant, StaffSession, User
from models.role_grant import STAFF_ROLES
from services import audit, clock
from services.actor import SYSTEM_ID, Actor, Via
from services.config import get_settings
from services.logins import login_matches

# Writing the stamp at every request would turn each page into an UPDATE.
TOUCH_EVERY = timedelta(minutes=1)
FLASHES_KEPT = 5
NOBODY = Actor(SYSTEM_ID, Role.SYSTEM, Via.CONSOLE)


@dataclass(frozen=True)
class Staff:
    """The member of staff behind a request, as the database knows them now."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    role: Role
    first_name: str
    short_name: str
    initials: str
    locale: str
    theme: str
    csrf_token: str
    must_change_password: bool
    touch_due: bool
    has_flashes: bool

    @property
    def actor(self) -> Actor:
        """Act in the one staff role, through the console."""
        return Actor(self.user_id, self.role, Via.CONSOLE)


@dataclass(frozen=True)
class Client:
    """Where a browser says it is."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True)
class Candidate:
    """Who a login belongs to, before the password is checked."""

    user: User
    role: Role


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def candidate(session: AsyncSession, login: str) -> Candidate | None:
    """Find the member of staff behind an e-mail or phone; blocked ones are unknown."""
    statement = (
        sa.select(User, col(RoleGrant.role))
        .join(RoleGrant, col(RoleGrant.user_id) == col(User.id))
        .where(
            login_matches(login),
            col(User.blocked_at).is_(None),
            col(RoleGrant.revoked_at).is_(None),
            col(RoleGrant.role).in_(STAFF_ROLES),
        )
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Candidate(*row)


async def refused(session: AsyncSession, user_id: uuid.UUID | None) -> None:
    """Put a failed sign-in into the journal; who tried is not known, only at whom."""
    audit.record(session, NOBODY, "staff.sign_in_refused", "user", user_id)


async def begin(
    session: AsyncSession, found: Candidate, client: Client, hours: int
) -> str:
    """Open a session for a person whose password was checked; return its secret."""
    user = found.user
    token = secrets.token_urlsafe(32)
    moment = await clock.now(session)
    session.add(
        StaffSession(
            user_id=user.id,
            token_hash=_digest(token),
            csrf_token=secrets.token_urlsafe(24),
            auth_version=user.auth_version,
            client_address=client.address and client.address[:45],
            user_agent=client.user_agent and client.user_agent[:300],
            last_seen_at=moment,
            expires_at=moment + timedelta(hours=hours),
        )
    )
    actor = Actor(user.id, found.role, Via.CONSOLE)
    audit.record(session, actor, "staff.signed_in", "user", user.id)
    return token


async def find(session: AsyncSession, token: str, idle_minutes: int) -> Staff | None:
    """Tell who holds the secret, or None when the session is over for any reason.

    Blocking, a new password and a lost role all show here at the next request.
    """
    now = sa.func.app_now()
    statement = (
        sa.select(
            StaffSession,
            User,
            col(RoleGrant.role),
            col(StaffSession.last_seen_at) < now - TOUCH_EVERY,
        )
        .join(User, col(User.id) == col(StaffSession.user_id))
        .join(RoleGrant, col(RoleGrant.user_id) == col(User.id))
        .where(
            col(StaffSession.token_hash) == _digest(token),
            col(StaffSession.ended_at).is_(None),
            col(StaffSession.expires_at) > now,
            col(StaffSession.last_seen_at) > now - timedelta(minutes=idle_minutes),
            col(StaffSession.auth_version) == col(User.auth_version),
            col(User.blocked_at).is_(None),
            col(RoleGrant.revoked_at).is_(None),
            col(RoleGrant.role).in_(STAFF_ROLES),
        )
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else _staff(*row)


def _staff(
    staff_session: StaffSession, user: User, role: Role, touch_due: bool
) -> Staff:
    return Staff(
        session_id=staff_session.id,
        user_id=user.id,
        role=role,
        first_name=user.first_name,
        short_name=user.short_name,
        initials=f"{user.first_name[:1]}{user.last_name[:1]}".upper(),
        locale=user.locale,
        theme=user.theme,
        csrf_token=staff_session.csrf_token,
        must_change_password=user.must_change_password,
        touch_due=touch_due,
        has_flashes=bool(staff_session.flashes),
    )


async def touch(session: AsyncSession, session_id: uuid.UUID) -> None:
    """Note that a person, not a background poll, used the session just now."""
    await session.execute(
        sa.update(StaffSession)
        .where(col(StaffSession.id) == session_id)
        .values(last_seen_at=sa.func.app_now())
    )


async def end(session: AsyncSession, staff: Staff) -> None:
    """Sign out: the secret is worth nothing from now on."""
    await session.execute(
        sa.update(StaffSession)
        .where(col(StaffSession.id) == staff.session_id)
        .values(ended_at=sa.func.app_now())
    )
    audit.record(session, staff.actor, "staff.signed_out", "user", staff.user_id)


async def end_all(
    session: AsyncSession, user_id: uuid.UUID, keep: uuid.UUID | None = None
) -> None:
    """End every session of a person, but for one that may stay."""
    statement = sa.update(StaffSession).where(
        col(StaffSession.user_id) == user_id, col(StaffSession.ended_at).is_(None)
    )
    if keep is not None:
        statement = statement.where(col(StaffSession.id) != keep)
    await session.execute(statement.values(ended_at=sa.func.app_now()))


async def go_on(
    session: AsyncSession, session_id: uuid.UUID, auth_version: int
) -> None:
    """Let one session outlive the change of password that was made in it."""
    await session.execute(
        sa.update(StaffSession)
        .where(col(StaffSession.id) == session_id)
        .values(auth_version=auth_version)
    )


async def flash(
    session: AsyncSession, session_id: uuid.UUID, kind: str, text: str
) -> None:
    """Leave a message for the next page of this session."""
    row = await session.get(StaffSession, session_id, with_for_update=True)
    if row is not None:
        message: dict[str, Any] = {"kind": kind, "text": text[:500]}
        row.flashes = [*row.flashes, message][-FLASHES_KEPT:]


async def take_flashes(
    session: AsyncSession, session_id: uuid.UUID
) -> list[dict[str, Any]]:
    """Hand over the waiting messages, each once."""
    row = await session.get(StaffSession, session_id, with_for_update=True)
    if row is None or not row.flashes:
        return []
    taken, row.flashes = row.flashes, []
    return taken


async def prefer(
    session: AsyncSession,
    actor: Actor,
    *,
    theme: str | None = None,
    locale: str | None = None,
) -> None:
    """Remember how a person wants to see the console."""
    user = await session.get_one(User, actor.user_id)
    user.theme = theme or user.theme
    user.locale = locale or user.locale


async def living(
    session: AsyncSession, session_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Tell which of these sessions a person is still signed in with."""
    now, idle = sa.func.app_now(), timedelta(minutes=get_settings().staff_idle_minutes)
    query = (
        sa.select(col(StaffSession.id))
        .join(User, col(User.id) == col(StaffSession.user_id))
        .where(
            col(StaffSession.id).in_(session_ids),
            col(StaffSession.ended_at).is_(None),
            col(StaffSession.expires_at) > now,
            col(StaffSession.last_seen_at) > now - idle,
            col(StaffSession.auth_version) == col(User.auth_version),
            col(User.blocked_at).is_(None),
        )
    )
    return set((await session.scalars(query)).all())
