"""The way of a request: who, what, which faults, the key, the work, the answer."""

import base64
import binascii
import secrets
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.yookassa import idempotency, timetable
from sandbox.yookassa.api import Handler, handler
from sandbox.yookassa.asked import object_of
from sandbox.yookassa.deliverer import Deliverer
from sandbox.yookassa.fault_rules import BENDS, Subject
from sandbox.yookassa.fault_steps import Steps
from sandbox.yookassa.journal import Entry, Journal, base_of
from sandbox.yookassa.problems import Problem
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.records import Payment, Refund


class Gate:
    """Answers everything under /v3."""

    def __init__(
        self, provider: Provider, journal: Journal, deliverer: Deliverer
    ) -> None:
        self.provider, self.journal = provider, journal
        self.deliverer = deliverer

    async def answer(self, request: Request) -> Response:
        path = "/v3/" + request.path_params["rest"]
        entry = await self.journal.begin(request, path)
        try:
            given = await self._answer(request, path, entry)
        except Problem as problem:
            given = JSONResponse(problem.body(), problem.status)
        entry["status"] = given.status_code
        return given

    async def _answer(self, request: Request, path: str, entry: Entry) -> Response:
        shop = self._shop(request.headers.get("authorization", ""))
        work, ids = handler(request.method, path)
        key, body = None, {}
        if request.method == "POST":
            raw = await request.body()
            _demand_json(request.headers.get("content-type"), raw)
            key = idempotency.demand_key(request.headers.get(idempotency.HEADER))
            body = object_of(raw)
        timetable.settle(self.provider)
        base, query = base_of(request), dict(request.query_params)
        call = Call(shop, request.method, path, base, query, body, ids)
        fired = self.provider.faults.of_request(self._subject(call))
        entry["faults"] = list(fired)
        steps = Steps(self.provider, self.deliverer, request, call, fired)
        if (early := await steps.before()) is not None:
            return early
        bends = {name: told for name, told in fired.items() if name in BENDS}
        status, told = self._work(work, replace(call, bends=bends), key)
        return await steps.after(status, told)

    def _shop(self, header: str) -> str:
        scheme, _, pair = header.partition(" ")
        try:
            shop, _, key = base64.b64decode(pair, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            shop, key = "", ""
        known = self.provider.config.key_of(shop)
        right = known is not None and secrets.compare_digest(
            known.encode(), key.encode()
        )
        if scheme.lower() != "basic" or not right:
            raise Problem("Login has illegal format or is unknown", status=401)
        return shop

    def _subject(self, call: Call) -> Subject:
        """A request is known by its own metadata and that of what it names."""
        store, metadata = self.provider.store, dict[str, str]()
        for each in (*call.ids, str(call.body.get("payment_id", ""))):
            record = store.get(Payment, each) or store.get(Refund, each)
            metadata |= record.metadata if record else {}
        own = call.body.get("metadata")
        metadata |= own if isinstance(own, dict) else {}
        return Subject(call.path, call.method, "", metadata)

    def _work(
        self, work: Handler, call: Call, key: str | None
    ) -> tuple[int, dict[str, Any]]:
        """Do it, or give the answer that the key has had. No pause happens in here,
        so requests with one key take their turns."""
        try:
            told = idempotency.earlier(self.provider, call, key) if key else None
            if told is None:
                told = work(self.provider, call)
                if key:
                    idempotency.keep(self.provider, call, key, told)
        except Problem as problem:
            return problem.status, problem.body()
        finally:
            self.provider.commit()
        return 200, told


def _demand_json(content_type: str | None, raw: bytes) -> None:
    if content_type is None and not raw:
        return
    if (content_type or "").split(";", 1)[0].strip().lower() != "application/json":
        raise Problem("Content-Type must be application/json", status=415)
