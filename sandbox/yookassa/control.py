"""The control of the emulator: for tests and for whoever shows the demo.

Sums are in kopecks here, times in seconds. Everything answers JSON.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.yookassa import orders as order
from sandbox.yookassa import payments, payouts, refunds, timetable
from sandbox.yookassa.asked import asked, object_of
from sandbox.yookassa.deliverer import Deliverer
from sandbox.yookassa.fault_rules import RuleAsked
from sandbox.yookassa.journal import Journal
from sandbox.yookassa.problems import Problem, missing
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Delivery, Payment, Payout, Receipt, Refund
from sandbox.yookassa.rendering import shown
from sandbox.yookassa.totals import totals

Answer = Callable[[Request], Awaitable[Any]]
LISTS: dict[str, type[Any]] = {
    "payments": Payment,
    "refunds": Refund,
    "receipts": Receipt,
    "payouts": Payout,
}


class Control:
    """Handlers of /_ctl. Each reads an order, acts, and gives what there is now."""

    def __init__(
        self, provider: Provider, journal: Journal, deliverer: Deliverer
    ) -> None:
        self.provider, self.journal = provider, journal
        self.deliverer = deliverer

    def routes(self) -> list[Route]:
        """Without a token there is no control at all."""
        if not self.provider.config.token:
            return []
        return [
            self._route("reset", "POST", self.reset),
            self._route("clock", "POST", self.clock),
            self._route("clock", "GET", self.clock_now),
            self._route("faults", "POST", self.fault),
            self._route("faults", "GET", self.faults),
            self._route("faults", "DELETE", self.clear_faults),
            self._route("journal", "GET", self.read_journal),
            self._route("journal", "DELETE", self.clear_journal),
            self._route("deliveries", "GET", self.deliveries),
            self._route("deliveries/{id}/resend", "POST", self.resend),
            self._route("totals", "GET", self.sums),
            self._route("webhook", "POST", self.webhook),
            self._route("forge", "POST", self.forge),
            self._route("cabinet-refund", "POST", self.cabinet_refund),
            self._route("payments/{id}/pay", "POST", self.pay),
            self._route("payments/{id}/decline", "POST", self.decline),
            self._route("refunds/{id}/finish", "POST", self.finish_refund),
            self._route("payouts/{id}/finish", "POST", self.finish_payout),
            self._route("{kind}", "GET", self.listing),
        ]

    def _route(self, path: str, method: str, answer: Answer) -> Route:
        async def guarded(request: Request) -> Response:
            if not _knows(request, self.provider.config.token):
                return _told(Problem("The control needs its token", status=401))
            try:
                timetable.settle(self.provider)
                return JSONResponse(await answer(request))
            except Problem as problem:
                return _told(problem)
            finally:
                self.provider.commit()

        return Route(f"/_ctl/{path}", guarded, methods=[method])

    def _find(self, kind: type[Any], request: Request) -> Any:
        record = self.provider.store.get(kind, request.path_params["id"])
        if record is None:
            raise missing(kind.__name__)
        return record

    async def reset(self, _: Request) -> Any:
        self.provider.reset()
        self.journal.clear()
        return {}

    async def clock(self, request: Request) -> Any:
        wanted = asked(order.ClockOrder, await _body(request))
        self.provider.advance(wanted.advance_s)
        timetable.settle(self.provider)
        return await self.clock_now(request)

    async def clock_now(self, _: Request) -> Any:
        return order.time_of(self.provider)

    async def fault(self, request: Request) -> Any:
        rule = asked(RuleAsked, await _body(request))
        return self.provider.faults.add(rule).told()

    async def faults(self, _: Request) -> Any:
        return {"items": [rule.told() for rule in self.provider.faults.rules]}

    async def clear_faults(self, _: Request) -> Any:
        self.provider.faults.clear()
        return {}

    async def read_journal(self, _: Request) -> Any:
        return {"items": list(self.journal.entries)}

    async def clear_journal(self, _: Request) -> Any:
        self.journal.clear()
        return {}

    async def deliveries(self, _: Request) -> Any:
        rows = self.provider.store.all(Delivery)
        return {"items": [order.delivery(each) for each in rows]}

    async def resend(self, request: Request) -> Any:
        row = self._find(Delivery, request)
        return order.delivery(await self.deliverer.resend(row))

    async def sums(self, _: Request) -> Any:
        return totals(self.provider)

    async def webhook(self, request: Request) -> Any:
        wanted = asked(order.WebhookOrder, await _body(request))
        order.demand_near(wanted.url)
        self.provider.deliver_to(wanted.url)
        return {"url": wanted.url}

    async def forge(self, request: Request) -> Any:
        wanted = asked(order.ForgeOrder, await _body(request))
        row = order.forged(self.provider, wanted)
        return order.delivery(await self.deliverer.resend(row))

    async def cabinet_refund(self, request: Request) -> Any:
        wanted = asked(order.CabinetOrder, await _body(request))
        payment = self.provider.store.get(Payment, wanted.payment_id)
        if payment is None:
            raise missing("Payment")
        return self._shown(refunds.by_hand(self.provider, payment, wanted.kopecks))

    async def pay(self, request: Request) -> Any:
        return self._shown(payments.pay(self.provider, self._find(Payment, request)))

    async def decline(self, request: Request) -> Any:
        wanted = asked(order.DeclineOrder, await _body(request))
        payment = self._find(Payment, request)
        return self._shown(
            payments.stop(self.provider, payment, wanted.party, wanted.reason)
        )

    async def finish_refund(self, request: Request) -> Any:
        wanted = asked(order.FinishOrder, await _body(request))
        row = replace(self._find(Refund, request), **wanted.outcome())
        return self._shown(refunds.finish(self.provider, row))

    async def finish_payout(self, request: Request) -> Any:
        wanted = asked(order.FinishOrder, await _body(request))
        row = replace(self._find(Payout, request), **wanted.outcome())
        return self._shown(payouts.finish(self.provider, row))

    async def listing(self, request: Request) -> Any:
        kind = LISTS.get(request.path_params["kind"])
        if kind is None:
            raise missing("Page")
        rows = self.provider.store.all(kind)
        return {"items": [self._shown(each) for each in rows]}

    def _shown(self, record: Any) -> dict[str, Any]:
        return shown(self.provider.config, record)


def _knows(request: Request, token: str) -> bool:
    header = request.headers.get("authorization", "")
    given = (
        header.removeprefix("Bearer "),
        request.headers.get("x-sandbox-token", ""),
    )
    return any(secrets.compare_digest(each.encode(), token.encode()) for each in given)


async def _body(request: Request) -> dict[str, Any]:
    return object_of(await request.body())


def _told(problem: Problem) -> Response:
    return JSONResponse(problem.body(), problem.status)
