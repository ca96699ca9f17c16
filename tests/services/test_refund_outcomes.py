"""What the provider says of refunds: believed if it fits, taken over, or put aside."""

import itertools
import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ProviderEvent, Refund
from models.booking import Status
from models.payment import PaymentStatus
from models.recon_issue import IssueKind
from models.refund import Destination, RefundOrigin, RefundStatus, Split
from services import clock, refund_outcomes, refund_steps, refunds
from services.actor import SYSTEM
from services.errors import Forbidden
from services.gateways.yookassa_outcomes import Done
from services.refund_imports import Verdict
from tests import money_rows, refunding
from tests.conftest import settle
from tests.refunding import (
    OURS,
    PRICE,
    THEIRS,
    Stage,
    books,
    counters,
    findings,
    house,
    provider_refund,
    refunds_of,
    seal,
)

R, V, D, S = RefundStatus, Verdict, Destination, Split
FEE = money_rows.FEE


async def sending(
    session: AsyncSession, status: Status = Status.COMPLETED, kopecks: int = 100_000
) -> tuple[Stage, Refund]:
    """A refund whose key and body are noted, and nothing more is known."""
    stage = await refunding.paid_call(session, status)
    made = await refunds.request(session, stage.anna, house(stage.payment, kopecks))
    await refunds.approve(session, stage.boris, made.id, seal(stage, made))
    now = await clock.now(session)
    made.status, made.key_used_at, made.tries = R.SENDING, now, 1
    await session.flush()
    return stage, made


async def take(session: AsyncSession, raw: dict[str, Any]) -> Verdict:
    return await refund_outcomes.take(session, SYSTEM, Done(raw), "test")


async def test_only_jobs_take_in_what_the_provider_says(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    raw: dict[str, Any] = {}
    with pytest.raises(Forbidden):
        await refund_outcomes.take(session, stage.anna, Done(raw), "test")


async def test_news_said_again_change_nothing(session: AsyncSession) -> None:
    stage, made = await sending(session)
    raw = provider_refund(stage, made)
    assert await take(session, raw) is V.APPLIED
    before = await books(session, stage), made.version
    for _ in range(20):
        assert await take(session, raw) is V.UNCHANGED
    assert (await books(session, stage), made.version) == before
    events = await session.scalars(
        sa.select(ProviderEvent).where(col(ProviderEvent.refund_id) == made.id)
    )
    assert len(events.all()) == 1
    await settle(session)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["pending", "succeeded", "pending"], 3))
)
async def test_any_order_of_news_ends_in_one_truth(
    session: AsyncSession, order: tuple[str, ...]
) -> None:
    stage, made = await sending(session)
    raw = provider_refund(stage, made)
    for status in order:
        await take(session, raw | {"status": status})
    assert made.status is R.SUCCEEDED
    held = await books(session, stage)
    assert held == {
        "clearing": PRICE - FEE - 100_000,
        "doctor": THEIRS,
        "revenue": OURS - 100_000,
    }


@pytest.mark.parametrize("first", ["succeeded", "canceled"])
async def test_ends_that_contradict_each_other_are_told(
    session: AsyncSession, first: str
) -> None:
    stage, made = await sending(session)
    raw = provider_refund(stage, made)
    await take(session, raw | {"status": first})
    before = await books(session, stage)
    other = {"succeeded": "canceled", "canceled": "succeeded"}[first]
    assert await take(session, raw | {"status": other}) is V.UNCHANGED
    assert await books(session, stage) == before
    (finding,) = await findings(session, IssueKind.STATUS_DIFFERS)
    assert finding.facts["theirs"] in {"succeeded", "failed"}


