"""The money of the demo's past is the same here and at the local provider."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import (
    LedgerJournal,
    Payment,
    Payout,
    ReconIssue,
    Refund,
    RefundClaim,
    Role,
    User,
    Withdrawal,
)
from models.payout import PayoutStatus
from models.refund import Destination, RefundOrigin, RefundStatus
from models.withdrawal import WithdrawalStatus
from sandbox import seed
from services import (
    invariants,
    ledger,
    postings,
    recon,
    recon_marks,
    refund_approvals,
    refunds,
)
from services.actor import Actor, Via
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import refunding
from tests.paying import paid_through
from tests.yookassa_server import yookassa

WITHOUT_BOOKS = """
SELECT count(*) FROM booking b WHERE status = 'completed' AND NOT EXISTS (
  SELECT FROM ledger_journal j WHERE j.booking_id = b.id AND j.kind = 'earned')
"""


@pytest.fixture
def small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> Settings:
    """A demo of four days in a folder of its own."""
    sizes = {"DAYS": 4, "DOCTORS": 120, "PATIENTS": 80, "WALKED": 60}
    for name, value in sizes.items():
        monkeypatch.setattr(seed, name, value)
    return settings.model_copy(update={"data_dir": tmp_path})


async def test_both_sides_agree_from_the_start(
    sessions: Sessions, small: Settings
) -> None:
    await seed.seed(small)
    state = str(small.data_dir / seed.YOOKASSA_STATE)
    with yookassa(state=state) as provider, paid_through(provider, small):
        await recon.hourly(sessions)
        await recon.daily(sessions)
        await _check_desk(sessions, await _last_refunds(sessions))
        await recon.hourly(sessions)
        await recon.daily(sessions)
    async with transaction(sessions) as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Payment))
        assert list(await session.scalars(sa.select(ReconIssue.subject))) == []
        names = {each.name for each in await recon_marks.every(session)}
        assert names == {recon.HOURLY, recon.DAILY}
        assert await invariants.check(session) == []
        assert await session.scalar(sa.text(WITHOUT_BOOKS)) == 0


async def _last_refunds(sessions: Sessions) -> list[Refund]:
    """Approve what waits as the second person, and send what may go."""
    async with transaction(sessions) as session:
        waiting = sa.select(Refund).where(
            col(Refund.status) == RefundStatus.AWAITING_APPROVAL
        )
        (refund,) = await session.scalars(waiting)
        email = sa.select(User.id).where(col(User.email) == "finance2@demo.example")
        second = Actor((await session.scalars(email)).one(), Role.FINANCE, Via.CONSOLE)
        payment = await session.get_one(Payment, refund.payment_id)
        seen = refund_approvals.seal(refund, payment)
        await refunds.approve(session, second, refund.id, seen)
    async with transaction(sessions) as session:
        ready = sa.select(Refund).where(col(Refund.status) == RefundStatus.APPROVED)
        found = list(await session.scalars(ready))
    return [await refunding.look(sessions, each) for each in found]


async def _check_desk(sessions: Sessions, sent: list[Refund]) -> None:
    """Everything that finance does has an example."""
    policy, staff = RefundOrigin.POLICY, RefundOrigin.STAFF
    assert sorted(each.origin for each in sent) == [policy, policy, staff]
    # SBP takes the provider some time.
    done = {RefundStatus.SUCCEEDED, RefundStatus.PENDING_PROVIDER}
    assert {each.status for each in sent} <= done
    async with transaction(sessions) as session:
        in_wallets = sa.select(Refund.status).where(
            col(Refund.destination) == Destination.WALLET
        )
        assert list(await session.scalars(in_wallets)) == [RefundStatus.SUCCEEDED] * 3
        registers = await session.scalars(sa.select(Payout.status))
        assert sorted(registers) == [PayoutStatus.DRAFT, PayoutStatus.PAID]
        (leaving,) = await session.scalars(sa.select(Withdrawal.status))
        assert leaving is WithdrawalStatus.REQUESTED
        assert len(list(await session.scalars(sa.select(RefundClaim.id)))) == 2
        assert await ledger.balance(session, postings.KEPT) > 0
        good = sa.select(LedgerJournal.id).where(
            col(LedgerJournal.kind) == "compensation"
        )
        assert len(list(await session.scalars(good))) == 3
