"""Sessions of the console: made at sign-in, looked up at every request, revocable."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, Role, RoleGrant, StaffSession, TotpSecret, User
from models.notification import NotificationChannel
from models.role_grant import STAFF_ROLES
from services import audit, clock
from services.actor import SYSTEM_ID, Actor, Via
from services.config import get_settings
from services.logins import login_matches

# Writing the stamp at every request would turn each page into an UPDATE.
TOUCH_EVERY = timedelta(minutes=1)
NOBODY = Actor(SYSTEM_ID, Role.SYSTEM, Via.CONSOLE)
# A session that waits for the second factor is worth little and lives shortly.
HALF_LIFE = timedelta(minutes=15)
FRESH = timedelta(minutes=30)
ENROLLED = sa.exists().where(
    col(TotpSecret.user_id) == col(User.id), col(TotpSecret.confirmed_at).is_not(None)
)

UNREAD = sa.exists().where(
    col(Notification.user_id) == col(User.id),
    col(Notification.channel) == NotificationChannel.CONSOLE,
    col(Notification.read_at).is_(None),
)


class Step(StrEnum):
    """What is left of a sign-in after the password."""

    CODE = "code"
    ENROLMENT = "enrolment"


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
    has_notices: bool
    by_provider: bool
    enrolled: bool
    step: Step | None
    fresh: bool

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
    session: AsyncSession,
    found: Candidate,
    client: Client,
    hours: int,
    *,
    proven: bool = False,
    by_provider: bool = False,
    fresh: bool = True,
) -> str:
    """Open a session for a person whose password was checked; return its secret.

    `proven`: the second factor was shown too. Without it, where one is needed, the
    session opens nothing but the page of the second factor. `fresh`: the person has
    proved just now who they are.
    """
    user = found.user
    token = secrets.token_urlsafe(32)
    moment = await clock.now(session)
    enrolled = await session.scalar(sa.select(ENROLLED).where(col(User.id) == user.id))
    step = _step(bool(enrolled), proven)
    life = timedelta(hours=hours) if step is None else HALF_LIFE
    session.add(
        StaffSession(
            user_id=user.id,
            token_hash=_digest(token),
            csrf_token=secrets.token_urlsafe(24),
            auth_version=user.auth_version,
            client_address=client.address and client.address[:45],
            user_agent=client.user_agent and client.user_agent[:300],
            last_seen_at=moment,
            expires_at=moment + life,
            second_factor_at=moment if proven else None,
            reauthenticated_at=moment if fresh else None,
            by_provider=by_provider,
        )
    )
    actor = Actor(user.id, found.role, Via.CONSOLE)
    action = "staff.signed_in" if step is None else "staff.half_signed_in"
    audit.record(session, actor, action, "user", user.id)
    return token


def _step(enrolled: bool, proven: bool) -> Step | None:
    if proven:
        return None
    if enrolled:
        return Step.CODE
    return Step.ENROLMENT if get_settings().require_staff_totp else None


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
            UNREAD,
            ENROLLED,
            sa.func.coalesce(col(StaffSession.reauthenticated_at) > now - FRESH, False),
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
    staff_session: StaffSession,
    user: User,
    role: Role,
    touch_due: bool,
    has_notices: bool,
    enrolled: bool,
    fresh: bool,
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
        # Whom the provider vouches for may never have seen a password of ours.
        must_change_password=user.must_change_password
        and not staff_session.by_provider,
        touch_due=touch_due,
        has_flashes=bool(staff_session.flashes),
        has_notices=has_notices,
        by_provider=staff_session.by_provider,
        enrolled=enrolled,
        step=_step(enrolled, staff_session.second_factor_at is not None),
        fresh=fresh,
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
    await end_quietly(session, staff.session_id)
    audit.record(session, staff.actor, "staff.signed_out", "user", staff.user_id)


async def end_quietly(session: AsyncSession, session_id: uuid.UUID) -> bool:
    """End a session that another one takes the place of; False if it is over already."""
    ended = (
        sa.update(StaffSession)
        .where(
            col(StaffSession.id) == session_id,
            col(StaffSession.ended_at).is_(None),
            col(User.id) == col(StaffSession.user_id),
            col(User.auth_version) == col(StaffSession.auth_version),
            col(User.blocked_at).is_(None),
        )
        .values(ended_at=sa.func.app_now())
        .returning(col(StaffSession.id))
    )
    return await session.scalar(ended) is not None


async def unprove(session: AsyncSession, session_id: uuid.UUID) -> None:
    """Take the second factor off a session: what it was shown with is gone."""
    await session.execute(
        sa.update(StaffSession)
        .where(col(StaffSession.id) == session_id)
        .values(second_factor_at=None)
    )


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
