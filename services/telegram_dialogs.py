"""What the bot has asked and where an answer leads: a table, and a row for each person.

An answer is taken in the transaction that does what it leads to, so that a restart at
any moment loses no step and takes none twice.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import TelegramDialog
from services import clock
from services.errors import IllegalTransition

COMPLETE, DECLINE, TALK = "complete", "decline", "chat"
MINUTES, CONCLUSION, ITEMS, CONFIRM = "minutes", "conclusion", "items", "confirm"
REASON, OPEN = "reason", "open"
# Whoever takes longer has something else in mind by then.
PATIENCE = timedelta(minutes=10)


class Given(StrEnum):
    """What a person did."""

    NUMBER = "number"
    WORDS = "words"
    ADD = "add"
    TAKE = "take"
    GO_ON = "go_on"
    BACK = "back"
    YES = "yes"


# Dialogue and step × what was done → the next step; None ends the dialogue.
NEXT: Mapping[tuple[str, str, Given], str | None] = {
    (COMPLETE, MINUTES, Given.NUMBER): CONCLUSION,
    (COMPLETE, MINUTES, Given.BACK): None,
    (COMPLETE, CONCLUSION, Given.WORDS): ITEMS,
    (COMPLETE, CONCLUSION, Given.BACK): MINUTES,
    (COMPLETE, ITEMS, Given.ADD): ITEMS,
    (COMPLETE, ITEMS, Given.TAKE): ITEMS,
    (COMPLETE, ITEMS, Given.GO_ON): CONFIRM,
    (COMPLETE, ITEMS, Given.BACK): CONCLUSION,
    (COMPLETE, CONFIRM, Given.BACK): ITEMS,
    (COMPLETE, CONFIRM, Given.YES): None,
    (DECLINE, REASON, Given.WORDS): CONFIRM,
    (DECLINE, CONFIRM, Given.YES): None,
    (TALK, OPEN, Given.WORDS): OPEN,
}


class NotAsked(IllegalTransition):
    """The answer belongs to no question that is open."""

    text = "This is not what was asked last."


class TooLate(IllegalTransition):
    """The question was asked too long ago."""

    text = "Too much time has passed, so nothing was done. Please begin anew."


async def current(session: AsyncSession, user_id: uuid.UUID) -> TelegramDialog | None:
    """Take the person's dialogue for the rest of the transaction."""
    query = select(TelegramDialog).where(col(TelegramDialog.user_id) == user_id)
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return (await session.exec(fresh)).one_or_none()


async def begin(
    session: AsyncSession,
    user_id: uuid.UUID,
    at: tuple[str, str],
    booking_id: uuid.UUID,
    **data: Any,
) -> TelegramDialog:
    """Ask the first question of a dialogue; the one before is forgotten."""
    await leave(session, user_id)
    kind, step = at
    made = TelegramDialog(
        user_id=user_id, kind=kind, step=step, booking_id=booking_id, data=data
    )
    session.add(made)
    await session.flush()
    return made


async def leave(session: AsyncSession, user_id: uuid.UUID) -> bool:
    """Forget what was asked; tells whether something was."""
    gone = await session.execute(
        sa.delete(TelegramDialog)
        .where(col(TelegramDialog.user_id) == user_id)
        .returning(col(TelegramDialog.id))
    )
    return bool(gone.all())


async def drop(session: AsyncSession, user_id: uuid.UUID, kind: str) -> None:
    """Forget a question of this kind, and no other."""
    await session.execute(
        sa.delete(TelegramDialog).where(
            col(TelegramDialog.user_id) == user_id, col(TelegramDialog.kind) == kind
        )
    )


async def is_late(session: AsyncSession, dialog: TelegramDialog) -> bool:
    """Tell whether the question was asked so long ago that no text answers it."""
    return await clock.now(session) >= dialog.updated_at + PATIENCE


async def touch(session: AsyncSession, dialog: TelegramDialog) -> None:
    """Begin the time of the open question anew."""
    again = dialog.data.get("again", 0) + 1
    dialog.data = {**dialog.data, "again": again}
    await session.flush()


def next_step(dialog: TelegramDialog, given: Given) -> str | None:
    """Look up where an answer leads; NotAsked where it leads nowhere."""
    at = (dialog.kind, dialog.step, given)
    if at not in NEXT:
        raise NotAsked
    return NEXT[at]


async def move(
    session: AsyncSession, dialog: TelegramDialog, given: Given, **data: Any
) -> None:
    """Take an answer: remember what it said, and stand where it leads."""
    step = next_step(dialog, given)
    if step is None:
        await leave(session, dialog.user_id)
        return
    dialog.step = step
    dialog.data = {**dialog.data, **data}
    await session.flush()
