"""One page of what the provider knows: payments, refunds, deliveries, faults."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.yookassa import timetable
from sandbox.yookassa.deliverer import Deliverer
from sandbox.yookassa.journal import base_of
from sandbox.yookassa.pages import page
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Delivery, Payment, Receipt, Refund
from sandbox.yookassa.totals import totals

SHOWN = 50


class Admin:
    """Read by whoever shows the demo. Its only button sends a webhook once more."""

    def __init__(self, provider: Provider, deliverer: Deliverer) -> None:
        self.provider, self.deliverer = provider, deliverer

    def routes(self) -> list[Route]:
        return [
            Route("/admin", self.show, methods=["GET"]),
            Route("/admin/resend/{id}", self.resend, methods=["POST"]),
        ]

    async def show(self, _: Request) -> Response:
        timetable.settle(self.provider)
        return page(
            "admin.html",
            now=self.provider.clock.now(),
            ahead=self.provider.clock.ahead // 1000,
            totals=totals(self.provider),
            payments=self._newest(Payment),
            refunds=self._newest(Refund),
            receipts=self._newest(Receipt),
            deliveries=self._newest(Delivery),
            rules=[rule.told() for rule in self.provider.faults.rules],
            webhook_url=self.provider.webhook_url,
        )

    def _newest(self, kind: type[Any]) -> list[Any]:
        return self.provider.store.all(kind)[: -SHOWN - 1 : -1]

    async def resend(self, request: Request) -> Response:
        row = self.provider.store.get(Delivery, request.path_params["id"])
        if row is None:
            return page("lost.html", 404)
        await self.deliverer.resend(row)
        return RedirectResponse(f"{base_of(request)}/admin", 303)
