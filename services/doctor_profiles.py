"""A doctor's own profile: some facts act at once, others wait for a curator.

Locks: profile, then the open request.
"""

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic_core import to_jsonable_python
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, ProfileChange
from models.profile_change import ChangeStatus
from services import audit, clock, live
from services.actor import Actor
from services.application_facts import (
    District,
    Languages,
    Licence,
    Story,
    Years,
)
from services.births import demand_born
from services.doctors import LANGUAGES, Specializations, lock_profile
from services.errors import NotFound
from services.i18n import gettext
from services.inputs import (
    BirthDate,
    Input,
    Latitude,
    Longitude,
    without_default,
    wrong,
)
from services.permissions import Permission, demand

# What the service relies on, and so a curator looks at first.
REVIEWED = frozenset(
    {
        "specializations",
        "licence_number",
        "licence_expires_on",
        "education",
        "experience_years",
        "birth_date",
    }
)
_SINCE = date(1900, 1, 1)


class DoctorProfileInput(Input):
    """What doctors say about themselves; absent fields stay as they are."""

    languages: Languages = Field(("ru",), json_schema_extra=without_default)
    about: Story | None = Field(None, json_schema_extra=without_default)
    home_district: District | None = Field(None, json_schema_extra=without_default)
    home_latitude: Latitude | None = Field(None, json_schema_extra=without_default)
    home_longitude: Longitude | None = Field(None, json_schema_extra=without_default)
    specializations: Specializations = Field((), json_schema_extra=without_default)
    licence_number: Licence = Field("", json_schema_extra=without_default)
    licence_expires_on: date = Field(_SINCE, json_schema_extra=without_default)
    education: Story | None = Field(None, json_schema_extra=without_default)
    experience_years: Years | None = Field(None, json_schema_extra=without_default)
    birth_date: BirthDate | None = Field(None, json_schema_extra=without_default)

    @model_validator(mode="after")
    def _fit(self) -> Self:
        given = self.model_fields_set & {"home_latitude", "home_longitude"}
        half = (self.home_latitude is None) != (self.home_longitude is None)
        if half or len(given) == 1:
            raise ValueError(gettext("Latitude and longitude go together"))
        if set(self.languages) - set(LANGUAGES):
            raise ValueError(gettext("This value does not fit."))
        return self


@dataclass(frozen=True)
class OwnProfile:
    """What holds now, and the last request with what became of it."""

    profile: DoctorProfile
    change: ProfileChange | None


async def read(session: AsyncSession, actor: Actor) -> OwnProfile:
    """Show a doctor their own profile."""
    demand(actor, Permission.PROFILE_OWN)
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == actor.user_id)
    profile = (await session.exec(query)).one_or_none()
    if profile is None:
        raise NotFound
    return OwnProfile(profile, await _last_change(session, actor.user_id))


async def replace(
    session: AsyncSession, actor: Actor, facts: DoctorProfileInput
) -> OwnProfile:
    """Write one's own facts: what needs a curator waits, the rest acts at once."""
    demand(actor, Permission.PROFILE_OWN)
    profile = await lock_profile(session, actor.user_id)
    given = facts.model_dump(mode="python", exclude_unset=True)
    for name in ("specializations", "languages"):
        if name in given:
            given[name] = list(dict.fromkeys(map(str, given[name])))
    differing = {n: v for n, v in given.items() if getattr(profile, n) != v}
    asked = {n: v for n, v in differing.items() if n in REVIEWED}
    await _demand_sense(session, asked)
    await _act(session, actor, profile, differing)
    if given.keys() & REVIEWED:
        await _ask(session, actor, to_jsonable_python(asked))
    await session.flush()
    await session.refresh(profile)
    return OwnProfile(profile, await _last_change(session, actor.user_id))


async def _demand_sense(session: AsyncSession, asked: dict[str, Any]) -> None:
    await demand_born(session, asked.get("birth_date"))
    ends = asked.get("licence_expires_on")
    if ends is not None and ends < await clock.today(session):
        raise wrong("licence_expires_on", gettext("This day has passed"))


async def _act(
    session: AsyncSession,
    actor: Actor,
    profile: DoctorProfile,
    differing: dict[str, Any],
) -> None:
    """Write what needs nobody's word."""
    free = {n: v for n, v in differing.items() if n not in REVIEWED}
    if not free:
        return
    for name, value in free.items():
        setattr(profile, name, value)
    audit.record(
        session,
        actor,
        "doctor.changed",
        "user",
        actor.user_id,
        fields=sorted(free),
    )
    await live.announce(session, live.Topic.DOCTOR, actor.user_id)


async def _ask(session: AsyncSession, actor: Actor, asked: dict[str, Any]) -> None:
    """Make, replace or take back the one request that is open."""
    change = await open_change(session, actor.user_id)
    if change is None:
        if not asked:
            return
        change = ProfileChange(doctor_id=actor.user_id, facts=asked)
        session.add(change)
    elif change.facts == asked:
        return
    else:
        change.version += 1
        if asked:
            change.facts = asked
        else:
            change.status = ChangeStatus.WITHDRAWN
    await session.flush()
    verb = "asked" if asked else "withdrawn"
    audit.record(
        session,
        actor,
        f"profile_change.{verb}",
        "user",
        actor.user_id,
        fields=sorted(asked),
        version=change.version,
    )


async def open_change(
    session: AsyncSession, doctor_id: uuid.UUID
) -> ProfileChange | None:
    """Take the doctor's open request, as it stands once the lock is ours."""
    query = select(ProfileChange).where(
        col(ProfileChange.doctor_id) == doctor_id,
        col(ProfileChange.status) == ChangeStatus.PENDING,
    )
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return (await session.exec(fresh)).one_or_none()


async def _last_change(
    session: AsyncSession, doctor_id: uuid.UUID
) -> ProfileChange | None:
    query = (
        select(ProfileChange)
        .where(col(ProfileChange.doctor_id) == doctor_id)
        .order_by(col(ProfileChange.id).desc())
        .limit(1)
    )
    return (await session.exec(query)).one_or_none()
