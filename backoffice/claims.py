"""Claims: somebody wants money back, and finance decides by the reason code alone."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import forms, refund_form, refund_panel
from backoffice.call_money import helpers
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page
from backoffice.refused_forms import refused
from models.refund import ClaimStatus, Destination, RefundReason, Split
from services import money_reads, refund_claims
from services.edges import in_transaction
from services.errors import DomainError, NotFound
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.refund_terms import Wish

QUEUE = "/admin/claims"
AMOUNT = "amount:"


class ClaimPage(Page):
    """A claim beside the money of its call; the patient's words are not here."""

    name = Lazy("Request for money back")
    icon = "ti ti-message-report"
    needs = {"list": Permission.PAYMENT_READ}
    in_menu = False

    @page("/claims/{pk}")
    async def claim_page(self, request: Request) -> Response:
        """Show one claim and what policy gives."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the claim; what was typed and refused stands there again."""
        typed = refused(call, error)
        call = call or Call(request, {})

        async def read(session: AsyncSession) -> dict[str, Any]:
            claim = await money_reads.claim(session, call.actor, call.id("pk"))
            money = await money_reads.of_call(session, call.actor, claim.booking_id)
            offers = await refund_panel.offers(session, call.actor, money)
            return {"claim": claim, "offers": offers, **helpers(money)}

        context = await in_transaction(request.app.state.sessions, read)
        context |= {"refused": typed, "destinations": Destination, "splits": Split}
        context |= {"reasons": refund_form.REASONS, "amount_of": forms.roubles_text}
        context["open"] = context["claim"].status is ClaimStatus.OPEN
        return await self.render(request, "finance/claim.html", context)

    @command("/claims/{pk}/accept", Permission.CLAIM_DECIDE, again="form")
    async def accept(self, session: AsyncSession, call: Call) -> Done:
        """Give in with a refund of one payment or of several."""
        wishes, version = _wishes(call), call.integer("version") or 0
        claim = await refund_claims.accept(
            session, call.actor, call.id("pk"), wishes, version
        )
        text = gettext("Accepted. How the refunds go is on the page of the call.")
        return Done(text, f"/admin/payments/call/{claim.booking_id}")

    @command("/claims/{pk}/decline", Permission.CLAIM_DECIDE)
    async def decline(self, session: AsyncSession, call: Call) -> Done:
        """Refuse the claim; the patient is told that, and asks by phone why."""
        version = call.integer("version") or 0
        await refund_claims.decline(session, call.actor, call.id("pk"), version)
        return Done(gettext("Declined; the patient has been told."), QUEUE)


def _wishes(call: Call) -> Sequence[Wish]:
    """Read a sum for each payment; an empty one leaves the payment alone."""
    named = [name for name in call.fields if name.startswith(AMOUNT)]
    given = [name for name in named if call.text(name)]
    if not given:
        raise call.wrong("refunds", gettext("Say how much goes back."))
    reason = refund_form.word(call, RefundReason, "reason_code")
    return [
        Wish(_payment(name), refund_form.terms(call, name), reason) for name in given
    ]


def _payment(name: str) -> uuid.UUID:
    try:
        return uuid.UUID(name.removeprefix(AMOUNT))
    except ValueError:
        raise NotFound from None