@pytest.mark.parametrize(("kopecks", "made_good"), [(100_000, True), (99_999, False)])
async def test_a_failed_refund_is_made_good_by_one_of_as_much(
    session: AsyncSession, kopecks: int, made_good: bool
) -> None:
    stage, failed = await sending(session)
    await take(session, provider_refund(stage, failed) | {"status": "canceled"})
    wish = refunding.wish(stage.payment, kopecks, destination=D.MANUAL, split=S.HOUSE)
    second = await refunds.request(session, stage.anna, wish)
    await refunds.approve(session, stage.boris, second.id, seal(stage, second))
    assert failed.followed_at is None
    assert len(await findings(session, IssueKind.REFUND_FAILED)) == 1
    await refunds.note_transfer(session, stage.anna, second.id, "№ 17")
    await session.refresh(failed)
    assert (failed.followed_at is not None) is made_good
    left = await findings(session, IssueKind.REFUND_FAILED)
    open_still = [] if made_good else [failed.id]
    assert [each.refund_id for each in left] == open_still


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 1), (3, 3), (4, 5), (9, 5), (576, 5), (577, 60)]
)
def test_an_open_refund_is_looked_at_every_five_minutes_for_two_days(
    tries: int, minutes: int
) -> None:
    assert refund_outcomes.pause(tries) == timedelta(minutes=minutes)


async def test_a_word_of_the_future_changes_nothing(session: AsyncSession) -> None:
    stage, made = await sending(session)
    raw = provider_refund(stage, made, "half_done")
    assert await take(session, raw) is V.UNCHANGED
    assert made.status is R.SENDING


@pytest.mark.parametrize(
    ("bent", "named"),
    [
        ({"amount": refunding.roubles(100_001)}, "amount"),
        ({"payment_id": "22e12f66-000f-5000-8000-18db351245c7"}, "payment_id"),
        ({"amount": {"value": "1000.00", "currency": "USD"}}, "unreadable: amount"),
        ({"status": None}, "unreadable: status"),
    ],
)
async def test_an_object_that_does_not_fit_moves_nothing(
    session: AsyncSession, bent: dict[str, Any], named: str
) -> None:
    stage, made = await sending(session)
    before = await books(session, stage)
    raw = provider_refund(stage, made) | bent
    verdict = await refund_outcomes.apply(session, SYSTEM, made.id, Done(raw), "test")
    assert verdict is V.QUARANTINED
    assert (made.status, made.provider_id) == (R.UNKNOWN, None)
    assert await books(session, stage) == before
    (finding,) = await findings(session, IssueKind.QUARANTINED)
    assert (finding.facts["unfit"], finding.refund_id) == (named, made.id)
    # Asked again it is the same finding, and the state is what it was.
    await refund_outcomes.apply(session, SYSTEM, made.id, Done(raw), "test")
    assert len(await findings(session, IssueKind.QUARANTINED)) == 1


async def test_another_object_cannot_take_the_place_of_the_first(
    session: AsyncSession,
) -> None:
    stage, made = await sending(session)
    await take(session, provider_refund(stage, made, "pending"))
    stranger = provider_refund(stage, made, id=str(uuid.uuid4()))
    answer = Done(stranger)
    verdict = await refund_outcomes.apply(session, SYSTEM, made.id, answer, "test")
    assert verdict is V.QUARANTINED
    assert made.status is R.PENDING_PROVIDER
    alien = provider_refund(stage, made, metadata={"refund_id": str(uuid.uuid4())})
    verdict = await refund_outcomes.apply(session, SYSTEM, made.id, Done(alien), "test")
    assert verdict is V.QUARANTINED


async def test_what_cannot_be_read_is_put_aside(session: AsyncSession) -> None:
    assert await take(session, {"id": 7, "status": "succeeded"}) is V.QUARANTINED
    assert not await refunding.notified(session, Done({}))
    assert len(await findings(session, IssueKind.QUARANTINED)) == 2


async def test_metadata_of_others_is_no_key_to_our_refunds(
    session: AsyncSession,
) -> None:
    """A refund that was never sent cannot have been made by us."""
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 50_000))
    raw = provider_refund(stage, made)
    for metadata in (raw["metadata"], {"refund_id": "'; --"}, {}, None, [1]):
        fresh = raw | {"id": str(uuid.uuid4()), "metadata": metadata}
        assert await take(session, fresh) is V.IMPORTED
    assert made.status is R.AWAITING_APPROVAL


