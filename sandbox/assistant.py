"""A simulated dispatcher who helps out: assigns calls that have waited for minutes.

It works through the console as a stranger does: signs in, reads the board, asks for
candidates and sends the board's own command. Calls are left to a person first.
"""

import asyncio
import re
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.client import World

EVERY_SECONDS = 8.0
AT_ONCE = 3
BOARD = "/admin/board"
CLINIC = 'class="win clinic"'
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


@dataclass
class Assistant:
    """Assigns what has waited longer than `after` minutes, each call a bit differently."""

    world: World
    login: str
    password: str
    after: float
    token: str = ""

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
        command = {
            "doctor_id": items[0]["id"],
            "version": call["version"],
            "command": str(uuid.uuid4()),
        }
        answer = await self._ask("POST", f"{path}/assign", json=command)
        self.world.told["assigned" if answer.is_success else "assign refused"] += 1
