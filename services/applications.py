"""Applications of doctors: one function for each verb.

Locks: the application, then the bookings that are taken off, then the doctor's
profile, then the person.
"""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, DoctorApplication, DoctorProfile, DoctorState
from models.doctor_application import ApplicationVerb
from models.role_grant import Role
from services import (
    application_steps,
    assignments,
    audit,
    clock,
    document_reviews,
    documents,
    live,
    roles,
)
from services.actor import Actor
from services.application_facts import (
    ApplicationFacts,
    columns,
    is_over,
    missing_facts,
)
from services.application_steps import Step, begin, begin_own, finish, told
from services.births import demand_born
from services.doctors import lock_profile
from services.eligibility import lock_doctors
from services.errors import Conflict, ValidationFailed
from services.i18n import gettext
from services.permissions import Permission, demand

V = ApplicationVerb
LONGEST_SUSPENSION = 1000


async def save(
    session: AsyncSession, actor: Actor, facts: ApplicationFacts
) -> tuple[DoctorApplication, bool]:
    """Begin an application or fill in more of it; tells whether it is new."""
    demand(actor, Permission.APPLICATION_OWN)
    given = facts.model_dump(mode="json", exclude_unset=True)
    await demand_born(session, facts.birth_date)
    if await application_steps.locked_own(session, actor.user_id) is None:
        # Two first savings of one person take turns, so that the second one edits.
        await roles.lock_user(session, actor.user_id)
        if await application_steps.locked_own(session, actor.user_id) is None:
            return await _begin(session, actor, given), True
    step = await begin_own(session, actor, V.EDIT)
    step.application.facts = step.application.facts | given
    await finish(step, fields=sorted(given))
    return step.application, False


async def _begin(
    session: AsyncSession, actor: Actor, facts: dict[str, Any]
) -> DoctorApplication:
    made = DoctorApplication(user_id=actor.user_id, facts=facts)
    await application_steps.remember(session, actor, made, "create", None)
    audit.record(session, actor, "application.create", "user", actor.user_id)
    await session.flush()
    return made


async def submit(session: AsyncSession, actor: Actor) -> DoctorApplication:
    """Hand the application in; ValidationFailed lists everything that is missing."""
    step = await begin_own(session, actor, V.SUBMIT)
    await _demand_complete(step, await documents.missing(session, step.application))
    step.application.submitted_at = step.now
    step.application.reason = None
    await finish(step)
    return step.application


async def withdraw(session: AsyncSession, actor: Actor) -> DoctorApplication:
    """Take one's own application back; a new one may follow."""
    step = await begin_own(session, actor, V.WITHDRAW)
    step.application.decided_at = step.now
    await finish(step)
    return step.application


async def ask_more(
    session: AsyncSession,
    actor: Actor,
    application_id: uuid.UUID,
    version: int,
    reason: str,
) -> DoctorApplication:
    """Give the application back with words on what is missing."""
    step = await begin(session, actor, V.ASK_MORE, application_id, version)
    return await _with_reason(step, reason)


async def reject(
    session: AsyncSession,
    actor: Actor,
    application_id: uuid.UUID,
    version: int,
    reason: str,
) -> DoctorApplication:
    """Refuse the application; the person may apply anew."""
    step = await begin(session, actor, V.REJECT, application_id, version)
    step.application.decided_at = step.now
    return await _with_reason(step, reason)


async def approve(
    session: AsyncSession, actor: Actor, application_id: uuid.UUID, version: int
) -> DoctorApplication:
    """Make the applicant a doctor: profile, state and role in this transaction.

    Every required paper must be accepted. The facts move to the profile, so that
    they stand in one place.
    """
    step = await begin(session, actor, V.APPROVE, application_id, version)
    application = step.application
    await _demand_complete(step, await documents.unaccepted(session, application))
    # A profile of earlier days is locked before its person, as by who blocks them.
    await lock_doctors(session, application.user_id)
    user = await roles.lock_user(session, application.user_id)
    held = await roles.roles_of(session, user.id)
    if user.blocked_at is not None or not roles.compatible(held, Role.DOCTOR):
        raise Conflict("This person cannot work as a doctor here.")
    await _write_profile(step)
    if Role.DOCTOR not in held:
        await roles.add(session, actor, user, Role.DOCTOR, "application")
    application.facts = {}
    application.reason = None
    application.decided_at = step.now
    await finish(step)
    await live.announce(session, live.Topic.DOCTOR, user.id)
    return application


async def suspend(
    session: AsyncSession,
    actor: Actor,
    application_id: uuid.UUID,
    version: int,
    reason: str,
) -> Sequence[Booking]:
    """Stop a doctor's work; gives the visits not begun that went back."""
    reason = told(reason, LONGEST_SUSPENSION)
    step = await begin(session, actor, V.SUSPEND, application_id, version)
    doctor_id = step.application.user_id
    # First the calls, then the doctor: everybody locks in this order.
    lost = await assignments.unassign_all(session, actor, doctor_id, reason)
    profile = await lock_profile(session, doctor_id)
    profile.suspended_at, profile.suspended_reason = step.now, reason
    step.application.decided_at = step.now
    await session.execute(
        sa.update(DoctorState)
        .where(col(DoctorState.doctor_id) == profile.user_id)
        .values(on_duty=False, duty_changed_at=step.now)
    )
    await _with_reason(step, reason, unassigned=[booking.label for booking in lost])
    await live.announce(session, live.Topic.DOCTOR, profile.user_id)
    return lost


async def restore(
    session: AsyncSession, actor: Actor, application_id: uuid.UUID, version: int
) -> DoctorApplication:
    """Let a suspended doctor work again."""
    step = await begin(session, actor, V.RESTORE, application_id, version)
    profile = await lock_profile(session, step.application.user_id)
    profile.suspended_at = profile.suspended_reason = None
    step.application.reason = None
    step.application.decided_at = step.now
    await finish(step)
    await live.announce(session, live.Topic.DOCTOR, profile.user_id)
    return step.application


async def _with_reason(step: Step, reason: str, **data: Any) -> DoctorApplication:
    step.application.reason = told(reason)
    await finish(step, step.application.reason, **data)
    return step.application


async def _demand_complete(step: Step, papers: Sequence[str]) -> None:
    day = await clock.today(step.session)
    facts = step.application.facts
    errors = [
        {"field": name, "message": _needed(name, over=is_over(facts, day))}
        for name in missing_facts(facts, day)
    ]
    errors += [
        {"field": f"documents.{paper}", "message": gettext("A valid paper is needed.")}
        for paper in papers
    ]
    if errors:
        raise ValidationFailed(errors=errors)


def _needed(name: str, *, over: bool) -> str:
    if name == "licence_expires_on" and over:
        return gettext("The licence has expired.")
    return gettext("This field is needed")


async def _write_profile(step: Step) -> None:
    session, user_id = step.session, step.application.user_id
    values = columns(step.application)
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == user_id)
    profile = (await session.exec(query)).one_or_none()
    if profile is None:
        profile = DoctorProfile(user_id=user_id, **values)
        session.add(profile)
    for name, value in values.items():
        setattr(profile, name, value)
    profile.approved_at = step.now
    profile.suspended_at = profile.suspended_reason = None
    await session.flush()
    await document_reviews.refresh_validity(session, step.actor, profile)
    state = select(DoctorState).where(col(DoctorState.doctor_id) == user_id)
    if (await session.exec(state)).one_or_none() is None:
        session.add(DoctorState(doctor_id=user_id))
