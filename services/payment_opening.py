"""Beginning to pay: the attempt, its key and its exact body, before anybody is asked.

Owner, call and sum come from here, never from the request. A patient has one open
attempt for a call; one that was given up for another stays payable at the provider,
so it is superseded and watched, and given back whole if it is paid after all.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, User
from models.payment import PaymentMethod
from services import (
    clock,
    direct,
    payment_steps,
    receipts,
    visit_money,
    wallet_payments,
)
from services.actor import Actor
from services.booking_steps import demand_ownership, lock_booking
from services.config import Profile, get_settings
from services.errors import NothingToPay, TooManyRequests, Unavailable
from services.gateways import NotConfigured
from services.gateways.yookassa_bodies import (
    LEAST_KOPECKS,
    LONGEST_ADDRESS,
    PaymentOrder,
    Receipt,
    payment_body,
)
from services.gateways.yookassa_client import shop_of
from services.i18n import gettext
from services.inputs import wrong
from services.permissions import Permission, demand

RETURN_PAGE = "/payments/{payment_id}/return"
# Each attempt is one more at the provider, watched for an hour.
MOST_AN_HOUR, WAIT_SECONDS = 30, 600
_TRIED = """
SELECT count(*) AS times FROM payment
 WHERE booking_id = %(id)s AND created_at > app_now() - interval '1 hour'
"""


@dataclass(frozen=True)
class Wish:
    """How the patient wants to pay, and where the provider's page leads back to."""

    method: PaymentMethod
    return_url: str | None = None


@dataclass(frozen=True)
class Opened:
    """The attempt, whether it is new, and whether the provider is to be asked now."""

    payment: Payment
    fresh: bool

    @property
    def to_be_sent(self) -> bool:
        """A new attempt that needs the provider; a wallet pays by itself."""
        return self.fresh and self.payment.method is not PaymentMethod.WALLET


async def begin(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, wish: Wish
) -> Opened:
    """Open an attempt at all that is owed for one's own call, or find the open one.

    A wallet pays at once. Raises NothingToPay when nothing is owed, InsufficientFunds
    when the wallet holds less, Unavailable when no provider is set up, and
    TooManyRequests when the call has had too many attempts in an hour.
    """
    demand(actor, Permission.PAYMENT_OWN)
    if wish.method is PaymentMethod.WALLET:
        paid = await wallet_payments.pay(session, actor, booking_id)
        return Opened(paid, fresh=True)
    booking = await lock_booking(session, booking_id)
    now = await clock.now(session)
    await demand_ownership(session, actor, booking, None, now)
    _demand_provider(wish)
    amount = await visit_money.due(session, booking)
    if amount == 0:
        raise NothingToPay
    earlier = await payment_steps.open_one(session, booking.id)
    if earlier is not None and _serves(earlier, wish, amount, now):
        return Opened(earlier, fresh=False)
    if earlier is not None:
        await supersede(session, actor, earlier, now)
    return Opened(await _open(session, actor, booking, wish, amount), fresh=True)


def _demand_provider(wish: Wish) -> None:
    """Refuse what could not be sent, before anything is written."""
    settings = get_settings()
    try:
        shop_of(settings)
    except NotConfigured:
        raise Unavailable("Online payments are not set up.") from None
    if wish.return_url is not None:
        qr = wish.method is PaymentMethod.SBP and settings.yookassa_sbp_qr
        longest = LONGEST_ADDRESS["qr" if qr else "redirect"]
        if len(wish.return_url) > longest or not _leads_back(wish.return_url):
            message = gettext("An https address is needed here.")
            raise wrong("return_url", message)


def _leads_back(address: str) -> bool:
    """Tell whether a browser may be led there: https, or this machine while trying."""
    if not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if not host or "\\" in address or "@" in parts.netloc:
        return False
    trying = get_settings().profile is not Profile.PRODUCTION
    return parts.scheme == "https" or (
        parts.scheme == "http" and trying and _is_loopback(host)
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _serves(payment: Payment, wish: Wish, amount: int, now: datetime) -> bool:
    """Tell whether the open attempt is what the patient wants now."""
    alive = payment.expires_at is None or now < payment.expires_at
    same = payment.method is wish.method and payment.amount_kopecks == amount
    return same and alive


async def supersede(
    session: AsyncSession, actor: Actor, payment: Payment, now: datetime
) -> None:
    """Give an open attempt up. The provider knows no such thing: it stays watched."""
    payment.superseded_at = now
    await payment_steps.finish(session, actor, payment, "superseded")


async def _open(
    session: AsyncSession, actor: Actor, booking: Booking, wish: Wish, amount: int
) -> Payment:
    if amount < LEAST_KOPECKS:
        raise NothingToPay("The provider takes no sum below 1 ₽.")
    tried: Any = await direct.fetch_one(session, _TRIED, {"id": booking.id})
    if tried.times >= MOST_AN_HOUR:
        raise TooManyRequests(retry_after=WAIT_SECONDS)
    now = await clock.now(session)
    payment = Payment(
        booking_id=booking.id,
        payer_id=booking.patient_id,
        method=wish.method,
        amount_kopecks=amount,
        key_used_at=now,
        next_look_at=now + payment_steps.FIRST_LOOK,
    )
    own_page = RETURN_PAGE.format(payment_id=payment.id)
    payment.return_url = wish.return_url or f"{get_settings().base_url}{own_page}"
    payer = await session.get_one(User, booking.patient_id)
    receipt = await receipts.payment_receipt(session, booking, payer, amount)
    payment.request_body = payment_body(_order(booking, payment, receipt))
    session.add(payment)
    await payment_steps.finish(
        session,
        actor,
        payment,
        "opened",
        method=wish.method.value,
        amount_kopecks=amount,
    )
    return payment


def _order(booking: Booking, payment: Payment, receipt: Receipt | None) -> PaymentOrder:
    settings = get_settings()
    return PaymentOrder(
        attempt_id=payment.id,
        booking_id=booking.id,
        number=booking.label,
        env=settings.profile.value,
        amount_kopecks=payment.amount_kopecks,
        method="sbp" if payment.method is PaymentMethod.SBP else "card",
        return_url=payment.return_url,
        qr=settings.yookassa_sbp_qr,
        receipt=receipt,
    )
