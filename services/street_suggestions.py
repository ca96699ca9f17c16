"""Streets while they are typed: each with its district and point."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Street
from services.actor import Actor
from services.permissions import Permission, demand
from services.streets import KIND_OF

ENOUGH_LETTERS, AT_MOST, LONGEST = 3, 7, 100


async def suggest(session: AsyncSession, actor: Actor, typed: str) -> Sequence[Street]:
    """List streets whose names hold the typed letters, best beginnings first.

    The house number and «ул.», «пр-т» are left out of the search.
    """
    demand(actor, Permission.BOARD_USE)
    wanted = _bare_name(typed)
    if len(wanted) < ENOUGH_LETTERS:
        return []
    name = sa.func.lower(col(Street.name))
    query = (
        select(Street)
        .where(name.contains(wanted, autoescape=True))
        .order_by(
            name.startswith(wanted, autoescape=True).desc(),
            sa.func.length(name),
            col(Street.name),
            col(Street.district),
        )
        .limit(AT_MOST)
    )
    return (await session.exec(query)).all()


def _bare_name(typed: str) -> str:
    street = typed[:LONGEST].replace("\0", "").split(",")[0].lower()
    words = [word for word in street.split() if word.rstrip(".") not in KIND_OF]
    if len(words) > 1 and words[-1][0].isdigit():
        words.pop()
    return " ".join(words)
