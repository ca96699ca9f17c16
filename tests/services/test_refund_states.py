"""Every status of a refund × every step, by a table written by hand."""

from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Refund
from models.booking import Status
from models.refund import (
    EDGES,
    FINAL,
    OPEN,
    Destination,
    RefundStatus,
)
from services import clock, refund_following, refund_outcomes, refunds
from services.actor import SYSTEM
from services.errors import DomainError
from services.gateways.yookassa_outcomes import Definite, Done, Unknown
from services.refund_terms import Terms
from tests import refunding
from tests.conftest import settle
from tests.refunding import Stage, books, counters, house, provider_refund, seal

S = RefundStatus
AWAITING, APPROVED, SENDING = S.AWAITING_APPROVAL, S.APPROVED, S.SENDING
UNKNOWN, PENDING = S.UNKNOWN, S.PENDING_PROVIDER
SUCCEEDED, FAILED, REJECTED = S.SUCCEEDED, S.FAILED, S.REJECTED
ORDER = (
    AWAITING,
    APPROVED,
    SENDING,
    UNKNOWN,
    PENDING,
    SUCCEEDED,
    FAILED,
    REJECTED,
)
# For each step, what becomes of a refund in each status of ORDER: w awaiting,
# a approved, s sending, u unknown, p pending, + succeeded, - failed, r rejected,
# = unchanged, x refused. The first word stands for a refund that was approved.
TABLE = {
    "approve": "a x x x x x x x",
    "reject": "r r x x x x x x",
    "amend": "w w x x x x x x",
    "transfer": "x + x x x x x x",
    "give_up": "x x x - x x x x",
    "they say pending": "= = p p = = = =",
    "they say succeeded": "= = + + + = = =",
    "they say canceled": "= = - - - = = =",
    "they say something new": "= = = = = = = =",
    "they refuse the first call": "= = - - = = = =",
    "no answer came": "= = u = = = = =",
}
WORDS = dict(zip("wasup+-r", ORDER, strict=True))
KOPECKS = 100_000
Step = Callable[[AsyncSession, Stage, Refund], Awaitable[object]]


async def _approve(session: AsyncSession, stage: Stage, refund: Refund) -> object:
    return await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))


async def _reject(session: AsyncSession, stage: Stage, refund: Refund) -> object:
    return await refunds.reject(session, stage.boris, refund.id)


async def _amend(session: AsyncSession, stage: Stage, refund: Refund) -> object:
    terms = Terms(2 * KOPECKS, refund.destination, house(stage.payment, 1).terms.split)
    return await refunds.amend(session, stage.anna, refund.id, terms)


async def _transfer(session: AsyncSession, stage: Stage, refund: Refund) -> object:
    return await refunds.note_transfer(session, stage.anna, refund.id, "п/п 1")


async def _give_up(session: AsyncSession, stage: Stage, refund: Refund) -> object:
    return await refunds.close_unknown(session, stage.boris, refund.id)


def _say(status: str) -> Step:
    async def step(session: AsyncSession, stage: Stage, refund: Refund) -> object:
        raw = provider_refund(stage, refund, status)
        answer = Done(raw)
        return await refund_outcomes.apply(session, SYSTEM, refund.id, answer, "t")

    return step


def _end(answer: Definite | Unknown) -> Step:
    async def step(session: AsyncSession, _: Stage, refund: Refund) -> object:
        return await refund_following.keep(session, refund.id, answer, first=True)

    return step


STEPS: dict[str, Step] = {
    "approve": _approve,
    "reject": _reject,
    "amend": _amend,
    "transfer": _transfer,
    "give_up": _give_up,
    "they say pending": _say("pending"),
    "they say succeeded": _say("succeeded"),
    "they say canceled": _say("canceled"),
    "they say something new": _say("half_done"),
    "they refuse the first call": _end(Definite("invalid_request", status=400)),
    "no answer came": _end(Unknown("timeout")),
}
CASES = [
    (step, status, word)
    for step, row in TABLE.items()
    for status, word in zip(ORDER, row.split(), strict=True)
]


