"""What a fault does to one request, before and after the work."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.yookassa import idempotency, payments, refunds
from sandbox.yookassa.asked import kopecks_of
from sandbox.yookassa.connections import tear
from sandbox.yookassa.deliverer import Deliverer
from sandbox.yookassa.problems import Problem
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.records import Payment, Refund

Fired = Mapping[str, Mapping[str, Any]]
PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
STRANGE = ("502_html", "200_html", "200_list", "empty")
HANG_SECONDS = 60
GONE = 499  # Nobody is there to read it; the journal shows it.
PROCESSING = {
    "type": "processing",
    "description": "Request accepted, but not processed yet",
    "retry_after": 1800,
}


class Steps:
    """The faults that fired on one request, step by step.

    A request that hangs before its work and whose client leaves is never worked on.
    """

    def __init__(
        self,
        provider: Provider,
        deliverer: Deliverer,
        request: Request,
        call: Call,
        fired: Fired,
    ) -> None:
        self.provider, self.deliverer = provider, deliverer
        self.request, self.call = request, call
        self.fired = fired

    async def before(self) -> Response | None:
        """Give an answer when the work must not be done."""
        fired = self.fired
        if "latency" in fired:
            await asyncio.sleep(float(fired["latency"].get("ms", 500)) / 1000)
        if "hang_before" in fired and await self._left("hang_before"):
            return Response(status_code=GONE)
        if "cabinet_refund" in fired:
            self._refund_by_hand(fired["cabinet_refund"])
        if "drop_key" in fired:
            idempotency.forget(self.provider)
        return await self._refused()

    async def _refused(self) -> Response | None:
        if "500_before" in self.fired:
            return _failed(500, "Internal server error")
        if "reset_before" in self.fired:
            return await self._torn()
        if "429" in self.fired:
            wait = self.fired["429"].get("retry_after", 1)
            return _failed(429, "Too many requests", {"Retry-After": str(wait)})
        return self._strange(done=False)

    async def after(self, status: int, told: dict[str, Any]) -> Response:
        """Give the answer to the work that was done, or what becomes of it."""
        fired = self.fired
        if "before_response" in fired and status == 200:
            await self._tell_first(told, fired["before_response"])
        if "unknown_enum" in fired:
            told = _alien(told, fired["unknown_enum"])
        if "hang_after" in fired and await self._left("hang_after"):
            return Response(status_code=GONE)
        if "500_after" in fired:
            return _failed(500, "Internal server error")
        if "reset_after" in fired:
            return await self._torn()
        if "202" in fired:
            return JSONResponse(PROCESSING, 202)
        return self._strange(done=True) or JSONResponse(told, status)

    def _strange(self, *, done: bool) -> Response | None:
        """Answers that no API gives; with `after` the work is done all the same."""
        for name in STRANGE:
            if name in self.fired and bool(self.fired[name].get("after")) == done:
                return _strange(name)
        return None

    async def _left(self, name: str) -> bool:
        """Wait as long as the fault says, or until the client goes away."""
        until = time.monotonic() + float(self.fired[name].get("s", HANG_SECONDS))
        while time.monotonic() < until:
            if await self.request.is_disconnected():
                return True
            await asyncio.sleep(0.02)
        return False

    async def _torn(self) -> Response:
        tear(self.request.scope)
        await self.request.receive()  # The body is read, so this is the end.
        return Response(status_code=GONE)

    def _refund_by_hand(self, told: Mapping[str, Any]) -> None:
        named = (*self.call.ids, str(self.call.body.get("payment_id", "")))
        for each in named:
            if payment := self.provider.store.get(Payment, each):
                refunds.by_hand(self.provider, payment, kopecks_of(told.get("amount")))

    async def _tell_first(self, told: dict[str, Any], how: Mapping[str, Any]) -> None:
        """Let the webhook come before the answer; by then the payer has paid."""
        provider, record_id = self.provider, str(told.get("id", ""))
        payment = provider.store.get(Payment, record_id)
        refund = provider.store.get(Refund, record_id)
        if payment and how.get("pay", True):
            payments.pay(provider, payment)
        if refund and refund.due_at is not None:
            refunds.finish(provider, refund)
        provider.commit()
        await self.deliverer.flush(refund.payment_id if refund else record_id)


def _failed(
    status: int, description: str, headers: dict[str, str] | None = None
) -> Response:
    body = Problem(description, status=status).body()
    return JSONResponse(body, status, headers=headers)


def _strange(name: str) -> Response:
    if name == "empty":
        return Response(b"", 200, media_type="application/json")
    if name == "200_list":
        return JSONResponse([], 200)
    if name == "200_html":
        return HTMLResponse(PAGE.format("Welcome"), 200)
    return HTMLResponse(PAGE.format("502 Bad Gateway"), 502)


def _alien(told: dict[str, Any], how: Mapping[str, Any]) -> dict[str, Any]:
    """Put words into an object, or into each of a list, that no client knows yet."""
    if "items" in told and told.get("type") == "list":
        return told | {"items": [_alien(each, how) for each in told["items"]]}
    if "payment_method" in told:
        method = {"type": how.get("method", "method_of_the_future")}
        told = told | {"payment_method": told["payment_method"] | method}
    if "cancellation_details" in told:
        reason = {"reason": how.get("reason", "reason_of_the_future")}
        told = told | {"cancellation_details": told["cancellation_details"] | reason}
    return told | ({"status": how["status"]} if "status" in how else {})
