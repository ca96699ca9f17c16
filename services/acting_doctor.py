"""For which doctor somebody acts."""

import uuid

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile
from models.role_grant import Role
from services.actor import Actor
from services.errors import Forbidden, NotFound
from services.permissions import Permission, demand


async def acting_doctor(
    session: AsyncSession,
    actor: Actor,
    permission: Permission,
    doctor_id: uuid.UUID | None,
) -> uuid.UUID:
    """Doctors act for themselves, staff says for whom; gives a doctor that exists.

    Raises Forbidden for another doctor, NotFound where there is no such doctor.
    """
    demand(actor, permission)
    if actor.acting_as is Role.DOCTOR:
        if doctor_id not in {None, actor.user_id}:
            raise Forbidden
        doctor_id = actor.user_id
    query = select(DoctorProfile.user_id).where(col(DoctorProfile.user_id) == doctor_id)
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise NotFound("There is no such doctor.")
    return found
