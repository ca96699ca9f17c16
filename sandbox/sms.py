"""A provider of SMS with the interface of SMS.RU; what it takes lands in an inbox.

Faults are ordered over /sms/_ctl: the next requests are answered with an HTTP status,
or messages to a number end in a status of the provider other than 103 (delivered).
"""

import itertools
import secrets
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.inbox import Inbox

ACCEPTED, DELIVERED, WRONG_NUMBER, UNKNOWN = 100, 103, 202, -1


class SmsProvider:
    """Takes every message and says that it has arrived, unless told otherwise."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        # Names stay their own when this provider is started anew.
        self._place = f"{secrets.randbelow(1_000_000):06d}"
        self._numbers = itertools.count(10_000_000)
        self._sent: dict[str, str] = {}
        self._ends: dict[str, int] = {}
        self._failing, self._status = 0, 500

    def routes(self) -> list[Route]:
        return [
            Route("/sms/send", self.send, methods=["POST"]),
            Route("/sms/status", self.status, methods=["POST"]),
            Route("/sms/_ctl/outage", self.outage, methods=["POST"]),
            Route("/sms/_ctl/ends", self.ends, methods=["POST"]),
        ]

    async def send(self, request: Request) -> Response:
        """Answer as SMS.RU does to /sms/send with json=1."""
        if (down := self._down()) is not None:
            return down
        fields = await _fields(request)
        number, text = fields.get("to", ""), fields.get("msg", "")
        if not number.isdigit() or not text:
            return JSONResponse({"status": "ERROR", "status_code": WRONG_NUMBER})
        self.inbox.put(f"+{number}", "", text)
        name = f"{self._place}-{next(self._numbers)}"
        self._sent[name] = number
        return _answer({number: _line(ACCEPTED) | {"sms_id": name}})

    async def status(self, request: Request) -> Response:
        """Answer as SMS.RU does to /sms/status with json=1."""
        if (down := self._down()) is not None:
            return down
        asked = (await _fields(request)).get("sms_id", "").split(",")
        return _answer({name: _line(self._state(name)) for name in asked})

    async def outage(self, request: Request) -> Response:
        """Answer so many requests with an HTTP status: {"times": 3, "status": 500}."""
        order = await request.json()
        self._failing, self._status = order["times"], order.get("status", 500)
        return JSONResponse({"times": self._failing})

    async def ends(self, request: Request) -> Response:
        """Let messages to a number end so: {"to": "+79160000001", "code": 104}."""
        order = await request.json()
        self._ends[order["to"].removeprefix("+")] = order["code"]
        return JSONResponse(self._ends)

    def _state(self, name: str) -> int:
        number = self._sent.get(name)
        return UNKNOWN if number is None else self._ends.get(number, DELIVERED)

    def _down(self) -> Response | None:
        if self._failing <= 0:
            return None
        self._failing -= 1
        return Response("down", status_code=self._status)


async def _fields(request: Request) -> dict[str, str]:
    read = parse_qs((await request.body()).decode())
    return {name: values[0] for name, values in read.items()}


def _line(code: int) -> dict[str, Any]:
    return {"status": "ERROR" if code < 0 else "OK", "status_code": code}


def _answer(messages: dict[str, Any]) -> Response:
    whole = {"status": "OK", "status_code": ACCEPTED, "sms": messages, "balance": 0}
    return JSONResponse(whole)
