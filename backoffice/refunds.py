"""One refund on one page: what was asked, what policy says, and the second person."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import formats, refund_form, refund_panel
from backoffice.call_money import helpers
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.forms import roubles_text
from backoffice.pages import Page, page
from backoffice.refused_forms import refused
from models.refund import Destination, RefundStatus, Refusal, Split
from services import refund_reads, refunds
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.refund_following import KEY_GONE
from services.refund_reads import RefundView

QUEUE = "/admin/refunds"
CHANGEABLE = frozenset({RefundStatus.AWAITING_APPROVAL, RefundStatus.APPROVED})


class RefundPage(Page):
    """A refund with its story; opening it is journalled as its call's money."""

    name = Lazy("Refund")
    icon = "ti ti-arrow-back-up"
    needs = {"list": Permission.PAYMENT_READ}
    in_menu = False

    @page("/refunds/{pk}")
    async def refund_page(self, request: Request) -> Response:
        """Show one refund."""
        return await self.form(request)

    async def form(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Draw the refund; what was typed and refused stands there again."""
        typed = refused(call, error)
        call = call or Call(request, {})
        view = await in_transaction(
            request.app.state.sessions,
            lambda session: refund_reads.one(session, call.actor, call.id("pk")),
        )
        context = {**helpers(view.money), "view_of": view, "refund": view.refund}
        context |= {"refused": typed, "refusals": Refusal, "destinations": Destination}
        context |= {"splits": Split, **_may(view, call)}
        context["amount_text"] = roubles_text(view.refund.amount_kopecks)
        return await self.render(request, "finance/refund.html", context)

    @command("/refunds/{pk}/approve", Permission.REFUND_APPROVE, fresh=True)
    async def approve(self, session: AsyncSession, call: Call) -> Done:
        """Let the refund go on, as it was seen."""
        seen = call.words("seen", 64)
        made = await refunds.approve(session, call.actor, call.id("pk"), seen)
        return Done(refund_panel.asked_for(made), QUEUE)

    @command("/refunds/{pk}/reject", Permission.REFUND_APPROVE)
    async def reject(self, session: AsyncSession, call: Call) -> Done:
        """Refuse the refund, or take one's own back; its money is free again."""
        refusal = refund_form.word(call, Refusal, "reason_code")
        made = await refunds.reject(session, call.actor, call.id("pk"), refusal)
        text = gettext("The refund is rejected; {sum} are free again.")
        return Done(text.format(sum=formats.roubles(made.amount_kopecks)), QUEUE)

    @command("/refunds/{pk}/amend", Permission.REFUND_REQUEST, again="form")
    async def amend(self, session: AsyncSession, call: Call) -> Done:
        """Change one's own refund; whatever approval it had is void."""
        terms = refund_form.terms(call)
        made = await refunds.amend(session, call.actor, call.id("pk"), terms)
        return Done(refund_panel.asked_for(made), f"{QUEUE}/{made.id}")

    @command("/refunds/{pk}/transfer", Permission.REFUND_REQUEST, again="form")
    async def transfer(self, session: AsyncSession, call: Call) -> Done:
        """Note that the money has left the bank by hand."""
        document = call.words("document", 200, gettext("Document"))
        made = await refunds.note_transfer(session, call.actor, call.id("pk"), document)
        text = gettext("Noted: {sum} were transferred.")
        done = text.format(sum=formats.roubles(made.amount_kopecks))
        return Done(done, f"{QUEUE}/{made.id}")

    @command("/refunds/{pk}/give_up", Permission.REFUND_APPROVE, fresh=True)
    async def give_up(self, session: AsyncSession, call: Call) -> Done:
        """Close a refund that nobody knows of at the provider."""
        made = await refunds.close_unknown(session, call.actor, call.id("pk"))
        text = gettext("Given up; {sum} are free and can go back another way.")
        done = text.format(sum=formats.roubles(made.amount_kopecks))
        return Done(done, f"{QUEUE}/{made.id}")


def _may(view: RefundView, call: Call) -> dict[str, Any]:
    """What this person can do with the refund as it stands."""
    refund, mine = view.refund, view.refund.requested_by == call.actor.user_id
    waits = refund.status is RefundStatus.AWAITING_APPROVAL
    by_hand = refund.destination is Destination.MANUAL
    sent = refund.key_used_at or view.money.now
    old = view.money.now - sent > KEY_GONE
    lost = refund.status is RefundStatus.UNKNOWN and old
    return {
        "mine": mine,
        "lost": lost,
        "may_approve": waits and view.obstacle is None,
        "may_reject": waits,
        "may_amend": mine and refund.status in CHANGEABLE,
        "may_transfer": by_hand and refund.status is RefundStatus.APPROVED,
        "may_give_up": lost and view.obstacle is None,
    }
