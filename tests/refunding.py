"""What tests of refunds need: finance people, paid calls, and what the books say."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, ReconIssue, Refund, User
from models.booking import Status
from models.payment import PaymentMethod
from models.recon_issue import IssueKind
from models.refund import Destination, RefundReason, Split
from models.role_grant import Role
from services import ledger, postings, refund_approvals
from services.actor import Actor
from services.refund_terms import Terms, Wish
from tests import factories, money_rows
from tests.factories import as_staff

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
    made = postings.compensated(
        money_rows.uuid7(), booking.id, booking.patient_id, kopecks
    )
    await ledger.post(session, money_rows.SYSTEM, made)


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
