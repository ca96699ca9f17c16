"""The people of the house: created, blocked and given passwords by an administrator."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Role, User
from models.booking import ACTIVE
from models.role_grant import STAFF_ROLES
from services import (
    assignments,
    audit,
    clock,
    open_money,
    passwords,
    people,
    rate_limits,
    refresh_tokens,
    roles,
    staff_sessions,
    telegram_ending,
)
from services.actor import Actor
from services.errors import Forbidden, NotFound, OpenObligations, ValidationFailed
from services.i18n import gettext
from services.inputs import wrong
from services.people import NewPerson
from services.permissions import Permission, demand, may
from services.staff_sessions import Staff

SHORTEST_PASSWORD = passwords.SHORTEST_OF_STAFF


async def create_staff(
    session: AsyncSession, actor: Actor, person: NewPerson, role: Role, reason: str
) -> tuple[User, str]:
    """Make a member of staff; the password is shown once and must be changed."""
    demand(actor, Permission.STAFF_CREATE)
    if role not in STAFF_ROLES:
        raise wrong("role", gettext("This is no staff role."))
    password = people.one_time_password()
    user = await people.make(session, person, password)
    audit.record(session, actor, "staff.created", "user", user.id, role=role.value)
    await roles.add(session, actor, user, role, reason)
    return user, password


async def create_admin(
    session: AsyncSession,
    actor: Actor,
    *,
    email: str,
    first_name: str,
    last_name: str,
    password: str,
) -> User:
    """Make an administrator from the command line, the first one above all.

    The operator chooses the password, so it need not be changed.
    """
    demand(actor, Permission.MAINTENANCE)
    person = _person(email, first_name, last_name)
    names = (email, first_name, last_name)
    passwords.demand_strong(password, SHORTEST_PASSWORD, unlike=names)
    user = await people.make(session, person, password)
    user.must_change_password = False
    audit.record(session, actor, "staff.created", "user", user.id, role="admin")
    await roles.add(session, actor, user, Role.ADMIN, "create-admin")
    return user


def _person(email: str, first_name: str, last_name: str) -> NewPerson:
    typed = {"email": email, "first_name": first_name, "last_name": last_name}
    try:
        return NewPerson.model_validate(typed)
    except ValidationError as error:
        fields = [str(each["loc"][0]) for each in error.errors()]
        raise ValidationFailed(
            "Some fields are wrong: {fields}.", fields=", ".join(fields)
        ) from error


async def renew_password(
    session: AsyncSession, actor: Actor, user_id: uuid.UUID
) -> str:
    """Give a member of staff who forgot it a one-time password; sessions end."""
    demand(actor, Permission.STAFF_CREATE)
    user = await roles.lock_user(session, user_id)
    if not STAFF_ROLES & await roles.roles_of(session, user_id):
        raise NotFound
    password = await people.renew_password(user)
    await staff_sessions.end_all(session, user_id)
    await refresh_tokens.revoke_all(session, user_id)
    await telegram_ending.end(session, actor, user_id, "password_changed")
    audit.record(session, actor, "staff.password_renewed", "user", user_id)
    return password


async def change_own_password(
    session: AsyncSession, staff: Staff, current: str, new: str
) -> None:
    """Replace one's own password; every other session of the person ends."""
    user = await roles.lock_user(session, staff.user_id)
    if not await passwords.verify(current, user.password_hash):
        raise wrong("current_password", gettext("The present password is wrong."))
    if new == current:
        raise wrong("new_password", gettext("Choose another password than before."))
    names = (user.email, user.phone, user.first_name, user.last_name)
    passwords.demand_strong(new, SHORTEST_PASSWORD, unlike=names, field="new_password")
    user.password_hash = await passwords.hash(new)
    user.must_change_password = False
    user.auth_version += 1
    await staff_sessions.end_all(session, user.id, keep=staff.session_id)
    await staff_sessions.go_on(session, staff.session_id, user.auth_version)
    await refresh_tokens.revoke_all(session, user.id)
    await rate_limits.forgive(session, user.id)
    await telegram_ending.end(session, staff.actor, user.id, "password_changed")
    audit.record(session, staff.actor, "staff.password_changed", "user", user.id)


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


async def block(
    session: AsyncSession, actor: Actor, user_id: uuid.UUID, reason: str
) -> Sequence[Booking]:
    """Shut a person out at once; a doctor's visits not begun go back to the queue.

    Gives the calls that were taken off. An admin may block anybody but the last
    admin, a curator doctors only, and nobody themselves.
    """
    if actor.user_id == user_id:
        raise Forbidden("Nobody decides about themselves.")
    held = await roles.roles_of(session, user_id)
    _demand_block(actor, held)
    lost: Sequence[Booking] = ()
    if Role.DOCTOR in held:
        # First the calls, then the person: everybody locks in this order.
        lost = await assignments.unassign_all(session, actor, user_id, reason)
    user = await roles.lock_user(session, user_id)
    if user.blocked_at is not None:
        return lost
    await _demand_free(session, user_id)
    if Role.ADMIN in held:
        await roles.demand_another_admin(session, user_id)
    user.blocked_at = await clock.now(session)
    user.blocked_reason = reason
    user.auth_version += 1
    await staff_sessions.end_all(session, user_id)
    await refresh_tokens.revoke_all(session, user_id)
    numbers = [booking.label for booking in lost]
    facts = {"reason": reason, "unassigned": numbers}
    audit.record(session, actor, "user.blocked", "user", user_id, **facts)
    await telegram_ending.end(session, actor, user_id, "blocked")
    return lost


async def unblock(
    session: AsyncSession, actor: Actor, user_id: uuid.UUID, reason: str
) -> None:
    """Let a person in again; they have to sign in anew."""
    held = await roles.roles_of(session, user_id)
    _demand_block(actor, held)
    user = await roles.lock_user(session, user_id)
    if user.blocked_at is None:
        return
    user.blocked_at, user.blocked_reason = None, None
    audit.record(session, actor, "user.unblocked", "user", user_id, reason=reason)


def _demand_block(actor: Actor, held: frozenset[Role]) -> None:
    if Role.DOCTOR in held and not held & STAFF_ROLES:
        demand(actor, Permission.DOCTOR_BLOCK)
    elif may(actor.acting_as, Permission.USER_BLOCK):
        return
    elif may(actor.acting_as, Permission.DOCTOR_BLOCK):
        # A curator is not told who else exists.
        raise NotFound
    else:
        raise Forbidden


async def _demand_free(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Refuse while calls of the person's own are not finished, or money is open."""
    open_calls = sa.select(col(Booking.number)).where(
        col(Booking.patient_id) == user_id, col(Booking.status).in_(ACTIVE)
    )
    numbers = (await session.scalars(open_calls)).all()
    if numbers:
        raise OpenObligations(
            "Open calls stand in the way: {calls}.",
            calls=", ".join(f"B-{number}" for number in numbers),
        )
    await open_money.demand_none(session, [user_id])
