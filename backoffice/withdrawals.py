"""Withdrawals: money leaves a wallet, one person prepares it and another approves."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import formats, money_words
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from models.withdrawal import WithdrawalStatus
from services import withdrawal_reads, withdrawals
from services.edges import in_transaction
from services.i18n import Lazy, gettext
from services.permissions import Permission

QUEUE = "/admin/withdrawals"
W = WithdrawalStatus
REJECTABLE = frozenset({W.REQUESTED, W.PREPARED})


class WithdrawalPage(Page):
    """A withdrawal with the parts it goes out by."""

    name = Lazy("Withdrawal from a wallet")
    icon = "ti ti-wallet"
    needs = {"list": Permission.PAYMENT_READ}
    in_menu = False

    @page("/withdrawals/{pk}")
    async def withdrawal_page(self, request: Request) -> Response:
        """Show one withdrawal: by which payments it goes, and what by hand."""
        call = Call(request, {})
        view = await in_transaction(
            request.app.state.sessions,
            lambda session: withdrawal_reads.one(session, call.actor, call.id("pk")),
        )
        status = view.withdrawal.status
        context: dict[str, Any] = {
            **money_words.HELPERS,
            "seen": view,
            "withdrawal": view.withdrawal,
            "names": view.names,
            "now": view.now,
            "may_prepare": status in REJECTABLE,
            "may_approve": status is W.PREPARED and view.obstacle is None,
            "may_transfer": status is W.APPROVED and not view.running,
        }
        return await self.render(request, "finance/withdrawal.html", context)

    @command("/withdrawals/{pk}/prepare", Permission.WITHDRAWAL_PREPARE)
    async def prepare(self, session: AsyncSession, call: Call) -> Done:
        """Share the money out over the payments it came from."""
        made = await withdrawals.prepare(session, call.actor, *_seen(call))
        text = gettext("Prepared. Now another person has to approve it.")
        return Done(text, f"{QUEUE}/{made.id}")

    @command("/withdrawals/{pk}/approve", Permission.WITHDRAWAL_APPROVE, fresh=True)
    async def approve(self, session: AsyncSession, call: Call) -> Done:
        """Let the prepared withdrawal go."""
        made = await withdrawals.approve(session, call.actor, *_seen(call))
        text = gettext("Approved: {sum} are on their way.")
        done = text.format(sum=formats.roubles(made.amount_kopecks))
        return Done(done, f"{QUEUE}/{made.id}")

    @command("/withdrawals/{pk}/transfer", Permission.WITHDRAWAL_PREPARE)
    async def transfer(self, session: AsyncSession, call: Call) -> Done:
        """Note that the part by hand has left the bank."""
        kept = call.words("document", 200, gettext("Document"))
        made = await withdrawals.transfer(session, call.actor, call.id("pk"), kept)
        text = gettext("Noted: {sum} were transferred.")
        return Done(text.format(sum=formats.roubles(made.manual_kopecks)), QUEUE)

    @command("/withdrawals/{pk}/reject", Permission.WITHDRAWAL_PREPARE)
    async def reject(self, session: AsyncSession, call: Call) -> Done:
        """Refuse the withdrawal; the money is in the wallet again."""
        made = await withdrawals.reject(session, call.actor, *_seen(call))
        text = gettext("Rejected: {sum} are in the wallet again.")
        return Done(text.format(sum=formats.roubles(made.amount_kopecks)), QUEUE)


def _seen(call: Call) -> tuple[Any, int]:
    return call.id("pk"), call.integer("version") or 0
