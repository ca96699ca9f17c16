"""What leaves for Telegram: a plain text, rows of buttons, perhaps a picture.

A pressed button comes back with the data that it was sent with, at most 64 bytes
(Bot API, InlineKeyboardButton): a word, the call, the version the card was drawn of.
"""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_DATA = 64


@dataclass(frozen=True)
class Button:
    """One button under a message: it sends `data` back, or opens `url`."""

    text: str
    data: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class TelegramMessage:
    """A message as it is sent: plain text, since what people wrote is never markup."""

    text: str
    buttons: Sequence[Sequence[Button]] = ()
    photo: bytes | None = None
    photo_name: str = ""
    # The call whose facts it shows, and whether it is the card with its buttons.
    about: uuid.UUID | None = None
    is_card: bool = True


@dataclass(frozen=True)
class Pressed:
    """What a button said: the word, the call, the version it was drawn of, the rest."""

    word: str
    booking_id: uuid.UUID | None = None
    version: int | None = None
    extra: str = ""


def data(
    word: str,
    booking_id: uuid.UUID | None = None,
    version: int | None = None,
    extra: str = "",
) -> str:
    """Write the data of a button, 64 bytes at most."""
    call = "" if booking_id is None else _short(booking_id)
    made = f"{word}:{call}:{'' if version is None else version}:{extra}"
    assert len(made.encode()) <= LONGEST_DATA  # noqa: S101 - our own words are short
    return made


def read(text: str) -> Pressed | None:
    """Read the data of a button; None for what is not ours."""
    parts = text.split(":", 3)
    if len(parts) != 4:
        return None
    word, call, version, extra = parts
    try:
        booking_id = _long(call) if call else None
        return Pressed(word, booking_id, int(version) if version else None, extra)
    except ValueError:
        return None


def _short(value: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")


def _long(text: str) -> uuid.UUID:
    return uuid.UUID(bytes=base64.urlsafe_b64decode(f"{text}=="))
