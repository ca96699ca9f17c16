"""Somebody in the conversation of one call: reads, answers, begins a talk, sends pictures.

Most hold a socket open; some look in over REST, as an application in the background.
Nothing that goes wrong here disturbs the life around it.
"""

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image, ImageDraw
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from sandbox import phrases
from sandbox.client import Account, World

# Both sides of a call reckon this from its id, so a talk has two ends.
TALKING, LOOKING_IN = 0.45, 0.3
OPENS, ANSWERS = 0.45, 0.9
LOOK_SECONDS = (12.0, 25.0)
AGAIN_SECONDS = 5.0
AFTERWARDS = 6.0
OVER = frozenset({"completed", "cancelled"})
LOST_RIGHT, BAD_TICKET = 4403, 4401
FAILURES = (httpx.HTTPError, WebSocketException, OSError, KeyError, ValueError)


def talks(booking_id: str) -> bool:
    """Tell whether the two of this call are the sort that writes."""
    return uuid.UUID(booking_id).int % 100 < TALKING * 100


@asynccontextmanager
async def talking(
    world: World, account: Account, booking_id: str, role: str
) -> AsyncIterator[None]:
    """Be in the conversation for the length of the block, if these two write at all."""
    if not talks(booking_id):
        yield
        return
    talk = asyncio.create_task(Chatter(world, account, booking_id, role).live())
    try:
        yield
        # There is something to say after the visit too.
        await asyncio.wait({talk}, timeout=AFTERWARDS * 60 / world.speed)
    finally:
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)


@dataclass
class Chatter:
    """One end of one conversation."""

    world: World
    account: Account
    booking_id: str
    role: str
    seen: int = 0
    stage: str = ""
    opened: set[str] = field(default_factory=set)
    asked: str = ""
    socket: ClientConnection | None = None

    async def live(self) -> None:
        """Talk until the call has been over for a while, or the right is lost."""
        try:
            looks_in = self.world.likely(LOOKING_IN)
            await (self._look_in() if looks_in else self._listen())
        except FAILURES as error:
            self.world.told["talks lost"] += 1
            self.world.told[f"talk {type(error).__name__}"] += 1

    async def _look_in(self) -> None:
        """Ask for what is new every now and then."""
        while not await self._is_over():
            path = f"messages?limit=100&after_seq={self.seen}"
            answer = await self._call("GET", path)
            if not answer.is_success:
                return
            await self._stage_of_call()
            for message in answer.json()["items"]:
                await self._hear(message)
            await self._answer()
            await asyncio.sleep(self.world.chance.uniform(*LOOK_SECONDS))

    async def _stage_of_call(self) -> None:
        folder = "visits" if self.role == "doctor" else "bookings"
        answer = await self.account.call("GET", f"/v1/{folder}/{self.booking_id}")
        if answer.is_success:
            await self._reach(answer.json()["status"])

    async def _listen(self) -> None:
        """Hold a socket open; a lost one is opened anew where the last one ended."""
        while not await self._is_over():
            ticket = await self._call("POST", "chat-ticket")
            if not ticket.is_success:
                return
            try:
                async with connect(self._address(ticket), proxy=None) as socket:
                    self.socket = socket
                    await self._hold(socket)
            except ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code == LOST_RIGHT:
                    return
                self.world.told["sockets lost"] += 1
            finally:
                self.socket = None
            await asyncio.sleep(AGAIN_SECONDS)

    def _address(self, ticket: httpx.Response) -> str:
        base = str(self.world.http.base_url).rstrip("/").replace("http", "ws", 1)
        query = f"ticket={ticket.json()['ticket']}&after_seq={self.seen}"
        return f"{base}/v1/bookings/{self.booking_id}/chat?{query}"

    async def _hold(self, socket: ClientConnection) -> None:
        """Hear frame after frame; what was asked is answered after a pause."""
        while True:
            try:
                async with asyncio.timeout(self._patience()):
                    frame = json.loads(await socket.recv())
            except TimeoutError:
                if not self.asked:
                    return
                await self._answer()
                continue
            if frame["type"] == "message":
                await self._hear(frame["message"])
            elif frame["type"] == "status":
                await self._reach(frame["status"])

    def _patience(self) -> float | None:
        """How long to listen on: before an answer, or once the call is over."""
        minutes = (0.3, 1.5) if self.asked else (5, 15)
        if not self.asked and self.stage not in OVER:
            return None
        return self.world.chance.uniform(*minutes) * 60 / self.world.speed

    async def _is_over(self) -> bool:
        if self.stage not in OVER:
            return False
        await self.world.pass_minutes(3, 8)
        return True

    async def _reach(self, stage: str) -> None:
        """The call stands at a stage; at a new one a talk may begin."""
        self.stage = stage
        if stage in self.opened:
            return
        self.opened.add(stage)
        text = phrases.opening(self.world.chance, stage, self.role)
        if text is not None and self.world.likely(OPENS):
            await self.world.pass_minutes(0.3, 2)
            await self._say(text)

    async def _hear(self, message: dict[str, Any]) -> None:
        """Read a message and mean to answer it, unless that has been done."""
        self.seen = max(self.seen, message["seq"])
        sender = message["sender"]["role"]
        if sender == self.role:
            self.asked = ""
        elif sender != "system":
            await self._mark_read()
            if self.world.likely(ANSWERS):
                self.asked = message["text"] or ""

    async def _answer(self) -> None:
        asked, self.asked = self.asked, ""
        answer = phrases.reply(asked, self.role)
        if answer is None:
            return
        await self._say(answer)
        if "снимок" in asked and self.role == "patient":
            await self._show()

    async def _mark_read(self) -> None:
        if self.socket is not None:
            told = {"type": "read", "up_to_seq": self.seen}
            await self.socket.send(json.dumps(told))
        else:
            await self._call("POST", "messages/read", {"up_to_seq": self.seen})

    async def _say(self, text: str) -> None:
        told = {"text": text, "client_id": uuid.uuid4().hex}
        if self.socket is not None:
            await self.socket.send(json.dumps({"type": "typing"}))
            await self.world.pass_minutes(0.1, 0.5)
            await self.socket.send(json.dumps({"type": "send", **told}))
        else:
            await self._call("POST", "messages", told)
        self.world.told["said"] += 1

    async def _show(self) -> None:
        """Send a picture of some paper."""
        form = {"text": phrases.PICTURE, "client_id": uuid.uuid4().hex}
        files = {"file": ("paper.jpg", paper(self.world.chance.random()), "image/jpeg")}
        path = f"/v1/bookings/{self.booking_id}/messages"
        answer = await self.account.call(
            "POST", path, once=True, data=form, files=files
        )
        self.world.told["pictures" if answer.is_success else "pictures refused"] += 1

    async def _call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.account.call(
            method,
            f"/v1/bookings/{self.booking_id}/{path}",
            body,
            once=method == "POST",
        )


def paper(tilt: float) -> bytes:
    """A picture of a paper with lines that nobody can read."""
    image = Image.new("RGB", (480, 640), (233, 229, 219))
    draw = ImageDraw.Draw(image)
    draw.rectangle((50, 40, 430, 600), fill=(252, 252, 249), outline=(180, 175, 165))
    for line in range(16):
        top, width = 90 + line * 30, 150 + (line * 53 + round(tilt * 90)) % 180
        draw.line((80, top, 80 + width, top + tilt * 4), fill=(90, 95, 110), width=5)
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=80)
    return kept.getvalue()
