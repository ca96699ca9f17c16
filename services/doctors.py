"""Doctors as curators keep them: who they are and until when they may treat."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    ClinicProfile,
    DoctorApplication,
    DoctorProfile,
    DoctorState,
    Role,
    User,
)
from models.doctor_application import ApplicationStatus
from models.specialization import Specialization
from services import application_steps, audit, clock, live, people, roles
from services.actor import Actor
from services.errors import Forbidden, NotFound
from services.i18n import gettext
from services.inputs import Input, Latitude, Line, Longitude, wrong
from services.people import NewPerson
from services.permissions import Permission, demand
from services.plain_tables import ChangedMeanwhile

LANGUAGES = ("ru", "en", "de", "fr", "es", "zh", "hy", "ka", "uz", "tg", "kk", "uk")
Specializations = Annotated[
    tuple[Specialization, ...], Field(min_length=1, max_length=5)
]


class DoctorFacts(Input):
    """What a curator states about a doctor; the first specialization is the main."""

    specializations: Specializations
    licence_number: Annotated[Line, StringConstraints(max_length=60)]
    licence_expires_on: date
    documents_valid_until: date | None = None
    experience_years: Annotated[int, Field(ge=0, le=80)] | None = None
    languages: Annotated[tuple[str, ...], Field(max_length=8)] = ("ru",)
    clinic_id: uuid.UUID | None = None
    home_district: Annotated[Line, StringConstraints(max_length=80)] | None = None
    home_latitude: Latitude | None = None
    home_longitude: Longitude | None = None


async def create(
    session: AsyncSession, actor: Actor, person: NewPerson, facts: DoctorFacts
) -> tuple[User, str]:
    """Bring a doctor aboard: the person, the profile, the role, a first password."""
    demand(actor, Permission.DOCTOR_MANAGE)
    await _check(session, facts)
    password = people.one_time_password()
    user = await people.make(session, person, password)
    moment = await clock.now(session)
    session.add(DoctorProfile(user_id=user.id, approved_at=moment, **_columns(facts)))
    session.add(DoctorState(doctor_id=user.id))
    aboard = DoctorApplication(
        user_id=user.id, status=ApplicationStatus.APPROVED, decided_at=moment
    )
    await application_steps.remember(session, actor, aboard, "approve", None)
    audit.record(session, actor, "doctor.created", "user", user.id)
    await roles.add(session, actor, user, Role.DOCTOR, "doctors.create")
    return user, password


async def edit(
    session: AsyncSession,
    actor: Actor,
    doctor_id: uuid.UUID,
    facts: DoctorFacts,
    seen: datetime | None = None,
) -> DoctorProfile:
    """Write a doctor's facts; `seen` is the stamp of the profile that was shown."""
    demand(actor, Permission.DOCTOR_MANAGE)
    if actor.user_id == doctor_id:
        raise Forbidden("Nobody decides about themselves.")
    await _check(session, facts)
    profile = await lock_profile(session, doctor_id)
    if seen is not None and profile.updated_at != seen:
        raise ChangedMeanwhile
    columns = _columns(facts)
    changed = {n: v for n, v in columns.items() if getattr(profile, n) != v}
    before = {name: str(getattr(profile, name)) for name in changed}
    for name, value in changed.items():
        setattr(profile, name, value)
    if changed:
        after = {name: str(value) for name, value in changed.items()}
        data = {"before": before, "after": after}
        audit.record(session, actor, "doctor.changed", "user", doctor_id, **data)
        await live.announce(session, live.Topic.DOCTOR, doctor_id)
    await session.flush()
    return profile


async def lock_profile(session: AsyncSession, doctor_id: uuid.UUID) -> DoctorProfile:
    """Take a doctor's profile, as it stands once the lock is ours."""
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == doctor_id)
    fresh = query.with_for_update().execution_options(populate_existing=True)
    found = (await session.exec(fresh)).one_or_none()
    if found is None:
        raise NotFound
    return found


def _columns(facts: DoctorFacts) -> dict[str, Any]:
    columns = facts.model_dump()
    kinds = dict.fromkeys(kind.value for kind in facts.specializations)
    columns["specializations"] = list(kinds)
    columns["languages"] = list(dict.fromkeys(facts.languages)) or ["ru"]
    return columns


async def _check(session: AsyncSession, facts: DoctorFacts) -> None:
    if (facts.home_latitude is None) != (facts.home_longitude is None):
        raise wrong("home_longitude", gettext("Latitude and longitude go together"))
    if set(facts.languages) - set(LANGUAGES):
        raise wrong("languages", gettext("This value does not fit."))
    if facts.clinic_id is not None:
        clinic = await session.get(ClinicProfile, facts.clinic_id)
        if clinic is None or not clinic.active:
            raise wrong("clinic_id", gettext("There is no such clinic."))
