"""The form of a refund on the card of a call's money, and what it says beforehand."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import formats, forms
from backoffice.new_call_form import Typed
from models import Refund
from models.payment import PaymentStatus
from models.refund import Destination, RefundStatus, Split
from services import refund_offers
from services.actor import Actor
from services.errors import ValidationFailed
from services.i18n import Lazy, gettext
from services.money_reads import CallMoney
from services.refund_offers import Offer, Outlook
from services.refund_terms import Terms
from services.words import label

ASKED_FOR: Mapping[Destination, str] = {
    Destination.ORIGINAL: Lazy("{sum} go back to where they were paid from."),
    Destination.WALLET: Lazy("{sum} are in the patient's wallet."),
    Destination.MANUAL: Lazy("{sum} may be transferred by bank; note the document."),
}
SHARES: Mapping[Split, str] = {
    Split.DOCTOR: Lazy("{theirs} from the doctor's pay, {ours} from the house"),
    Split.HOUSE: Lazy("{ours} from the house"),
    Split.PRO_RATA: Lazy("{theirs} from the doctor's pay, {ours} from the house"),
}


@dataclass(frozen=True)
class Panel:
    """The open form: what may be asked for, the terms in it, and what they need."""

    offer: Offer
    amount: str
    destination: Destination
    outlook: Mapping[str, Any]
    token: str


async def offers(
    session: AsyncSession, actor: Actor, money: CallMoney
) -> Mapping[str, Offer]:
    """Tell for every payment that has something left how much may go back."""
    return {
        str(each.id): await refund_offers.offer(session, actor, each.id)
        for each in money.payments
        if each.status is PaymentStatus.SUCCEEDED and each.left_kopecks
    }


async def panel(
    session: AsyncSession, actor: Actor, offer: Offer, typed: Typed
) -> Panel:
    """Open the form with what policy gives, or with what was typed before."""
    given = forms.roubles_text(offer.policy) if offer.policy else ""
    amount, where = typed.text("amount") or given, place(typed.text("destination"))
    return Panel(
        offer,
        amount,
        where,
        await outlook(session, actor, offer.payment_id, amount, where),
        typed.text("request_token") or secrets.token_urlsafe(18),
    )


async def outlook(
    session: AsyncSession,
    actor: Actor,
    payment_id: uuid.UUID,
    amount: str,
    where: Destination,
) -> Mapping[str, Any]:
    """Say what a refund on these terms would need, or what is wrong with them.

    Whether the patient agreed to the wallet is asked by the form itself.
    """
    if not amount:
        return {"title": gettext("Say how much goes back.")}
    try:
        terms = Terms(forms.kopecks_of(amount), where, patient_agreed=True)
        return _said(await refund_offers.outlook(session, actor, payment_id, terms))
    except ValueError as error:
        return {"error": str(error)}
    except ValidationFailed as error:
        messages = [each["message"] for each in error.facts["errors"]]
        return {"error": " ".join(messages)}


def place(typed: str) -> Destination:
    """Read where the money goes; to where it came from unless something else is said."""
    known = typed in {each.value for each in Destination}
    return Destination(typed) if known else Destination.ORIGINAL


def asked_for(refund: Refund) -> str:
    """Say what came of asking for a refund."""
    amount = formats.roubles(refund.amount_kopecks)
    if refund.status is RefundStatus.AWAITING_APPROVAL:
        return gettext(
            "{sum} are reserved. Nothing is sent before a second person agrees.",
            sum=amount,
        )
    return gettext(ASKED_FOR[refund.destination], sum=amount)


def _said(found: Outlook) -> Mapping[str, Any]:
    shares = {
        split.value: gettext(
            SHARES[split], theirs=formats.roubles(theirs), ours=formats.roubles(ours)
        )
        for split, (theirs, ours) in found.shares.items()
    }
    title = (
        gettext("A second person has to agree:")
        if found.doubts
        else gettext("One person is enough: it goes at once.")
    )
    reasons = [label(each) for each in found.doubts]
    return {
        "second": bool(found.doubts),
        "title": title,
        "reasons": reasons,
        "shares": shares,
    }
