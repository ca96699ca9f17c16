"""What lies too long is a finding; what has moved on is none any more."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, Receipt, ReconIssue, WebhookInbox
from models.payment import InboxStatus, PaymentStatus
from models.receipt import ReceiptKind, ReceiptStatus
from models.refund import RefundStatus
from services import clock, recon_leftovers, recon_marks
from services.actor import SYSTEM_ID
from services.database import Sessions
from services.edges import transaction
from services.recon_issues import GONE
from tests import factories, money_rows

HOUR = timedelta(hours=1, minutes=1)
DAY = timedelta(days=1, minutes=1)


async def unknown(session: AsyncSession, age: timedelta) -> Payment:
    booking = await factories.booking(session)
    now = await clock.now(session)
    return await money_rows.payment(
        session,
        booking,
        5_000,
        PaymentStatus.UNKNOWN,
        key_used_at=now - age,
        provider_id=None,
    )


async def notice(
    session: AsyncSession, age: timedelta, status: InboxStatus
) -> WebhookInbox:
    made = WebhookInbox(
        event="payment.succeeded",
        object_id="2d",
        body_hash=str(factories.nobody()),
        body="{}",
        status=status,
        created_at=await clock.now(session) - age,
    )
    session.add(made)
    await session.flush()
    return made


async def receipt(
    session: AsyncSession, paid: Payment, age: timedelta, status: ReceiptStatus
) -> Receipt:
    made = Receipt(
        booking_id=paid.booking_id,
        payment_id=paid.id,
        kind=ReceiptKind.CLOSING,
        status=status,
        amount_kopecks=5_000,
        created_at=await clock.now(session) - age,
    )
    session.add(made)
    await session.flush()
    return made


async def findings(session: AsyncSession, resolution: str | None = None) -> set[str]:
    query = sa.select(ReconIssue).where(
        col(ReconIssue.resolution).is_not_distinct_from(resolution)
    )
    return {f"{each.kind} {each.subject}" for each in await session.scalars(query)}


async def test_what_is_young_is_left_to_the_pollers(session: AsyncSession) -> None:
    paid = await unknown(session, timedelta(minutes=50))
    await notice(session, timedelta(minutes=50), InboxStatus.NEW)
    await notice(session, DAY, InboxStatus.DONE)
    await receipt(session, paid, HOUR, ReceiptStatus.PENDING)
    assert await recon_leftovers.look(session) == 0
    assert await findings(session) == set()


async def test_what_lies_too_long_is_told_once(session: AsyncSession) -> None:
    payment = await unknown(session, HOUR)
    paid = await money_rows.payment(session, await factories.booking(session), 9_000)
    refund = await money_rows.refund(
        session,
        paid,
        9_000,
        RefundStatus.UNKNOWN,
        key_used_at=await clock.now(session) - HOUR,
        requested_by=SYSTEM_ID,
    )
    told = await notice(session, HOUR, InboxStatus.WAITING)
    slow = await receipt(session, paid, DAY, ReceiptStatus.PENDING)
    expected = {
        f"payment_unknown payment:{payment.id}",
        f"refund_unknown refund:{refund.id}",
        f"inbox_left notice:{told.id}",
        f"receipt_failed receipt:{slow.id}",
    }
    for _ in range(2):
        assert await recon_leftovers.look(session) == 4
        assert await findings(session) == expected


async def test_what_moved_on_is_no_finding_any_more(session: AsyncSession) -> None:
    payment, lost = [await unknown(session, HOUR) for _ in range(2)]
    told = await notice(session, HOUR, InboxStatus.NEW)
    await recon_leftovers.look(session)
    payment.status = PaymentStatus.PENDING
    lost.status = PaymentStatus.FAILED
    told.status = InboxStatus.DONE
    await session.flush()
    assert await recon_leftovers.look(session) == 0
    # What we gave up ourselves waits for a person.
    assert await findings(session) == {f"payment_unknown payment:{lost.id}"}
    assert await findings(session, GONE) == {
        f"payment_unknown payment:{payment.id}",
        f"inbox_left notice:{told.id}",
    }


async def test_the_worker_looks_every_quarter_of_an_hour(sessions: Sessions) -> None:
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await recon_leftovers.look_periodically(cast("Any", context), 0)
    async with transaction(sessions) as session:
        (mark,) = await recon_marks.every(session)
    assert (mark.name, mark.found) == (recon_leftovers.MARK, 0)
