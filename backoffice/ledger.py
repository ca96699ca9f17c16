"""The books for finance: accounts, statements and journals, read only.

Patients appear by a masked contact and by the number of their call, never by name.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice.command_calls import Call
from backoffice.pages import Page, page, staff_of
from models.ledger import AccountKind
from services import ledger_reads, pages
from services.actor import Actor, Via
from services.clock import MOSCOW
from services.edges import in_transaction
from services.i18n import Lazy
from services.ledger_reads import Days, Held, Line
from services.ledger_words import ABOUT, HAPPENED, MANY
from services.pages import Wanted
from services.permissions import Permission
from services.words import label

ROWS = 50
WORDS: Mapping[str, Any] = {
    "label": label,
    "happened": HAPPENED,
    "about": ABOUT,
    "via": Via,
}


class LedgerDesk(Page):
    """Accounts by kind, a statement of each, and every journal with its legs."""

    name = Lazy("Ledger")
    icon = "ti ti-book-2"
    needs = {"list": Permission.LEDGER_READ}

    @page("/ledger")
    async def ledger(self, request: Request) -> Response:
        """Show what the house holds, and the accounts of one kind or those found."""
        actor, query = staff_of(request).actor, request.query_params
        asked = (each for each in MANY if each == query.get("kind"))
        kind = next(asked, AccountKind.WALLET)
        search = query.get("search", "").strip()[:100]

        async def read(session: AsyncSession) -> dict[str, Any]:
            house = await ledger_reads.house(session, actor)
            lines = await _accounts(session, actor, kind, search, _wanted(request))
            return {"house": house, "lines": lines}

        context = await in_transaction(request.app.state.sessions, read)
        context |= {"tabs": MANY, "kind": kind, "search": search, **WORDS}
        context["older"] = _older(request, context["lines"])
        return await self.render(request, "ledger/accounts.html", context)

    @page("/ledger/accounts/{pk}")
    async def ledger_account(self, request: Request) -> Response:
        """Show the statement of one account, day by day."""
        call, query = Call(request, {}), request.query_params
        first, last = _day(query.get("from")), _day(query.get("to"))
        seen = await in_transaction(
            request.app.state.sessions,
            lambda session: ledger_reads.statement(
                session, call.actor, call.id("pk"), _days(first, last), _wanted(request)
            ),
        )
        context: dict[str, Any] = {
            "held": seen.held,
            "days": _by_day(seen.lines.items),
            "older": _older(request, seen.lines),
            "first": first,
            "last": last,
        }
        return await self.render(request, "ledger/account.html", {**context, **WORDS})

    @page("/ledger/journals/{pk}")
    async def ledger_journal(self, request: Request) -> Response:
        """Show one posting with all its legs."""
        call = Call(request, {})
        legs = await in_transaction(
            request.app.state.sessions,
            lambda session: ledger_reads.journal(session, call.actor, call.id("pk")),
        )
        total = sum(max(leg.entry.amount_kopecks, 0) for leg in legs)
        context: dict[str, Any] = {"legs": legs, "total": total}
        context["journal"] = legs[0].entry
        return await self.render(request, "ledger/journal.html", {**context, **WORDS})


async def _accounts(
    session: AsyncSession, actor: Actor, kind: AccountKind, search: str, wanted: Wanted
) -> pages.Page[Held]:
    if search:
        found = await ledger_reads.found(session, actor, search)
        return pages.Page(found, None)
    return await ledger_reads.accounts(session, actor, kind, wanted)


def _wanted(request: Request) -> Wanted:
    after = request.query_params.get("after")
    return Wanted(ROWS, pages.decode(after) if after else None)


def _older(request: Request, shown: pages.Page[Any]) -> str | None:
    """Where the next page is, if there is one."""
    if shown.next is None:
        return None
    return str(request.url.include_query_params(after=pages.encode(shown.next)))


def _day(raw: str | None) -> date | None:
    try:
        return date.fromisoformat(raw or "")
    except ValueError:
        return None


def _days(first: date | None, last: date | None) -> Days:
    """Take whole days of Moscow; the last one is included."""
    since = None if first is None else datetime.combine(first, time(), MOSCOW)
    if last is None or last == date.max:
        return Days(since)
    return Days(since, datetime.combine(last, time(), MOSCOW) + timedelta(days=1))


def _by_day(lines: Sequence[Line]) -> list[tuple[date, list[Line]]]:
    """Put the lines of a statement under their Moscow days."""

    def day(line: Line) -> date:
        return line.entry.created_at.astimezone(MOSCOW).date()

    return [(each, list(found)) for each, found in groupby(lines, day)]
