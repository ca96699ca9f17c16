"""Days on which weekly plans rest."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Holiday
from models.base import uuid7
from services import audit, clock
from services.actor import Actor
from services.errors import Conflict, NotFound
from services.i18n import gettext
from services.inputs import Input, Line, wrong
from services.permissions import Permission, demand


class HolidayInput(Input):
    """A day and what it is called."""

    day: date
    title: Annotated[Line, StringConstraints(max_length=100)]


async def upcoming(session: AsyncSession) -> Sequence[Holiday]:
    """List the holidays from today on."""
    query = select(Holiday).where(col(Holiday.day) >= await clock.today(session))
    return (await session.exec(query.order_by(col(Holiday.day)))).all()


async def add(session: AsyncSession, actor: Actor, new: HolidayInput) -> Holiday:
    """Make a day a holiday: nobody works by the week then."""
    demand(actor, Permission.HOLIDAY_EDIT)
    if new.day < await clock.today(session):
        raise wrong("day", gettext("This day has passed"))
    row = insert(Holiday).values(id=uuid7(), **new.model_dump())
    made = await session.scalar(
        row.on_conflict_do_nothing(index_elements=["day"]).returning(col(Holiday.id))
    )
    if made is None:
        raise Conflict("This day is a holiday already.")
    _record(session, actor, "holiday.added", made, new.day)
    return await session.get_one(Holiday, made)


async def remove(session: AsyncSession, actor: Actor, holiday_id: uuid.UUID) -> Holiday:
    """Make a holiday an ordinary day again."""
    demand(actor, Permission.HOLIDAY_EDIT)
    query = select(Holiday).where(col(Holiday.id) == holiday_id).with_for_update()
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise NotFound
    if row.day < await clock.today(session):
        raise wrong("day", gettext("This day has passed"))
    await session.delete(row)
    await session.flush()
    _record(session, actor, "holiday.removed", row.id, row.day)
    return row


def _record(
    session: AsyncSession, actor: Actor, action: str, row_id: uuid.UUID, day: date
) -> None:
    audit.record(session, actor, action, "holiday", row_id, day=day.isoformat())
