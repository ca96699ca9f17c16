"""Changes that doctors ask for: curators see the difference and decide.

Locks: profile, then the request, as where the doctor asks.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, ProfileChange, User
from models.document import Requirement
from models.profile_change import ChangeStatus
from services import audit, clock, document_reviews, stale, words
from services.actor import Actor
from services.application_steps import told
from services.doctors import lock_profile
from services.document_rules import required, unproved
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    StaleVersion,
    ValidationFailed,
)
from services.i18n import gettext
from services.notifications import Notice, notify
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

MOST = 200
LONGEST_REASON = 1000


@dataclass(frozen=True)
class Difference:
    """One fact: what holds now, and what the doctor asks for."""

    name: str
    now: Any
    asked: Any


@dataclass(frozen=True)
class ChangeView:
    """A request with the doctor and what would change; papers that stand against."""

    change: ProfileChange
    user: User
    differences: Sequence[Difference]
    lacking: Sequence[Requirement]


async def waiting(
    session: AsyncSession, actor: Actor
) -> Sequence[tuple[ProfileChange, User]]:
    """List the open requests, whoever waits longest first."""
    demand(actor, Permission.APPLICATION_REVIEW)
    query = (
        select(ProfileChange, User)
        .join(User, col(User.id) == col(ProfileChange.doctor_id))
        .where(col(ProfileChange.status) == ChangeStatus.PENDING)
        .order_by(col(ProfileChange.updated_at))
        .limit(MOST)
    )
    return (await session.exec(query)).all()


async def one(session: AsyncSession, actor: Actor, change_id: uuid.UUID) -> ChangeView:
    """Show a request to a curator; the look is journalled."""
    demand(actor, Permission.APPLICATION_REVIEW)
    change = await session.get(ProfileChange, change_id)
    if change is None:
        raise NotFound
    await journal_read(session, actor, "user", change.doctor_id, "profile_change")
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == change.doctor_id)
    profile = (await session.exec(query)).one()
    user = await session.get_one(User, change.doctor_id)
    differences = [
        Difference(name, getattr(profile, name), value)
        for name, value in _typed(change.facts).items()
    ]
    lacking = await _lacking(session, profile, _typed(change.facts))
    return ChangeView(change, user, differences, lacking)


async def approve(
    session: AsyncSession, actor: Actor, change_id: uuid.UUID, version: int
) -> ProfileChange:
    """Let a change act; papers that new specializations need must be accepted."""
    change, profile = await _locked(session, actor, change_id, version)
    facts = _typed(change.facts)
    await _demand_sound(session, profile, facts)
    await _decide(session, actor, change, ChangeStatus.APPROVED)
    for name, value in facts.items():
        setattr(profile, name, value)
    await session.flush()
    # It also tells the board that the doctor has changed.
    await document_reviews.refresh_validity(session, actor, profile)
    return change


async def reject(
    session: AsyncSession,
    actor: Actor,
    change_id: uuid.UUID,
    version: int,
    reason: str,
) -> ProfileChange:
    """Refuse a change with words for the doctor; what holds goes on holding."""
    reason = told(reason, LONGEST_REASON)
    change, _ = await _locked(session, actor, change_id, version)
    change.reason = reason
    await _decide(session, actor, change, ChangeStatus.REJECTED)
    return change


async def _locked(
    session: AsyncSession, actor: Actor, change_id: uuid.UUID, version: int
) -> tuple[ProfileChange, DoctorProfile]:
    """Lock profile and request, and check what can be refused beforehand."""
    demand(actor, Permission.APPLICATION_REVIEW)
    change = await session.get(ProfileChange, change_id)
    if change is None:
        raise NotFound
    if change.doctor_id == actor.user_id:
        raise Forbidden("Nobody decides on a request of their own.")
    profile = await lock_profile(session, change.doctor_id)
    await session.refresh(change, with_for_update=True)
    if change.version != version:
        raise await _stale(session, change)
    if change.status is not ChangeStatus.PENDING:
        raise IllegalTransition("This request has been decided on already.")
    return change, profile


async def _stale(session: AsyncSession, change: ProfileChange) -> StaleVersion:
    """Tell what became of the request, by whom and how long ago."""
    who_id = change.decided_by or change.doctor_id
    who = await session.get_one(User, who_id)
    age = await clock.now(session) - change.updated_at
    return StaleVersion(
        "The request has changed meanwhile: {what}. Nothing was overwritten.",
        what=gettext(
            "{who}, «{what}», {ago}",
            who=who.short_name,
            what=words.label(change.status),
            ago=stale.time_ago(int(age.total_seconds())),
        ),
        current_version=change.version,
    )


async def _demand_sound(
    session: AsyncSession, profile: DoctorProfile, facts: Mapping[str, Any]
) -> None:
    errors = [
        {"field": f"documents.{paper}", "message": gettext("A valid paper is needed.")}
        for paper in await _lacking(session, profile, facts)
    ]
    ends = facts.get("licence_expires_on")
    if ends is not None and ends < await clock.today(session):
        message = gettext("This day has passed")
        errors.append({"field": "licence_expires_on", "message": message})
    if errors:
        raise ValidationFailed(errors=errors)


async def _lacking(
    session: AsyncSession, profile: DoctorProfile, facts: Mapping[str, Any]
) -> list[Requirement]:
    """List what only the new specializations ask for and no accepted paper proves.

    What the old ones ask for was judged when the doctor came aboard.
    """
    wanted = facts.get("specializations", profile.specializations)
    before = await required(session, profile.specializations)
    lacking = await unproved(session, profile.user_id, wanted)
    return [each for each in lacking if each not in before]


def _typed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Give the facts of a request as the columns of the profile take them."""
    days = {"licence_expires_on", "birth_date"}
    return {
        name: date.fromisoformat(value) if name in days and value else value
        for name, value in facts.items()
    }


async def _decide(
    session: AsyncSession, actor: Actor, change: ProfileChange, status: ChangeStatus
) -> None:
    """Write what was decided and by whom, and tell the doctor."""
    change.status = status
    change.version += 1
    change.decided_by, change.decided_at = actor.user_id, await clock.now(session)
    notice = Notice(f"profile_change_{status.value}", change.doctor_id)
    await notify(session, actor, notice)
    audit.record(
        session,
        actor,
        f"profile_change.{status.value}",
        "user",
        change.doctor_id,
        fields=sorted(change.facts),
        version=change.version,
    )
    await session.flush()
