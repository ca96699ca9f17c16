"""The money of one person for their export: payments, refunds, wallet, earnings."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund, RefundClaim, Withdrawal
from services import postings
from services.account_lines import every_line
from services.ledger import Account

Row = dict[str, Any]
PAYMENT = (
    "method",
    "status",
    "amount_kopecks",
    "method_title",
    "created_at",
    "succeeded_at",
)
REFUND = (
    "status",
    "amount_kopecks",
    "destination",
    "reason_code",
    "created_at",
    "succeeded_at",
)
CLAIM = ("reason_code", "comment", "status", "created_at", "decided_at")
WITHDRAWAL = ("amount_kopecks", "status", "created_at", "ended_at")
LINE = (
    "booking_number",
    "kind",
    "amount_kopecks",
    "balance_after_kopecks",
    "created_at",
)


async def tables(
    session: AsyncSession, ids: Sequence[uuid.UUID]
) -> dict[str, list[Row]]:
    """Gather every table of money by its name; `ids` are all accounts of the person."""
    withdrawals = (
        sa.select(*(getattr(Withdrawal, name) for name in WITHDRAWAL))
        .where(col(Withdrawal.user_id).in_(ids))
        .order_by(col(Withdrawal.id))
    )
    return {
        "payments": await _of_calls(session, Payment, PAYMENT, ids),
        "refunds": await _of_calls(session, Refund, REFUND, ids),
        "refund_requests": await _of_calls(session, RefundClaim, CLAIM, ids),
        "withdrawals": await _rows(session, withdrawals),
        "wallet": await _lines(session, [postings.wallet(each) for each in ids]),
        "earnings": await _lines(session, [postings.doctor(each) for each in ids]),
    }


async def _of_calls(
    session: AsyncSession, table: Any, names: Sequence[str], ids: Sequence[uuid.UUID]
) -> list[Row]:
    query = (
        sa.select(col(Booking.number), *(getattr(table, name) for name in names))
        .join(Booking, col(Booking.id) == table.booking_id)
        .where(col(Booking.patient_id).in_(ids))
        .order_by(table.id)
    )
    rows = await _rows(session, query)
    return [{**row, "number": f"B-{row['number']}"} for row in rows]


async def _rows(session: AsyncSession, query: Any) -> list[Row]:
    return [{**row._mapping} for row in await session.execute(query)]


async def _lines(session: AsyncSession, accounts: Sequence[Account]) -> list[Row]:
    found = [line for each in accounts for line in await every_line(session, each)]
    return [{name: getattr(line, name) for name in LINE} for line in found]
