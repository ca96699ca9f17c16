"""What people want to be told, by which channels, and when they want to sleep."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import NotificationPreference, QuietHours
from models.base import uuid7
from models.notification import NotificationChannel
from models.role_grant import Role
from services import audit, quiet_hours
from services.callers import Caller
from services.i18n import gettext
from services.inputs import Input, Line, wrong
from services.notification_kinds import CONSOLE, Text
from services.notification_texts import TEXTS
from services.permissions import Permission, demand
from services.shift_inputs import demand_minutes

MOST_KINDS = 100


class KindInput(Input):
    """One kind of message and its channels, the first one first; none is silence."""

    kind: Annotated[Line, StringConstraints(max_length=60)]
    channels: Annotated[list[NotificationChannel], Field(max_length=3)]


class PreferencesInput(Input):
    """What is to change; equal ends of the quiet hours mean that it is never quiet."""

    kinds: Annotated[list[KindInput], Field(max_length=MOST_KINDS)] = []
    quiet_from: time | None = None
    quiet_to: time | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise ValueError(gettext("A beginning and an end go together"))
        if self.quiet_from is not None and self.quiet_to is not None:
            demand_minutes(self.quiet_from, self.quiet_to)
        return self


@dataclass(frozen=True)
class KindLine:
    """One kind of message that may concern the person, and how they want it."""

    kind: str
    text: Text
    channels: Sequence[NotificationChannel]

    @property
    def title(self) -> str:
        """What it is about, in the reader's language."""
        return str(self.text.subject)


@dataclass(frozen=True)
class Preferences:
    """Everything that one person wants, with the hours of quiet in Moscow."""

    kinds: Sequence[KindLine]
    quiet_from: time
    quiet_to: time


async def of(session: AsyncSession, caller: Caller) -> Preferences:
    """List what may concern the person in their roles, and what they want of it."""
    demand(caller.actor, Permission.NOTICE_OWN)
    chosen = await _chosen(session, caller.user_id)
    lines = [
        KindLine(
            kind,
            text,
            text.channels if text.mandatory else chosen.get(kind, text.channels),
        )
        for kind, text in _concerning(caller.roles).items()
    ]
    quiet_from, quiet_to = await quiet_hours.of(session, caller.user_id)
    return Preferences(lines, quiet_from, quiet_to)


async def put(
    session: AsyncSession, caller: Caller, wishes: PreferencesInput
) -> Preferences:
    """Change what is given and nothing else.

    Raises ValidationFailed for a kind that does not concern the person, a channel that
    the kind does not have, and any change of what is mandatory.
    """
    demand(caller.actor, Permission.NOTICE_OWN)
    known = _concerning(caller.roles)
    for wish in wishes.kinds:
        _demand_possible(wish, known.get(wish.kind))
        if not known[wish.kind].mandatory:
            await _keep(session, caller.user_id, wish)
    if wishes.quiet_from is not None and wishes.quiet_to is not None:
        await _keep_quiet(session, caller.user_id, wishes.quiet_from, wishes.quiet_to)
    audit.record(
        session,
        caller.actor,
        "notification.preferences",
        "user",
        caller.user_id,
        fields=sorted(wishes.model_fields_set),
    )
    return await of(session, caller)


def _concerning(roles: frozenset[Role]) -> Mapping[str, Text]:
    """The kinds that leave the house and may reach somebody with these roles."""
    return {
        kind: text
        for kind, text in TEXTS.items()
        if text.roles & roles and CONSOLE not in text.channels
    }


def _demand_possible(wish: KindInput, text: Text | None) -> None:
    if text is None:
        message = gettext("There is no such kind of message: {kind}", kind=wish.kind)
        raise wrong("kinds", message)
    twice = len(set(wish.channels)) < len(wish.channels)
    if twice or not set(wish.channels) <= set(text.channels):
        message = gettext("{kind} does not go by these channels", kind=wish.kind)
        raise wrong("kinds", message)
    if text.mandatory and tuple(wish.channels) != text.channels:
        message = gettext("{kind} cannot be changed or switched off", kind=wish.kind)
        raise wrong("kinds", message)


async def _chosen(
    session: AsyncSession, user_id: uuid.UUID
) -> Mapping[str, Sequence[NotificationChannel]]:
    query = select(NotificationPreference).where(
        col(NotificationPreference.user_id) == user_id
    )
    rows = (await session.exec(query)).all()
    return {
        row.kind: [NotificationChannel(each) for each in row.channels] for row in rows
    }


async def _keep(session: AsyncSession, user_id: uuid.UUID, wish: KindInput) -> None:
    channels = [each.value for each in wish.channels]
    row = insert(NotificationPreference).values(
        id=uuid7(), user_id=user_id, kind=wish.kind, channels=channels
    )
    await session.execute(
        row.on_conflict_do_update(
            index_elements=["user_id", "kind"],
            set_={"channels": row.excluded.channels},
        )
    )


async def _keep_quiet(
    session: AsyncSession, user_id: uuid.UUID, starts_at: time, ends_at: time
) -> None:
    row = insert(QuietHours).values(
        id=uuid7(), user_id=user_id, starts_at=starts_at, ends_at=ends_at
    )
    await session.execute(
        row.on_conflict_do_update(
            index_elements=["user_id"],
            set_={"starts_at": row.excluded.starts_at, "ends_at": row.excluded.ends_at},
        )
    )
