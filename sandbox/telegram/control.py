"""The control of phones and faults: for the page, for tests, and for simulated people.

Orders are JSON and nothing else, so that no strange page can give them by a form.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.telegram.faults import Flood
from sandbox.telegram.hands import ACTS
from sandbox.telegram.refusals import Refused, bad
from sandbox.telegram.town import Phone, Town

LONGEST_WAIT = 25.0
Answer = Callable[[Request, dict[str, Any]], Awaitable[Any]]


class Control:
    """Handlers of /_ctl. Each reads an order, acts, and gives what there is now."""

    def __init__(self, town: Town, journal: deque[dict[str, Any]]) -> None:
        self.town, self.journal = town, journal

    def routes(self) -> list[Route]:
        return [
            self._route("view", "GET", self.view),
            self._route("phones", "POST", self.phone),
            self._route("phones/{chat_id:int}/{act}", "POST", self.act),
            self._route("faults", "GET", self.faults),
            self._route("faults", "POST", self.fault),
            self._route("faults", "DELETE", self.clear_faults),
            self._route("journal", "GET", self.read_journal),
            self._route("update", "POST", self.update),
            self._route("reset", "POST", self.reset),
            Route("/_ctl/pictures/{file_id}", self.picture),
        ]

    def _route(self, path: str, method: str, answer: Answer) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                body = await _body(request) if method != "GET" else {}
                return JSONResponse(await answer(request, body))
            except Refused as refused:
                return JSONResponse(refused.body(), refused.code)

        return Route(f"/_ctl/{path}", guarded, methods=[method])

    async def view(self, request: Request, _: dict[str, Any]) -> Any:
        """All phones, and the messages of those asked for; waits for a change."""
        asked = request.query_params
        known = int(asked.get("version", -1))
        await self.town.changes.after(
            known, min(float(asked.get("wait", 0)), LONGEST_WAIT)
        )
        shown = {each for each in asked.get("chats", "").split(",") if each}
        return {
            "version": self.town.changes.version,
            "bot": self.town.config.name,
            "phones": [
                _told(each, whole=str(each.chat_id) in shown)
                for each in self.town.phones.values()
            ],
            "faults": self._faults(),
        }

    async def phone(self, _: Request, body: dict[str, Any]) -> Any:
        chat_id = int(body.get("chat_id") or 0)
        if chat_id <= 0:
            raise bad("chat_id must be above zero")
        named = (str(body.get("name") or ""), str(body.get("username") or ""))
        return _told(self.town.phone(chat_id, *named), whole=True)

    async def act(self, request: Request, body: dict[str, Any]) -> Any:
        found = ACTS.get(request.path_params["act"])
        phone = self.town.phones.get(request.path_params["chat_id"])
        if found is None or phone is None:
            raise Refused(404, "Not Found")
        return found(self.town, phone, body)

    def _faults(self) -> dict[str, Any]:
        return self.town.faults.told() | {"twice": self.town.updates.twice}

    async def faults(self, _: Request, __: dict[str, Any]) -> Any:
        return self._faults()

    async def fault(self, _: Request, body: dict[str, Any]) -> Any:
        """Any of: flood {chat_id, seconds, times}, outage, how, slow, twice."""
        faults = self.town.faults
        if told := body.get("flood"):
            flood = Flood(int(told.get("seconds", 5)), int(told.get("times", 1)))
            faults.floods[int(told.get("chat_id", 0))] = flood
        faults.outage = int(body.get("outage", faults.outage))
        faults.how = str(body.get("how", faults.how))
        faults.slow = float(body.get("slow", faults.slow))
        self.town.updates.twice = bool(body.get("twice", self.town.updates.twice))
        self.town.changes.note()
        return self._faults()

    async def clear_faults(self, _: Request, __: dict[str, Any]) -> Any:
        self.town.faults = type(self.town.faults)()
        self.town.updates.twice = False
        self.town.changes.note()
        return self._faults()

    async def read_journal(self, _: Request, __: dict[str, Any]) -> Any:
        return {"items": list(self.journal)}

    async def update(self, _: Request, body: dict[str, Any]) -> Any:
        """Queue any update at all, such as one from a group."""
        return [self.town.updates.put(kind, told) for kind, told in body.items()]

    async def reset(self, _: Request, __: dict[str, Any]) -> Any:
        self.town.reset()
        self.journal.clear()
        return {}

    async def picture(self, request: Request) -> Response:
        found = self.town.pictures.get(request.path_params["file_id"])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, media_type=found.media_type)


def _told(phone: Phone, *, whole: bool) -> dict[str, Any]:
    messages = list(phone.messages.values())
    return {
        "chat_id": phone.chat_id,
        "name": phone.name,
        "username": phone.username,
        "state": phone.state,
        "live": phone.live_id is not None,
        "keyboard": phone.keyboard,
        "action": phone.action,
        "notes": phone.notes,
        "count": len(messages),
        "messages": messages if whole else [],
    }


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, "Orders are JSON.")
    try:
        told = json.loads(await request.body() or b"{}")
    except ValueError:
        raise bad("orders are JSON") from None
    if not isinstance(told, dict):
        raise bad("an order is an object")
    return told
