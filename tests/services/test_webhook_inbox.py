"""Notices: stored once, looked into, retried, and put aside when they make no sense."""

import json
import uuid
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, ReconIssue, WebhookInbox
from models.payment import InboxStatus, PaymentStatus
from models.recon_issue import IssueKind
from services import money_poll, payment_sending, webhook_handling, webhook_inbox
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import in_transaction, transaction
from tests.paying import (
    age,
    journals,
    new_booking,
    opened,
    paid_through,
    reload,
    sent,
)
from tests.yookassa_server import YooKassa

S = PaymentStatus
SOMEBODY = "22e12f66-000f-5000-8000-18db351245c7"


def notice(about: str, event: str = "payment.succeeded", **other: Any) -> bytes:
    body = {"type": "notification", "event": event, "object": {"id": about} | other}
    return json.dumps(body).encode()


async def received(sessions: Sessions, body: bytes) -> WebhookInbox:
    """Store a notice; give its row."""
    inbox_id = await in_transaction(
        sessions, lambda own: webhook_inbox.receive(own, body)
    )
    assert inbox_id is not None
    return await row(sessions, inbox_id)


async def row(sessions: Sessions, inbox_id: uuid.UUID) -> WebhookInbox:
    async with transaction(sessions) as session:
        return await session.get_one(WebhookInbox, inbox_id)


async def handled(sessions: Sessions, inbox_id: uuid.UUID) -> WebhookInbox:
    """Look into a notice as if it were due; give its row."""
    async with transaction(sessions) as session:
        found = await session.get_one(WebhookInbox, inbox_id)
        if found.next_try_at is not None:
            found.next_try_at = sa.func.app_now()
    await webhook_handling.handle(sessions, inbox_id)
    return await row(sessions, inbox_id)


async def issues(sessions: Sessions) -> list[tuple[IssueKind, str]]:
    async with transaction(sessions) as session:
        rows = (await session.scalars(sa.select(ReconIssue))).all()
    return [(each.kind, each.subject) for each in rows]


async def jobs_of(session: AsyncSession, name: str = "webhook.handle") -> int:
    query = sa.text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name")
    return await session.scalar(query, {"name": name}) or 0


async def test_a_notice_is_stored_with_its_job(
    sessions: Sessions, provider: YooKassa
) -> None:
    stored = await received(sessions, notice(SOMEBODY))
    assert (stored.event, stored.object_id) == ("payment.succeeded", SOMEBODY)
    assert stored.status is InboxStatus.NEW
    assert json.loads(stored.body)["object"] == {"id": SOMEBODY}
    async with transaction(sessions) as session:
        assert await jobs_of(session) == 1
    assert provider.journal() == []


async def test_the_same_notice_is_stored_once(
    session: AsyncSession, provider: YooKassa
) -> None:
    assert await webhook_inbox.receive(session, notice(SOMEBODY)) is not None
    assert await webhook_inbox.receive(session, notice(SOMEBODY)) is None
    assert await webhook_inbox.receive(session, notice(SOMEBODY, x=1)) is not None
    assert await jobs_of(session) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff\xfe\x00",
        b'{"a": "\x00"}',
        b"[" * 5000,
        b'{"type": "notification", "event": "payment.succeeded", "object": null}',
        b'{"type": "notification", "event": "payment.succeeded", "object": {"id": 1}}',
        b'{"type": "other", "event": "payment.succeeded", "object": {"id": "x"}}',
        b'{"__class__": "x"}',
        notice("../refunds/x"),
        notice(SOMEBODY, "x" * 100),
    ],
)
async def test_a_notice_that_makes_no_sense_is_kept_and_not_looked_into(
    session: AsyncSession, provider: YooKassa, body: bytes
) -> None:
    inbox_id = await webhook_inbox.receive(session, body)
    stored = await session.get_one(WebhookInbox, inbox_id)
    assert (stored.status, stored.note) == (InboxStatus.QUARANTINED, "malformed")
    assert "\0" not in stored.body
    assert await jobs_of(session) == 0
    assert await webhook_inbox.due(session) == 0


