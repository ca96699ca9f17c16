"""One update on its way through the bot: who wrote, what is done, what is answered.

Handlers act in the turn's transaction and only note their answers; these are sent
once it has been committed.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from services.actor import Actor
from services.database import Sessions
from services.errors import NotFound
from services.files import Taken
from services.telegram_buttons import Pressed, TelegramMessage
from services.telegram_people import Person


@dataclass(frozen=True)
class AboutCall:
    """A pressed button that is about one call."""

    word: str
    booking_id: uuid.UUID
    version: int | None
    extra: str


Later = Callable[[Sessions], Awaitable[TelegramMessage]]


@dataclass
class Turn:
    """What the handlers of one update know, and what they have to say."""

    session: AsyncSession
    chat_id: int
    person: Person | None = None
    pressed: Pressed | None = None
    picture: Taken | None = None
    said: list[TelegramMessage] = field(default_factory=list)
    redrawn: TelegramMessage | None = None
    note: str = ""
    later: Later | None = None

    def actor(self, role: Role) -> Actor:
        """Act in one role that the person holds at this moment."""
        return self.known.acting_as(role)

    @property
    def known(self) -> Person:
        """The person, where the routes let only those through whom we know."""
        if self.person is None:
            raise NotFound
        return self.person

    def about(self, role: Role) -> tuple[Actor, "AboutCall"]:
        """Who acts, and what was pressed about which call."""
        return self.actor(role), self.call

    @property
    def call(self) -> "AboutCall":
        """What was pressed, where the routes let only buttons about calls through."""
        pressed = self.pressed
        if pressed is None or pressed.booking_id is None:
            raise NotFound
        return AboutCall(
            pressed.word, pressed.booking_id, pressed.version, pressed.extra
        )

    def say(self, message: TelegramMessage | str) -> None:
        """Answer with a message of its own."""
        text = TelegramMessage(message) if isinstance(message, str) else message
        self.said.append(text)

    def redraw(self, message: TelegramMessage | str) -> None:
        """Put another text and other buttons where the pressed button was."""
        text = TelegramMessage(message) if isinstance(message, str) else message
        self.redrawn = text
