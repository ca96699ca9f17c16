"""The core of every verb of applications: lock, permission, edge, version, history."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ApplicationEvent, DoctorApplication, User
from models.doctor_application import (
    APPLICATION_EDGES,
    OVER,
    ApplicationStatus,
    ApplicationVerb,
)
from services import audit, clock, russian, stale
from services.actor import Actor
from services.errors import Forbidden, IllegalTransition, NotFound, StaleVersion
from services.i18n import Lazy, gettext
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand

V = ApplicationVerb
PERMISSIONS: Mapping[ApplicationVerb, Permission] = {
    V.EDIT: Permission.APPLICATION_OWN,
    V.SUBMIT: Permission.APPLICATION_OWN,
    V.WITHDRAW: Permission.APPLICATION_OWN,
    V.ASK_MORE: Permission.APPLICATION_REVIEW,
    V.APPROVE: Permission.APPLICATION_REVIEW,
    V.REJECT: Permission.APPLICATION_REVIEW,
    V.SUSPEND: Permission.DOCTOR_SUSPEND,
    V.RESTORE: Permission.DOCTOR_SUSPEND,
}
OWN = frozenset({V.EDIT, V.SUBMIT, V.WITHDRAW})
NOTICES: Mapping[ApplicationVerb, str] = {
    V.SUBMIT: "application_submitted",
    V.ASK_MORE: "application_more_info",
    V.APPROVE: "application_approved",
    V.REJECT: "application_rejected",
    V.SUSPEND: "application_suspended",
    V.RESTORE: "application_restored",
}
# {a} is the feminine ending of the Russian verb; English has no use for it.
DONE: Mapping[str, Lazy] = {
    V.EDIT: Lazy("{who} edited the application {ago}"),
    V.SUBMIT: Lazy("{who} submitted the application {ago}"),
    V.WITHDRAW: Lazy("{who} withdrew the application {ago}"),
    V.ASK_MORE: Lazy("{who} asked the applicant for more {ago}"),
    V.APPROVE: Lazy("{who} approved the application {ago}"),
    V.REJECT: Lazy("{who} rejected the application {ago}"),
    V.SUSPEND: Lazy("{who} suspended the doctor {ago}"),
    V.RESTORE: Lazy("{who} lifted the suspension {ago}"),
}
BY_ITSELF = Lazy("the application was changed {ago}")
LONGEST_REASON = 2000


@dataclass(frozen=True)
class Step:
    """One verb under way, with the application locked."""

    session: AsyncSession
    actor: Actor
    verb: ApplicationVerb
    application: DoctorApplication
    now: datetime


async def begin_own(session: AsyncSession, actor: Actor, verb: ApplicationVerb) -> Step:
    """Lock one's own live application and check the edge."""
    demand(actor, PERMISSIONS[verb])
    application = await locked_own(session, actor.user_id)
    if application is None:
        raise NotFound("There is no application.")
    return await _checked(session, actor, verb, application)


async def begin(
    session: AsyncSession,
    actor: Actor,
    verb: ApplicationVerb,
    application_id: uuid.UUID,
    version: int,
) -> Step:
    """Lock an application for a curator who saw it at this version."""
    demand(actor, PERMISSIONS[verb])
    query = select(DoctorApplication).where(col(DoctorApplication.id) == application_id)
    fresh = query.with_for_update().execution_options(populate_existing=True)
    application = (await session.exec(fresh)).one_or_none()
    if application is None:
        raise NotFound
    if application.user_id == actor.user_id:
        raise Forbidden("Nobody decides on an application of their own.")
    if application.version != version:
        raise await _stale(session, application)
    return await _checked(session, actor, verb, application)


async def locked_own(
    session: AsyncSession, user_id: uuid.UUID
) -> DoctorApplication | None:
    """Take the person's live application, as it stands once the lock is ours."""
    query = select(DoctorApplication).where(
        col(DoctorApplication.user_id) == user_id,
        col(DoctorApplication.status).not_in(OVER),
    )
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return (await session.exec(fresh)).one_or_none()


async def _checked(
    session: AsyncSession,
    actor: Actor,
    verb: ApplicationVerb,
    application: DoctorApplication,
) -> Step:
    sources, _ = APPLICATION_EDGES[verb]
    if application.status not in sources:
        raise IllegalTransition(
            "This cannot be done with an application in its present state."
        )
    return Step(session, actor, verb, application, await clock.now(session))


async def _stale(session: AsyncSession, application: DoctorApplication) -> StaleVersion:
    """Make the refusal that tells a curator who did what, and when."""
    query = (
        select(ApplicationEvent, User)
        .outerjoin(User, col(User.id) == col(ApplicationEvent.actor_id))
        .where(
            col(ApplicationEvent.application_id) == application.id,
            col(ApplicationEvent.version) == application.version,
        )
    )
    event, who = (await session.exec(query)).one()
    age = await clock.now(session) - event.created_at
    ago = stale.time_ago(int(age.total_seconds()))
    if who is None or event.event not in DONE:
        what = gettext(BY_ITSELF, ago=ago)
    else:
        feminine = russian.is_feminine(who.first_name, who.middle_name)
        ending = "а" if feminine else ""
        what = gettext(DONE[event.event], who=who.short_name, a=ending, ago=ago)
    return StaleVersion(
        "The application has changed meanwhile: {what}. Nothing was overwritten.",
        what=what,
        current_version=application.version,
    )


async def finish(step: Step, comment: str | None = None, **data: Any) -> None:
    """Write the step: status, version, history, journal and the applicant's notice."""
    application, was = step.application, step.application.status
    application.status = APPLICATION_EDGES[step.verb][1] or was
    application.version += 1
    await remember(step.session, step.actor, application, step.verb, was, comment)
    kind = NOTICES.get(step.verb)
    if kind is not None:
        await notify(step.session, step.actor, Notice(kind, application.user_id))
    audit.record(
        step.session,
        step.actor,
        f"application.{step.verb.value}",
        "user",
        application.user_id,
        version=application.version,
        **data,
    )
    await step.session.flush()


async def remember(
    session: AsyncSession,
    actor: Actor,
    application: DoctorApplication,
    event: str,
    was: ApplicationStatus | None,
    comment: str | None = None,
) -> None:
    """Append the row of history that belongs to the application's version."""
    session.add(application)
    await session.flush()
    session.add(
        ApplicationEvent(
            application_id=application.id,
            version=application.version,
            event=str(event),
            from_status=was,
            to_status=application.status,
            actor_id=actor.user_id,
            acting_as=actor.acting_as,
            via=actor.via.value,
            comment=comment,
        )
    )


def told(reason: str, most: int = LONGEST_REASON) -> str:
    """Check the words that a curator gives to the applicant."""
    reason = reason.strip()
    if not 1 <= len(reason) <= most:
        said = gettext("Give a reason of at most {most} characters.", most=most)
        raise wrong("reason", said)
    return reason
