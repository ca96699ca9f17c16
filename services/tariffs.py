"""What part of a price goes to whoever did the visit: tariffs in versions.

The line for a doctor beats the line for a clinic, which beats the line for all; among
equals the newest that was valid counts. No line is ever changed: a new one follows.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicProfile, DoctorProfile, Tariff
from services import audit, clock
from services.actor import Actor
from services.errors import Forbidden, NotFound
from services.i18n import gettext
from services.inputs import Input, Moment, wrong
from services.permissions import Permission, demand

WHOLE = 10_000
DEAREST = 100_000_000


class TariffInput(Input):
    """A new version: basis points of the price, and a fixed sum in kopecks.

    Without a doctor and a clinic it holds for all; without a moment, from now on.
    """

    share_points: Annotated[int, Field(strict=True, ge=0, le=WHOLE)]
    fixed_kopecks: Annotated[int, Field(strict=True, ge=0, le=DEAREST)] = 0
    doctor_id: uuid.UUID | None = None
    clinic_id: uuid.UUID | None = None
    valid_from: Moment | None = None


def share(tariff: Tariff, price_kopecks: int) -> int:
    """Give the part of a price that is theirs, in kopecks; the house has the rest.

    Rounded half up once, the fixed sum added, and never more than the price.
    """
    part = (price_kopecks * tariff.share_points + WHOLE // 2) // WHOLE
    return min(price_kopecks, part + tariff.fixed_kopecks)


async def current(
    session: AsyncSession,
    doctor_id: uuid.UUID,
    clinic_id: uuid.UUID | None,
    at: datetime,
) -> Tariff:
    """Find the line that counts for a visit that ended at this moment."""
    fitting = [
        col(Tariff.doctor_id) == doctor_id,
        sa.and_(col(Tariff.doctor_id).is_(None), col(Tariff.clinic_id).is_(None)),
    ]
    if clinic_id is not None:
        fitting.append(col(Tariff.clinic_id) == clinic_id)
    query = (
        select(Tariff)
        .where(col(Tariff.valid_from) <= at, sa.or_(*fitting))
        .order_by(
            col(Tariff.doctor_id).is_(None),
            col(Tariff.clinic_id).is_(None),
            col(Tariff.valid_from).desc(),
            col(Tariff.id).desc(),
        )
        .limit(1)
    )
    return (await session.exec(query)).one()


async def listing(session: AsyncSession, actor: Actor) -> Sequence[Tariff]:
    """List every version, the newest first."""
    demand(actor, Permission.TARIFF_EDIT)
    query = select(Tariff).order_by(
        col(Tariff.valid_from).desc(), col(Tariff.id).desc()
    )
    return (await session.exec(query)).all()


async def publish(session: AsyncSession, actor: Actor, new: TariffInput) -> Tariff:
    """Add a version that holds from now or later; visits that ended keep theirs."""
    demand(actor, Permission.TARIFF_EDIT)
    if new.doctor_id == actor.user_id:
        raise Forbidden("Nobody decides on money of their own.")
    if new.doctor_id is not None and new.clinic_id is not None:
        raise wrong("clinic_id", gettext("A tariff is for a doctor or for a clinic."))
    await _demand_known(session, new)
    now = await clock.now(session)
    if new.valid_from is not None and new.valid_from < now:
        raise wrong("valid_from", gettext("A tariff cannot hold in the past."))
    whole = new.model_copy(update={"valid_from": new.valid_from or now})
    made = Tariff(**whole.model_dump(), created_by=actor.user_id)
    session.add(made)
    facts = whole.model_dump(mode="json")
    audit.record(session, actor, "tariff.published", "tariff", made.id, **facts)
    await session.flush()
    return made


async def _demand_known(session: AsyncSession, new: TariffInput) -> None:
    doctor = select(DoctorProfile.user_id).where(
        col(DoctorProfile.user_id) == new.doctor_id
    )
    clinic = select(ClinicProfile.id).where(col(ClinicProfile.id) == new.clinic_id)
    for wanted, query in ((new.doctor_id, doctor), (new.clinic_id, clinic)):
        if wanted and (await session.exec(query)).one_or_none() is None:
            raise NotFound
