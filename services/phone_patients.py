"""The person on the phone: found by the number, or made a patient at once."""

import uuid

from sqlalchemy import ScalarResult
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import PatientProfile, RoleGrant, User
from models.base import uuid7
from models.role_grant import Role
from services import audit, births, wallets
from services.actor import Actor
from services.booking_drafts import CallerInput
from services.errors import NotFound
from services.inputs import wrong


async def find_or_make(
    session: AsyncSession, actor: Actor, caller: CallerInput
) -> uuid.UUID:
    """Give the id of whoever has this number; an unknown one becomes a patient.

    The new account has no password; two dispatchers who enter the same number
    at the same moment get one patient.
    """
    known = (await _by_phone(session, caller.phone)).one_or_none()
    if known is not None:
        return known
    for field in ("first_name", "last_name"):
        if getattr(caller, field) is None:
            raise wrong(field)
    await births.demand_born(session, caller.birth_date)
    user_id = await _insert(session, caller)
    if user_id is None:
        return (await _by_phone(session, caller.phone)).one()
    session.add(RoleGrant(user_id=user_id, role=Role.PATIENT, granted_by=actor.user_id))
    session.add(
        PatientProfile(user_id=user_id, birth_date=caller.birth_date, sex=caller.sex)
    )
    audit.record(session, actor, "user.made_by_phone", "user", user_id)
    await session.flush()
    await wallets.make(session, user_id)
    return user_id


async def demand_known(session: AsyncSession, user_id: uuid.UUID) -> uuid.UUID:
    """Refuse the id of nobody."""
    query = select(User.id).where(col(User.id) == user_id)
    if (await session.exec(query)).one_or_none() is None:
        raise NotFound
    return user_id


async def _insert(session: AsyncSession, caller: CallerInput) -> uuid.UUID | None:
    """Make the account unless somebody has just made it."""
    row = insert(User).values(
        id=uuid7(),
        phone=caller.phone,
        first_name=caller.first_name,
        last_name=caller.last_name,
        middle_name=caller.middle_name,
        locale="ru",
        theme="auto",
        must_change_password=False,
        auth_version=1,
    )
    made = await session.execute(
        row.on_conflict_do_nothing(index_elements=["phone"]).returning(col(User.id))
    )
    return made.scalar_one_or_none()


async def _by_phone(session: AsyncSession, phone: str) -> ScalarResult[uuid.UUID]:
    return await session.exec(select(User.id).where(col(User.phone) == phone))
