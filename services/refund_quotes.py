"""What policy gives back for one call, payment by payment, with its reasons.

Money goes back first to the wallet, then by the newest payment. The provider takes no
part below 1 ₽ and leaves none: such parts are rounded in the patient's favour.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.payment import PaymentMethod, PaymentStatus
from models.refund import Destination, Rule
from services import refund_policies, words
from services.amounts import roubles
from services.gateways.yookassa_bodies import LEAST_KOPECKS
from services.i18n import gettext
from services.refund_policies import Held


@dataclass(frozen=True)
class Part:
    """So many kopecks of one payment, by the means they came from."""

    payment_id: uuid.UUID
    destination: Destination
    kopecks: int


@dataclass(frozen=True)
class RefundQuote:
    """What policy gives: of `base` paid, `policy` in all, `given` of it already.

    `parts` is what is still to be given, `kept` what then stays with the house.
    """

    held: Held
    base: int
    policy: int
    given: int
    parts: Sequence[Part]

    @property
    def rule(self) -> Rule:
        """The rule that holds for the call."""
        return self.held.tier.rule

    @property
    def amount(self) -> int:
        """What is still to be given back, in kopecks."""
        return sum(part.kopecks for part in self.parts)

    @property
    def kept(self) -> int:
        """What stays with the house, in kopecks."""
        return self.base - self.given - self.amount

    def of(self, payment_id: uuid.UUID) -> int:
        """Give the part of one payment in kopecks."""
        return sum(each.kopecks for each in self.parts if each.payment_id == payment_id)

    def snapshot(self) -> dict[str, Any]:
        """Give what a refund keeps of the policy: version, rule and numbers."""
        return {
            "policy_version": self.held.version,
            "policy_rule": self.rule.value,
            "policy_base_kopecks": self.base,
            "policy_percent": self.held.tier.percent,
            "policy_kopecks": self.policy,
        }

    def reasons(self) -> list[str]:
        """Say why, in sentences in the reader's language."""
        tier, base = self.held.tier, roubles(self.base)
        facts = {"percent": tier.percent, "base": base, "version": self.held.version}
        said = [words.label(tier.rule)]
        if tier.percent == 100:
            line = gettext("All of it goes back.")
        elif tier.kept_at_most_kopecks is None:
            line = gettext("Of {base} paid {percent} % go back.", **facts)
        else:
            most = roubles(tier.kept_at_most_kopecks)
            line = gettext(
                "Of {base} paid {percent} % go back, or all but {most} if that is more.",
                most=most,
                **facts,
            )
        said.append(line)
        if self.given:
            given = roubles(self.given)
            said.append(gettext("{given} went back before.", given=given))
        if self.amount > max(0, self.policy - self.given):
            said.append(gettext("No part of a card or SBP payment is below 1 ₽."))
        said.append(gettext("Refund policy, version {version}.", **facts))
        return said


async def quote(
    session: AsyncSession, booking: Booking, payments: Sequence[Payment] | None = None
) -> RefundQuote:
    """Tell what policy gives back for a call now, were it called off if it is open.

    Payments of a surplus are no part of it: they go back whole by themselves.
    """
    if payments is None:
        of_call = select(Payment).where(col(Payment.booking_id) == booking.id)
        payments = (await session.exec(of_call)).all()
    counted = [
        each
        for each in payments
        if each.status is PaymentStatus.SUCCEEDED and each.surplus is None
    ]
    held = await refund_policies.held(session, booking)
    base = sum(each.captured_kopecks for each in counted)
    given = sum(each.refunded_or_reserved_kopecks for each in counted)
    policy = held.tier.of(base)
    parts = allocate(counted, policy - given)
    return RefundQuote(held, base, policy, given, parts)


def allocate(payments: Sequence[Payment], kopecks: int) -> list[Part]:
    """Share a refund out over payments: wallet first, then the newest."""
    parts: list[Part] = []
    newest = sorted(payments, key=lambda each: each.id, reverse=True)
    for payment in sorted(newest, key=lambda p: p.method is not PaymentMethod.WALLET):
        part = fit(payment, kopecks)
        if part > 0:
            parts.append(Part(payment.id, means_of(payment), part))
            kopecks -= part
    return parts


def fit(payment: Payment, kopecks: int, held: int = 0) -> int:
    """Give the nearest sum, at least `kopecks`, that can go back of a payment.

    Never more than is left of it, and `held` by the refund that asks. The provider moves no less than 1 ₽ and leaves
    either nothing or at least as much; what goes into the wallet keeps to it too,
    because it may be withdrawn later.
    """
    room = payment.captured_kopecks - payment.refunded_or_reserved_kopecks + held
    wanted = min(kopecks, room)
    if wanted <= 0 or payment.method is PaymentMethod.WALLET:
        return max(wanted, 0)
    wanted = max(wanted, LEAST_KOPECKS)
    return room if room - wanted < LEAST_KOPECKS else wanted


def means_of(payment: Payment) -> Destination:
    """Tell how a payment goes back to where it came from."""
    wallet = payment.method is PaymentMethod.WALLET
    return Destination.WALLET if wallet else Destination.ORIGINAL
