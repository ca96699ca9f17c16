"""The local Telegram on a free port of loopback, for tests that need a bot's world.

    def test_x(telegram):            # add: from tests.telegram_server import telegram
        ivan = telegram.phone(101, name="Иван")
        ivan.start("code")
        ivan.wait_for("Готово")
        ivan.tap("Принять")

The bot under test is given `telegram.api_url` and `telegram.token`.
"""

import base64
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

from sandbox.telegram.app import application
from sandbox.telegram.config import Config
from tests.threaded import in_a_thread

PATIENCE = 10.0
# Kept open: making a client costs ten times as much as asking.
HTTP = httpx.Client(trust_env=False, timeout=60)


def picture(colour: str = "teal", size: tuple[int, int] = (64, 48)) -> bytes:
    """A small JPEG."""
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, "JPEG")
    return made.getvalue()


@dataclass(frozen=True)
class Phone:
    """One user's phone. Every act gives what the stand-in answered."""

    telegram: "Telegram"
    chat_id: int

    def _do(self, act: str, **body: Any) -> Any:
        return self.telegram.ctl("POST", f"phones/{self.chat_id}/{act}", body)

    def say(self, text: str, reply_to: int | None = None) -> dict[str, Any]:
        """Type a text, perhaps in reply to a message."""
        return self._do("say", text=text, reply_to=reply_to)

    def start(self, payload: str = "") -> dict[str, Any]:
        return self._do("start", payload=payload)

    def open(self, url: str) -> dict[str, Any]:
        """Open a deep link."""
        return self._do("open", url=url)

    def tap(self, text: str, message_id: int | None = None, **body: Any) -> Any:
        """Tap a button by its text: the newest inline one, else a key below."""
        return self._do("tap", text=text, message_id=message_id, **body)

    def press(self, message_id: int, data: str) -> dict[str, Any]:
        """Send any callback data, as a forged client can."""
        return self._do("press", message_id=message_id, data=data)

    def photo(self, content: bytes | None = None, caption: str = "") -> dict[str, Any]:
        content = picture() if content is None else content
        told = base64.b64encode(content).decode()
        return self._do("photo", content=told, caption=caption)

    def locate(self, latitude: float, longitude: float, live_period: int = 0) -> Any:
        place = {"latitude": latitude, "longitude": longitude}
        return self._do("locate", **place, live_period=live_period)

    def move(self, latitude: float, longitude: float) -> dict[str, Any]:
        return self._do("move", latitude=latitude, longitude=longitude)

    def stop(self) -> dict[str, Any]:
        return self._do("stop")

    def block(self) -> None:
        self._do("block")

    def unblock(self) -> None:
        self._do("unblock")

    def vanish(self) -> None:
        self._do("vanish")

    @property
    def told(self) -> dict[str, Any]:
        """The phone as it is: messages, keyboard, notes (answers to taps), state."""
        return next(
            each
            for each in self.telegram.view(self.chat_id)["phones"]
            if each["chat_id"] == self.chat_id
        )

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.told["messages"]

    @property
    def received(self) -> list[dict[str, Any]]:
        """What the bot wrote."""
        return [each for each in self.messages if each["from"]["is_bot"]]

    @property
    def texts(self) -> list[str]:
        return [each.get("text", each.get("caption", "")) for each in self.received]

    @property
    def notes(self) -> list[str]:
        """The short answers shown after taps."""
        return [each["text"] for each in self.told["notes"]]

    def buttons(self, message: dict[str, Any] | None = None) -> list[str]:
        """Texts of the inline buttons of a message, or of the newest received."""
        message = self.received[-1] if message is None else message
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        return [each["text"] for row in rows for each in row]

    @property
    def keys(self) -> list[str]:
        """Texts of the keys below the input."""
        rows = (self.told["keyboard"] or {}).get("keyboard", [])
        return [each["text"] for row in rows for each in row]

    def wait_for(self, text: str, after: int = 0, seconds: float = PATIENCE) -> Any:
        """Wait for a bot's message with this text, newer than the message `after`."""

        def found() -> Any:
            return next(
                (
                    each
                    for each in reversed(self.received)
                    if each["message_id"] > after
                    and text in each.get("text", each.get("caption", ""))
                ),
                None,
            )

        return self.telegram.wait(found, seconds, lambda: f"{text!r} in {self.texts}")

    def wait_for_note(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait for a short answer to a tap."""
        find = lambda: next((each for each in self.notes if text in each), None)  # noqa: E731
        return self.telegram.wait(find, seconds, lambda: f"{text!r} in {self.notes}")


@dataclass(frozen=True)
class Telegram:
    """Handles of a running stand-in."""

    api_url: str
    token: str = Config.token
    bot_name: str = Config.name

    @property
    def page_url(self) -> str:
        return self.api_url + "/"

    def ctl(self, method: str, path: str, body: Any = None) -> Any:
        answer = HTTP.request(method, f"{self.api_url}/_ctl/{path}", json=body or {})
        assert answer.is_success, answer.text
        return answer.json()

    def phone(self, chat_id: int, name: str = "", username: str = "") -> Phone:
        told = {"chat_id": chat_id, "name": name, "username": username}
        self.ctl("POST", "phones", told)
        return Phone(self, chat_id)

    def view(self, *chats: int) -> dict[str, Any]:
        return self.ctl("GET", f"view?chats={','.join(map(str, chats))}")

    def wait(self, find: Any, seconds: float, what: Any) -> Any:
        """Ask `find` after every change until it gives something."""
        deadline = time.monotonic() + seconds
        while True:
            version = self.view()["version"]
            if (found := find()) is not None:
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"waited {seconds} s for {what()}"
            self.ctl("GET", f"view?version={version}&wait={min(left, 0.5)}")

    def flood(self, chat_id: int = 0, seconds: int = 5, times: int = 1) -> None:
        """Tell the next sends to a chat (0: any) to wait."""
        told = {"chat_id": chat_id, "seconds": seconds, "times": times}
        self.ctl("POST", "faults", {"flood": told})

    def outage(self, times: int = 1, how: str = "500") -> None:
        """Let requests fail: by "500", or "closed" without an answer."""
        self.ctl("POST", "faults", {"outage": times, "how": how})

    def slow(self, seconds: float) -> None:
        self.ctl("POST", "faults", {"slow": seconds})

    def duplicate_updates(self, on: bool = True) -> None:
        self.ctl("POST", "faults", {"twice": on})

    def clear_faults(self) -> None:
        self.ctl("DELETE", "faults")

    def faults(self) -> dict[str, Any]:
        return self.ctl("GET", "faults")

    def update(self, **told: Any) -> list[Any]:
        """Queue any update at all: update(message={…})."""
        return self.ctl("POST", "update", told)

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What the bot asked for, but for getUpdates: method, fields, status."""
        items = self.ctl("GET", "journal")["items"]
        return [each for each in items if method in {"", each["method"]}]

    def reset(self) -> None:
        self.ctl("POST", "reset")


@contextmanager
def telegram_server(**config: Any) -> Iterator[Telegram]:
    """Serve the stand-in in a thread; `config` are fields of its Config."""
    told = Config(**({"speed": 20.0} | config))
    with in_a_thread(application(told)) as address:
        yield Telegram(f"{address}/telegram", told.token, told.name)


@pytest.fixture(scope="session")
def served_telegram() -> Iterator[Telegram]:
    with telegram_server() as served:
        yield served


@pytest.fixture
def telegram(served_telegram: Telegram) -> Telegram:
    served_telegram.reset()
    return served_telegram
