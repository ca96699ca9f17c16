"""A phone of the local Telegram in the pocket of somebody of the simulated day."""

import asyncio
import base64
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from sandbox.client import World

LOOK_SECONDS, ANSWER_SECONDS = 10.0, 40.0
Message = dict[str, Any]


class Silent(Exception):
    """The bot did not say what was waited for."""


class Button(NamedTuple):
    """A button under a message, and what it sends: a word, a call, the rest."""

    message_id: int
    text: str
    data: str
    url: str

    @property
    def word(self) -> str:
        return self.data.partition(":")[0]

    @property
    def call(self) -> str:
        return self.data.split(":")[1] if ":" in self.data else ""


@dataclass
class Pocket:
    """One phone, used through the control as its owner's hand uses it."""

    world: World
    http: httpx.AsyncClient
    chat_id: int
    version: int = -1

    async def look(self, seconds: float = LOOK_SECONDS) -> list[Message]:
        """The messages; waits for a change for so long."""
        query = {"chats": self.chat_id, "version": self.version, "wait": seconds}
        answer = await self.http.get("/_ctl/view", params=query)
        answer.raise_for_status()
        told = answer.json()
        self.version = told["version"]
        mine = [each for each in told["phones"] if each["chat_id"] == self.chat_id]
        messages: list[Message] = mine[0]["messages"] if mine else []
        return messages

    async def do(self, act: str, **body: Any) -> Any:
        """Do something with the phone; the bot's refusals come as messages."""
        answer = await self.http.post(f"/_ctl/phones/{self.chat_id}/{act}", json=body)
        self.world.told[f"telegram {act}"] += 1
        return answer.json()

    async def tap(self, button: Button) -> Any:
        return await self.do("tap", text=button.text, message_id=button.message_id)

    async def say(self, text: str) -> int:
        """Type a text; gives the number of the message."""
        told = await self.do("say", text=text)
        return int(told.get("message_id", 0))

    async def show(self, content: bytes, caption: str) -> None:
        told = base64.b64encode(content).decode()
        await self.do("photo", content=told, caption=caption)

    async def wait(self, find: Callable[[list[Message]], Any]) -> Any:
        """Wait for what the bot has to say next; raises Silent when it does not."""
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if (found := find(await self.look(2))) is not None:
                return found
        raise Silent


def buttons(messages: list[Message]) -> Iterator[Button]:
    """All inline buttons, those of the newest message first."""
    for message in reversed(messages):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            for each in row:
                yield Button(
                    message["message_id"],
                    each["text"],
                    each.get("callback_data", ""),
                    each.get("url", ""),
                )


def button(messages: list[Message], word: str, call: str = "") -> Button | None:
    """The newest button with this word, of this call if one is named."""
    return next(
        (
            each
            for each in buttons(messages)
            if each.word == word and call in {"", each.call}
        ),
        None,
    )


def text_of(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "")


def short(booking_id: str) -> str:
    """A call as the buttons of the bot name it."""
    return base64.urlsafe_b64encode(uuid.UUID(booking_id).bytes).decode().rstrip("=")


def long(call: str) -> uuid.UUID:
    """The id of a call that a button names."""
    return uuid.UUID(bytes=base64.urlsafe_b64decode(f"{call}=="))


def link(messages: list[Message], after: int) -> Button | None:
    """A link of ours that the bot gave after this message."""
    return next(
        (each for each in buttons(messages) if each.url and each.message_id > after),
        None,
    )


async def hand_out(http: httpx.AsyncClient, owners: list[dict[str, Any]]) -> None:
    """Give the owners their phones; the stand-in has forgotten them with its end."""
    for owner in owners:
        told = {name: owner[name] for name in ("chat_id", "name")}
        with suppress(httpx.HTTPError):
            await http.post("/_ctl/phones", json=told)
