"""What fiscal receipts say, and which of them are made when."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Receipt, ReconIssue, User
from models.booking import Status
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.receipt import ReceiptKind, ReceiptStatus
from models.refund import RefundStatus
from services import anonymising, extras, ledger, postings, receipt_lines, receipts
from services.actor import SYSTEM
from services.config import Settings, get_settings, use_settings
from services.gateways.yookassa_bodies import (
    PaymentOrder,
    ReceiptItem,
    payment_body,
)
from services.ledger import Account
from services.receipt_lines import PAID, PREPAID, part
from tests import earning, money_rows
from tests.earning import PRICE
from tests.factories import as_patient

K, S = ReceiptKind, ReceiptStatus
EMAIL = "kassa@example.org"


@pytest.fixture(autouse=True)
def fiscal(settings: Settings) -> Iterator[None]:
    """The shop sends receipts."""
    told = {"yookassa_receipts": True, "yookassa_receipt_email": EMAIL}
    use_settings(settings.model_copy(update=told))
    yield
    use_settings(settings)


def switched(**told: Any) -> None:
    use_settings(get_settings().model_copy(update=told))


async def payer(session: AsyncSession, booking: Booking) -> User:
    return await session.get_one(User, booking.patient_id)


async def paid(
    session: AsyncSession, booking: Booking, amount: int, **facts: Any
) -> Payment:
    """Write a payment by card that succeeded, with the body that P would have sent."""
    receipt = await receipts.payment_receipt(
        session, booking, await payer(session, booking), amount
    )
    body = payment_body(
        PaymentOrder(
            attempt_id=booking.id,
            booking_id=booking.id,
            number=booking.label,
            env="test",
            amount_kopecks=amount,
            method="card",
            return_url="https://example.org/",
            receipt=receipt,
        )
    )
    told: dict[str, Any] = {"request_body": body} | facts
    return await money_rows.payment(session, booking, amount, **told)


async def rows(session: AsyncSession) -> list[Receipt]:
    query = select(Receipt).order_by(col(Receipt.id))
    return list((await session.exec(query)).all())


def said(row: Receipt) -> list[tuple[str, str, str]]:
    items = json.loads(row.request_body or "")["items"]
    return [
        (each["description"], each["amount"]["value"], each["payment_mode"])
        for each in items
    ]


def house(kopecks: int) -> tuple[Account, int, int]:
    """The house gives it all."""
    return postings.REVENUE, 0, kopecks


def line(kopecks: int, quantity: int = 1, vat_code: int = 1) -> ReceiptItem:
    return ReceiptItem(f"{kopecks}×{quantity}", kopecks, vat_code, PREPAID, quantity)


class TestLines:
    """Whole lines stay whole; one that is cut becomes one piece."""

    @pytest.mark.parametrize(
        ("skipped", "amount", "expected"),
        [
            (0, 700, [(100, 1), (200, 3)]),
            (0, 100, [(100, 1)]),
            (100, 600, [(200, 3)]),
            (0, 250, [(100, 1), (150, 1)]),
            (50, 100, [(50, 1), (50, 1)]),
            (300, 400, [(400, 1)]),
            (0, 0, []),
        ],
    )
    def test_a_part_is_exactly_its_sum(
        self, skipped: int, amount: int, expected: list[tuple[int, int]]
    ) -> None:
        taken = part([line(100), line(200, 3)], skipped, amount)
        assert [(each.amount_kopecks, each.quantity) for each in taken] == expected
        assert sum(each.amount_kopecks * each.quantity for each in taken) == amount

    def test_a_line_that_costs_nothing_is_left_out(self) -> None:
        assert part([line(0), line(100)], 0, 100) == (line(100),)


class TestPaymentReceipt:
    """It goes along with the payment."""

    async def test_before_the_visit_it_is_a_prepayment(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        booking.vat_code = 11
        user = await payer(session, booking)
        made = await receipts.payment_receipt(session, booking, user, PRICE)
        assert made is not None
        assert made.email == user.email
        words = f"Выезд врача, заказ № {booking.label}"
        assert made.items == (ReceiptItem(words, PRICE, 11, PREPAID),)

    async def test_after_the_visit_every_line_has_its_own_rate(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking, 30_000, vat_code=7)
        user = await payer(session, booking)
        made = await receipts.payment_receipt(session, booking, user, PRICE + 30_000)
        assert made is not None
        assert [(each.vat_code, each.payment_mode) for each in made.items] == [
            (1, PAID),
            (7, PAID),
        ]
        assert made.items[1].description == "ЭКГ"
        rest = await receipts.payment_receipt(session, booking, user, 30_000)
        assert rest is not None
        assert [each.description for each in rest.items] == ["ЭКГ"]

    async def test_what_waits_for_consent_is_not_on_it(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking, PRICE)
        user = await payer(session, booking)
        before = await receipts.payment_receipt(session, booking, user, PRICE)
        assert before is not None
        assert len(before.items) == 1
        await extras.agree(session, as_patient(user), booking.id)
        after = await receipts.payment_receipt(session, booking, user, 2 * PRICE)
        assert after is not None
        assert len(after.items) == 2

    async def test_without_an_address_the_house_takes_it(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        user = await payer(session, booking)
        user.email = None
        made = await receipts.payment_receipt(session, booking, user, PRICE)
        assert made is not None
        assert made.email == EMAIL
        switched(yookassa_receipt_email="")
        none = await receipts.payment_receipt(session, booking, user, PRICE)
        assert none is None

    async def test_it_is_off_unless_switched_on(self, session: AsyncSession) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        user = await payer(session, booking)
        switched(yookassa_receipts=False)
        assert await receipts.payment_receipt(session, booking, user, PRICE) is None


class TestRefundReceipt:
    """A part has one; the whole repeats that of the payment."""

    async def test_a_part_has_the_lines_that_go_back(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking, 30_000, vat_code=7)
        done = await paid(session, booking, PRICE + 30_000)
        first = await money_rows.refund(
            session, done, PRICE, RefundStatus.SUCCEEDED, unwound=house(PRICE)
        )
        made = await receipts.refund_receipt(session, first)
        assert made is not None
        assert [(each.amount_kopecks, each.vat_code) for each in made.items] == [
            (PRICE, 1)
        ]
        second = await money_rows.refund(
            session, done, 10_000, RefundStatus.APPROVED, unwound=house(10_000)
        )
        made = await receipts.refund_receipt(session, second)
        assert made is not None
        assert [(each.amount_kopecks, each.vat_code) for each in made.items] == [
            (10_000, 7)
        ]
        assert made.email == (await payer(session, booking)).email

    async def test_before_the_visit_a_prepayment_goes_back(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        done = await paid(session, booking, PRICE)
        back = await money_rows.refund(session, done, 100, RefundStatus.APPROVED)
        made = await receipts.refund_receipt(session, back)
        assert made is not None
        assert {each.payment_mode for each in made.items} == {PREPAID}
        await earning.complete(session, booking)
        made = await receipts.refund_receipt(session, back)
        assert made is not None
        assert {each.payment_mode for each in made.items} == {PAID}

    async def test_of_an_erased_patient_the_house_takes_it(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking)
        done = await paid(session, booking, PRICE)
        sent, email = done.request_body, (await payer(session, booking)).email or ""
        assert email in (sent or "")
        actor = {"actor_id": booking.patient_id, "acting_as": "patient", "via": "api"}
        await anonymising.empty(session, [booking.patient_id], **actor)
        await session.refresh(done)
        assert done.request_body == (sent or "").replace(email, "")
        unwound = house(100)
        back = await money_rows.refund(
            session, done, 100, RefundStatus.APPROVED, unwound=unwound
        )
        made = await receipts.refund_receipt(session, back)
        assert made is not None
        assert made.email == EMAIL

    async def test_the_whole_and_an_unfiscal_payment_have_none(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        done = await paid(session, booking, PRICE)
        back = await money_rows.refund(session, done, PRICE, RefundStatus.APPROVED)
        assert await receipts.refund_receipt(session, back) is None
        switched(yookassa_receipts=False)
        plain = await paid(session, booking, PRICE)
        back = await money_rows.refund(session, plain, 100, RefundStatus.APPROVED)
        assert await receipts.refund_receipt(session, back) is None


class TestClosing:
    """When the visit is over, each prepayment that stayed is set off."""

    async def test_it_says_what_was_prepaid(self, session: AsyncSession) -> None:
        booking, _ = await earning.visit(session)
        done = await paid(session, booking, PRICE)
        await earning.complete(session, booking)
        (row,) = await rows(session)
        assert (row.kind, row.status, row.amount_kopecks) == (
            K.CLOSING,
            S.CREATED,
            PRICE,
        )
        assert (row.payment_id, row.key_used_at) == (done.id, None)
        words = f"Выезд врача, заказ № {booking.label}"
        assert said(row) == [(words, "4500.00", PAID)]
        body = json.loads(row.request_body or "")
        assert body["payment_id"] == done.provider_id
        assert body["settlements"] == [
            {"type": "prepayment", "amount": {"value": "4500.00", "currency": "RUB"}}
        ]

    async def test_what_went_back_before_is_not_on_it(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        done = await paid(session, booking, PRICE)
        await money_rows.refund(session, done, 50_000, RefundStatus.SUCCEEDED)
        await earning.complete(session, booking)
        (row,) = await rows(session)
        assert row.amount_kopecks == 400_000
        assert [each[1] for each in said(row)] == ["4000.00"]

    async def test_only_prepayments_that_stayed_have_one(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        gone = await paid(session, booking, PRICE)
        await money_rows.refund(session, gone, PRICE, RefundStatus.SUCCEEDED)
        await paid(session, booking, PRICE, surplus=Surplus.DOUBLE)
        await paid(session, booking, PRICE, status=PaymentStatus.CANCELED)
        await money_rows.payment(session, booking, 100, request_body="{}")
        posting = postings.compensated(booking.id, booking.id, booking.patient_id, 100)
        await ledger.post(session, SYSTEM, posting)
        await money_rows.payment(session, booking, 100, method=PaymentMethod.WALLET)
        await earning.complete(session, booking)
        assert await rows(session) == []

    async def test_a_payment_after_the_visit_needs_none(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking)
        done = await paid(session, booking, PRICE)
        await receipts.note(session, done, "pending")
        assert [row.kind for row in await rows(session)] == [K.PAYMENT]

    async def test_a_prepayment_that_comes_late_is_closed_at_once(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session)
        waits = await paid(session, booking, PRICE, status=PaymentStatus.PENDING)
        await earning.complete(session, booking)
        assert await rows(session) == []
        waits.provider_id = waits.provider_id or money_rows.provider_id()
        waits.status, waits.captured_kopecks = PaymentStatus.SUCCEEDED, PRICE
        waits.succeeded_at = booking.completed_at
        await session.flush()
        for _ in range(2):
            await receipts.note(session, waits, None)
        assert [row.kind for row in await rows(session)] == [K.CLOSING]


class TestFollowing:
    """What the provider says of a receipt becomes our row, and people hear of failures."""

    async def test_it_is_followed_to_its_end_and_no_further(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        done = await paid(session, booking, PRICE)
        await receipts.note(session, done, "strange")
        assert await rows(session) == []
        await receipts.note(session, done, "pending")
        (row,) = await rows(session)
        assert (row.status, row.next_look_at is None) == (S.PENDING, False)
        await receipts.note(session, done, "pending")
        await receipts.note(session, done, "succeeded")
        await receipts.note(session, done, "canceled")
        await session.refresh(row)
        assert (row.status, row.next_look_at) == (S.SUCCEEDED, None)
        assert row.ended_at is not None
        assert await issues(session) == []

    async def test_a_failure_is_a_finding_of_finance(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        done = await paid(session, booking, PRICE)
        back = await money_rows.refund(session, done, 100, RefundStatus.SUCCEEDED)
        await receipts.note(session, back, "canceled")
        (row,) = await rows(session)
        assert (row.kind, row.refund_id, row.payment_id) == (K.REFUND, back.id, done.id)
        (found,) = await issues(session)
        assert found.subject == f"receipt:{row.id}"
        assert (found.refund_id, found.booking_id) == (back.id, booking.id)
        assert found.facts["receipt_kind"] == "refund"

    async def test_what_did_not_come_about_has_none(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        failed = await paid(session, booking, PRICE, status=PaymentStatus.CANCELED)
        await receipts.note(session, failed, "canceled")
        assert await rows(session) == []


async def issues(session: AsyncSession) -> list[ReconIssue]:
    return list((await session.exec(select(ReconIssue))).all())


def test_a_body_is_read_back_as_it_was_sent() -> None:
    lines = (line(617, 2, 3), line(100))
    order = PaymentOrder(
        attempt_id=Booking().id,
        booking_id=Booking().id,
        number="B-1",
        env="test",
        amount_kopecks=1334,
        method="sbp",
        receipt=receipt_lines.Receipt(EMAIL, lines),
    )
    read = receipt_lines.sent_with(Payment(request_body=payment_body(order)))
    assert read == receipt_lines.Receipt(EMAIL, lines)
    assert receipt_lines.sent_with(Payment()) is None
