"""What a visit earns: posted when it ends, by the tariff of that moment."""

import uuid

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, Outcome
from services import ledger, postings, refund_unwinding, tariffs
from services.account_lines import AccountLine, lines
from services.actor import Actor
from services.pages import Page, Wanted
from services.permissions import Permission, demand

VISIT, EXTRAS = "earned", "extras"


async def post_visit(session: AsyncSession, actor: Actor, booking: Booking) -> None:
    """Post the quote, with extras that need no consent, as earned and owed.

    What is prepaid settles it in the same journal; a lack of money stops nothing. The
    caller has the row of the completed call.
    """
    await _post(session, actor, booking, VISIT, 0)


async def post_extras(session: AsyncSession, actor: Actor, booking: Booking) -> None:
    """Post the extras that the patient has agreed to after the visit."""
    await _post(session, actor, booking, EXTRAS, booking.price_kopecks)


async def _post(
    session: AsyncSession, actor: Actor, booking: Booking, key: str, posted: int
) -> None:
    assert booking.completed_at is not None  # noqa: S101 - the callers check it
    doctor_id = await completed_by(session, booking.id)
    tariff = await tariffs.current(
        session, doctor_id, booking.clinic_id, booking.completed_at
    )
    total = booking.total_kopecks
    # Together as much as one posting of the whole would have given.
    theirs = tariffs.share(tariff, total) - tariffs.share(tariff, posted)
    held = await refund_unwinding.free_prepaid(session, booking.id)
    amount = total - posted
    made = postings.earned(
        key,
        booking.id,
        payee_of(booking, doctor_id),
        theirs,
        amount - theirs,
        max(0, min(held, amount)),
    )
    await ledger.post(session, actor, made)


def payee_of(booking: Booking, doctor_id: uuid.UUID) -> ledger.Account:
    """Whom the share goes to: the clinic that has the call, else the doctor."""
    if booking.clinic_id is not None:
        return postings.clinic(booking.clinic_id)
    return postings.doctor(doctor_id)


async def completed_by(session: AsyncSession, booking_id: uuid.UUID) -> uuid.UUID:
    """Tell which doctor completed a visit."""
    query = select(Assignment.doctor_id).where(
        col(Assignment.booking_id) == booking_id,
        col(Assignment.outcome) == Outcome.COMPLETED,
    )
    return (await session.exec(query)).one()


async def own(
    session: AsyncSession, actor: Actor, wanted: Wanted
) -> tuple[int, Page[AccountLine]]:
    """Show a doctor what is owed to them, and what made it up, newest first."""
    demand(actor, Permission.EARNINGS_OWN)
    account = postings.doctor(actor.user_id)
    balance = await ledger.balance(session, account)
    return balance, await lines(session, account, wanted)
