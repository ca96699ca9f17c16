"""Each turn that the money of a call takes wakes whoever watches the call."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, User
from models.booking import Status
from models.refund import Destination, RefundStatus
from services import (
    clock,
    live,
    payment_opening,
    payment_sending,
    payment_settling,
    payment_steps,
    refunds,
    wallet_payments,
)
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.gateways.yookassa_outcomes import Definite, Done, Unknown
from services.listener import Listener
from services.live import Topic
from services.payment_opening import Wish
from tests import factories, paying, refunding
from tests.paying import CARD, PRICE, provider_object
from tests.services.test_refund_states import STEPS, refund_in

pytestmark = pytest.mark.usefixtures("provider")
S = RefundStatus
Work = Callable[[AsyncSession], Awaitable[object]]
Turn = Callable[[AsyncSession, Payment], Awaitable[object]]


class Watcher:
    """Somebody with a board open, who can tell what one commit announced."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.heard: asyncio.Queue[tuple[Topic | None, uuid.UUID | None]] = (
            asyncio.Queue()
        )

    async def woken_by(self, work: Work) -> set[uuid.UUID]:
        """Commit a piece of work; give the calls that were announced with it."""
        await self._until_now()
        async with transaction(self.sessions) as session:
            await work(session)
        return await self._until_now()

    async def _until_now(self) -> set[uuid.UUID]:
        """Notices come in the order of their commits, so one of ours ends the wait."""
        mark, calls = uuid.uuid4(), set[uuid.UUID]()
        async with transaction(self.sessions) as session:
            await live.announce(session, Topic.PRESENCE, mark)
        while True:
            topic, row = await asyncio.wait_for(self.heard.get(), 5)
            if row == mark:
                return calls
            if topic is Topic.CALL and row is not None:
                calls.add(row)


@pytest_asyncio.fixture(loop_scope="session")
async def watcher(engine: AsyncEngine, sessions: Sessions) -> AsyncIterator[Watcher]:
    made, ears = Watcher(sessions), Listener(engine.url)
    ears.subscribe(lambda topic, row: made.heard.put_nowait((topic, row)))
    running = asyncio.create_task(ears.run())
    await asyncio.wait_for(ears.connected.wait(), 5)
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _say(status: str) -> Turn:
    async def turn(session: AsyncSession, payment: Payment) -> object:
        answer = Done(provider_object(payment, status))
        return await payment_settling.apply(session, SYSTEM, payment.id, answer, "get")

    return turn


def _end(answer: Definite | Unknown) -> Turn:
    async def turn(session: AsyncSession, payment: Payment) -> object:
        return await payment_sending.keep(session, payment.id, answer, first=True)

    return turn


async def _supersede(session: AsyncSession, payment: Payment) -> None:
    _, locked = await payment_steps.lock(session, payment.id)
    now = await clock.now(session)
    await payment_opening.supersede(session, SYSTEM, locked, now)


TURNS: dict[str, Turn] = {
    "succeeded": _say("succeeded"),
    "canceled": _say("canceled"),
    "pending": _say("pending"),
    "refused": _end(Definite("invalid_request", status=400)),
    "no answer came": _end(Unknown("timeout")),
    "superseded": _supersede,
}


@pytest.mark.parametrize("turn", TURNS)
async def test_a_turn_of_a_payment_wakes_the_boards(
    watcher: Watcher, sessions: Sessions, turn: str
) -> None:
    payment = await paying.opened(sessions, await paying.new_booking(sessions))
    woken = await watcher.woken_by(lambda session: TURNS[turn](session, payment))
    assert woken == {payment.booking_id}


async def test_an_opened_payment_wakes_the_boards(
    watcher: Watcher, sessions: Sessions
) -> None:
    booking = await paying.new_booking(sessions)

    async def begin(session: AsyncSession) -> None:
        user = await session.get_one(User, booking.patient_id)
        actor = factories.as_patient(user)
        await payment_opening.begin(session, actor, booking.id, Wish(CARD))

    assert await watcher.woken_by(begin) == {booking.id}


async def test_a_payment_from_the_wallet_wakes_the_boards(
    watcher: Watcher, sessions: Sessions
) -> None:
    booking = await paying.new_booking(sessions)
    async with transaction(sessions) as session:
        user = await session.get_one(User, booking.patient_id)
        await paying.fill_wallet(session, user, PRICE)
    actor = factories.as_patient(user)
    woken = await watcher.woken_by(
        lambda session: wallet_payments.pay(session, actor, booking.id)
    )
    assert woken == {booking.id}


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("approve", S.AWAITING_APPROVAL),
        ("reject", S.AWAITING_APPROVAL),
        ("amend", S.AWAITING_APPROVAL),
        ("transfer", S.APPROVED),
        ("they refuse the first call", S.SENDING),
        ("no answer came", S.SENDING),
        ("they say pending", S.SENDING),
        ("they say succeeded", S.PENDING_PROVIDER),
        ("they say canceled", S.PENDING_PROVIDER),
        ("give_up", S.UNKNOWN),
    ],
)
async def test_a_step_of_a_refund_wakes_the_boards(
    watcher: Watcher, sessions: Sessions, step: str, status: RefundStatus
) -> None:
    by_hand = step == "transfer"
    where = Destination.MANUAL if by_hand else Destination.ORIGINAL
    async with transaction(sessions) as session:
        stage, made = await refund_in(session, status, where)
    woken = await watcher.woken_by(lambda session: STEPS[step](session, stage, made))
    assert woken == {made.booking_id}


async def test_a_refund_that_is_asked_for_wakes_the_boards(
    watcher: Watcher, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        stage = await refunding.paid_call(session, Status.COMPLETED)
    asked = refunding.house(stage.payment, 100_000)
    woken = await watcher.woken_by(
        lambda session: refunds.request(session, stage.anna, asked)
    )
    assert woken == {stage.booking.id}
