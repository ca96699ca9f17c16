"""What somebody of finance asks for, and whether a refund may be like that."""

import uuid
from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund, User
from models.booking import TERMINAL
from models.payment import PaymentStatus
from models.refund import OPEN, Destination, RefundReason, Split
from models.role_grant import STAFF_ROLES, Role
from services import clock, stale, words
from services.actor import Actor
from services.amounts import roubles
from services.errors import Conflict, IllegalTransition, RefundOpen
from services.i18n import gettext
from services.inputs import wrong
from services.refund_quotes import fit, means_of

LONGEST_TOKEN, LONGEST_DOCUMENT = 64, 200


@dataclass(frozen=True)
class Terms:
    """How much goes back and where; after a visit also who bears it.

    Into the wallet goes only what the patient agreed to have there.
    """

    amount_kopecks: int
    destination: Destination
    split: Split | None = None
    patient_agreed: bool = False


@dataclass(frozen=True)
class Wish:
    """A refund that somebody of finance asks for; the token is that of one form."""

    payment_id: uuid.UUID
    terms: Terms
    reason_code: RefundReason
    request_token: str | None = None


def demand_sound(payment: Payment, terms: Terms, held: int = 0) -> Destination:
    """Check sum and means, and give the means; `held` is what the refund holds.

    What came from the wallet goes back there as its original means.
    """
    left = payment.captured_kopecks - payment.refunded_or_reserved_kopecks + held
    wanted = terms.amount_kopecks
    if not 1 <= wanted <= left:
        message = gettext("At most {left} can go back.", left=roubles(left))
        raise wrong("amount_kopecks", message)
    nearest = fit(payment, wanted, held)
    if nearest != wanted:
        message = gettext(
            "Parts below 1 ₽ cannot be moved. The nearest sum is {sum}.",
            sum=roubles(nearest),
        )
        raise wrong("amount_kopecks", message)
    usual = means_of(payment)
    if terms.destination is Destination.ORIGINAL:
        return usual
    if terms.destination is not usual and terms.destination is Destination.WALLET:
        _demand_consent(terms)
    return terms.destination


def _demand_consent(terms: Terms) -> None:
    if not terms.patient_agreed:
        message = gettext("Into the wallet it goes only if the patient agrees.")
        raise wrong("patient_agreed", message)


async def demand_free(
    session: AsyncSession, booking: Booking, payment: Payment
) -> None:
    """Refuse while the call goes on, and while another refund of the payment goes.

    Money paid twice is nobody's but the payer's, whatever the call does.
    """
    if payment.status is not PaymentStatus.SUCCEEDED:
        raise IllegalTransition("Nothing came by this payment.")
    if booking.status not in TERMINAL and payment.surplus is None:
        raise IllegalTransition(
            "Money goes back when the call is cancelled or the visit is over."
        )
    query = select(Refund).where(
        col(Refund.payment_id) == payment.id, col(Refund.status).in_(OPEN)
    )
    running = (await session.exec(query)).one_or_none()
    if running is not None:
        raise await _open_error(session, running)


async def sent_before(session: AsyncSession, actor: Actor, wish: Wish) -> Refund | None:
    """Find the refund that the same form made when it was sent before."""
    token = wish.request_token
    if token is None:
        return None
    if not 1 <= len(token) <= LONGEST_TOKEN:
        raise wrong("request_token")
    query = select(Refund).where(col(Refund.request_token) == token)
    earlier = (await session.exec(query)).one_or_none()
    if earlier is None:
        return None
    if (earlier.payment_id, earlier.requested_by) != (wish.payment_id, actor.user_id):
        raise Conflict("This form was used for another refund.")
    return earlier


def document_of(text: str) -> str:
    """Give the number of a payment document as it is kept; raises if it is none."""
    number = " ".join(text.split())
    if not 1 <= len(number) <= LONGEST_DOCUMENT:
        raise wrong("document")
    return number


async def _open_error(session: AsyncSession, running: Refund) -> RefundOpen:
    """Tell who asked for the refund that goes, how long ago, and how it stands."""
    who = await session.get(User, running.requested_by)
    role = Role(running.requested_as)
    named = who is not None and role in STAFF_ROLES
    age = await clock.now(session) - running.created_at
    return RefundOpen(
        who=who.short_name if who is not None and named else words.label(role),
        amount=roubles(running.amount_kopecks),
        ago=stale.time_ago(int(age.total_seconds())),
        status=words.label(running.status).lower(),
    )
