"""Managers of clinics: invited by a curator, aboard once they set a password.

A link is signed, good for a week and for one use; the table keeps a keyed hash of
its secret part only. Its address is the fixed one of the settings, never a header.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicMember, ClinicProfile, RoleGrant, User, VerificationCode
from models.notification import NotificationChannel
from models.role_grant import Role
from models.verification_code import Channel, Purpose
from services import (
    audit,
    clock,
    erasure,
    links,
    passwords,
    people,
    refresh_tokens,
    roles,
)
from services.actor import SYSTEM, Actor, Via
from services.config import get_settings
from services.errors import Conflict, NotFound
from services.inputs import Email, Input, Name
from services.notifications import Notice, notify
from services.people import NewPerson
from services.permissions import Permission, demand
from services.sealing import is_keyed_hash, keyed_hash

DAYS = 7
PATH = "/invitation"


class Invitee(Input):
    """Whom a curator invites; the e-mail is where the link goes."""

    first_name: Name
    last_name: Name
    middle_name: Name | None = None
    email: Email


class InvitationOver(Conflict):
    """Used, revoked, run out or never made: one answer for all."""

    code = "invitation_over"
    text = "This invitation is no longer good. Ask the curator for a new one."


@dataclass(frozen=True)
class Invitation:
    """An open invitation with the person it is for."""

    code: VerificationCode
    user: User


async def invite(
    session: AsyncSession, actor: Actor, clinic_id: uuid.UUID, invitee: Invitee
) -> User:
    """Make an account without a password or a role, and send its owner the link."""
    demand(actor, Permission.CLINIC_INVITE)
    clinic = await session.get(ClinicProfile, clinic_id)
    if clinic is None:
        raise NotFound
    user = await people.make(session, NewPerson(**invitee.model_dump()), None)
    now = await clock.now(session)
    secret = secrets.token_urlsafe(32)
    code = VerificationCode(
        user_id=user.id,
        purpose=Purpose.INVITATION,
        channel=Channel.EMAIL,
        address=invitee.email,
        code_hash=keyed_hash(Purpose.INVITATION, secret),
        expires_at=now + timedelta(days=DAYS),
        clinic_id=clinic_id,
    )
    session.add(code)
    await session.flush()
    token = links.sign(Purpose.INVITATION, code.id, secret)
    link = f"{get_settings().base_url}{PATH}?token={token}"
    way = NotificationChannel.EMAIL
    notice = Notice("clinic_invitation", user.id, way, invitee.email, secret=link)
    await notify(session, actor, notice)
    facts = {"clinic_id": str(clinic_id)}
    audit.record(session, actor, "clinic.manager_invited", "user", user.id, **facts)
    return user


async def open_ones(
    session: AsyncSession, actor: Actor, clinic_id: uuid.UUID
) -> Sequence[Invitation]:
    """List the invitations of a clinic that can still be accepted."""
    demand(actor, Permission.CLINIC_READ)
    query = (
        select(VerificationCode, User)
        .join(User, col(User.id) == col(VerificationCode.user_id))
        .where(_open(), col(VerificationCode.clinic_id) == clinic_id)
    )
    rows = await session.exec(query.order_by(col(VerificationCode.id)))
    return [Invitation(*row) for row in rows.all()]


async def revoke(
    session: AsyncSession, actor: Actor, clinic_id: uuid.UUID, code_id: uuid.UUID
) -> None:
    """Take an invitation back; nothing of who was invited stays."""
    demand(actor, Permission.CLINIC_INVITE)
    found = await _lock(session, code_id)
    if found is None or found.clinic_id != clinic_id:
        raise NotFound
    user_id = found.user_id
    facts = {"clinic_id": str(clinic_id)}
    audit.record(session, actor, "clinic.invitation_revoked", "user", user_id, **facts)
    # The code is deleted with everything else about the account that never was.
    await erasure.forget(session, actor, await erasure.lock(session, user_id))


async def look(session: AsyncSession, token: str) -> tuple[Invitation, ClinicProfile]:
    """Show what a link invites to; InvitationOver when it is no longer good."""
    code = await _lock(session, *_read(token))
    if code is None:
        raise InvitationOver
    user = await session.get_one(User, code.user_id)
    return Invitation(code, user), await session.get_one(ClinicProfile, code.clinic_id)


async def accept(session: AsyncSession, token: str, password: str) -> None:
    """Set the password, prove the e-mail, and act for the clinic from now on."""
    invitation, clinic = await look(session, token)
    user = invitation.user
    unlike = (user.email, user.first_name, user.last_name)
    passwords.demand_strong(password, unlike=unlike, field="new_password")
    now = await clock.now(session)
    user.password_hash = await passwords.hash(password)
    user.email_verified_at = now
    invitation.code.used_at = now
    session.add(ClinicMember(clinic_id=clinic.id, user_id=user.id))
    await session.flush()
    actor = Actor(user.id, Role.CLINIC, Via.API)
    facts = {"clinic_id": str(clinic.id)}
    audit.record(session, actor, "clinic.invitation_accepted", "user", user.id, **facts)
    await roles.add(session, SYSTEM, user, Role.CLINIC, "clinic invitation")


async def remove_manager(
    session: AsyncSession,
    actor: Actor,
    clinic_id: uuid.UUID,
    user_id: uuid.UUID,
    reason: str,
) -> None:
    """Take a clinic from its manager; their next request is refused already."""
    demand(actor, Permission.CLINIC_MANAGE)
    user = await roles.lock_user(session, user_id)
    member = await session.scalar(
        sa.delete(ClinicMember)
        .where(
            col(ClinicMember.user_id) == user_id,
            col(ClinicMember.clinic_id) == clinic_id,
        )
        .returning(col(ClinicMember.id))
    )
    if member is None:
        raise NotFound
    await session.execute(
        sa.update(RoleGrant)
        .where(
            col(RoleGrant.user_id) == user_id,
            col(RoleGrant.role) == Role.CLINIC,
            col(RoleGrant.revoked_at).is_(None),
        )
        .values(
            revoked_at=sa.func.app_now(),
            revoked_by=actor.user_id,
            revoke_reason=reason,
        )
    )
    user.auth_version += 1
    await refresh_tokens.revoke_all(session, user_id)
    facts = {"clinic_id": str(clinic_id), "reason": reason}
    audit.record(session, actor, "clinic.manager_removed", "user", user_id, **facts)


def _open() -> sa.ColumnElement[bool]:
    return sa.and_(
        col(VerificationCode.purpose) == Purpose.INVITATION,
        col(VerificationCode.used_at).is_(None),
        col(VerificationCode.burnt_at).is_(None),
        col(VerificationCode.expires_at) > sa.func.app_now(),
    )


async def _lock(
    session: AsyncSession, code_id: uuid.UUID, secret: str | None = None
) -> VerificationCode | None:
    """Take an open invitation; with a secret, only if it is the right one."""
    query = select(VerificationCode).where(_open(), col(VerificationCode.id) == code_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    found = (await session.exec(locked)).one_or_none()
    if found is None or secret is None:
        return found
    right = is_keyed_hash(found.code_hash, Purpose.INVITATION, secret)
    return found if right else None


def _read(token: str) -> tuple[uuid.UUID, str]:
    opened = links.read(Purpose.INVITATION, token)
    if opened is None:
        raise InvitationOver
    return opened
