"""The money of one call: what came, what went back, and what may still be done."""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice import cells, formats, money_words, refund_form, refund_panel
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.new_call_form import Typed
from backoffice.pages import Page, page, staff_of
from backoffice.provider_words import OUTCOMES, source, status
from backoffice.refused_forms import refused
from models.booking_words import ExtraConsent
from models.refund import Destination, RefundReason, Split
from services import compensations, extras, money_reads, refunds
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import Lazy, gettext
from services.ledger_words import HAPPENED
from services.money_reads import CallMoney
from services.permissions import Permission


class CallMoneyPage(Page):
    """One call's payments and refunds on one page; opening it is journalled."""

    name = Lazy("Money of the call")
    icon = "ti ti-cash"
    needs = {"list": Permission.PAYMENT_READ}
    in_menu = False

    @page("/payments/call/{pk}")
    async def call_money(self, request: Request) -> Response:
        """Show the money of a call; `?refund=` opens the form for one payment."""
        opened = request.query_params.get("refund", "")
        return await self._draw(request, Call(request, {}).id("pk"), opened)

    @page("/payments/{pk}")
    async def payment(self, request: Request) -> Response:
        """Show one attempt with every answer of the provider."""
        call = Call(request, {})
        payment_id = call.id("pk")

        async def read(session: AsyncSession) -> CallMoney:
            about = await money_reads.call_of_payment(session, call.actor, payment_id)
            return await money_reads.of_call(session, call.actor, about)

        money = await in_transaction(request.app.state.sessions, read)
        [payment] = [each for each in money.payments if each.id == payment_id]
        context = {**helpers(money), "payment": payment}
        return await self.render(request, "finance/payment.html", context)

    @page("/payments/{pk}/outlook")
    async def outlook(self, request: Request) -> Response:
        """Say what a refund on the typed terms would need, for the form's script."""
        call = Call(request, request.query_params)
        amount = call.text("amount")[:20]
        where = refund_panel.place(call.text("destination"))
        found = await in_transaction(
            request.app.state.sessions,
            lambda session: refund_panel.outlook(
                session, call.actor, call.id("pk"), amount, where
            ),
        )
        return JSONResponse(found)

    @command("/payments/{pk}/refund", Permission.REFUND_REQUEST, again="form")
    async def refund(self, session: AsyncSession, call: Call) -> Done:
        """Ask for a refund of one payment."""
        made = await refunds.request(session, call.actor, refund_form.wish(call))
        return Done(refund_panel.asked_for(made), card_path(made.booking_id))

    @command("/payments/call/{pk}/waive", Permission.EXTRAS_WAIVE)
    async def waive(self, session: AsyncSession, call: Call) -> Done:
        """Let extra services go that the patient has not agreed to."""
        reason = refund_form.word(call, RefundReason, "reason_code")
        booking = await extras.waive(session, call.actor, call.id("pk"), reason.value)
        lost = formats.roubles(booking.extras_kopecks)
        text = gettext(
            "{sum} of extra services are waived; nobody pays them.", sum=lost
        )
        return Done(text, card_path(booking.id))

    @command("/payments/call/{pk}/compensate", Permission.COMPENSATE, again="form")
    async def compensate(self, session: AsyncSession, call: Call) -> Done:
        """Put money of the house into the patient's wallet."""
        kopecks = refund_form.kopecks(call, "amount")
        reason = refund_form.word(call, RefundReason, "reason_code")
        booking_id, token = call.id("pk"), call.id("token")
        await compensations.credit(
            session, call.actor, booking_id, kopecks, reason.value, token
        )
        text = gettext("{sum} are in the patient's wallet.")
        return Done(text.format(sum=formats.roubles(kopecks)), card_path(booking_id))

    async def form(self, request: Request, call: Call, error: DomainError) -> Response:
        """Draw the card again, with what was typed and why it was refused."""
        verb = request.url.path.rpartition("/")[2]
        typed = {verb: refused(call, error)}
        row_id = call.id("pk")
        if verb == "compensate":
            return await self._draw(request, row_id, "", typed)
        about = await in_transaction(
            request.app.state.sessions,
            lambda own: money_reads.call_of_payment(own, call.actor, row_id),
        )
        return await self._draw(request, about, str(row_id), typed)

    async def _draw(
        self,
        request: Request,
        booking_id: uuid.UUID,
        opened: str,
        typed: Mapping[str, Typed] = {},
    ) -> Response:
        draw = partial(context_of, request, booking_id, opened, typed)
        context = await in_transaction(request.app.state.sessions, draw)
        return await self.render(request, "finance/call.html", context)


async def context_of(
    request: Request,
    booking_id: uuid.UUID,
    opened: str,
    typed: Mapping[str, Typed],
    session: AsyncSession,
) -> dict[str, Any]:
    """Gather what the card shows; `opened` is the payment whose form is open."""
    actor = staff_of(request).actor
    money = await money_reads.of_call(session, actor, booking_id)
    offers = await refund_panel.offers(session, actor, money)
    refund, given = typed.get("refund", Typed()), typed.get("compensate", Typed())
    chosen = offers.get(opened)
    panel = await refund_panel.panel(session, actor, chosen, refund) if chosen else None
    return {
        **helpers(money),
        "offers": offers,
        "panel": panel,
        "refused": refund,
        "gift": given,
        "gift_token": given.text("token") or str(uuid.uuid4()),
        "gifts": refund_form.GIFTS,
        "reasons": refund_form.REASONS,
        "destinations": Destination,
        "splits": Split,
        "awaited": money.call.extra_consent is ExtraConsent.AWAITED,
    }


def helpers(money: CallMoney) -> dict[str, Any]:
    """Give a template the money of a call and the words for it."""
    return {
        **money_words.HELPERS,
        "outcomes": OUTCOMES,
        "source": source,
        "said_status": status,
        "happened": HAPPENED,
        "state_pill": cells.payment,
        "money": money,
        "call": money.call,
        "now": money.now,
        "names": money.names,
        "summary": money_words.summary(money),
        "known_data": money_reads.known_data,
    }


def card_path(booking_id: uuid.UUID) -> str:
    """The address of the card."""
    return f"/admin/payments/call/{booking_id}"