async def test_what_was_fetched_decides_and_not_what_was_told(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    lie = notice(payment.provider_id, status="succeeded", paid=True)
    done = await handled(sessions, (await received(sessions, lie)).id)
    assert (done.status, done.note) == (InboxStatus.DONE, "unchanged")
    assert (await reload(sessions, payment)).status is S.PENDING
    provider.pay(payment.provider_id)
    news = await received(sessions, notice(payment.provider_id))
    done = await handled(sessions, news.id)
    assert (done.status, done.note) == (InboxStatus.DONE, "applied")
    assert done.handled_at is not None
    assert done.next_try_at is None
    assert (await reload(sessions, payment)).status is S.SUCCEEDED


async def test_a_notice_that_is_done_is_not_looked_into_again(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    news = await received(sessions, notice(payment.provider_id))
    await handled(sessions, news.id)
    before = len(provider.journal())
    await handled(sessions, news.id)
    assert len(provider.journal()) == before


async def test_a_notice_that_overtook_the_answer_finds_its_attempt(
    sessions: Sessions, provider: YooKassa
) -> None:
    """The provider's id is not ours yet; the attempt's id came back with it."""
    payment = await opened(sessions, await new_booking(sessions))
    provider.faults("500_after", match={"method": "POST", "path_re": "/payments$"})
    await payment_sending.ask(payment, flow="payment")
    theirs = provider.listing("payments")[0]["id"]
    provider.pay(theirs)
    done = await handled(sessions, (await received(sessions, notice(theirs))).id)
    assert done.status is InboxStatus.DONE
    payment = await reload(sessions, payment)
    assert (payment.status, payment.provider_id) == (S.SUCCEEDED, theirs)
    assert await journals(sessions, payment.id) == 1


async def someone_elses(provider: YooKassa) -> str:
    """Make a payment past us, as another program of the shop would."""
    body = {
        "amount": {"value": "1.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "http://127.0.0.1:1/"},
        "payment_method_data": {"type": "bank_card"},
        "metadata": {"attempt_id": "not ours"},
    }
    answer = httpx.post(  # noqa: ASYNC210 - a test may wait
        f"{provider.api_url}/payments",
        json=body,
        auth=provider.auth,
        headers={"idempotence-key": uuid.uuid4().hex},
        trust_env=False,
    )
    return str(answer.json()["id"])


async def test_a_payment_that_we_do_not_know_waits_and_is_then_told(
    sessions: Sessions, provider: YooKassa
) -> None:
    theirs = await someone_elses(provider)
    news = await received(sessions, notice(theirs))
    pauses = []
    for tries in range(1, webhook_handling.MOST_TRIES):
        waits = await handled(sessions, news.id)
        assert (waits.status, waits.tries) == (InboxStatus.WAITING, tries)
        assert waits.note == "no_such_payment"
        pauses.append(waits.next_try_at - waits.updated_at)
    assert pauses == sorted(pauses)
    assert await issues(sessions) == []
    left = await handled(sessions, news.id)
    assert left.status is InboxStatus.QUARANTINED
    assert await issues(sessions) == [
        (IssueKind.MISSING_HERE, f"provider_payment:{theirs}")
    ]


async def test_a_payment_that_the_provider_denies_is_put_aside_in_the_end(
    sessions: Sessions, provider: YooKassa
) -> None:
    news = await received(sessions, notice(SOMEBODY))
    for _ in range(webhook_handling.MOST_TRIES - 1):
        assert (await handled(sessions, news.id)).status is InboxStatus.WAITING
    left = await handled(sessions, news.id)
    assert (left.status, left.note) == (InboxStatus.QUARANTINED, "not_found")
    assert await issues(sessions) == [
        (IssueKind.QUARANTINED, f"provider_payment:{SOMEBODY}")
    ]


async def test_an_id_of_another_form_is_put_aside_at_once(
    sessions: Sessions, provider: YooKassa
) -> None:
    news = await received(sessions, notice(f"rt-{SOMEBODY}"))
    left = await handled(sessions, news.id)
    assert (left.status, left.note) == (InboxStatus.QUARANTINED, "invalid_id")
    assert provider.journal() == []


async def test_a_silent_provider_may_yet_speak(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.pay(payment.provider_id)
    provider.faults("500_before", times=0, match={"method": "GET"})
    news = await received(sessions, notice(payment.provider_id))
    for _ in range(webhook_handling.MOST_TRIES + 2):
        waits = await handled(sessions, news.id)
        assert (waits.status, waits.note) == (InboxStatus.WAITING, "http_500")
    assert await issues(sessions) == []
    provider.clear_faults()
    assert (await handled(sessions, news.id)).status is InboxStatus.DONE
    assert (await reload(sessions, payment)).status is S.SUCCEEDED


async def test_news_that_does_not_fit_is_put_aside(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    news = await received(sessions, notice(payment.provider_id))
    with paid_through(provider, settings, yookassa_test=False):
        left = await handled(sessions, news.id)
    assert (left.status, left.note) == (InboxStatus.QUARANTINED, "quarantined")
    assert await issues(sessions) == [(IssueKind.QUARANTINED, f"payment:{payment.id}")]


@pytest.mark.parametrize(
    "event", ["payment_method.active", "payout.succeeded", "deal.closed", "a.b"]
)
async def test_events_that_are_not_for_us_are_done(
    sessions: Sessions, provider: YooKassa, event: str
) -> None:
    news = await received(sessions, notice(SOMEBODY, event))
    done = await handled(sessions, news.id)
    assert (done.status, done.note) == (InboxStatus.DONE, "not_ours")
    assert provider.journal() == []


async def test_a_refund_made_at_the_provider_is_handed_over(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.pay(payment.provider_id)
    refund = provider.cabinet_refund(payment.provider_id)
    provider.finish_refund(refund["id"])
    early = await received(sessions, notice(refund["id"], "refund.succeeded"))
    assert (await handled(sessions, early.id)).status is InboxStatus.WAITING
    news = await received(sessions, notice(payment.provider_id))
    await handled(sessions, news.id)
    done = await handled(sessions, early.id)
    assert (done.status, done.note) == (InboxStatus.DONE, "imported")


async def test_two_handlers_ask_once(sessions: Sessions, provider: YooKassa) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    news = await received(sessions, notice(payment.provider_id))
    before = len(provider.journal("GET"))
    async with transaction(sessions) as holder:
        await holder.get_one(WebhookInbox, news.id, with_for_update=True)
        await webhook_handling.handle(sessions, news.id)
    assert len(provider.journal("GET")) == before


async def test_without_a_provider_notices_wait(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    news = await received(sessions, notice(SOMEBODY))
    use_settings(settings)
    assert (await handled(sessions, news.id)).status is InboxStatus.NEW


async def test_the_job_handles(sessions: Sessions, provider: YooKassa) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    provider.pay(payment.provider_id)
    news = await received(sessions, notice(payment.provider_id))
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await webhook_handling.handle_job.func(context, inbox_id=str(news.id))
    assert (await reload(sessions, payment)).status is S.SUCCEEDED


async def test_the_poll_enqueues_what_is_left(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    await received(sessions, notice(SOMEBODY))
    async with transaction(sessions) as session:
        found = await session.get_one(Payment, payment.id)
        found.next_look_at = sa.func.app_now()
        await session.execute(sa.text("DELETE FROM procrastinate_jobs"))
    context = SimpleNamespace(additional_context={"sessions": sessions})
    for _ in range(2):
        await money_poll.poll_periodically.func(context, timestamp=0)
    async with transaction(sessions) as session:
        assert await jobs_of(session, "webhook.handle") == 1
        assert await jobs_of(session, "payment.look") == 1


async def test_a_sick_sweep_stops_no_other(
    sessions: Sessions, provider: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sick(session: AsyncSession) -> int:
        raise ValueError("sick")

    await received(sessions, notice(SOMEBODY))
    async with transaction(sessions) as session:
        await session.execute(sa.text("DELETE FROM procrastinate_jobs"))
    monkeypatch.setattr(money_poll, "SWEEPS", (sick, webhook_inbox.due))
    with pytest.raises(ValueError, match="sick"):
        await money_poll.poll(sessions)
    async with transaction(sessions) as session:
        assert await jobs_of(session) == 1


async def test_a_notice_about_a_day_old_attempt_still_counts(
    sessions: Sessions, provider: YooKassa
) -> None:
    payment = await sent(sessions, await new_booking(sessions))
    await age(sessions, payment, 48)
    provider.pay(payment.provider_id)
    news = await received(sessions, notice(payment.provider_id))
    await handled(sessions, news.id)
    assert (await reload(sessions, payment)).status is S.SUCCEEDED
