"""Clinics and the people who manage their doctors."""

import uuid
from collections.abc import Sequence

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicMember, ClinicProfile, Role, User
from services import audit, people, roles
from services.actor import Actor
from services.errors import NotFound
from services.people import NewPerson
from services.permissions import Permission, demand


async def active(session: AsyncSession) -> Sequence[ClinicProfile]:
    """The clinics that a call or a doctor can be given to, by name."""
    query = select(ClinicProfile).where(col(ClinicProfile.active))
    return (await session.exec(query.order_by(col(ClinicProfile.name)))).all()


async def members(session: AsyncSession, clinic_id: uuid.UUID) -> Sequence[User]:
    """The people who manage a clinic."""
    query = (
        select(User)
        .join(ClinicMember, col(ClinicMember.user_id) == col(User.id))
        .where(col(ClinicMember.clinic_id) == clinic_id)
    )
    return (await session.exec(query.order_by(col(User.search_name)))).all()


async def add_manager(
    session: AsyncSession, actor: Actor, clinic_id: uuid.UUID, person: NewPerson
) -> tuple[User, str]:
    """Give a clinic somebody who assigns its doctors through the API."""
    demand(actor, Permission.CLINIC_MANAGE)
    clinic = await session.get(ClinicProfile, clinic_id)
    if clinic is None:
        raise NotFound
    password = people.one_time_password()
    user = await people.make(session, person, password)
    session.add(ClinicMember(clinic_id=clinic_id, user_id=user.id))
    await session.flush()
    facts = {"clinic_id": str(clinic_id)}
    audit.record(session, actor, "clinic.manager_added", "user", user.id, **facts)
    await roles.add(session, actor, user, Role.CLINIC, "clinics.add_manager")
    return user, password
