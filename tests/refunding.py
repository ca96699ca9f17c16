"""What tests of refunds need: finance people, paid calls, and what the books say."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, ReconIssue, Refund, User
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.recon_issue import IssueKind
from models.refund import Destination, RefundReason, RefundStatus, Split
from models.role_grant import Role
from services import (
    assignments,
    bookings,
    clock,
    ledger,
    postings,
    refund_approvals,
    refund_outcomes,
    refund_sending,
)
from services.actor import SYSTEM, Actor, Via
from services.config import get_settings
from services.database import Sessions
from services.edges import transaction
from services.gateways import yookassa
from services.gateways.yookassa_client import shop_of
from services.gateways.yookassa_outcomes import Done
from services.refund_imports import Verdict
from services.refund_terms import Terms, Wish
from tests import factories, money_rows, paying
from tests.factories import as_staff
from tests.yookassa_server import YooKassa

# Without a price list an urgent visit costs this; the doctor gets seventy of a hundred.
PRICE, THEIRS, OURS = 500_000, 350_000, 150_000


@dataclass
class Stage:
    """A doctor, a dispatcher, two people of finance, and a paid call."""

    doctor: User
    staff: Actor
    anna: Actor
    boris: Actor
    booking: Booking
    payment: Payment


async def finance(session: AsyncSession) -> Actor:
    """Hire somebody for the money."""
    return as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)


def patient(stage: Stage) -> Actor:
    """Give the payer, through the app."""
    return Actor(stage.booking.patient_id, Role.PATIENT, Via.API)


async def paid_call(
    session: AsyncSession,
    status: Status = Status.PENDING,
    amount: int = PRICE,
    method: PaymentMethod = PaymentMethod.CARD,
    **facts: Any,
) -> Stage:
    """Walk a call to a status and pay for it."""
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    booking = await factories.booking_in(
        session, status, doctor=doctor, dispatcher=dispatcher
    )
    if method is PaymentMethod.WALLET:
        await fill(session, booking, amount)
    payment = await money_rows.payment(session, booking, amount, method=method, **facts)
    return Stage(
        doctor,
        as_staff(dispatcher),
        await finance(session),
        await finance(session),
        booking,
        payment,
    )


async def fill(session: AsyncSession, booking: Booking, kopecks: int) -> None:
    """Put money into the wallet of a call's patient."""
    made = postings.compensated(uuid.uuid4(), booking.id, booking.patient_id, kopecks)
    await ledger.post(session, SYSTEM, made)


def wish(payment: Payment, amount: int, **facts: Any) -> Wish:
    """Ask for so much of a payment, to where it came from unless told otherwise."""
    of_form = {
        name: facts.pop(name)
        for name in ("reason_code", "request_token")
        if name in facts
    }
    terms = Terms(amount, **({"destination": Destination.ORIGINAL} | facts))
    return Wish(payment.id, terms, **({"reason_code": RefundReason.OTHER} | of_form))


def house(payment: Payment, amount: int, **facts: Any) -> Wish:
    """The same after a visit, borne by the house."""
    return wish(payment, amount, **({"split": Split.HOUSE} | facts))


def seal(stage: Stage, refund: Refund) -> str:
    """What an approver who looks at the refund now sees."""
    return refund_approvals.seal(refund, stage.payment)


async def books(session: AsyncSession, stage: Stage) -> dict[str, int]:
    """Give what the accounts around a call hold, without those that hold nothing."""
    booking = stage.booking
    accounts = {
        "clearing": postings.CLEARING,
        "prepaid": postings.prepaid(booking.id),
        "receivable": postings.receivable(booking.id),
        "transit": postings.IN_TRANSIT,
        "kept": postings.KEPT,
        "wallet": postings.wallet(booking.patient_id),
        "doctor": postings.doctor(stage.doctor.id),
        "revenue": postings.REVENUE,
        "bank": postings.BANK,
    }
    held = {
        name: await ledger.balance(session, account)
        for name, account in accounts.items()
    }
    return {name: kopecks for name, kopecks in held.items() if kopecks}


def counters(payment: Payment) -> tuple[int, int]:
    """Give how much of a payment is given back or held, and by its own means."""
    return payment.refunded_or_reserved_kopecks, payment.returned_or_reserved_kopecks


async def refunds_of(session: AsyncSession, booking: Booking) -> list[Refund]:
    """Give the refunds of a call, oldest first."""
    query = select(Refund).where(col(Refund.booking_id) == booking.id)
    return list((await session.exec(query.order_by(col(Refund.id)))).all())


async def findings(session: AsyncSession, kind: IssueKind) -> list[ReconIssue]:
    """Give the open findings of one kind."""
    query = select(ReconIssue).where(
        col(ReconIssue.kind) == kind, col(ReconIssue.resolved_at).is_(None)
    )
    return list((await session.exec(query)).all())


async def surplus(session: AsyncSession, stage: Stage, kind: Surplus) -> Payment:
    """Pay once more: the money waits in prepaid for its payer, whatever the visit."""
    payment = await money_rows.payment(
        session, stage.booking, PRICE, PaymentStatus.PENDING
    )
    now = await clock.now(session)
    payment.status, payment.captured_kopecks = PaymentStatus.SUCCEEDED, PRICE
    payment.succeeded_at, payment.surplus = now, kind
    await session.flush()
    posting = postings.paid(payment.id, stage.booking.id, postings.CLEARING, 0, PRICE)
    await ledger.post(session, SYSTEM, posting)
    kept = postings.fee(payment.id, stage.booking.id, money_rows.FEE)
    await ledger.post(session, SYSTEM, kept)
    return payment


