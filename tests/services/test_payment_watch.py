"""Attempts are followed to the provider's truth, however answers and notices are lost."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import Payment, ProviderEvent, ReconIssue
from models.payment import PaymentStatus
from models.recon_issue import IssueKind
from services import clock, jobs, payment_settling, payment_steps, payment_watch
from services.actor import SYSTEM
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.gateways.yookassa_outcomes import Done
from tests.paying import (
    SBP,
    age,
    journals,
    look,
    new_booking,
    opened,
    paid_through,
    provider_object,
    reload,
    sent,
)
from tests.yookassa_server import YooKassa

S = PaymentStatus
POST = {"method": "POST", "path_re": "/payments$"}
GET = {"method": "GET", "path_re": "/payments/"}
LIST = {"method": "GET", "path_re": "/payments$"}


async def lost(sessions: Sessions, provider: YooKassa, fault: str) -> Payment:
    """Send a payment whose answer is lost."""
    provider.faults(fault, match=POST)
    payment = await sent(sessions, await new_booking(sessions))
    provider.clear_faults()
    assert payment.status is S.UNKNOWN
    return payment


async def issues(sessions: Sessions) -> list[tuple[IssueKind, str]]:
    async with transaction(sessions) as session:
        rows = (await session.scalars(sa.select(ReconIssue))).all()
    return [(row.kind, row.subject) for row in rows]


def posts(provider: YooKassa) -> int:
    return len(provider.journal("POST", "/v3/payments"))


async def test_a_lost_notice_is_made_up_for(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.pay(payment.provider_id)
    payment = await look(sessions, payment)
    assert payment.status is S.SUCCEEDED
    assert payment.method_title == "•••• 4444"
    assert payment.fee_kopecks
    assert await journals(sessions, payment.id) == 1


async def test_a_pending_payment_is_asked_for_within_four_minutes_for_an_hour(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    async with transaction(sessions) as session:
        now = await clock.now(session)
    for minutes in range(0, 75, 5):
        payment.key_used_at = now - timedelta(minutes=minutes)
        assert payment_steps.pause(payment, now) <= timedelta(minutes=4)
    payment.key_used_at = now - timedelta(hours=2)
    assert payment_steps.pause(payment, now) == timedelta(minutes=15)
    payment.key_used_at = now - timedelta(days=2)
    assert payment_steps.pause(payment, now) == timedelta(hours=1)


async def test_lost_answers_are_asked_for_ever_more_seldom(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await opened(sessions, await new_booking(sessions))
    pauses = []
    async with transaction(sessions) as session:
        now = await clock.now(session)
    for payment.tries in range(12):
        pauses.append(payment_steps.pause(payment, now))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=15), timedelta(minutes=30))


@pytest.mark.parametrize("fault", ["500_before", "reset_before", "429"])
async def test_what_was_not_done_is_done_once(
    sessions: Sessions, provider: YooKassa, fault: str
) -> None:
    payment = await look(sessions, await lost(sessions, provider, fault))
    assert payment.status is S.PENDING
    assert payment.tries == 1
    [theirs] = provider.listing("payments")
    assert payment.provider_id == theirs["id"]


@pytest.mark.parametrize("fault", ["500_after", "reset_after", "202", "hang_after"])
async def test_what_was_done_is_found_and_not_done_again(
    sessions: Sessions, provider: YooKassa, fault: str, monkeypatch
) -> None:
    if fault == "hang_after":
        monkeypatch.setattr("tests.paying.PATIENCE", 0.4)
    payment = await look(sessions, await lost(sessions, provider, fault))
    assert payment.status is S.PENDING
    [theirs] = provider.listing("payments")
    assert payment.provider_id == theirs["id"]


async def test_an_attempt_that_died_before_the_call_is_sent(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await look(sessions, await opened(sessions, await new_booking(sessions)))
    assert payment.status is S.PENDING
    assert len(provider.listing("payments")) == 1


async def test_a_payment_that_ran_out_is_cancelled(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions), SBP)
    provider.advance(3601)
    payment = await look(sessions, payment)
    assert payment.status is S.CANCELED
    assert payment.cancel_reason == "expired_on_confirmation"


async def test_a_superseded_attempt_is_watched_and_given_back(
    sessions: Sessions, provider: YooKassa
) -> None:
    booking = await new_booking(sessions)
    first = await sent(sessions, booking)
    second = await sent(sessions, booking, SBP)
    for each in (first, second):
        provider.pay(each.provider_id)
    second = await look(sessions, second)
    first = await look(sessions, first)
    assert (second.surplus, first.surplus) == (None, "double")
    assert first.returned_or_reserved_kopecks == first.amount_kopecks


async def test_an_old_key_is_never_posted_again(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await lost(sessions, provider, "500_after")
    before = posts(provider)
    await age(sessions, payment, 23.5)
    provider.advance(25 * 3600)  # The provider has forgotten the key.
    provider.advance(0)
    payment = await look(sessions, payment)
    assert posts(provider) == before
    assert len(provider.listing("payments")) == 1


async def test_a_lost_payment_is_found_in_the_list(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await lost(sessions, provider, "500_after")
    for _ in range(3):
        await sent(sessions, await new_booking(sessions))
    await age(sessions, payment, 23.5)
    before = posts(provider)
    payment = await look(sessions, payment)
    assert payment.status is S.PENDING
    assert payment.provider_id == provider.listing("payments")[0]["id"]
    assert posts(provider) == before


async def test_nothing_is_given_up_while_the_key_may_still_serve(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await lost(sessions, provider, "500_before")
    await age(sessions, payment, 23.5)
    payment = await look(sessions, payment)
    assert payment.status is S.UNKNOWN
    assert payment.next_look_at is not None
    assert await issues(sessions) == []


async def test_what_the_whole_list_lacks_after_a_day_has_failed_and_is_told(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await lost(sessions, provider, "500_before")
    await age(sessions, payment, 24.5)
    payment = await look(sessions, payment)
    assert (payment.status, payment.failure_code) == (S.FAILED, "not_found_at_provider")
    assert await issues(sessions) == [
        (IssueKind.PAYMENT_UNKNOWN, f"payment:{payment.id}")
    ]
    await look(sessions, payment)
    assert len(await issues(sessions)) == 1


async def test_who_ends_while_the_list_is_read_is_not_given_up(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await lost(sessions, provider, "500_before")
    await age(sessions, payment, 24.5)
    provider.faults("latency", match=LIST, ms=600)
    looking = asyncio.create_task(look(sessions, payment))
    while not provider.journal("GET", "/v3/payments"):  # noqa: ASYNC110 - HTTP tells none
        await asyncio.sleep(0.02)
    async with transaction(sessions) as session:
        news = Done(provider_object(payment, "canceled"))
        await payment_settling.apply(session, SYSTEM, payment.id, news, "webhook")
    assert (await looking).status is S.CANCELED
    assert await issues(sessions) == []


async def test_a_list_that_cannot_be_read_gives_nothing_up(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await lost(sessions, provider, "500_before")
    await age(sessions, payment, 24.5)
    provider.faults("502_html", match=LIST)
    payment = await look(sessions, payment)
    assert payment.status is S.UNKNOWN


async def test_a_key_that_the_provider_knows_otherwise_is_looked_up(
    sessions: Sessions, provider: YooKassa
) -> None:
    """The provider knows the key with another body: our first call was executed."""
    payment = await lost(sessions, provider, "500_after")
    async with transaction(sessions) as session:
        await session.execute(sa.text("SET session_replication_role = replica"))
        row = await session.get_one(Payment, payment.id)
        row.request_body = (row.request_body or "").replace("Выезд", "Визит")
        row.request_body = row.request_body.replace("\\u0412\\u044b", "\\u0412\\u044c")
        await session.flush()
        await session.execute(sa.text("SET session_replication_role = origin"))
    payment = await look(sessions, payment)
    assert payment.status is S.PENDING
    [theirs] = provider.listing("payments")
    assert payment.provider_id == theirs["id"]


async def test_a_silent_provider_leaves_a_payment_as_it_is(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.faults("500_before", match=GET)
    payment = await look(sessions, payment)
    assert payment.status is S.PENDING
    assert payment.next_look_at is not None
    async with transaction(sessions) as session:
        query = sa.select(ProviderEvent).where(col(ProviderEvent.source) == "get")
        event = (await session.scalars(query)).one()
    assert (event.outcome, event.code) == ("unknown", "http_500")


async def test_a_payment_that_the_provider_denies_is_for_a_person(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.reset()
    payment = await look(sessions, payment)
    assert payment.status is S.PENDING
    assert await issues(sessions) == [
        (IssueKind.MISSING_THERE, f"payment:{payment.id}")
    ]


async def test_only_what_is_due_is_looked_at(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    before = len(provider.journal())
    await payment_watch.look(sessions, payment.id)
    assert len(provider.journal()) == before
    provider.pay(payment.provider_id)
    payment = await look(sessions, payment)
    before = len(provider.journal())
    await look(sessions, payment)
    assert len(provider.journal()) == before


async def test_two_lookers_ask_once(sessions: Sessions, provider: YooKassa) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    before = len(provider.journal("GET"))
    async with transaction(sessions) as holder:
        row = await holder.get_one(Payment, payment.id, with_for_update=True)
        row.next_look_at = await clock.now(holder)
        await holder.flush()
        await payment_watch.look(sessions, payment.id)
    assert len(provider.journal("GET")) == before


async def test_without_a_provider_nothing_is_looked_at(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    use_settings(settings)
    before = len(provider.journal())
    assert (await look(sessions, payment)).tries == 0
    assert len(provider.journal()) == before


async def test_due_attempts_get_one_job_each(
    sessions: Sessions, provider: YooKassa
) -> None:
    due = await sent(sessions, await new_booking(sessions))
    await sent(sessions, await new_booking(sessions))
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, due.id)
        row.next_look_at = await clock.now(session)
    assert await in_transaction(sessions, payment_watch.due) == 1
    assert await in_transaction(sessions, payment_watch.due) == 0
    async with transaction(sessions) as session:
        query = sa.text(
            "SELECT args ->> 'payment_id', priority FROM procrastinate_jobs"
            " WHERE task_name = 'payment.look'"
        )
        assert (await session.execute(query)).all() == [(str(due.id), jobs.LATER)]


async def test_money_of_a_test_shop_is_put_aside(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.pay(payment.provider_id)
    with paid_through(provider, settings, yookassa_test=False):
        payment = await look(sessions, payment)
    assert payment.status is S.PENDING
    assert [kind for kind, _ in await issues(sessions)] == [IssueKind.QUARANTINED]
    payment = await look(sessions, await reload(sessions, payment))
    assert payment.status is S.SUCCEEDED


async def test_the_job_looks(sessions: Sessions, provider: YooKassa) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.pay(payment.provider_id)
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, payment.id)
        row.next_look_at = await clock.now(session)
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await payment_watch.look_job.func(context, payment_id=str(payment.id))
    assert (await reload(sessions, payment)).status is S.SUCCEEDED
