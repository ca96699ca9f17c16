"""Money by days: a summary with plots, long tables to take away, the shop's health."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import date, timedelta
from typing import Any

from sqladmin import expose
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from backoffice import formats, plots
from backoffice.command_calls import Call
from backoffice.pages import Page, page, staff_of
from models.payment import PaymentMethod
from services import clock, flashes, money_days, money_export, shop_check
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import NotFound, ValidationFailed
from services.i18n import Lazy
from services.money_days import Period, Summary
from services.money_export import Part
from services.permissions import Permission
from services.shop_check import Verdict
from services.words import label

PRESETS: Mapping[int, str] = {
    1: Lazy("Today"),
    7: Lazy("7 days"),
    30: Lazy("30 days"),
}
PARTS: Mapping[Part, str] = {
    Part.PAYMENTS: Lazy("Payments"),
    Part.REFUNDS: Lazy("Refunds"),
    Part.ENTRIES: Lazy("Ledger entries"),
}
SAID: Mapping[Verdict, tuple[str, str]] = {
    Verdict.FITS: ("success", Lazy("The provider answers, and the shop is ours.")),
    Verdict.NO_SHOP: ("info", Lazy("No shop is set up: nobody can pay online.")),
    Verdict.SILENT: ("error", Lazy("The provider does not answer. Try again later.")),
    Verdict.LOGIN_REFUSED: (
        "error",
        Lazy("The provider refuses our login: nobody can pay. Call the developers."),
    ),
    Verdict.OTHER_SHOP: (
        "error",
        Lazy("The login is of another shop. Call the developers."),
    ),
    Verdict.TEST_SHOP: (
        "error",
        Lazy("This is a test shop: no real money comes. Call the developers."),
    ),
    Verdict.REAL_SHOP: (
        "error",
        Lazy("This is a real shop where a test one is meant. Call the developers."),
    ),
}


class MoneyDays(Page):
    """What came, went back and stayed, day by day."""

    name = Lazy("Money by days")
    icon = "ti ti-chart-bar"
    needs = {"list": Permission.PAYMENT_READ}

    @page("/money/days")
    async def money_days(self, request: Request) -> Response:
        """Show the days of a period; a period that makes no sense is explained."""
        actor, wrong = staff_of(request).actor, ""

        async def read(session: AsyncSession, query: Mapping[str, str]) -> Summary:
            period = await _period(session, query)
            return await money_days.summary(session, actor, period)

        sessions: Sessions = request.app.state.sessions
        try:
            asked = request.query_params
            seen = await in_transaction(sessions, lambda own: read(own, asked))
        except ValidationFailed as error:
            wrong = " ".join(each["message"] for each in error.facts["errors"])
            seen = await in_transaction(sessions, lambda own: read(own, {}))
        context = {**_context(seen), "wrong": wrong, "parts": PARTS, "label": label}
        context["preset"] = _preset(request.query_params)
        return await self.render(request, "money/days.html", context)

    @page("/money/export/{part}.csv")
    async def money_export(self, request: Request) -> Response:
        """Send a part of a period as a file; that it was taken is journalled before."""
        name = request.path_params["part"]
        if name not in {each.value for each in Part}:
            raise NotFound
        part, actor = Part(name), staff_of(request).actor

        async def begin(session: AsyncSession) -> Period:
            period = await _period(session, request.query_params)
            await money_export.begin(session, actor, part, period)
            return period

        sessions: Sessions = request.app.state.sessions
        period = await in_transaction(sessions, begin)
        file = f"{part.value}-{period.first}-{period.last}.csv"
        return StreamingResponse(
            _pieces(sessions, part, period),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{file}"'},
        )

    @expose("/money/shop", methods=["POST"])
    async def check_shop(self, request: Request) -> Response:
        """Ask the provider who we are to it, outside any transaction."""
        sessions: Sessions = request.app.state.sessions
        kind, words = SAID[await shop_check.check(sessions)]
        own = staff_of(request).session_id
        await in_transaction(
            sessions, lambda session: flashes.leave(session, own, kind, str(words))
        )
        return RedirectResponse(Call(request, {}).back(), 303)


async def _pieces(
    sessions: Sessions, part: Part, period: Period
) -> AsyncGenerator[bytes, None]:
    async with (
        transaction(sessions) as session,
        aclosing(money_export.lines(session, part, period)) as lines,
    ):
        async for piece in lines:
            yield piece.encode()


async def _period(session: AsyncSession, query: Mapping[str, str]) -> Period:
    today = await clock.today(session)
    days = _preset(query)
    if days:
        return Period(today - timedelta(days=days - 1), today)
    return money_days.period(today, _day(query, "from"), _day(query, "to"))


def _day(query: Mapping[str, str], name: str) -> date | None:
    try:
        found = date.fromisoformat(query.get(name, ""))
    except ValueError:
        return None
    return found if 2000 < found.year < 3000 else None


def _context(seen: Summary) -> dict[str, Any]:
    first, last = seen.period.first, seen.period.last
    several = len(seen.days) > 1
    return {
        "seen": seen,
        "total": seen.total,
        "methods": PaymentMethod,
        "first": first,
        "last": last,
        "presets": PRESETS,
        "length": len(seen.days),
        "newest": [*reversed([*seen.days.items()])],
        "apart": [day for day, sums in seen.days.items() if sums.difference],
        "flows": plots.flows(seen) if several else None,
        "clearing": plots.clearing(seen) if several else None,
        "span": _span(first, last),
        "taken": f"?from={first}&to={last}",
    }


def _preset(query: Mapping[str, str]) -> int:
    """How many days up to now are asked for; 0 when the days themselves are."""
    if query.get("from") or query.get("to"):
        return 0
    known = {str(each): each for each in PRESETS}
    return known.get(query.get("days", ""), money_days.USUAL_DAYS)


def _span(first: date, last: date) -> str:
    if first == last:
        return formats.day(first)
    return f"{formats.day(first)} – {formats.day(last)}"
