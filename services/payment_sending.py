"""Asking the provider to make a payment, and keeping what it said.

The key and the body were committed before. Nobody can say what became of a call whose
answer was lost: that is a state of the payment, and the same key and body go again.
"""

import uuid

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment
from models.payment import PaymentMethod, PaymentStatus
from models.recon_issue import IssueKind
from services import (
    clock,
    failpoints,
    payment_settling,
    payment_steps,
    provider_events,
    recon_issues,
)
from services.actor import SYSTEM
from services.config import get_settings
from services.gateways import yookassa
from services.gateways.yookassa_client import shop_of
from services.gateways.yookassa_outcomes import Definite, Done, Outcome

SOURCE = "create"
NOT_SENT = "not_sent"
# The finding that a shop gives no QR links, and the setting that does without them.
NO_QR, QR_SETTING = "shop:sbp_qr", "TOT_YOOKASSA_SBP_QR"


async def ask(
    payment: Payment, *, flow: str, seconds: float = yookassa.WORKER_SECONDS
) -> Outcome:
    """Post the stored body under the stored key; never inside a transaction."""
    shop, body = shop_of(get_settings()), payment.request_body or ""
    key = str(payment.id)
    return await failpoints.call(
        flow, lambda: yookassa.create_payment(shop, key, body, seconds=seconds)
    )


async def keep(
    session: AsyncSession, payment_id: uuid.UUID, outcome: Outcome, *, first: bool
) -> Payment:
    """Take in what a call came to; `first`: no call was made with this key before."""
    if isinstance(outcome, Done):
        settled = await payment_settling.apply(
            session, SYSTEM, payment_id, outcome, SOURCE
        )
        return settled.payment
    payment = await payment_steps.lock_alone(session, payment_id)
    provider_events.record(session, SOURCE, outcome, payment_id=payment_id)
    if isinstance(outcome, Definite) and _refused(outcome, first):
        await fail(session, payment, outcome.code, outcome.parameter)
        await _note_no_qr(session, payment, outcome)
    else:
        await _wait(session, payment)
    return payment


def _refused(outcome: Definite, first: bool) -> bool:
    """Tell whether the provider surely has no such payment.

    After an unknown outcome, a refused login or a dead connection tells nothing of
    what the call before did.
    """
    return outcome.conclusive or (first and outcome.code != NOT_SENT)


async def _note_no_qr(
    session: AsyncSession, payment: Payment, outcome: Definite
) -> None:
    """A shop without QR links refuses every SBP payment until a setting is changed."""
    by_qr = payment.method is PaymentMethod.SBP and get_settings().yookassa_sbp_qr
    refused = outcome.conclusive and (outcome.parameter or "").startswith(
        "confirmation"
    )
    if by_qr and refused:
        await recon_issues.report(
            session,
            IssueKind.SHOP_DIFFERS,
            NO_QR,
            payment_id=payment.id,
            problem="no_sbp_qr",
            setting=f"{QR_SETTING}=false",
            attempt=payment.id,
        )


async def fail(
    session: AsyncSession, payment: Payment, code: str, parameter: str | None = None
) -> bool:
    """End an attempt that the provider surely does not have; False if it has ended."""
    now = await clock.now(session)
    if not payment_steps.advance(payment, PaymentStatus.FAILED, now):
        return False
    payment.failure_code, payment.failure_parameter = code[:60], parameter
    await payment_steps.finish(session, SYSTEM, payment, "failed", code=code)
    return True


async def _wait(session: AsyncSession, payment: Payment) -> None:
    now = await clock.now(session)
    if payment_steps.advance(payment, PaymentStatus.UNKNOWN, now):
        payment.next_look_at = now + payment_steps.pause(payment, now)
        await payment_steps.finish(session, SYSTEM, payment, "unknown")
