"""Sentences that dispatchers send often, kept ready in an order of their own.

They stand under the digits, so their numbers run from 1 without gaps.
"""

import uuid
from collections.abc import Sequence
from typing import Annotated

import sqlalchemy as sa
from pydantic import StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import QuickReply
from services import audit
from services.actor import Actor
from services.errors import Conflict, NotFound
from services.i18n import Lazy
from services.inputs import Prose
from services.permissions import Permission, demand

Text = Annotated[Prose, StringConstraints(max_length=500)]
# One more place than sentences: moving one puts it there for the length of a statement.
MOST, ASIDE = 30, 99
_KIND = "quick_reply"
USUAL: Sequence[Lazy] = (
    Lazy("Good day! I am looking for a doctor and will write to you in a few minutes."),
    Lazy("The doctor is on the way. Please keep the phone near you."),
    Lazy("Please tell us the entrance, the floor and the intercom code."),
    Lazy("The doctor is held up and will come later than planned. We are sorry."),
    Lazy("Please take the passport and the earlier medical papers to the visit."),
    Lazy("If you feel worse, call 103 at once and write to us."),
    Lazy("Please confirm that you are at the address."),
    Lazy("Thank you! We are here if you need anything more."),
)


async def listing(session: AsyncSession) -> Sequence[QuickReply]:
    """Give the sentences that were written down here, in their order."""
    query = select(QuickReply).order_by(col(QuickReply.position))
    return (await session.exec(query)).all()


async def texts(session: AsyncSession) -> Sequence[str]:
    """Give what may be sent with a key; the usual ones until somebody writes others."""
    return [each.text for each in await listing(session)] or list(map(str, USUAL))


async def add(session: AsyncSession, actor: Actor, text: str) -> QuickReply:
    """Write one more sentence behind the others; Conflict when there is no place."""
    kept = await _held(session, actor)
    if len(kept) >= MOST:
        raise Conflict("There is no place for more of them.")
    return await _added(session, actor, len(kept) + 1, text)


async def add_usual(session: AsyncSession, actor: Actor) -> None:
    """Write down the usual sentences; Conflict once there are any."""
    if await _held(session, actor):
        raise Conflict("There are ready answers already.")
    for position, text in enumerate(USUAL, 1):
        await _added(session, actor, position, str(text))


async def edit(
    session: AsyncSession, actor: Actor, reply_id: uuid.UUID, text: str
) -> QuickReply:
    """Write a sentence anew."""
    reply = _one(await _held(session, actor), reply_id)
    before, reply.text = reply.text, text
    await session.flush()
    facts = {"position": reply.position, "before": before, "after": text}
    audit.record(session, actor, "quick_reply.edited", _KIND, reply.id, **facts)
    return reply


async def move(
    session: AsyncSession, actor: Actor, reply_id: uuid.UUID, up: bool
) -> None:
    """Let a sentence change places with its neighbour; at the end it stays."""
    kept = await _held(session, actor)
    reply = _one(kept, reply_id)
    place = kept.index(reply) + (-1 if up else 1)
    if not 0 <= place < len(kept):
        return
    other, mine = kept[place], reply.position
    theirs = other.position
    for row, position in ((reply, ASIDE), (other, mine), (reply, theirs)):
        row.position = position
        await session.flush()
    audit.record(session, actor, "quick_reply.moved", _KIND, reply.id, position=theirs)


async def remove(session: AsyncSession, actor: Actor, reply_id: uuid.UUID) -> None:
    """Forget a sentence; those behind it move up, one after the other."""
    kept = await _held(session, actor)
    reply = _one(kept, reply_id)
    await session.delete(reply)
    await session.flush()
    for behind in kept[kept.index(reply) + 1 :]:
        behind.position -= 1
        await session.flush()
    audit.record(
        session, actor, "quick_reply.removed", _KIND, reply_id, before=reply.text
    )


async def _held(session: AsyncSession, actor: Actor) -> list[QuickReply]:
    """Let one person at a time change the list, and give it as it is then."""
    demand(actor, Permission.QUICK_REPLY_EDIT)
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(_KIND, 0))
    await session.execute(sa.select(lock))
    return list(await listing(session))


def _one(kept: Sequence[QuickReply], reply_id: uuid.UUID) -> QuickReply:
    found = next((each for each in kept if each.id == reply_id), None)
    if found is None:
        raise NotFound
    return found


async def _added(
    session: AsyncSession, actor: Actor, position: int, text: str
) -> QuickReply:
    reply = QuickReply(position=position, text=text)
    session.add(reply)
    await session.flush()
    facts = {"position": position, "after": text}
    audit.record(session, actor, "quick_reply.added", _KIND, reply.id, **facts)
    return reply
