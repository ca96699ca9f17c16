"""Mismatches: what does not add up, who works on it, and how it was closed."""

from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import call_words, recon_words
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page, staff_of
from models import ReconMark
from models.recon_issue import IssueKind
from services import recon_issues, recon_reads, stale
from services.actor import SYSTEM_ID
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission, may
from services.recon_issues import LONGEST_WORDS, kinds_for

HERE = "/admin/mismatches"
# What may lose money if nobody looks soon.
GRAVE = frozenset({IssueKind.INVARIANT, IssueKind.AMOUNT_DIFFERS})


class Mismatches(Page):
    """Findings of reconciliation, whatever is due first on top."""

    name = Lazy("Mismatches")
    icon = "ti ti-scale"
    needs = {"list": Permission.RECON_READ}

    @page("/mismatches")
    async def mismatches(self, request: Request) -> Response:
        """Show what waits, what was closed of late, and how the checks run."""
        staff = staff_of(request)
        seen = await in_transaction(
            request.app.state.sessions,
            lambda session: recon_reads.findings(session, staff.actor),
        )
        context: dict[str, Any] = {
            "seen": seen,
            "words": recon_words,
            "checks": _checks(seen.marks) if _sees_all(request) else (),
            "late": lambda each: each.due_at < seen.now,
            "grave": GRAVE,
            "age": lambda moment: _ago(moment, seen.now),
            "clock_of": lambda moment: call_words.clock_of(moment, seen.now),
            "silent": lambda mark, most: seen.now - mark.ran_at > most,
            "by_itself": SYSTEM_ID,
            "opens_cards": may(staff.role, Permission.PAYMENT_READ),
        }
        return await self.render(request, "recon/page.html", context)

    @command("/mismatches/{pk}/take", Permission.RECON_RESOLVE)
    async def take(self, session: AsyncSession, call: Call) -> Done:
        """Say that one works on a finding."""
        holder = call.optional_id("holder")
        await recon_issues.take(session, call.actor, call.id("pk"), holder)
        return Done(gettext("The finding is yours."), _place(call))

    @command("/mismatches/{pk}/resolve", Permission.RECON_RESOLVE)
    async def resolve(self, session: AsyncSession, call: Call) -> Done:
        """Close a finding with what was the matter."""
        words = call.words("words", LONGEST_WORDS)
        await recon_issues.resolve(session, call.actor, call.id("pk"), words)
        return Done(gettext("The finding is closed."), HERE)


def _place(call: Call) -> str:
    return f"{HERE}#f-{call.id('pk')}"


def _sees_all(request: Request) -> bool:
    return kinds_for(staff_of(request).actor) == frozenset(IssueKind)


def _checks(marks: Any) -> list[tuple[str, Any, ReconMark | None]]:
    """Give every check with its words, how long it may be silent, and its mark."""
    known = {mark.name: mark for mark in marks}
    return [
        (str(words), most, known.get(name))
        for name, (words, most) in recon_words.CHECKS.items()
    ]


def _ago(moment: datetime, now: datetime) -> str:
    return stale.time_ago(int((now - moment).total_seconds()))
