"""A simulated dispatcher who helps out: assigns calls that have waited for minutes.

It works through the console as a stranger does: signs in, reads the board, asks for
candidates and sends the board's own command. Calls are left to a person first.
"""

import asyncio
import re
import uuid
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx

from sandbox import phrases
from sandbox.client import World

EVERY_SECONDS = 8.0
AT_ONCE = 3
BOARD = "/admin/board"
CLINIC = 'class="win clinic"'
UNREAD = re.compile(r'is-unread" href="/admin/calls/([0-9a-f-]{36})/chat"')
SPOKEN = re.compile(r'<li class="msg m-(patient|doctor)')
TEXT = re.compile(r'<p class="msg-text">(.*?)</p>', re.DOTALL)
TALKS_AT_ONCE, TALKS_EVERY = 4, 3
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


@dataclass
class Assistant:
    """Assigns what has waited longer than `after` minutes, each call a bit differently."""

    world: World
    login: str
    password: str
    after: float
    token: str = ""
    noticed: dict[str, float] = field(default_factory=dict)
    rounds: int = 0
    # Calls whose patients have asked for a doctor they know.
    wishes: dict[str, str] = field(default_factory=dict)

    async def live(self) -> None:
        """Look at the board every few seconds."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            if not self.token:
                await self._sign_in()
                continue
            answer = await self._ask("GET", f"{BOARD}/snapshot")
            if answer.is_success:
                await self._help(answer.json())
                await self._talk()
            elif answer.status_code in {401, 403}:
                self.token = ""

    async def _sign_in(self) -> None:
        self.world.http.cookies.clear()
        form = {"username": self.login, "password": self.password}
        await self._ask("POST", "/admin/login", data=form)
        page = await self.world.send("GET", "/admin/board", follow_redirects=True)
        found = TOKEN.search(page.text)
        self.token = found.group(1) if found else ""

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {
            "Accept": "application/json",
            "Origin": str(self.world.http.base_url).rstrip("/"),
            "X-CSRF-Token": self.token,
        }
        return await self.world.send(method, path, headers=headers, **options)

    async def _help(self, board: dict[str, Any]) -> None:
        overdue = [
            call
            for call in board["calls"]
            if call["status"] == "pending"
            # A call whose row shows the sign of a clinic is left to that clinic.
            and CLINIC not in call["html"]
            and self._overdue(call, board["now"])
        ]
        overdue.sort(key=lambda call: call["created"])
        for call in overdue[:AT_ONCE]:
            await self._assign(call)

    def _overdue(self, call: dict[str, Any], now: int) -> bool:
        # Drawn from the call's own id, so that patience does not change each look.
        share = 0.5 + uuid.UUID(call["id"]).int % 1000 / 800
        waited: int = now - max(call["created"], call["sla"]["starts_at"])
        return waited > self.after * 60 * share

    async def _assign(self, call: dict[str, Any]) -> None:
        path = f"{BOARD}/calls/{call['id']}"
        found = await self._ask("GET", f"{path}/candidates")
        items = found.json().get("items", []) if found.is_success else []
        if not items:
            self.world.told["without a candidate"] += 1
            return
        wish = self.wishes.get(call["id"])
        known = {each["id"] for each in items}
        command = {
            "doctor_id": wish if wish in known else items[0]["id"],
            "version": call["version"],
            "command": str(uuid.uuid4()),
        }
        answer = await self._ask("POST", f"{path}/assign", json=command)
        self.world.told["assigned" if answer.is_success else "assign refused"] += 1

    async def _talk(self) -> None:
        """Answer what dispatchers are asked, once it has waited for a person a while.

        What others say to each other is only read; fresh badges are left to people.
        """
        self.rounds += 1
        if self.rounds % TALKS_EVERY:
            return
        page = await self._ask("GET", "/admin/chats")
        now = asyncio.get_running_loop().time()
        unread = UNREAD.findall(page.text)
        self.noticed = {each: self.noticed.get(each, now) for each in unread}
        patience = self.after * 60 / 2
        due = [each for each, since in self.noticed.items() if now - since >= patience]
        for call_id in due[:TALKS_AT_ONCE]:
            await self._read(call_id)

    async def _read(self, call_id: str) -> None:
        path = f"/admin/calls/{call_id}/chat"
        answer = await self._ask("GET", path)
        if not answer.is_success:
            return
        told = answer.json()
        asked = _asked(told["messages"])
        said = phrases.REPLIES.get(asked, ("", ""))
        if said[0] == "dispatcher" and not told["closed"]:
            body = {"text": said[1], "client_id": uuid.uuid4().hex}
            sent = await self._ask("POST", f"{path}/send", json=body)
            self.world.told["desk said" if sent.is_success else "desk refused"] += 1
        await self._ask("POST", f"{path}/read", json={"up_to_seq": told["last"]})


def _asked(messages: list[dict[str, Any]]) -> str:
    """The last line, if a patient or a doctor wrote it."""
    lines = [each["html"] for each in messages if "m-system" not in each["html"]]
    if not lines or not SPOKEN.search(lines[-1]):
        return ""
    found = TEXT.search(lines[-1])
    return unescape(found.group(1)) if found else ""
