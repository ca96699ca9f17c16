"""The provider's word becomes our row and is posted once, or is put aside."""

import itertools
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Booking,
    LedgerJournal,
    Notification,
    Payment,
    ProviderEvent,
    ReconIssue,
    Refund,
    User,
)
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import EDGES, PaymentStatus, Surplus
from models.recon_issue import IssueKind
from models.refund import RefundOrigin, RefundStatus
from services import bookings, ledger, payment_opening, payment_settling, postings
from services.actor import SYSTEM
from services.errors import Forbidden, NotFound
from services.gateways.yookassa_outcomes import Done
from services.payment_opening import Wish
from services.payment_settling import Settled, Verdict
from tests import factories
from tests.conftest import settle
from tests.paying import CARD, PRICE, SBP, priced_booking, provider_object

S = PaymentStatus
pytestmark = pytest.mark.usefixtures("provider")


async def attempt(session: AsyncSession, booking: Booking, method=CARD) -> Payment:
    user = await session.get_one(User, booking.patient_id)
    begun = await payment_opening.begin(
        session, factories.as_patient(user), booking.id, Wish(method)
    )
    return begun.payment


async def told(
    session: AsyncSession, payment: Payment, status: str = "succeeded", **changes: Any
) -> Settled:
    raw = provider_object(payment, status, **changes)
    return await payment_settling.apply(session, SYSTEM, payment.id, Done(raw), "get")


async def count(session: AsyncSession, table: Any, **facts: Any) -> int:
    query = sa.select(sa.func.count(col(table.id))).filter_by(**facts)
    return await session.scalar(query) or 0


async def issues(session: AsyncSession) -> list[ReconIssue]:
    return list((await session.scalars(sa.select(ReconIssue))).all())


async def balances(session: AsyncSession, booking: Booking) -> dict[str, int]:
    accounts = {
        "clearing": postings.CLEARING,
        "prepaid": postings.prepaid(booking.id),
        "receivable": postings.receivable(booking.id),
        "transit": postings.IN_TRANSIT,
        "fee": postings.FEE,
    }
    return {
        name: await ledger.balance(session, account)
        for name, account in accounts.items()
    }


