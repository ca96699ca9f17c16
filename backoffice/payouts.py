"""Registers that pay doctors and clinics: made by one person, approved by another."""

from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import cells, formats
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from models import Payout
from models.payout import EDGES, PayoutStatus
from services import payout_reads, payouts
from services.clock import MOSCOW
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.payout_reads import GOING_OUT, Register
from services.permissions import Permission
from services.words import label

HERE = "/admin/payouts"
S = PayoutStatus
KINDS = {
    S.DRAFT: "warn",
    S.APPROVED: "info",
    S.EXPORTED: "info",
    S.PAID: "good",
    S.REVERSED: "bad",
}
WAY = (S.DRAFT, S.APPROVED, S.EXPORTED, S.PAID)


class Payouts(Page):
    """The registers, what is owed now, and each register with its lines."""

    name = Lazy("Payout registers")
    icon = "ti ti-report-money"
    needs = {"list": Permission.PAYOUT_MAKE}

    @page("/payouts")
    async def payouts(self, request: Request) -> Response:
        """Show the registers and how everybody stands who is paid."""
        call = Call(request, {})
        seen = await in_transaction(
            request.app.state.sessions,
            lambda session: payout_reads.desk(session, call.actor),
        )
        context: dict[str, Any] = {"seen": seen, "pill": _pill, "label": label}
        context["owed"] = sum(each.kopecks for each in seen.owed)
        return await self.render(request, "money/payouts.html", context)

    @page("/payouts/{pk}")
    async def payout(self, request: Request) -> Response:
        """Show one register with what may be done with it."""
        call = Call(request, {})
        seen = await in_transaction(
            request.app.state.sessions,
            lambda session: payout_reads.register(session, call.actor, call.id("pk")),
        )
        context: dict[str, Any] = {"seen": seen, "payout": seen.payout, "way": WAY}
        context |= {"pill": _pill, "label": label, **_may(seen)}
        return await self.render(request, "money/payout.html", context)

    @page("/payouts/{pk}/register.csv")
    async def payout_file(self, request: Request) -> Response:
        """Give a register that goes out as a file for the bank or the payroll."""
        call = Call(request, {})
        text = await in_transaction(
            request.app.state.sessions,
            lambda session: payout_reads.table(session, call.actor, call.id("pk")),
        )
        name = f"register-{str(call.id('pk'))[-8:]}.csv"
        return Response(
            text,
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @command("/payouts", Permission.PAYOUT_MAKE)
    async def draft(self, session: AsyncSession, call: Call) -> Done:
        """Begin a register of all that was earned up to a moment."""
        made = await payouts.draft(session, call.actor, moment(call, "until"))
        text = gettext("Register {label}: {sum}. Another person has to approve it.")
        return _done(made, text)

    @command("/payouts/{pk}/approve", Permission.PAYOUT_APPROVE, fresh=True)
    async def approve(self, session: AsyncSession, call: Call) -> Done:
        """Agree to every line as it stands."""
        made = await payouts.approve(session, call.actor, *_seen(call))
        return _done(made, gettext("Register {label} is approved: {sum}."))

    @command("/payouts/{pk}/export", Permission.PAYOUT_MAKE)
    async def export(self, session: AsyncSession, call: Call) -> Done:
        """Let it go out; from then on its table can be taken."""
        made = await payouts.export(session, call.actor, *_seen(call))
        return _done(made, gettext("Register {label} goes out. Take its table here."))

    @command("/payouts/{pk}/pay", Permission.PAYOUT_MAKE)
    async def pay(self, session: AsyncSession, call: Call) -> Done:
        """Note by which document the money has left."""
        most = payouts.LONGEST_DOCUMENT
        document = call.words("document", most, gettext("Document"))
        made = await payouts.pay(session, call.actor, *_seen(call), document)
        return _done(made, gettext("Register {label} is paid: {sum}."))

    @command("/payouts/{pk}/reverse", Permission.PAYOUT_APPROVE, fresh=True)
    async def reverse(self, session: AsyncSession, call: Call) -> Done:
        """Note that the money came back."""
        reason = call.words("reason", payouts.LONGEST_DOCUMENT)
        made = await payouts.reverse(session, call.actor, *_seen(call), reason)
        return _done(made, gettext("Register {label} came back: all of it is owed."))

    @command("/payouts/{pk}/discard", Permission.PAYOUT_MAKE)
    async def discard(self, session: AsyncSession, call: Call) -> Done:
        """Drop a register that was not paid."""
        made = await payouts.discard(session, call.actor, *_seen(call))
        text = gettext("Register {label} is dropped; everybody is owed as before.")
        return _done(made, text, HERE)


def moment(call: Call, name: str) -> datetime | None:
    """Read a moment of Moscow; an empty field is none."""
    typed = call.text(name)
    if not typed:
        return None
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=MOSCOW)
    except ValueError:
        raise call.wrong(name, gettext("Enter a day and a time.")) from None


def _seen(call: Call) -> tuple[Any, int]:
    return call.id("pk"), call.integer("version") or 0


def _done(payout: Payout, text: str, to: str | None = None) -> Done:
    said = text.format(label=payout.label, sum=formats.roubles(payout.total_kopecks))
    return Done(said, to or f"{HERE}/{payout.id}")


def _pill(status: PayoutStatus) -> Any:
    return cells.pill(label(status), KINDS.get(status, ""))


def _may(seen: Register) -> dict[str, Any]:
    """What this person can do with the register as it stands."""
    edges, free = EDGES[seen.payout.status], seen.obstacle is None
    return {
        "may_approve": S.APPROVED in edges and free,
        "may_export": S.EXPORTED in edges,
        "may_pay": S.PAID in edges,
        "may_reverse": S.REVERSED in edges,
        "may_discard": S.DISCARDED in edges,
        "has_table": seen.payout.status in GOING_OUT,
        "waits": seen.payout.status is S.DRAFT,
    }
