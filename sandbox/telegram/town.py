"""Everything that there is: phones with their messages, pictures, faults, updates."""

import io
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, UnidentifiedImageError

from sandbox.telegram.config import Config
from sandbox.telegram.faults import Faults
from sandbox.telegram.refusals import Refused, bad
from sandbox.telegram.updates import Changes, Updates
from sandbox.telegram.webhook import Webhook

Message = dict[str, Any]
# What a phone still shows; the real thing keeps all, a demo must not grow for ever.
KEPT = 500


@dataclass
class Phone:
    """One user with a private chat; `state` is here, blocked or gone."""

    chat_id: int
    name: str
    username: str
    next_id: int
    state: str = "here"
    messages: dict[int, Message] = field(default_factory=dict)
    keyboard: dict[str, Any] | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)
    action: str = ""
    live_id: int | None = None

    def user(self) -> dict[str, Any]:
        known = {"id": self.chat_id, "is_bot": False, "first_name": self.name}
        named = {"username": self.username} if self.username else {}
        return known | named | {"language_code": "ru"}

    def chat(self) -> dict[str, Any]:
        named = {"username": self.username} if self.username else {}
        return {"id": self.chat_id, "type": "private", "first_name": self.name, **named}


@dataclass(frozen=True)
class Picture:
    """A file that the API keeps."""

    file_id: str
    unique_id: str
    path: str
    media_type: str
    size: tuple[int, int]
    content: bytes

    def told(self) -> dict[str, Any]:
        known = {"file_id": self.file_id, "file_unique_id": self.unique_id}
        return known | {"file_size": len(self.content)}

    def photo(self) -> dict[str, Any]:
        return self.told() | {"width": self.size[0], "height": self.size[1]}


class Town:
    """The world of one bot."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.changes = Changes()
        self.webhook = Webhook(config.speed)
        self.reset()

    def reset(self) -> None:
        self.phones: dict[int, Phone] = {}
        self.pictures: dict[str, Picture] = {}
        self.callbacks: dict[str, int] = {}
        self.commands: list[Any] = []
        self.faults = Faults()
        self.updates = Updates(self.config.first_id)
        self.webhook.turn("", "")
        self.changes.note()

    def bot(self) -> dict[str, Any]:
        return {
            "id": self.config.bot_id,
            "is_bot": True,
            "first_name": "ТОТ",
            "username": self.config.name,
        }

    def phone(self, chat_id: int, name: str = "", username: str = "") -> Phone:
        """Find a phone or hand out a new one."""
        known = self.phones.get(chat_id)
        if known is None:
            name = name or f"Телефон {chat_id}"
            known = Phone(chat_id, name, username, self.config.first_id)
            self.phones[chat_id] = known
            self.changes.note()
        elif name:
            known.name, known.username = name, username or known.username
        return known

    def reached(self, chat_id: str | None) -> Phone:
        """The phone that the bot writes to, if it can be reached."""
        try:
            wanted = int(chat_id or "")
        except ValueError:
            raise bad("chat not found" if chat_id else "chat_id is empty") from None
        phone = self.phones.get(wanted)
        if phone is None and self.config.invent and wanted > 0:
            phone = self.phone(wanted)
        if phone is None:
            raise bad("chat not found")
        if phone.state == "gone":
            raise Refused(403, "Forbidden: user is deactivated")
        if phone.state == "blocked":
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return phone

    def write(self, phone: Phone, *, by_bot: bool, **content: Any) -> Message:
        """Put a message into the chat."""
        message: Message = {
            "message_id": phone.next_id,
            "from": self.bot() if by_bot else phone.user(),
            "chat": phone.chat(),
            "date": int(time.time()),
            **content,
        }
        phone.messages[phone.next_id] = message
        phone.next_id += 1
        while len(phone.messages) > KEPT:
            del phone.messages[next(iter(phone.messages))]
        self.changes.note()
        return message

    def keep(self, content: bytes) -> Picture:
        """Keep a picture under names that cannot be guessed."""
        try:
            with Image.open(io.BytesIO(content)) as image:
                size, kind = image.size, image.format or "JPEG"
        except (UnidentifiedImageError, OSError):
            raise bad("IMAGE_PROCESS_FAILED") from None
        suffix = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}.get(kind, "jpg")
        picture = Picture(
            "AgAC" + secrets.token_urlsafe(40),
            "AQAD" + secrets.token_urlsafe(9),
            f"photos/file_{len(self.pictures)}.{suffix}",
            Image.MIME.get(kind, "image/jpeg"),
            size,
            content,
        )
        self.pictures[picture.file_id] = picture
        return picture