async def test_a_success_is_posted_and_told(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    settled = await told(
        session,
        payment,
        payment_method={"type": "bank_card", "card": {"last4": "4444"}},
        income_amount={"value": "4342.50", "currency": "RUB"},
    )
    assert settled == Settled(payment, Verdict.APPLIED)
    assert payment.status is S.SUCCEEDED
    assert payment.captured_kopecks == PRICE
    assert payment.succeeded_at == payment.ended_at is not None
    assert payment.next_look_at is None
    assert payment.method_title == "•••• 4444"
    assert payment.fee_kopecks == 15_750
    assert await balances(session, booking) == {
        "clearing": PRICE - 15_750,
        "prepaid": PRICE,
        "receivable": 0,
        "transit": 0,
        "fee": 15_750,
    }
    notice = (await session.scalars(sa.select(Notification))).one()
    assert notice.kind == "payment_received"
    assert notice.user_id == booking.patient_id
    assert notice.facts["call"] == booking.label
    event = (await session.scalars(sa.select(ProviderEvent))).one()
    assert (event.payment_id, event.source, event.outcome, event.status) == (
        payment.id,
        "get",
        "done",
        "succeeded",
    )
    await settle(session)


async def test_the_same_news_again_changes_nothing(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    income = {"income_amount": {"value": "4400.00", "currency": "RUB"}}
    await told(session, payment, **income)
    before = await balances(session, booking)
    for _ in range(3):
        again = await told(session, payment, **income)
        assert again.verdict is Verdict.UNCHANGED
    assert await balances(session, booking) == before
    assert await count(session, LedgerJournal, ref_id=payment.id) == 2
    assert await count(session, ProviderEvent, payment_id=payment.id) == 1
    assert await count(session, Notification) == 1


async def test_a_fee_that_is_told_later_is_posted_later(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    await told(session, payment)
    assert payment.fee_kopecks is None
    await told(session, payment, income_amount={"value": "4400.00", "currency": "RUB"})
    assert payment.fee_kopecks == 10_000
    assert await ledger.balance(session, postings.FEE) == 10_000


async def test_no_fee_is_no_posting(session: AsyncSession) -> None:
    payment = await attempt(session, await priced_booking(session))
    await told(session, payment, income_amount={"value": "4500.00", "currency": "RUB"})
    assert payment.fee_kopecks == 0
    assert await count(session, LedgerJournal, kind="fee") == 0


async def test_pending_shows_where_to_pay_and_until_when(
    session: AsyncSession,
) -> None:
    payment = await attempt(session, await priced_booking(session), SBP)
    link = "https://qr.nspk.ru/AD10006M8KH234K782OQM0L13JI31LQD"
    settled = await told(
        session,
        payment,
        "pending",
        confirmation={"type": "qr", "confirmation_data": link},
    )
    assert settled.verdict is Verdict.APPLIED
    assert (payment.status, payment.confirmation_data) == (S.PENDING, link)
    assert payment.expires_at is not None
    assert payment.expires_at.isoformat() == "2026-11-24T11:00:00+00:00"
    assert payment.is_payable
    assert (await told(session, payment, "pending")).verdict is Verdict.UNCHANGED
    held = await told(session, payment, "waiting_for_capture", paid=True)
    assert held.verdict is Verdict.UNCHANGED


async def test_an_endless_address_is_not_kept(session: AsyncSession) -> None:
    payment = await attempt(session, await priced_booking(session))
    page = {"type": "redirect", "confirmation_url": "https://pay/" + "x" * 3000}
    await told(session, payment, "pending", confirmation=page)
    assert payment.status is S.PENDING
    assert payment.confirmation_url is None


async def test_a_cancellation_keeps_its_reason(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    why = {"party": "payment_network", "reason": "insufficient_funds"}
    await told(session, payment, "canceled", cancellation_details=why)
    assert payment.status is S.CANCELED
    assert (payment.cancel_party, payment.cancel_reason) == tuple(why.values())
    assert payment.ended_at is not None
    assert (await attempt(session, booking)).id != payment.id
    assert await count(session, LedgerJournal) == 0


async def test_a_cancellation_without_a_reason_is_one(session: AsyncSession) -> None:
    payment = await attempt(session, await priced_booking(session))
    await told(session, payment, "canceled")
    assert (payment.status, payment.cancel_reason) == (S.CANCELED, "")


async def test_a_word_that_is_new_to_us_moves_nothing(session: AsyncSession) -> None:
    payment = await attempt(session, await priced_booking(session))
    assert (await told(session, payment, "frozen")).verdict is Verdict.UNCHANGED
    assert payment.status is S.CREATED
    assert payment.provider_id is not None


@pytest.mark.parametrize(
    ("changes", "unfit"),
    [
        ({"amount": {"value": "1.00", "currency": "RUB"}}, "amount"),
        ({"amount": {"value": "4500.00", "currency": "USD"}}, "unreadable: amount"),
        ({"recipient": {"account_id": "999"}}, "account_id"),
        ({"test": False}, "test"),
        ({"metadata": {}}, "attempt_id, booking_id"),
        ({"paid": False}, "paid"),
        ({"id": "x"}, "unreadable: id"),
        ({"income_amount": {"value": "9999.00", "currency": "RUB"}}, "income_amount"),
    ],
)
async def test_what_is_not_our_payment_is_put_aside(
    session: AsyncSession, changes: dict[str, Any], unfit: str
) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    for _ in range(2):
        settled = await told(session, payment, **changes)
        assert settled.verdict is Verdict.QUARANTINED
    assert payment.status is S.UNKNOWN
    assert payment.provider_id is None
    assert await count(session, LedgerJournal) == 0
    [issue] = await issues(session)
    assert (issue.kind, issue.payment_id) == (IssueKind.QUARANTINED, payment.id)
    assert issue.facts == {"unfit": unfit}
    events = (await session.scalars(sa.select(ProviderEvent))).all()
    assert {event.code for event in events} == {"quarantined"}
    assert (await told(session, payment)).verdict is Verdict.APPLIED


async def test_another_object_for_a_known_payment_is_put_aside(
    session: AsyncSession,
) -> None:
    payment = await attempt(session, await priced_booking(session))
    await told(session, payment, "pending")
    twin = "33e12f66-000f-5000-8000-18db351245c7"
    assert (await told(session, payment, id=twin)).verdict is Verdict.QUARANTINED
    assert payment.status is S.PENDING


async def test_a_payment_after_the_cancellation_goes_back_whole(
    session: AsyncSession,
) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    staff = factories.as_staff(await factories.dispatcher(session))
    await bookings.cancel(session, staff, booking.id, CancelReason.NO_DOCTOR)
    await told(session, payment)
    assert payment.surplus is Surplus.LATE
    refund = (await session.scalars(sa.select(Refund))).one()
    assert (refund.payment_id, refund.amount_kopecks) == (payment.id, PRICE)
    assert (refund.origin, refund.status) == (RefundOrigin.LATE, RefundStatus.APPROVED)
    assert payment.returned_or_reserved_kopecks == PRICE
    books = await balances(session, booking)
    assert (books["prepaid"], books["transit"]) == (0, PRICE)
    kinds = set((await session.scalars(sa.select(col(Notification.kind)))).all())
    assert "payment_received" not in kinds
    await settle(session)


async def test_a_second_payment_of_one_visit_goes_back_whole(
    session: AsyncSession,
) -> None:
    booking = await priced_booking(session)
    first = await attempt(session, booking)
    second = await attempt(session, booking, SBP)
    await told(session, second, id="33e12f66-000f-5000-8000-18db351245c7")
    assert second.surplus is None
    await told(session, first)
    assert (first.status, first.surplus) == (S.SUCCEEDED, Surplus.DOUBLE)
    refund = (await session.scalars(sa.select(Refund))).one()
    assert (refund.payment_id, refund.origin) == (first.id, RefundOrigin.DOUBLE)
    assert (await balances(session, booking))["prepaid"] == PRICE
    await settle(session)


async def test_a_superseded_attempt_that_is_paid_alone_counts(
    session: AsyncSession,
) -> None:
    booking = await priced_booking(session)
    first = await attempt(session, booking)
    second = await attempt(session, booking, SBP)
    await told(session, second, "pending", id="33e12f66-000f-5000-8000-18db351245c7")
    assert second.is_payable
    await told(session, first)
    assert (first.status, first.surplus) == (S.SUCCEEDED, None)
    # Nobody is led to pay once more, and whoever does gets it back.
    assert (second.status, second.is_payable) == (S.PENDING, False)
    assert second.next_look_at is not None
    assert await count(session, Refund) == 0


async def test_a_finished_visit_is_settled(session: AsyncSession) -> None:
    await factories.price(session, price_kopecks=PRICE)
    booking = await factories.booking_in(
        session,
        Status.COMPLETED,
        doctor=await factories.doctor(session),
        dispatcher=await factories.dispatcher(session),
    )
    payment = await attempt(session, booking)
    await told(session, payment)
    books = await balances(session, booking)
    assert (books["receivable"], books["prepaid"]) == (0, 0)
    assert payment.surplus is None
    await settle(session)


ENDS = {"succeeded": S.SUCCEEDED, "canceled": S.CANCELED}


@pytest.mark.parametrize(
    "first_and_later", list(itertools.permutations(ENDS)), ids="-then-".join
)
async def test_ends_that_contradict_each_other_are_for_a_person(
    session: AsyncSession, first_and_later: tuple[str, str]
) -> None:
    first, later = first_and_later
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    await told(session, payment, first)
    before = await balances(session, booking)
    assert (await told(session, payment, later)).verdict is Verdict.UNCHANGED
    assert payment.status is ENDS[first]
    assert await balances(session, booking) == before
    [issue] = await issues(session)
    assert issue.kind is IssueKind.STATUS_DIFFERS
    assert (issue.facts["ours"], issue.facts["theirs"]) == (first, later)


async def test_an_older_word_after_the_end_does_nothing(session: AsyncSession) -> None:
    payment = await attempt(session, await priced_booking(session))
    await told(session, payment)
    assert (await told(session, payment, "pending")).verdict is Verdict.UNCHANGED
    assert payment.status is S.SUCCEEDED
    assert await issues(session) == []


NEWS = ("pending", "waiting_for_capture", "succeeded", "canceled")


@pytest.mark.parametrize("news", list(itertools.product(NEWS, NEWS)), ids="-".join)
async def test_every_change_follows_an_edge(
    session: AsyncSession, news: tuple[str, str]
) -> None:
    payment = await attempt(session, await priced_booking(session))
    for word in news:
        was = payment.status
        paid = word in {"succeeded", "waiting_for_capture"}
        await told(session, payment, word, paid=paid)
        assert payment.status is was or payment.status in EDGES[was]
    await settle(session)


@pytest.mark.parametrize(
    "means",
    [
        None,
        [],
        {"type": "sbp"},
        {"card": []},
        {"card": {"last4": 4444}},
        {"card": {"last4": "<b>"}},
    ],
)
async def test_a_means_without_four_digits_has_no_name(
    session: AsyncSession, means: Any
) -> None:
    payment = await attempt(session, await priced_booking(session))
    changes = {} if means is None else {"payment_method": means}
    await told(session, payment, **changes)
    assert payment.status is S.SUCCEEDED
    assert payment.method_title is None


async def test_nobody_but_the_system_settles(session: AsyncSession) -> None:
    booking = await priced_booking(session)
    payment = await attempt(session, booking)
    user = await session.get_one(User, booking.patient_id)
    for actor in (factories.as_patient(user), factories.as_staff(user)):
        with pytest.raises(Forbidden):
            await payment_settling.apply(
                session, actor, payment.id, Done(provider_object(payment)), "get"
            )


async def test_an_unknown_payment_is_not_found(session: AsyncSession) -> None:
    payment = await attempt(session, await priced_booking(session))
    raw = provider_object(payment)
    with pytest.raises(NotFound):
        await payment_settling.apply(
            session, SYSTEM, factories.nobody(), Done(raw), "get"
        )
