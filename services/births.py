"""Birthdays lie behind us, by the clock of the database."""

from datetime import date

from sqlmodel.ext.asyncio.session import AsyncSession

from services import clock
from services.i18n import gettext
from services.inputs import wrong


async def demand_born(
    session: AsyncSession, birth_date: date | None, field: str = "birth_date"
) -> None:
    """Refuse a birthday that has not come yet, at its field."""
    if birth_date is None:
        return
    today = (await clock.now(session)).astimezone(clock.MOSCOW).date()
    if birth_date > today:
        raise wrong(field, gettext("This day has not come yet."))
