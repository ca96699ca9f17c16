"""The account holder's own medical facts."""

from typing import Annotated

from pydantic import StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import PatientProfile
from models.patient_profile import BloodType, Sex
from services import audit, births
from services.actor import Actor
from services.inputs import BirthDate, Input, Line, Prose
from services.permissions import Permission, demand

Facts = Annotated[Prose, StringConstraints(max_length=2000)]


class ProfileInput(Input):
    """All of the profile: what is left out is emptied."""

    birth_date: BirthDate | None = None
    sex: Sex | None = None
    blood_type: BloodType | None = None
    insurance_number: Annotated[Line, StringConstraints(max_length=32)] | None = None
    allergies: Facts | None = None
    chronic_conditions: Facts | None = None
    emergency_contact: Annotated[Line, StringConstraints(max_length=300)] | None = None


async def read(session: AsyncSession, actor: Actor) -> PatientProfile:
    """Give one's own profile, empty if nothing was ever said."""
    demand(actor, Permission.PATIENT_PROFILE_OWN)
    mine = col(PatientProfile.user_id) == actor.user_id
    found = (await session.exec(select(PatientProfile).where(mine))).one_or_none()
    return found or PatientProfile(user_id=actor.user_id)


async def replace(
    session: AsyncSession, actor: Actor, facts: ProfileInput
) -> PatientProfile:
    """Replace one's own profile; the journal keeps which facts changed, not what."""
    profile = await read(session, actor)
    await births.demand_born(session, facts.birth_date)
    changed = []
    for field, value in facts.model_dump().items():
        if getattr(profile, field) != value:
            setattr(profile, field, value)
            changed.append(field)
    session.add(profile)
    audit.record(
        session, actor, "profile.replaced", "user", actor.user_id, fields=changed
    )
    return profile
