"""The queues of finance as tabs of one desk; what waits for a person has a number."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import money_words
from backoffice.pages import Page, page, staff_of
from models.refund import ClaimStatus
from services import money_queues
from services.edges import in_transaction
from services.i18n import Lazy
from services.money_queues import Queue, Trouble
from services.permissions import Permission

TABS: Mapping[str, tuple[str, str]] = {
    "approvals": ("/admin/refunds", Lazy("Wait for a second person")),
    "claims": ("/admin/claims", Lazy("Requests of patients")),
    "withdrawals": ("/admin/withdrawals", Lazy("Withdrawals")),
    "stuck": ("/admin/stuck", Lazy("Stuck")),
}
TROUBLES: Mapping[Trouble, tuple[str, str]] = {
    Trouble.REFUND_UNKNOWN: (
        Lazy("Refund sent, no answer"),
        Lazy("Asks the provider by itself; do not make another refund"),
    ),
    Trouble.REFUND_SENDING: (
        Lazy("Refund was being sent"),
        Lazy("Looks for it at the provider, then sends it under the same key"),
    ),
    Trouble.REFUND_SLOW: (
        Lazy("The bank is slow with a refund"),
        Lazy("Asks the provider by itself until the bank has decided"),
    ),
    Trouble.REFUND_NOT_SENT: (
        Lazy("Approved refund not sent"),
        Lazy("Tries to send it by itself; look at the mismatches of this payment"),
    ),
    Trouble.REFUND_BY_HAND: (
        Lazy("Bank transfer to be made"),
        Lazy("Waits for you: transfer the money and note the document"),
    ),
    Trouble.PAYMENT_UNKNOWN: (
        Lazy("Payment without an answer"),
        Lazy("Asks the provider by itself; the patient may pay again meanwhile"),
    ),
}
Read = Callable[[AsyncSession], Awaitable[Queue]]


class MoneyQueues(Page):
    """Refunds to approve, claims, withdrawals and what is stuck, oldest first."""

    name = Lazy("Queues of finance")
    icon = "ti ti-checklist"
    needs = {"list": Permission.PAYMENT_READ}

    @page("/refunds")
    async def refund_queue(self, request: Request) -> Response:
        """Show the refunds that wait for a second person."""
        actor = staff_of(request).actor
        return await self._draw(
            request, "approvals", lambda own: money_queues.approvals(own, actor)
        )

    @page("/claims")
    async def claim_queue(self, request: Request) -> Response:
        """Show the claims of one state, open ones at first."""
        actor, asked = staff_of(request).actor, request.query_params.get("status", "")
        known = asked in {each.value for each in ClaimStatus}
        status = ClaimStatus(asked) if known else ClaimStatus.OPEN
        return await self._draw(
            request,
            "claims",
            lambda own: money_queues.claims(own, actor, status),
            status=status,
            states=ClaimStatus,
        )

    @page("/withdrawals")
    async def withdrawal_queue(self, request: Request) -> Response:
        """Show the withdrawals under way, or those that have ended."""
        actor = staff_of(request).actor
        ended = request.query_params.get("ended") == "1"
        return await self._draw(
            request,
            "withdrawals",
            lambda own: money_queues.withdrawals(own, actor, ended),
            ended=ended,
        )

    @page("/stuck")
    async def stuck(self, request: Request) -> Response:
        """Show what stands still, what the system does about it and when."""
        actor = staff_of(request).actor
        return await self._draw(
            request,
            "stuck",
            lambda own: money_queues.stuck(own, actor),
            troubles=TROUBLES,
        )

    async def _draw(
        self, request: Request, tab: str, read: Read, **more: Any
    ) -> Response:
        async def gather(session: AsyncSession) -> dict[str, Any]:
            counts = await money_queues.counts(session)
            return {"queue": await read(session), "counts": counts}

        context = await in_transaction(request.app.state.sessions, gather)
        context |= {"tabs": TABS, "tab": tab, **money_words.HELPERS, **more}
        return await self.render(request, f"finance/{tab}.html", context)
