"""What the payer sees: the page of the card and the application of the bank."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.yookassa import payments, timetable, words
from sandbox.yookassa.clock import stamp
from sandbox.yookassa.journal import Journal, base_of
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Payment

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "roubles": words.roubles,
    "reason": words.reason,
    "moment": lambda at: f"{stamp(at)[8:10]}.{stamp(at)[5:7]} {stamp(at)[11:19]}",
    # A webhook's path is a secret of the shop.
    "host": lambda url: urlsplit(url).netloc,
}
TEMPLATES.globals |= {
    "STATUSES": words.STATUSES,
    "METHODS": words.METHODS,
    "NAMES": words.NAMES,
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(name: str, status: int = 200, **told: Any) -> Response:
    text = TEMPLATES.get_template(name).render(**told)
    return HTMLResponse(text, status, HEADERS)


class Pages:
    """Pages of payments. A click on a payment that is final changes nothing."""

    def __init__(self, provider: Provider, journal: Journal) -> None:
        self.provider, self.journal = provider, journal

    def routes(self) -> list[Route]:
        return [
            Route(path, handler, methods=[method])
            for name in ("pay", "qr")
            for path, handler, method in (
                (f"/{name}/{{id}}", self.show, "GET"),
                (f"/{name}/{{id}}/act", self.act, "POST"),
            )
        ]

    async def show(self, request: Request) -> Response:
        payment = await self._found(request)
        if payment is None:
            return page("lost.html", 404)
        left = max(0, (payment.due_at or 0) - self.provider.clock.now())
        minutes = left // 60_000 + 1
        return page(f"{_name(request)}.html", payment=payment, minutes=minutes)

    async def act(self, request: Request) -> Response:
        payment = await self._found(request)
        if payment is None:
            return page("lost.html", 404)
        form = await request.form()
        if payment.status == "pending":
            self._decide(
                payment, str(form.get("action")), str(form.get("reason") or "")
            )
        own = f"{base_of(request)}/{_name(request)}/{payment.id}"
        return RedirectResponse(payment.confirmation.get("return_url", own), 303)

    def _decide(self, payment: Payment, action: str, reason: str) -> None:
        if action == "pay":
            payments.pay(self.provider, payment)
        if action == "decline":
            why = reason or "general_decline"
            payments.stop(self.provider, payment, "payment_network", why)
        self.provider.commit()

    async def _found(self, request: Request) -> Payment | None:
        path = f"/{_name(request)}/{request.path_params['id']}"
        await self.journal.begin(request, path)
        timetable.settle(self.provider)
        return self.provider.store.get(Payment, request.path_params["id"])


def _name(request: Request) -> str:
    return "qr" if "/qr/" in request.url.path else "pay"