async def arrived(session: AsyncSession, stage: Stage, refund: Refund) -> None:
    """Let the provider say that a refund has gone through."""
    refund.status, refund.key_used_at = (
        RefundStatus.SENDING,
        await clock.now(session),
    )
    await session.flush()
    raw = provider_refund(stage, refund)
    verdict = await refund_outcomes.take(session, SYSTEM, Done(raw), "test")
    assert verdict is Verdict.APPLIED


def provider_refund(
    stage: Stage, refund: Refund, status: str = "succeeded", **others: Any
) -> dict[str, Any]:
    """Give a refund as the provider would show it."""
    made: dict[str, Any] = {
        "id": refund.provider_id or str(uuid.uuid4()),
        "payment_id": stage.payment.provider_id,
        "status": status,
        "amount": roubles(refund.amount_kopecks),
        "created_at": "2026-12-01T10:00:00.000Z",
        "metadata": {"refund_id": str(refund.id)},
    }
    return made | others


def roubles(kopecks: int) -> dict[str, str]:
    """Give a sum as the provider writes it."""
    value = f"{kopecks // 100}.{kopecks % 100:02d}"
    return {"value": value, "currency": "RUB"}


async def take_share(session: AsyncSession, stage: Stage) -> None:
    """Take from the doctor what the visit brought, for a visit without a share."""
    held = await ledger.balance(session, postings.doctor(stage.doctor.id))
    move = ledger.Move(postings.doctor(stage.doctor.id), postings.REVENUE, held)
    posting = ledger.Posting(
        f"test:{uuid.uuid4()}", "test", "booking", None, stage.booking.id, [move]
    )
    await ledger.post(session, SYSTEM, posting)


async def clinic_visit(session: AsyncSession) -> Stage:
    """A paid visit by a doctor of a clinic that has the call."""
    clinic = await factories.clinic(session)
    doctor = await factories.doctor(session, profile={"clinic_id": clinic.id})
    staff = as_staff(await factories.dispatcher(session))
    booking = await factories.booking(session)
    handed = await bookings.hand_to_clinic(
        session, staff, booking.id, clinic.id, booking.version
    )
    manager = factories.as_clinic(await factories.clinic_manager(session, clinic))
    await assignments.assign(session, manager, booking.id, doctor.id, handed.version)
    for walk in factories.PATH[Status.COMPLETED]:
        await walk(session, booking, doctor)
    payment = await money_rows.payment(session, booking, PRICE)
    return Stage(
        doctor, staff, await finance(session), await finance(session), booking, payment
    )


async def clinic_holds(session: AsyncSession, stage: Stage) -> int:
    """Give what the clinic of a call is owed."""
    assert stage.booking.clinic_id is not None
    return await ledger.balance(session, postings.clinic(stage.booking.clinic_id))


async def just_now(session: AsyncSession, moment: datetime | None) -> bool:
    """Tell whether something was a moment ago."""
    assert moment is not None
    return abs(await clock.now(session) - moment) < timedelta(seconds=30)


# -- with the local provider --------------------------------------------------


async def paid_online(
    sessions: Sessions,
    provider: YooKassa,
    status: Status = Status.ASSIGNED,
    method: PaymentMethod = PaymentMethod.CARD,
) -> Stage:
    """Walk a call to a status, and pay for it at the provider."""
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session)
        dispatcher = await factories.dispatcher(session)
        booking = await factories.booking_in(
            session, status, doctor=doctor, dispatcher=dispatcher
        )
        anna, boris = await finance(session), await finance(session)
    payment = await paying.sent(sessions, booking, method)
    assert payment.provider_id is not None
    provider.pay(payment.provider_id)
    payment = await paying.look(sessions, payment)
    assert payment.status is PaymentStatus.SUCCEEDED
    return Stage(doctor, as_staff(dispatcher), anna, boris, booking, payment)


async def cancelled(sessions: Sessions, stage: Stage) -> Refund:
    """Let the patient call it off; give the one refund that policy makes."""
    patient = Actor(stage.booking.patient_id, Role.PATIENT, Via.API)
    reason = CancelReason.PATIENT_CHANGED_MIND
    async with transaction(sessions) as session:
        await bookings.cancel(session, patient, stage.booking.id, reason)
        return (await refunds_of(session, stage.booking))[0]


async def look(sessions: Sessions, refund: Refund) -> Refund:
    """Send or follow a refund as if it were due."""
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        row.next_look_at = await clock.now(session)
    await refund_sending.send(sessions, refund.id)
    return await again(sessions, refund)


async def again(sessions: Sessions, refund: Refund) -> Refund:
    """Read a refund anew."""
    async with transaction(sessions) as session:
        return await session.get_one(Refund, refund.id)


async def age(sessions: Sessions, refund: Refund, hours: float) -> None:
    """Let the key of a refund have been used so long ago."""
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        row.key_used_at = await clock.now(session) - timedelta(hours=hours)


async def fetched(provider_id: str) -> Done:
    """Give a refund as the provider has it."""
    answer = await yookassa.get_refund(shop_of(get_settings()), provider_id)
    assert isinstance(answer, Done)
    return answer


async def notified(session: AsyncSession, answer: Done) -> bool:
    """Take in a fetched refund as a notice does; False when it was not believed."""
    verdict = await refund_outcomes.take(session, SYSTEM, answer, "notice")
    return verdict not in {Verdict.WAITING, Verdict.QUARANTINED}
