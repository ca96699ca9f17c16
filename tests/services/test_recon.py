"""The net under webhooks and pollers: the provider's lists against our rows."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import Booking, Payment, ReconIssue, Refund
from models.payment import PaymentStatus
from models.recon_issue import IssueKind
from models.refund import RefundOrigin, RefundStatus
from services import (
    clock,
    invariants,
    payment_sending,
    recon,
    recon_days,
    recon_marks,
)
from services.config import Settings, get_settings
from services.database import Sessions
from services.edges import transaction
from services.gateways import yookassa as gateway
from services.gateways.yookassa_client import shop_of
from services.gateways.yookassa_outcomes import Done
from services.recon_issues import GONE
from tests.liar import Liar, liar
from tests.paying import (
    PRICE,
    journals,
    opened,
    paid_through,
    priced_booking,
    reload,
    sent,
)
from tests.yookassa_server import YooKassa, yookassa

SUCCEEDED = PaymentStatus.SUCCEEDED


@pytest.fixture(scope="module")
def running() -> Iterator[YooKassa]:
    with yookassa() as provider:
        yield provider


@pytest.fixture
def provider(running: YooKassa, settings: Settings) -> Iterator[YooKassa]:
    running.reset()
    with paid_through(running, settings):
        yield running


@pytest.fixture
def between(running: YooKassa, settings: Settings) -> Iterator[Liar]:
    """The provider is reached through somebody who may lie."""
    running.reset()
    with liar(running) as (lying, reached), paid_through(reached, settings):
        yield lying


async def booking_of(sessions: Sessions) -> Booking:
    async with transaction(sessions) as session:
        return await priced_booking(session)


async def paid(sessions: Sessions, provider: YooKassa) -> Payment:
    """Pay at the provider; nobody tells us, and nobody of ours asks."""
    payment = await sent(sessions, await booking_of(sessions))
    assert payment.provider_id is not None
    provider.pay(payment.provider_id)
    return payment


async def settled(sessions: Sessions, provider: YooKassa) -> Payment:
    """A payment that both sides know as succeeded."""
    payment = await paid(sessions, provider)
    await recon.hourly(sessions)
    assert (await reload(sessions, payment)).status is SUCCEEDED
    return payment


async def strange(**metadata: str) -> str:
    """Make a payment at the provider that has no row here; gives its id."""
    body = {
        "amount": {"value": "700.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "https://example.org/"},
        "metadata": metadata,
    }
    shop = shop_of(get_settings())
    made = await gateway.create_payment(shop, str(uuid.uuid4()), json.dumps(body))
    assert isinstance(made, Done), made
    return str(made.raw["id"])


async def issues(sessions: Sessions, *, every: bool = False) -> list[ReconIssue]:
    query = sa.select(ReconIssue).order_by(col(ReconIssue.created_at))
    if not every:
        query = query.where(col(ReconIssue.resolved_at).is_(None))
    async with transaction(sessions) as session:
        return list((await session.scalars(query)).all())


async def kinds(sessions: Sessions) -> list[str]:
    return [f"{each.kind} {each.subject}" for each in await issues(sessions)]


async def found(sessions: Sessions) -> int:
    """Give how many findings the last whole run had."""
    async with transaction(sessions) as session:
        marks = {each.name: each.found for each in await recon_marks.every(session)}
    return marks[recon.HOURLY]


async def mark(sessions: Sessions, name: str = recon.HOURLY) -> Any:
    async with transaction(sessions) as session:
        return await recon_marks.reached(session, name)


async def refunds(sessions: Sessions) -> list[Refund]:
    async with transaction(sessions) as session:
        return list((await session.scalars(sa.select(Refund))).all())


async def sound(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        assert await invariants.check(session) == []


# -- we are behind, and the provider has the last word ------------------------


async def test_a_payment_is_found_when_every_notice_is_lost_and_no_poller_runs(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await paid(sessions, provider)
    await recon.hourly(sessions)
    now = await reload(sessions, payment)
    assert now.status is SUCCEEDED
    assert await journals(sessions, payment.id) == 1
    assert await issues(sessions) == []
    await recon.hourly(sessions)
    assert await journals(sessions, payment.id) == 1
    await sound(sessions)


async def test_a_payment_whose_very_answer_was_lost_is_found_by_our_id_in_it(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await opened(sessions, await booking_of(sessions))
    outcome = await payment_sending.ask(payment, flow="payment")
    assert isinstance(outcome, Done)
    await recon.hourly(sessions)
    pending = await reload(sessions, payment)
    assert pending.status is PaymentStatus.PENDING
    assert pending.provider_id == outcome.raw["id"]
    provider.decline(outcome.raw["id"])
    await recon.hourly(sessions)
    assert (await reload(sessions, payment)).status is PaymentStatus.CANCELED
    assert await found(sessions) == 0


async def test_a_refund_made_in_the_cabinet_is_taken_over(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await settled(sessions, provider)
    provider.cabinet_refund(str(payment.provider_id), 120_000)
    await recon.hourly(sessions)
    (refund,) = await refunds(sessions)
    assert refund.origin is RefundOrigin.CABINET
    assert (refund.amount_kopecks, refund.status) == (120_000, RefundStatus.SUCCEEDED)
    assert await issues(sessions) == []
    await recon.hourly(sessions)
    assert len(await refunds(sessions)) == 1
    await sound(sessions)


async def test_what_is_the_same_on_both_sides_is_not_asked_for_one_by_one(
    sessions: Sessions, provider: YooKassa
) -> None:
    await settled(sessions, provider)
    before = len(provider.journal("GET", "/v3/payments/"))
    await recon.hourly(sessions)
    assert len(provider.journal("GET", "/v3/payments/")) == before


# -- what a person has to see, and what moves no money ------------------------


async def test_a_payment_that_we_never_made_is_a_finding_and_moves_nothing(
    sessions: Sessions, provider: YooKassa
) -> None:
    other = await strange(attempt_id="nonsense")
    provider.pay(other)
    await recon.hourly(sessions)
    (issue,) = await issues(sessions)
    assert (issue.kind, issue.subject) == (IssueKind.MISSING_HERE, f"payment:{other}")
    assert issue.facts["their_amount_kopecks"] == 70_000
    assert await found(sessions) == 1
    await sound(sessions)


async def test_a_stranger_that_was_cancelled_is_no_matter(
    sessions: Sessions, provider: YooKassa
) -> None:
    provider.decline(await strange())
    await recon.hourly(sessions)
    assert await issues(sessions) == []
    assert await found(sessions) == 0


async def test_a_refund_of_a_stranger_is_a_finding(
    sessions: Sessions, provider: YooKassa
) -> None:
    other = await strange()
    provider.pay(other)
    refund = provider.cabinet_refund(other, 20_000)
    await recon.hourly(sessions)
    assert await kinds(sessions) == [
        f"missing_here payment:{other}",
        f"missing_here provider_refund:{refund['id']}",
    ]
    assert await refunds(sessions) == []


async def test_another_amount_is_a_finding_and_no_money_moves(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await opened(sessions, await booking_of(sessions))
    other = await strange(
        attempt_id=str(payment.id), booking_id=str(payment.booking_id)
    )
    provider.pay(other)
    await recon.hourly(sessions)
    (issue,) = await issues(sessions)
    assert issue.kind is IssueKind.AMOUNT_DIFFERS
    assert issue.payment_id == payment.id
    assert issue.booking_id == payment.booking_id
    assert issue.facts["amount_kopecks"] == PRICE
    assert issue.facts["their_amount_kopecks"] == 70_000
    assert (await reload(sessions, payment)).status is PaymentStatus.CREATED
    assert await journals(sessions, payment.id) == 0


async def test_a_payment_that_does_not_fit_is_put_aside_by_the_ordinary_way(
    sessions: Sessions, between: Liar
) -> None:
    payment = await paid(sessions, between.provider)
    between.bend = lambda path, told: _everywhere(told, recipient={"account_id": "9"})
    await recon.hourly(sessions)
    assert await kinds(sessions) == [f"quarantined payment:{payment.id}"]
    assert await journals(sessions, payment.id) == 0
    assert await found(sessions) == 1


async def test_what_only_we_know_is_a_finding_until_the_provider_knows_it_again(
    sessions: Sessions, between: Liar
) -> None:
    payment = await settled(sessions, between.provider)
    between.bend = _forgets(str(payment.provider_id))
    await recon.hourly(sessions)
    assert await kinds(sessions) == []
    await _age(sessions)
    await recon.hourly(sessions)
    assert await kinds(sessions) == [f"missing_there payment:{payment.id}"]
    between.bend = lambda path, told: told
    await recon.hourly(sessions)
    (issue,) = await issues(sessions, every=True)
    assert issue.resolution == GONE


async def test_a_list_that_lies_or_is_short_moves_no_money(
    sessions: Sessions, between: Liar
) -> None:
    waiting = await sent(sessions, await booking_of(sessions))
    done = await settled(sessions, between.provider)
    await _age(sessions)

    def lie(path: str, told: dict[str, Any]) -> dict[str, Any]:
        if not path.startswith("/payments?"):
            return told
        items = [
            each | {"status": "succeeded", "paid": True}
            for each in told["items"]
            if each["id"] == waiting.provider_id
        ]
        return {"items": items}

    between.bend = lie
    await recon.hourly(sessions)
    assert (await reload(sessions, waiting)).status is PaymentStatus.PENDING
    assert await journals(sessions, waiting.id) == 0
    assert await journals(sessions, done.id) == 1
    assert await issues(sessions) == []
    await sound(sessions)


async def test_ends_that_contradict_each_other_are_a_finding(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await opened(sessions, await booking_of(sessions))
    outcome = await payment_sending.ask(payment, flow="payment")
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, payment.id)
        await payment_sending.fail(session, row, "given_up")
    assert isinstance(outcome, Done)
    provider.pay(outcome.raw["id"])
    await recon.hourly(sessions)
    (issue,) = await issues(sessions)
    assert (issue.kind, issue.facts["ours"]) == (IssueKind.STATUS_DIFFERS, "failed")
    assert issue.facts["theirs"] == "succeeded"
    assert await journals(sessions, payment.id) == 0


async def test_a_provider_that_takes_its_word_back_is_a_finding_until_it_holds(
    sessions: Sessions, between: Liar
) -> None:
    payment = await settled(sessions, between.provider)
    between.bend = lambda path, told: _everywhere(told, status="pending", paid=False)
    await recon.hourly(sessions)
    assert await kinds(sessions) == [f"status_differs payment:{payment.id}"]
    assert (await reload(sessions, payment)).status is SUCCEEDED
    between.bend = _in_list_only(status="pending")
    await recon.hourly(sessions)
    assert await issues(sessions) == []


async def test_things_that_cannot_be_read_are_put_aside(
    sessions: Sessions, between: Liar
) -> None:
    payment = await paid(sessions, between.provider)
    between.bend = lambda path, told: _everywhere(told, amount="much")
    await recon.hourly(sessions)
    assert await kinds(sessions) == [f"quarantined payment:{payment.id}"]
    between.bend = _in_list_only(id="../refunds")
    await recon.hourly(sessions)
    assert "quarantined payment:../refunds" in await kinds(sessions)


async def test_more_given_back_than_we_know_of_is_a_finding_until_it_is_known(
    sessions: Sessions, between: Liar
) -> None:
    payment = await settled(sessions, between.provider)
    between.provider.cabinet_refund(str(payment.provider_id), 50_000)
    between.bend = _hides("/refunds?")
    await recon.hourly(sessions)
    (issue,) = await issues(sessions)
    assert issue.kind is IssueKind.AMOUNT_DIFFERS
    assert issue.facts["theirs_kopecks"] == 50_000
    assert issue.facts["ours_kopecks"] == 0
    assert await refunds(sessions) == []
    # Hidden only in the list of all, it is found through its payment.
    between.bend = lambda path, told: (
        {"items": []} if path.startswith("/refunds?created") else told
    )
    await recon.hourly(sessions)
    assert await issues(sessions) == []
    assert [each.amount_kopecks for each in await refunds(sessions)] == [50_000]
    await sound(sessions)


async def test_what_our_own_rules_refuse_is_a_finding_and_stops_nothing_else(
    sessions: Sessions, provider: YooKassa
) -> None:
    first, second = [await paid(sessions, provider) for _ in range(2)]
    planted = sa.text(
        "INSERT INTO ledger_journal (id, idem_key, request_hash, kind, ref_type,"
        " actor_id, acting_as, via) VALUES (gen_random_uuid(), :key, 'other', 'x',"
        " 'x', gen_random_uuid(), 'system', 'job')"
    )
    async with transaction(sessions) as session:
        await session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await session.execute(planted, {"key": f"payment:{first.id}:succeeded"})
    await recon.hourly(sessions)
    assert (await reload(sessions, first)).status is PaymentStatus.PENDING
    assert (await reload(sessions, second)).status is SUCCEEDED
    (issue,) = await issues(sessions)
    assert (issue.kind, issue.payment_id) == (IssueKind.QUARANTINED, first.id)
    assert issue.facts["code"] == "ledger_conflict"


async def test_more_taken_back_at_the_provider_than_is_left_here_is_a_finding(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await settled(sessions, provider)
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, payment.id)
        row.refunded_or_reserved_kopecks = PRICE - 100
    refund = provider.cabinet_refund(str(payment.provider_id), 50_000)
    await recon.hourly(sessions)
    assert set(await kinds(sessions)) == {
        f"missing_here provider_refund:{refund['id']}",
        f"amount_differs refunds_of:{payment.id}",
    }
    assert await refunds(sessions) == []
    assert await found(sessions) == 2


# -- runs that do not come to their end ---------------------------------------


async def test_a_run_killed_between_two_pages_leaves_all_of_it_to_the_next(
    sessions: Sessions, between: Liar
) -> None:
    payment = await paid(sessions, between.provider)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def two_pages(path: str, told: dict[str, Any]) -> dict[str, Any]:
        if path.startswith("/payments?") and "cursor" not in path:
            return {"items": [], "next_cursor": "more"}
        if "cursor" in path:
            loop.call_soon_threadsafe(asked.set)
            return {"items": "none"}
        return told

    between.bend = two_pages
    run = asyncio.create_task(recon.hourly(sessions))
    await asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await mark(sessions) is None
    assert (await reload(sessions, payment)).status is PaymentStatus.PENDING
    between.bend = lambda path, told: told
    await recon.hourly(sessions)
    assert (await reload(sessions, payment)).status is SUCCEEDED


async def test_half_a_list_is_no_list_and_moves_no_mark(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await paid(sessions, provider)
    provider.faults("500_before", match={"method": "GET", "path_re": "/v3/refunds"})
    await recon.hourly(sessions)
    assert await mark(sessions) is None
    assert (await reload(sessions, payment)).status is PaymentStatus.PENDING
    await recon.hourly(sessions)
    assert (await reload(sessions, payment)).status is SUCCEEDED
    assert await mark(sessions) is not None


async def test_a_question_without_an_answer_is_asked_again_by_the_next_run(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await paid(sessions, provider)
    for action in ("500_before", "429"):
        provider.faults(
            action, match={"method": "GET", "path_re": "/v3/payments/[0-9a-f-]{36}"}
        )
        await recon.hourly(sessions)
        provider.clear_faults()
        assert await mark(sessions) is None
        assert (await reload(sessions, payment)).status is PaymentStatus.PENDING
    await recon.hourly(sessions)
    assert (await reload(sessions, payment)).status is SUCCEEDED


async def test_a_row_that_somebody_holds_is_left_to_the_next_run(
    sessions: Sessions, provider: YooKassa
) -> None:
    held, free = [await paid(sessions, provider) for _ in range(2)]
    async with transaction(sessions) as session:
        await session.get_one(Booking, held.booking_id, with_for_update=True)
        await recon.hourly(sessions)
    assert await mark(sessions) is None
    assert (await reload(sessions, held)).status is PaymentStatus.PENDING
    assert (await reload(sessions, free)).status is SUCCEEDED
    assert await issues(sessions) == []


async def test_sums_that_could_not_be_asked_twice_are_no_finding(
    sessions: Sessions, between: Liar
) -> None:
    payment = await settled(sessions, between.provider)
    before = await mark(sessions)
    here = f"/payments/{payment.provider_id}"
    nothing: dict[str, Any] = {"no": "payment"}
    unreadable = {"id": payment.provider_id, "amount": "much"}
    for told_instead in (nothing, unreadable):

        def bend(
            path: str, told: dict[str, Any], instead: dict[str, Any] = told_instead
        ) -> dict[str, Any]:
            if path == here:
                return instead
            more = {"value": "9.00", "currency": "RUB"}
            return _everywhere(told, refunded_amount=more)

        between.bend = bend
        await recon.hourly(sessions)
        assert (await mark(sessions) == before) is (told_instead is nothing)
        assert await issues(sessions) == []


async def test_refunds_of_a_payment_that_are_not_told_are_asked_for_again(
    sessions: Sessions, between: Liar
) -> None:
    payment = await settled(sessions, between.provider)
    before = await mark(sessions)
    between.provider.cabinet_refund(str(payment.provider_id), 50_000)
    between.bend = lambda path, told: (
        {"items": []}
        if path.startswith("/refunds?created")
        else ({"no": "list"} if path.startswith("/refunds?") else told)
    )
    await recon.hourly(sessions)
    assert await mark(sessions) == before
    assert await issues(sessions) == []


async def test_the_window_begins_two_hours_before_the_mark(
    sessions: Sessions, provider: YooKassa
) -> None:
    await recon.hourly(sessions)
    reached = await mark(sessions)
    await recon.hourly(sessions)
    asked = provider.journal("GET", "/v3/payments")[-1]
    since = (reached - recon.OVERLAP - recon.SKEW).strftime("%Y-%m-%dT%H:%M:%S")
    assert since in json.dumps(asked)


async def test_two_runs_at_once_are_one(sessions: Sessions, provider: YooKassa) -> None:
    async with (
        recon_marks.alone(sessions, recon.HOURLY),
        recon_marks.alone(sessions, recon.DAILY),
    ):
        await recon.hourly(sessions)
        await recon.daily(sessions)
    assert provider.journal() == []


async def test_without_a_provider_nothing_is_compared(sessions: Sessions) -> None:
    await recon.hourly(sessions)
    await recon.daily(sessions)
    async with transaction(sessions) as session:
        assert await recon_marks.every(session) == []


async def test_the_worker_compares_by_itself(
    sessions: Sessions, provider: YooKassa
) -> None:
    context = cast("Any", SimpleNamespace(additional_context={"sessions": sessions}))
    await recon.hourly_periodically(context, 0)
    await recon.daily_periodically(context, 0)
    async with transaction(sessions) as session:
        names = [each.name for each in await recon_marks.every(session)]
    assert names == [recon.DAILY, recon.HOURLY]


# -- the days -----------------------------------------------------------------


async def test_a_day_that_agrees_is_no_finding_and_one_that_does_not_is(
    sessions: Sessions, between: Liar
) -> None:
    await settled(sessions, between.provider)
    await recon.daily(sessions)
    assert await issues(sessions) == []
    between.provider.reset()
    await _age(sessions, timedelta(days=1))
    await recon.daily(sessions)
    by_kind = {each.kind: each for each in await issues(sessions)}
    assert set(by_kind) == {IssueKind.MISSING_THERE, IssueKind.DAY_DIFFERS}
    facts = by_kind[IssueKind.DAY_DIFFERS].facts
    assert (facts["here_came_kopecks"], facts["there_came_kopecks"]) == (PRICE, 0)
    assert facts["here_fee_kopecks"] == PRICE * 350 // 10_000


async def test_a_day_is_the_sum_of_what_the_provider_made_on_it(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await settled(sessions, provider)
    provider.cabinet_refund(str(payment.provider_id), 50_000)
    await sent(sessions, await booking_of(sessions))
    await recon.hourly(sessions)
    shop = shop_of(get_settings())
    payments = await gateway.every(partial(gateway.list_payments, shop))
    back = await gateway.every(partial(gateway.list_refunds, shop))
    assert isinstance(payments, list)
    assert isinstance(back, list)
    async with transaction(sessions) as session:
        days = [await clock.today(session)]
        assert await recon_days.compare(session, payments, [], days)
    (issue,) = await issues(sessions)
    assert issue.facts["here_back_kopecks"] == 50_000
    assert issue.facts["there_back_kopecks"] == 0
    # Made here long before or after: the provider's day counts.
    await _age(sessions, timedelta(days=3))
    strange = [*payments, {"id": "x"}], [*back, {"id": "y"}]
    async with transaction(sessions) as session:
        assert not await recon_days.compare(session, *strange, days)
        earlier = [days[0] - timedelta(days=1)]
        assert not await recon_days.compare(session, *strange, earlier)
    assert await issues(sessions) == []


async def test_days_are_not_compared_with_half_a_list(
    sessions: Sessions, provider: YooKassa
) -> None:
    provider.faults("500_before", match={"method": "GET", "path_re": "/v3/payments"})
    await recon.daily(sessions)
    assert await mark(sessions, recon.DAILY) is None


async def _age(sessions: Sessions, by: timedelta = timedelta(minutes=30)) -> None:
    """Make everything of ours older, so that it must be on both sides."""
    async with transaction(sessions) as session:
        for table in ("payment", "refund"):
            await session.execute(
                sa.text(f"UPDATE {table} SET created_at = created_at - :by"),
                {"by": by},
            )


def _everywhere(told: dict[str, Any], **bent: Any) -> dict[str, Any]:
    """Bend a payment, and every payment of a list."""
    if "items" not in told:
        return told | bent
    return told | {"items": [each | bent for each in told["items"]]}


def _in_list_only(**bent: Any) -> Any:
    return lambda path, told: (
        _everywhere(told, **bent) if path.startswith("/payments?") else told
    )


def _hides(beginning: str) -> Any:
    return lambda path, told: {"items": []} if path.startswith(beginning) else told


def _forgets(payment_id: str) -> Any:
    """The provider knows no such payment any more."""

    def bend(path: str, told: dict[str, Any]) -> dict[str, Any]:
        items = told.get("items")
        if items is not None:
            return {"items": [each for each in items if each["id"] != payment_id]}
        gone = {"type": "error", "code": "not_found"}
        return gone if path == f"/payments/{payment_id}" else told

    return bend