async def refund_in(
    session: AsyncSession, status: RefundStatus, destination: Destination
) -> tuple[Stage, Refund]:
    """Walk a refund after a visit to a status."""
    stage = await refunding.paid_call(session, Status.COMPLETED)
    asked = house(stage.payment, KOPECKS, destination=destination)
    made = await refunds.request(session, stage.anna, asked)
    if status is AWAITING:
        return stage, made
    if status is REJECTED:
        await _reject(session, stage, made)
        return stage, made
    await _approve(session, stage, made)
    if status is APPROVED:
        return stage, made
    # A day ago, so that an unknown one may be given up.
    day = await clock.now(session) - refund_following.KEY_GONE
    made.status, made.key_used_at, made.tries = SENDING, day, 1
    await session.flush()
    if status is UNKNOWN:
        await _end(Unknown("timeout"))(session, stage, made)
    elif status is not SENDING:
        said = {PENDING: "pending", SUCCEEDED: "succeeded", FAILED: "canceled"}
        await _say(said[status])(session, stage, made)
    return stage, made


@pytest.mark.parametrize(("step", "status", "word"), CASES)
async def test_what_a_step_makes_of_a_refund(
    session: AsyncSession, step: str, status: RefundStatus, word: str
) -> None:
    by_hand = step == "transfer"
    where = Destination.MANUAL if by_hand else Destination.ORIGINAL
    stage, made = await refund_in(session, status, where)
    assert made.status is status
    before = await books(session, stage), counters(stage.payment), made.version
    if word == "x":
        with pytest.raises(DomainError):
            await STEPS[step](session, stage, made)
    else:
        await STEPS[step](session, stage, made)
    after = await books(session, stage), counters(stage.payment), made.version
    if word in "x=":
        assert made.status is status
        assert after == before
    else:
        assert made.status is WORDS[word]
        assert made.version > before[2]
    await whole(session, stage, made)


async def whole(session: AsyncSession, stage: Stage, refund: Refund) -> None:
    """What holds of a refund in any status."""
    held = await books(session, stage)
    amount = refund.amount_kopecks
    counted = amount if refund.status in OPEN | {SUCCEEDED} else 0
    assert counters(stage.payment) == (counted, counted)
    assert held.get("transit", 0) == (amount if refund.is_open else 0)
    assert (refund.ended_at is not None) is (refund.status in FINAL)
    assert (refund.succeeded_at is not None) is (refund.status is SUCCEEDED)
    assert "prepaid" not in held
    await settle(session)


# -- the database -------------------------------------------------------------


@pytest.mark.parametrize("target", ORDER)
@pytest.mark.parametrize("status", ORDER)
async def test_the_database_holds_the_edges_too(
    session: AsyncSession, status: RefundStatus, target: RefundStatus
) -> None:
    _, made = await refund_in(session, status, Destination.ORIGINAL)
    stamp = "app_now()" if target is SUCCEEDED else "NULL"
    change = sa.text(
        f"UPDATE refund SET status = :status, succeeded_at = {stamp} WHERE id = :id"
    )
    values = {"status": target.value, "id": made.id}
    allowed = target in EDGES[status] or (target is status and status is not SUCCEEDED)
    # A rejected refund has nobody who approved it.
    if status is AWAITING and target is APPROVED:
        allowed = False
    if allowed or (status is target is SUCCEEDED):
        await session.execute(change, values)
    else:
        with pytest.raises(IntegrityError):
            await session.execute(change, values)


@pytest.mark.parametrize(
    "change",
    [
        "amount_kopecks = amount_kopecks + 1",
        "destination = 'wallet'",
        "split = 'doctor'",
        "approved_by = gen_random_uuid()",
        "approved_by = requested_by",
        "approval_hash = 'other'",
        "approval_hash = NULL",
        "needs_approval = false",
        "approved_by = NULL, approval_hash = NULL",
        "requested_by = gen_random_uuid()",
        "payment_id = gen_random_uuid()",
    ],
)
async def test_an_approval_holds_for_what_was_approved(
    session: AsyncSession, change: str
) -> None:
    """A40, past the services: the database refuses what would bend an approval."""
    _, made = await refund_in(session, APPROVED, Destination.ORIGINAL)
    with pytest.raises(IntegrityError):
        await session.execute(
            sa.text(f"UPDATE refund SET {change} WHERE id = :id"), {"id": made.id}
        )


@pytest.mark.parametrize(
    "change",
    ["amount_kopecks = 1", "request_body = '{}'", "booking_id = gen_random_uuid()"],
)
async def test_what_was_sent_stays_as_it_was_sent(
    session: AsyncSession, change: str
) -> None:
    _, made = await refund_in(session, SENDING, Destination.ORIGINAL)
    with pytest.raises(IntegrityError):
        await session.execute(
            sa.text(f"UPDATE refund SET {change} WHERE id = :id"), {"id": made.id}
        )
