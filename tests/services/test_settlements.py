"""The provider's registry of transfers: posted once, line by line, or a finding."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, ReconIssue, Refund
from models.payment import PaymentStatus
from models.refund import RefundStatus
from services import clock, invariants, ledger, postings, recon_marks, settlements
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.errors import Forbidden, ValidationFailed
from services.money_invariant_rules import MONEY_RULES
from services.recon_issues import GONE
from tests import factories, money_rows

HEAD = "type;id;amount;fee;date"
PRICE = 450_000


def line(row: Payment | Refund, charged: int = 0, **told: str) -> str:
    """Write a line that agrees, but for what is told otherwise."""
    values = {
        "type": "payment" if isinstance(row, Payment) else "refund",
        "id": str(row.provider_id),
        "amount": _roubles(row.amount_kopecks),
        "fee": _roubles(charged),
        "date": "2026-12-01",
    }
    return ";".join((values | told).values())


def _roubles(kopecks: int) -> str:
    return f"{kopecks // 100}.{kopecks % 100:02d}"


async def paid(session: AsyncSession, **facts: Any) -> Payment:
    booking = await factories.booking(session)
    return await money_rows.payment(session, booking, PRICE, **facts)


async def taken(session: AsyncSession, *lines: str) -> settlements.Imported:
    return await settlements.take_in(session, SYSTEM, [HEAD, *lines])


async def bank(session: AsyncSession) -> int:
    return await ledger.balance(session, postings.BANK)


async def problems(session: AsyncSession) -> Sequence[str]:
    query = sa.select(ReconIssue).where(col(ReconIssue.resolved_at).is_(None))
    found = (await session.scalars(query)).all()
    return [f"{each.facts['problem']} {each.subject}" for each in found]


async def test_what_agrees_goes_from_the_provider_to_the_bank_once(
    session: AsyncSession,
) -> None:
    first, second = await paid(session), await paid(session)
    back = await money_rows.refund(session, second, 120_000, RefundStatus.SUCCEEDED)
    lines = [
        line(first, money_rows.FEE),
        line(second, money_rows.FEE, date="2026-12-02", amount="4500,00"),
        line(back, date="2026-12-02"),
    ]
    done = await taken(session, *lines)
    each = PRICE - money_rows.FEE
    assert (done.posted, done.found, done.held_kopecks) == (3, 0, 0)
    assert [str(day) for day in done.by_day] == ["2026-12-01", "2026-12-02"]
    assert list(done.by_day.values()) == [each, each - 120_000]
    assert await bank(session) == 2 * each - 120_000
    again = await taken(session, *lines)
    assert (again.posted, again.by_day, again.found) == (0, {}, 0)
    assert await bank(session) == 2 * each - 120_000
    for rule in MONEY_RULES:
        assert await invariants.check_rule(session, rule) == [], rule.name


async def test_a_day_on_which_more_went_back_than_came_is_taken_from_the_bank(
    session: AsyncSession,
) -> None:
    back = await money_rows.refund(
        session, await paid(session), 120_000, RefundStatus.SUCCEEDED
    )
    done = await taken(session, line(back))
    assert list(done.by_day.values()) == [-120_000]
    assert await bank(session) == -120_000


async def test_a_fee_that_was_not_known_is_posted_with_the_transfer(
    session: AsyncSession,
) -> None:
    payment = await paid(session, fee_kopecks=None)
    done = await taken(session, line(payment, 15_750))
    assert payment.fee_kopecks == 15_750
    assert (done.posted, done.held_kopecks) == (1, 0)
    assert await ledger.balance(session, postings.FEE) == 15_750


async def test_what_does_not_agree_moves_nothing_and_is_a_finding_until_it_agrees(
    session: AsyncSession,
) -> None:
    right = await paid(session)
    pending = await paid(session, status=PaymentStatus.PENDING)
    back = await money_rows.refund(
        session, await paid(session), 5_000, RefundStatus.SUCCEEDED
    )
    stranger = money_rows.provider_id()
    done = await taken(
        session,
        line(right, money_rows.FEE, amount="4500.01"),
        line(pending),
        line(back, 1),
        line(right, money_rows.FEE, id=stranger),
    )
    assert (done.posted, done.found) == (0, 4)
    assert await bank(session) == 0
    assert set(await problems(session)) == {
        f"amount payment:{right.provider_id}",
        f"status payment:{pending.provider_id}",
        f"fee refund:{back.provider_id}",
        f"not_here payment:{stranger}",
    }
    await taken(session, line(right, money_rows.FEE))
    query = sa.select(ReconIssue).where(col(ReconIssue.payment_id) == right.id)
    (closed,) = await session.scalars(query.execution_options(populate_existing=True))
    assert closed.resolution == GONE
    other_fee = await taken(session, line(right, money_rows.FEE + 1))
    assert other_fee.found == 1


async def test_a_transfer_posted_otherwise_before_is_a_finding(
    session: AsyncSession,
) -> None:
    payment = await paid(session)
    await ledger.post(session, SYSTEM, postings.settled(str(payment.provider_id), 5))
    await taken(session, line(payment, money_rows.FEE))
    assert await problems(session) == [
        f"posted_otherwise payment:{payment.provider_id}"
    ]
    assert await bank(session) == 5


async def test_what_should_have_been_transferred_and_is_not_listed_is_a_finding(
    session: AsyncSession,
) -> None:
    now = await clock.now(session)
    today = now.astimezone(clock.MOSCOW).date().isoformat()
    old = await paid(session, succeeded_at=now - timedelta(days=5))
    young, listed = await paid(session), await paid(session)
    done = await taken(session, line(listed, money_rows.FEE, date=today))
    assert await problems(session) == [f"not_in_registry payment:{old.provider_id}"]
    assert done.found == 1
    assert done.held_kopecks == 2 * (PRICE - money_rows.FEE)
    await taken(
        session,
        line(old, money_rows.FEE, date=today),
        line(young, money_rows.FEE, date=today),
    )
    assert await problems(session) == []
    (mark,) = await recon_marks.every(session)
    assert mark.reached is not None
    assert mark.reached.astimezone(clock.MOSCOW).date().isoformat() == today


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "payout"},
        {"id": "../refunds"},
        {"amount": "4500"},
        {"amount": "-4500.00"},
        {"fee": ""},
        {"date": "01.12.2026"},
    ],
    ids=str,
)
async def test_a_line_that_is_not_understood_imports_nothing(
    session: AsyncSession, wrong: dict[str, str]
) -> None:
    payment = await paid(session)
    good = line(payment, money_rows.FEE)
    with pytest.raises(ValidationFailed) as caught:
        await taken(session, good, line(payment, **wrong))
    assert [each["line"] for each in caught.value.facts["errors"]] == [3]
    assert await bank(session) == 0


async def test_a_file_of_another_form_is_refused(session: AsyncSession) -> None:
    for lines in (["a;b", "1;2"], [], [HEAD, "x" * 200_000]):
        with pytest.raises(ValidationFailed):
            await settlements.take_in(session, SYSTEM, lines)
    many = [";;;;"] * 50
    with pytest.raises(ValidationFailed) as caught:
        await taken(session, *many)
    assert len(caught.value.facts["errors"]) == 20
    empty = await taken(session)
    assert (empty.posted, empty.found) == (0, 0)


async def test_people_import_nothing(session: AsyncSession) -> None:
    actor = factories.as_staff(await factories.dispatcher(session))
    with pytest.raises(Forbidden):
        await settlements.take_in(session, actor, [HEAD])


async def test_a_month_without_a_registry_is_a_finding_until_it_comes(
    sessions: Sessions,
) -> None:
    context = cast("Any", SimpleNamespace(additional_context={"sessions": sessions}))
    async with transaction(sessions) as session:
        now = await clock.now(session)
        old = now - timedelta(days=50)
        payment = await paid(session, succeeded_at=old)
        await paid(session)
        month = old.astimezone(clock.MOSCOW).strftime("%Y-%m")
    await settlements.remind_periodically(context, 0)
    async with transaction(sessions) as session:
        assert await problems(session) == [f"no_registry registry:{month}"]
        await taken(session, line(payment, money_rows.FEE))
    await settlements.remind_periodically(context, 0)
    async with transaction(sessions) as session:
        assert await problems(session) == []
