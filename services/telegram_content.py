"""Whether Telegram may carry what is said and known about a call.

Its servers stand abroad and belong to others, so by default it carries the number,
the district, the time and buttons only. More needs a decision of an administrator with
a reason, and each patient's own consent (323-FZ art. 13, 152-FZ art. 10).
"""

import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Consent, Setting
from models.base import uuid7
from services import audit
from services.actor import Actor
from services.inputs import wrong
from services.permissions import Permission, demand

# Not among the settings that are changed without a reason.
KEY = "telegram.content"
CONSENT = "telegram_content"


async def is_on(session: AsyncSession) -> bool:
    """Tell whether the house lets Telegram carry content at all."""
    value = await session.scalar(select(Setting.value).where(col(Setting.key) == KEY))
    return bool(value == 1)


async def put(session: AsyncSession, actor: Actor, on: bool, reason: str) -> None:
    """Let Telegram carry content, or stop it at once; the reason is kept."""
    demand(actor, Permission.TELEGRAM_CONTENT_EDIT)
    if not reason.strip():
        raise wrong("reason")
    was = await is_on(session)
    await session.execute(sa.delete(Setting).where(col(Setting.key) == KEY))
    if on:
        row = insert(Setting).values(id=uuid7(), key=KEY, value=1)
        await session.execute(row.on_conflict_do_nothing(index_elements=["key"]))
    facts = {"was": was, "value": on, "reason": reason}
    audit.record(session, actor, "telegram_content.put", "setting", None, **facts)


async def may_carry(session: AsyncSession, booking: Booking) -> bool:
    """Tell whether content of this call may go through Telegram now, to anybody.

    Of a call for another person never: the account holder agreed for themselves, and
    nobody has asked whose complaint and conclusion it would be (152-FZ art. 9).
    """
    return not booking.for_another and await agreed(session, booking.patient_id)


async def may_carry_of(session: AsyncSession, booking_id: uuid.UUID) -> bool:
    """Tell the same of a call by its id, as the call stands in the database now."""
    query = select(Booking).where(col(Booking.id) == booking_id)
    fresh = query.execution_options(populate_existing=True)
    return await may_carry(session, (await session.exec(fresh)).one())


async def agreed(session: AsyncSession, patient_id: uuid.UUID) -> bool:
    """Tell whether the switch is on and this patient's consent lives."""
    if not await is_on(session):
        return False
    lives = sa.exists().where(
        col(Consent.user_id) == patient_id,
        col(Consent.kind) == CONSENT,
        col(Consent.withdrawn_at).is_(None),
    )
    return bool(await session.scalar(sa.select(lives)))