# -- made at the provider -----------------------------------------------------


async def cabinet(stage: Stage, kopecks: int, **others: Any) -> dict[str, Any]:
    of = Refund(id=uuid.uuid4(), amount_kopecks=kopecks)
    return provider_refund(stage, of, **others)


async def test_a_refund_made_there_is_taken_over(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    raw = await cabinet(stage, 100_000)
    assert await take(session, raw) is V.IMPORTED
    (made,) = await refunds_of(session, stage.booking)
    assert (made.origin, made.status) == (RefundOrigin.CABINET, R.SUCCEEDED)
    assert (made.provider_id, made.amount_kopecks) == (raw["id"], 100_000)
    assert (made.requested_as, made.split) == ("system", None)
    assert counters(stage.payment) == (100_000, 100_000)
    assert await books(session, stage) == {
        "clearing": PRICE - FEE - 100_000,
        "prepaid": PRICE - 100_000,
    }
    assert await take(session, raw) is V.UNCHANGED
    assert await refunding.notified(session, Done(raw))
    assert len(await refunds_of(session, stage.booking)) == 1
    await settle(session)


async def test_after_a_visit_the_house_bears_it(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    assert await take(session, await cabinet(stage, 300_000)) is V.IMPORTED
    (made,) = await refunds_of(session, stage.booking)
    assert made.doctor_kopecks == 0
    held = await books(session, stage)
    assert (held["doctor"], held["revenue"]) == (THEIRS, OURS - 300_000)


async def test_beside_a_refund_that_waits_for_its_approval(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    assert await take(session, await cabinet(stage, 400_000)) is V.IMPORTED
    assert counters(stage.payment) == (PRICE, PRICE)
    assert made.status is R.AWAITING_APPROVAL
    raw = await cabinet(stage, 100)
    assert await take(session, raw) is V.QUARANTINED
    (finding,) = await findings(session, IssueKind.MISSING_HERE)
    assert finding.facts == {"amount_kopecks": 100, "left_kopecks": 0}
    assert finding.payment_id == stage.payment.id
    # A person makes room, and it is booked.
    await refunds.reject(session, stage.boris, made.id)
    assert await take(session, raw) is V.IMPORTED
    assert await findings(session, IssueKind.MISSING_HERE) == []


@pytest.mark.parametrize("status", ["pending", "canceled", "half_done"])
async def test_only_what_has_gone_through_is_taken_over(
    session: AsyncSession, status: str
) -> None:
    stage = await refunding.paid_call(session)
    raw = await cabinet(stage, 100_000, status=status)
    assert await take(session, raw) is V.UNCHANGED
    assert await refunds_of(session, stage.booking) == []


async def test_a_refund_of_a_payment_nobody_knows_waits(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    pending = await money_rows.payment(
        session, stage.booking, PRICE, PaymentStatus.PENDING
    )
    for payment_id in (str(uuid.uuid4()), pending.provider_id):
        raw = await cabinet(stage, 100_000, payment_id=payment_id)
        assert await take(session, raw) is V.WAITING
        assert not await refunding.notified(session, Done(raw))


async def test_whoever_was_faster_has_taken_it_over(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two notices of one refund: the second waits for the lock and finds it done."""
    stage = await refunding.paid_call(session)
    raw = await cabinet(stage, 100_000)
    lock = refund_steps.lock_payment

    async def overtaken(session: AsyncSession, payment_id: uuid.UUID) -> Any:
        monkeypatch.setattr(refund_steps, "lock_payment", lock)
        assert await take(session, raw) is V.IMPORTED
        return await lock(session, payment_id)

    monkeypatch.setattr(refund_steps, "lock_payment", overtaken)
    assert await take(session, raw) is V.UNCHANGED
    assert len(await refunds_of(session, stage.booking)) == 1
