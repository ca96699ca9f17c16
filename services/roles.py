"""Granting and taking roles, and the rules about who may hold which together."""

import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicMember, DoctorProfile, PatientProfile, Role, RoleGrant, User
from models.role_grant import STAFF_ROLES
from services import (
    audit,
    clock,
    passwords,
    staff_sessions,
    telegram_ending,
    wallets,
)
from services.actor import Actor
from services.errors import Conflict, Forbidden, NotFound
from services.permissions import Permission, demand

ON_TELEGRAM = frozenset({Role.PATIENT, Role.DOCTOR})


class RolesExclude(Conflict):
    """These roles cannot be held by one person."""

    code = "roles_exclude"
    text = "This role cannot be held together with the roles that the person has."


class LastAdmin(Conflict):
    """Somebody must be left who can let others in."""

    code = "last_admin"
    text = "This is the last administrator."


class NotReadyForRole(Conflict):
    """The role needs facts that are not there."""

    code = "not_ready_for_role"
    text = "First create the doctor or the clinic manager on their own page."


async def lock_user(session: AsyncSession, user_id: uuid.UUID) -> User:
    """Take the person's row, so that decisions about them come one by one."""
    user = await session.get(
        User, user_id, with_for_update=True, populate_existing=True
    )
    if user is None:
        raise NotFound
    return user


async def roles_of(session: AsyncSession, user_id: uuid.UUID) -> frozenset[Role]:
    """The roles that a person holds now."""
    query = select(RoleGrant.role).where(
        col(RoleGrant.user_id) == user_id, col(RoleGrant.revoked_at).is_(None)
    )
    return frozenset(Role(each) for each in (await session.exec(query)).all())


async def shortest_password(session: AsyncSession, user_id: uuid.UUID) -> int:
    """How long a password has to be: longer for whoever holds a staff role."""
    staff = STAFF_ROLES & await roles_of(session, user_id)
    return passwords.SHORTEST_OF_STAFF if staff else passwords.SHORTEST


def compatible(held: Iterable[Role], role: Role) -> bool:
    """One staff role at most, and admin alone."""
    others = frozenset(held) - {role}
    if role is Role.ADMIN or Role.ADMIN in others:
        return not others
    return role not in STAFF_ROLES or not others & STAFF_ROLES


async def grant(
    session: AsyncSession,
    actor: Actor,
    user_id: uuid.UUID,
    role: Role,
    reason: str,
) -> None:
    """Give a role; sessions end, so that nobody goes on with an old set of rights."""
    demand(actor, Permission.ROLE_GRANT)
    _not_oneself(actor, user_id)
    user = await lock_user(session, user_id)
    held = await roles_of(session, user_id)
    if role in held:
        return
    if role is Role.SYSTEM or not compatible(held, role):
        raise RolesExclude
    await _demand_facts(session, user_id, role)
    await add(session, actor, user, role, reason)
    if role in STAFF_ROLES and not held & STAFF_ROLES:
        # It may be as short as patients' are allowed to be.
        user.must_change_password = user.password_hash is not None
    await _restart_sessions(session, user)


async def add(
    session: AsyncSession, actor: Actor, user: User, role: Role, reason: str
) -> None:
    """Write the grant and its line in the journal; the caller has checked."""
    session.add(
        RoleGrant(user_id=user.id, role=role, granted_by=actor.user_id, reason=reason)
    )
    await session.flush()
    facts = {"role": role.value, "reason": reason}
    audit.record(session, actor, "role.granted", "user", user.id, **facts)


async def revoke(
    session: AsyncSession,
    actor: Actor,
    user_id: uuid.UUID,
    role: Role,
    reason: str,
) -> None:
    """Take a role; its surfaces are closed from the next request on."""
    demand(actor, Permission.ROLE_GRANT)
    _not_oneself(actor, user_id)
    if role is Role.DOCTOR:
        raise Conflict("Block the doctor instead: their visits have to be handed on.")
    user = await lock_user(session, user_id)
    held = await _live_grant(session, user_id, role)
    if role is Role.ADMIN:
        await demand_another_admin(session, user_id)
    held.revoked_at = await clock.now(session)
    held.revoked_by, held.revoke_reason = actor.user_id, reason
    facts = {"role": role.value, "reason": reason}
    audit.record(session, actor, "role.taken", "user", user_id, **facts)
    await session.flush()
    if not await roles_of(session, user_id) & ON_TELEGRAM:
        # The chat could neither work nor be parted from the account.
        await telegram_ending.end(session, actor, user_id, "role_taken")
    await _restart_sessions(session, user)


async def set_senior(
    session: AsyncSession,
    actor: Actor,
    user_id: uuid.UUID,
    senior: bool,
    reason: str,
) -> None:
    """Make a dispatcher one who is told of calls that wait too long, or no longer."""
    demand(actor, Permission.ROLE_GRANT)
    _not_oneself(actor, user_id)
    await lock_user(session, user_id)
    held = await _live_grant(session, user_id, Role.DISPATCHER)
    if held.senior == senior:
        return
    held.senior = senior
    facts = {"senior": senior, "reason": reason}
    audit.record(session, actor, "role.senior_set", "user", user_id, **facts)


async def demand_another_admin(session: AsyncSession, leaving: uuid.UUID) -> None:
    """Refuse unless another administrator stays who can sign in.

    Every admin's grant is locked, in one order: of two admins who remove each
    other at the same moment one has to lose.
    """
    query = (
        sa.select(col(RoleGrant.user_id), col(User.blocked_at), col(User.password_hash))
        .join(User, col(User.id) == col(RoleGrant.user_id))
        .where(col(RoleGrant.role) == Role.ADMIN, col(RoleGrant.revoked_at).is_(None))
        .order_by(col(RoleGrant.id))
        .with_for_update(of=RoleGrant)
    )
    rows = (await session.execute(query)).all()
    left = [
        user_id
        for user_id, blocked_at, password_hash in rows
        if user_id != leaving and blocked_at is None and password_hash is not None
    ]
    if not left:
        raise LastAdmin


def _not_oneself(actor: Actor, user_id: uuid.UUID) -> None:
    if actor.user_id == user_id:
        raise Forbidden("Nobody decides about themselves.")


async def _live_grant(
    session: AsyncSession, user_id: uuid.UUID, role: Role
) -> RoleGrant:
    query = select(RoleGrant).where(
        col(RoleGrant.user_id) == user_id,
        col(RoleGrant.role) == role,
        col(RoleGrant.revoked_at).is_(None),
    )
    found = (await session.exec(query.with_for_update())).one_or_none()
    if found is None:
        raise NotFound
    return found


async def _demand_facts(session: AsyncSession, user_id: uuid.UUID, role: Role) -> None:
    owners = {
        Role.DOCTOR: col(DoctorProfile.user_id),
        Role.CLINIC: col(ClinicMember.user_id),
    }
    if role is Role.PATIENT:
        mine = col(PatientProfile.user_id) == user_id
        if not await session.scalar(sa.select(sa.exists().where(mine))):
            session.add(PatientProfile(user_id=user_id))
        await wallets.make(session, user_id)
        return
    owner = owners.get(role)
    if owner is None:
        return
    if not await session.scalar(sa.select(sa.exists().where(owner == user_id))):
        raise NotReadyForRole


async def _restart_sessions(session: AsyncSession, user: User) -> None:
    user.auth_version += 1
    await staff_sessions.end_all(session, user.id)
