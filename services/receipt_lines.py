"""The lines of fiscal receipts: the visit and its extras, whole or in part."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, BookingItem, Payment, PriceItem
from services.gateways.yookassa_bodies import PaymentMode, Receipt, ReceiptItem

PREPAID: PaymentMode = "full_prepayment"
PAID: PaymentMode = "full_payment"
LONGEST = 128


async def of_call(
    session: AsyncSession, booking: Booking, mode: PaymentMode
) -> list[ReceiptItem]:
    """Give what a call costs, line by line: the visit first, then what is charged.

    A receipt is in Russian, whatever language the doctor worked in.
    """
    visit = ReceiptItem(
        f"Выезд врача, заказ № {booking.label}",
        booking.price_kopecks,
        booking.vat_code,
        mode,
    )
    if booking.total_kopecks == booking.price_kopecks:
        return [visit]
    query = (
        sa.select(BookingItem, col(PriceItem.title_ru))
        .join(PriceItem, col(PriceItem.id) == col(BookingItem.price_item_id))
        .where(col(BookingItem.booking_id) == booking.id)
        .order_by(col(BookingItem.id))
    )
    extras = [
        ReceiptItem(
            title[:LONGEST], item.price_kopecks, item.vat_code, mode, item.quantity
        )
        for item, title in await session.execute(query)
    ]
    return [visit, *extras]


def part(
    lines: Iterable[ReceiptItem], skipped: int, amount: int
) -> tuple[ReceiptItem, ...]:
    """Take so many kopecks of the lines, after those that were taken before.

    A line that is cut becomes one piece at what is left of it.
    """
    found: list[ReceiptItem] = []
    for line in lines:
        whole = line.amount_kopecks * line.quantity
        passed = min(skipped, whole)
        taken = min(amount, whole - passed)
        skipped, amount = skipped - passed, amount - taken
        if taken == whole and taken:
            found.append(line)
        elif taken:
            found.append(replace(line, amount_kopecks=taken, quantity=1))
    return tuple(found)


def in_mode(lines: Iterable[ReceiptItem], mode: PaymentMode) -> tuple[ReceiptItem, ...]:
    """The same lines for another kind of settlement."""
    return tuple(replace(line, payment_mode=mode) for line in lines)


def sent_with(payment: Payment) -> Receipt | None:
    """Read back the receipt that went with a payment, from the body that was sent."""
    body = json.loads(payment.request_body or "{}")
    if "receipt" not in body:
        return None
    lines = [_item(each) for each in body["receipt"]["items"]]
    return Receipt(body["receipt"]["customer"]["email"], tuple(lines))


def _item(sent: Mapping[str, Any]) -> ReceiptItem:
    whole, _, rest = sent["amount"]["value"].partition(".")
    return ReceiptItem(
        sent["description"],
        int(whole + rest),
        sent["vat_code"],
        sent["payment_mode"],
        int(Decimal(sent["quantity"])),
    )
