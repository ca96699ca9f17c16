"""Refunds at the provider: one there and one journal here, whatever happens between."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import Notification, ProviderEvent, Refund
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import Surplus
from models.recon_issue import IssueKind
from models.refund import Destination, RefundOrigin, RefundStatus, Rule
from models.role_grant import Role
from services import (
    bookings,
    clock,
    failpoints,
    jobs,
    refund_following,
    refund_policies,
    refund_sending,
    refunds,
)
from services.actor import Actor, Via
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from services.errors import Forbidden, IllegalTransition
from services.gateways.yookassa_outcomes import Definite, Done, Unknown
from tests import factories, paying, refunding
from tests.paying import SBP, journals, paid_through
from tests.refunding import (
    PRICE,
    Stage,
    again,
    age,
    books,
    cancelled,
    findings,
    house,
    look,
    paid_online,
    seal,
    wish,
)
from tests.yookassa_server import YooKassa

R = RefundStatus
POST = {"method": "POST", "path_re": "/refunds$"}
GET = {"method": "GET", "path_re": "/refunds/"}
LIST = {"method": "GET", "path_re": "/refunds$"}


def posts(provider: YooKassa) -> list[dict[str, Any]]:
    return provider.journal("POST", "/v3/refunds")


def keys(provider: YooKassa) -> list[str]:
    return [call["headers"]["idempotence-key"] for call in posts(provider)]


def there(provider: YooKassa) -> list[str]:
    return [each["status"] for each in provider.listing("refunds")]


async def holds(sessions: Sessions, stage: Stage) -> dict[str, int]:
    async with transaction(sessions) as session:
        return await books(session, stage)


async def issues(sessions: Sessions, kind: IssueKind) -> list[dict[str, Any]]:
    async with transaction(sessions) as session:
        return [each.facts for each in await findings(session, kind)]


async def one_each(
    sessions: Sessions, provider: YooKassa, stage: Stage, refund: Refund
) -> None:
    """One refund there, one journal here, and the same sum in both books."""
    assert (await again(sessions, refund)).status is R.SUCCEEDED
    assert there(provider) == ["succeeded"]
    assert await journals(sessions, refund.id, "refund_succeeded") == 1
    held = await holds(sessions, stage)
    assert "transit" not in held
    assert "prepaid" not in held
    totals = provider.totals()
    assert totals["refunded"] == refund.amount_kopecks


# -- the plain way ------------------------------------------------------------


async def test_a_card_gets_its_money_at_once(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    await refund_sending.send(sessions, refund.id)
    await one_each(sessions, provider, stage, refund)
    made = await again(sessions, refund)
    made_there = provider.listing("refunds")[0]
    assert made.provider_id == made_there["id"]
    assert keys(provider) == [str(refund.id)]
    sent = json.loads(made.request_body or "")
    assert sent | {"sources": []} == {
        "sources": [],
        "payment_id": stage.payment.provider_id,
        "amount": {"value": "5000.00", "currency": "RUB"},
        "description": f"Возврат, заказ № {stage.booking.label}",
        "metadata": {
            "refund_id": str(refund.id),
            "booking_id": str(stage.booking.id),
            "env": "test",
        },
    }
    async with transaction(sessions) as session:
        events = (await session.scalars(sa.select(ProviderEvent))).all()
        told = (
            await session.scalars(
                sa.select(Notification).where(
                    col(Notification.kind) == "refund_original"
                )
            )
        ).all()
    ours = [(e.source, e.outcome, e.status) for e in events if e.refund_id]
    assert ours == [("create", "done", "succeeded")]
    assert [each.user_id for each in told] == [stage.booking.patient_id]


async def test_an_account_through_sbp_gets_it_later(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, method=SBP)
    refund = await look(sessions, await cancelled(sessions, stage))
    assert refund.status is R.PENDING_PROVIDER
    assert refund.next_look_at is not None
    # There may be no notice of its end: it is asked for.
    assert (await look(sessions, refund)).status is R.PENDING_PROVIDER
    provider.finish_refund(str(refund.provider_id))
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)
    assert len(posts(provider)) == 1


async def test_a_refund_that_the_bank_gives_up_frees_its_money(
    sessions: Sessions, provider: YooKassa
) -> None:
    """Acceptance: refund_cancel → reserve back."""
    stage = await paid_online(sessions, provider, Status.EN_ROUTE)
    refund = await cancelled(sessions, stage)
    provider.faults("refund_cancel", match=POST, reason="rejected_by_payee")
    refund = await look(sessions, refund)
    assert refund.status is R.PENDING_PROVIDER
    end = {"status": "canceled", "reason": "rejected_by_payee"}
    provider.finish_refund(str(refund.provider_id), **end)
    refund = await look(sessions, refund)
    assert (refund.status, refund.failure_code) == (R.FAILED, "rejected_by_payee")
    assert refund.cancel_party is not None
    held = await holds(sessions, stage)
    assert (held["prepaid"], held["kept"]) == (400_000, 100_000)
    assert "transit" not in held
    payment = await paying.reload(sessions, stage.payment)
    assert refunding.counters(payment) == (0, 0)
    (finding,) = await issues(sessions, IssueKind.REFUND_FAILED)
    assert finding["next_steps"] == "new_refund, wallet, manual"
    async with transaction(sessions) as session:
        told = await session.scalar(
            sa.select(Notification).where(col(Notification.kind) == "refund_refused")
        )
        assert told is not None
        # What comes next: into the wallet, by two people.
        asked = wish(
            payment,
            400_000,
            destination=Destination.WALLET,
            patient_agreed=True,
        )
        new = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, new.id, seal(stage, new))
    held = await holds(sessions, stage)
    assert (held["wallet"], held["kept"]) == (400_000, 100_000)


async def test_nothing_is_sent_without_a_provider(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    use_settings(settings)
    assert (await look(sessions, refund)).status is R.APPROVED


async def test_a_refund_is_sent_by_one_at_a_time(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    await asyncio.gather(*(refund_sending.send(sessions, refund.id) for _ in range(8)))
    await one_each(sessions, provider, stage, refund)
    assert len(posts(provider)) == 1
    # It has ended: another look changes nothing.
    await look(sessions, refund)
    assert len(posts(provider)) == 1


async def test_the_poller_finds_what_is_due_once(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    async with transaction(sessions) as session:
        # A job waits already, that of the cancellation.
        assert await refund_sending.due(session) == 0
        await session.execute(sa.text("DELETE FROM procrastinate_jobs"))
    async with transaction(sessions) as session:
        assert await refund_sending.due(session) == 1
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await refund_sending.send_job.func(context, refund_id=str(refund.id))
    await one_each(sessions, provider, stage, refund)
    async with transaction(sessions) as session:
        assert await refund_sending.due(session) == 0
    assert jobs.queue.tasks["refund.send"] is refund_sending.send_job


async def test_a_partial_refund_carries_a_receipt(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    with paid_through(provider, settings, yookassa_receipts=True):
        stage = await paid_online(sessions, provider, Status.EN_ROUTE)
        refund = await look(sessions, await cancelled(sessions, stage))
    receipt = json.loads(refund.request_body or "")["receipt"]
    (item,) = receipt["items"]
    assert item["amount"] == {"value": "4000.00", "currency": "RUB"}
    assert item["payment_mode"] == "full_prepayment"
    assert refund.status is R.SUCCEEDED


# -- lost answers -------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500_after", "reset_after", "502_html", "empty"])
async def test_an_answer_that_was_lost_makes_no_second_refund(
    sessions: Sessions, provider: YooKassa, fault: str
) -> None:
    """Acceptance: 500_after on refund → one refund there, one journal here."""
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    done_first = {"after": True} if fault in {"502_html", "empty"} else {}
    provider.faults(fault, match=POST, **done_first)
    refund = await look(sessions, refund)
    assert refund.status is R.UNKNOWN
    assert (await holds(sessions, stage))["transit"] == PRICE
    # It is found in the list; nothing is sent again.
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)
    assert len(posts(provider)) == 1


@pytest.mark.parametrize("fault", ["500_before", "reset_before", "429", "502_html"])
async def test_a_call_that_came_to_nothing_goes_again_under_its_key(
    sessions: Sessions, provider: YooKassa, fault: str
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.faults(fault, match=POST)
    refund = await look(sessions, refund)
    assert refund.status is R.UNKNOWN
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)
    assert set(keys(provider)) == {str(refund.id)}


async def test_where_the_list_is_silent_the_same_key_and_body_go_again(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.faults("500_after", match=POST)
    refund = await look(sessions, refund)
    provider.faults("500_before", match=LIST)
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)
    first, second = posts(provider)
    assert keys(provider) == [str(refund.id)] * 2
    assert first["body"] == second["body"]


async def test_a_refund_nobody_answers_about_stays_unknown(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.faults(
        "500_before", times="all", match={"path_re": "/refunds$", "method": "POST"}
    )
    seen = []
    for _ in range(4):
        refund = await look(sessions, refund)
        assert refund.next_look_at is not None
        seen.append(refund.next_look_at - refund.updated_at)
    assert refund.status is R.UNKNOWN
    minutes = [round(each.total_seconds() / 60) for each in seen]
    assert minutes == [1, 2, 3, 5]


async def test_before_anything_is_sent_the_list_must_answer(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.faults("500_before", match=LIST)
    refund = await look(sessions, refund)
    assert (refund.status, refund.key_used_at) == (R.APPROVED, None)
    assert posts(provider) == []
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)


# -- old keys -----------------------------------------------------------------


async def lost_for(
    sessions: Sessions, provider: YooKassa, hours: float, fault: str = "500_before"
) -> tuple[Stage, Refund]:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.faults(fault, match=POST)
    refund = await look(sessions, refund)
    await age(sessions, refund, hours)
    return stage, refund


@pytest.mark.parametrize(
    ("hours", "sent", "told"),
    [(22.9, 2, 0), (23.1, 1, 0), (23.9, 1, 0), (24.1, 1, 1), (200, 1, 1)],
)
async def test_an_old_key_is_never_sent_again(
    sessions: Sessions, provider: YooKassa, hours: float, sent: int, told: int
) -> None:
    """Acceptance: key older than 24 h → no re-POST; a person is told."""
    _, refund = await lost_for(sessions, provider, hours)
    refund = await look(sessions, refund)
    assert len(posts(provider)) == sent
    assert len(await issues(sessions, IssueKind.REFUND_UNKNOWN)) == told
    assert refund.status is (R.SUCCEEDED if sent == 2 else R.UNKNOWN)


async def test_an_old_refund_that_is_in_the_list_is_found(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage, refund = await lost_for(sessions, provider, 30, "500_after")
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)
    assert len(posts(provider)) == 1


async def test_a_lost_refund_is_given_up_by_a_second_person_only(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, Status.COMPLETED)
    async with transaction(sessions) as session:
        asked = house(stage.payment, 100_000)
        refund = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))
    provider.faults("500_before", match=POST)
    refund = await look(sessions, refund)
    async with transaction(sessions) as session:
        with pytest.raises(IllegalTransition):
            await refunds.close_unknown(session, stage.boris, refund.id)
    await age(sessions, refund, 25)
    refund = await look(sessions, refund)
    async with transaction(sessions) as session:
        with pytest.raises(Forbidden):
            await refunds.close_unknown(session, stage.anna, refund.id)
    async with transaction(sessions) as session:
        closed = await refunds.close_unknown(session, stage.boris, refund.id)
    assert (closed.status, closed.failure_code) == (R.FAILED, "given_up")
    assert await issues(sessions, IssueKind.REFUND_UNKNOWN) == []
    held = await holds(sessions, stage)
    assert "transit" not in held
    assert held["revenue"] == refunding.OURS


async def test_what_was_given_up_and_came_after_all_is_booked(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage, refund = await lost_for(sessions, provider, 25)
    refund = await look(sessions, refund)
    async with transaction(sessions) as session:
        await refunds.close_unknown(session, stage.boris, refund.id)
    raw = refunding.provider_refund(stage, refund)
    async with transaction(sessions) as session:
        assert await refunding.notified(session, Done(raw))
        assert await refunding.notified(session, Done(raw))
        rows = await refunding.refunds_of(session, stage.booking)
    assert [(each.origin, each.status) for each in rows] == [
        (RefundOrigin.POLICY, R.FAILED),
        (RefundOrigin.CABINET, R.SUCCEEDED),
    ]
    assert len(await issues(sessions, IssueKind.STATUS_DIFFERS)) == 1
    held = await holds(sessions, stage)
    assert held.keys() == {"clearing"}


# -- refused ------------------------------------------------------------------


async def keep(
    sessions: Sessions, refund: Refund, answer: Definite | Unknown, *, first: bool
) -> Refund:
    async with transaction(sessions) as session:
        await refund_following.keep(session, refund.id, answer, first=first)
    return await again(sessions, refund)


async def in_sending(sessions: Sessions, provider: YooKassa) -> Refund:
    """A refund whose process died after the key was noted."""
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    async with transaction(sessions) as session:
        body = await refund_sending._open(session, refund.id, [])
        assert body is not None
    return await again(sessions, refund)


@pytest.mark.parametrize(
    ("answer", "first", "status"),
    [
        (Definite("invalid_request", status=400), True, R.FAILED),
        (Definite("invalid_request", status=400), False, R.FAILED),
        (Definite("not_found", status=404), True, R.FAILED),
        (Definite("not_found", status=404), False, R.UNKNOWN),
        # A refused login or a dead line is no end: the same call goes again.
        (Definite("invalid_credentials", status=401), True, R.SENDING),
        (Definite("invalid_credentials", status=401), False, R.UNKNOWN),
        (Definite("forbidden", status=403), True, R.SENDING),
        (Definite("http_405", status=405), True, R.SENDING),
        (Definite("not_sent"), True, R.SENDING),
        (Definite("not_sent"), False, R.UNKNOWN),
        (Unknown("timeout"), True, R.UNKNOWN),
        (Unknown("timeout"), False, R.UNKNOWN),
        (Unknown("key known", accepted=True), False, R.UNKNOWN),
    ],
)
async def test_what_an_answer_without_an_object_means(
    sessions: Sessions,
    provider: YooKassa,
    answer: Definite | Unknown,
    first: bool,
    status: RefundStatus,
) -> None:
    refund = await in_sending(sessions, provider)
    refund = await keep(sessions, refund, answer, first=first)
    assert refund.status is status
    assert (refund.next_look_at is None) is (status is R.FAILED)
    # Said again it changes nothing more, not even after the end.
    later = await keep(sessions, refund, Unknown("timeout"), first=False)
    assert later.status is (R.FAILED if status is R.FAILED else R.UNKNOWN)


async def test_the_provider_refuses_a_payment_that_never_succeeded_there(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    provider.ctl("POST", "reset")
    refund = await look(sessions, await cancelled(sessions, stage))
    assert (refund.status, refund.failure_code) == (R.FAILED, "invalid_request")
    held = await holds(sessions, stage)
    assert held["prepaid"] == PRICE


async def test_a_refund_that_the_provider_denies_is_for_a_person(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, method=SBP)
    refund = await look(sessions, await cancelled(sessions, stage))
    provider.ctl("POST", "reset")
    refund = await look(sessions, refund)
    assert refund.status is R.PENDING_PROVIDER
    assert len(await issues(sessions, IssueKind.MISSING_THERE)) == 1
    # While the provider is silent nobody is told.
    provider.faults("500_before", match=GET)
    assert (await look(sessions, refund)).status is R.PENDING_PROVIDER


# -- before the key -----------------------------------------------------------


async def test_money_of_a_payment_stops_while_the_sums_differ(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.cabinet_refund(str(stage.payment.provider_id), 100_000)
    refund = await look(sessions, refund)
    assert (refund.status, refund.key_used_at) == (R.APPROVED, None)
    assert posts(provider) == []
    (differs,) = await issues(sessions, IssueKind.AMOUNT_DIFFERS)
    assert (differs["ours_kopecks"], differs["theirs_kopecks"]) == (0, 100_000)
    (missing,) = await issues(sessions, IssueKind.MISSING_HERE)
    assert (missing["amount_kopecks"], missing["left_kopecks"]) == (100_000, 0)
    # A person rejects ours and asks for the rest: theirs is booked, the rest is sent.
    async with transaction(sessions) as session:
        await refunds.reject(session, stage.boris, refund.id)
    answer = await refunding.fetched(provider.listing("refunds")[0]["id"])
    async with transaction(sessions) as session:
        assert await refunding.notified(session, answer)
        rest = wish(stage.payment, 400_000)
        asked = await refunds.request(session, stage.anna, rest)
        assert asked.status is R.AWAITING_APPROVAL
        await refunds.approve(session, stage.boris, asked.id, seal(stage, asked))
    assert (await look(sessions, asked)).status is R.SUCCEEDED
    assert await issues(sessions, IssueKind.MISSING_HERE) == []
    assert await issues(sessions, IssueKind.AMOUNT_DIFFERS) == []
    assert provider.totals()["refunded"] == PRICE


async def test_what_was_given_back_there_is_taken_over_on_the_way(
    sessions: Sessions, provider: YooKassa
) -> None:
    """Acceptance: cabinet_refund imported; after a visit the house bears it."""
    stage = await paid_online(sessions, provider, Status.COMPLETED)
    provider.cabinet_refund(str(stage.payment.provider_id), 100_000)
    async with transaction(sessions) as session:
        asked = house(stage.payment, 200_000)
        refund = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))
    refund = await look(sessions, refund)
    assert refund.status is R.SUCCEEDED
    async with transaction(sessions) as session:
        rows = await refunding.refunds_of(session, stage.booking)
    cabinet = next(each for each in rows if each.origin is RefundOrigin.CABINET)
    assert (cabinet.status, cabinet.amount_kopecks) == (R.SUCCEEDED, 100_000)
    held = await holds(sessions, stage)
    assert held["doctor"] == refunding.THEIRS
    assert held["revenue"] == refunding.OURS - 300_000
    payment = await paying.reload(sessions, stage.payment)
    assert refunding.counters(payment) == (300_000, 300_000)
    assert provider.totals()["refunded"] == 300_000


async def test_a_pending_refund_made_there_is_waited_for(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, method=SBP)
    refund = await cancelled(sessions, stage)
    provider.cabinet_refund(str(stage.payment.provider_id))
    refund = await look(sessions, refund)
    assert refund.status is R.APPROVED
    assert len(await issues(sessions, IssueKind.AMOUNT_DIFFERS)) == 1
    assert await issues(sessions, IssueKind.MISSING_HERE) == []


async def test_an_object_that_cannot_be_read_stops_the_money(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    strange = refunding.provider_refund(stage, refund, id="x" * 36)
    canceled = refunding.provider_refund(stage, refund, "canceled", metadata={})
    async with transaction(sessions) as session:
        listed = [strange, canceled]
        assert await refund_sending._open(session, refund.id, listed) is None
    assert (await again(sessions, refund)).status is R.APPROVED
    assert len(await issues(sessions, IssueKind.QUARANTINED)) == 1
    async with transaction(sessions) as session:
        # Given up there is not given back.
        assert await refund_sending._open(session, refund.id, [canceled]) is not None
        # And once it is being sent, it is not opened again.
        assert await refund_sending._open(session, refund.id, [canceled]) is None


async def test_an_approval_that_ran_out_is_asked_for_anew(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, Status.COMPLETED)
    async with transaction(sessions) as session:
        asked = house(stage.payment, 100_000)
        refund = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        row.approval_expires_at = await clock.now(session)
    refund = await look(sessions, refund)
    assert (refund.status, refund.approved_by) == (R.AWAITING_APPROVAL, None)
    assert posts(provider) == []
    async with transaction(sessions) as session:
        await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))
    assert (await look(sessions, refund)).status is R.SUCCEEDED


async def test_an_approval_is_for_one_payee(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, Status.COMPLETED)
    async with transaction(sessions) as session:
        asked = house(stage.payment, 100_000)
        refund = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))
        payment = await session.get_one(type(stage.payment), stage.payment.id)
        payment.payer_id = stage.doctor.id
    assert (await look(sessions, refund)).status is R.AWAITING_APPROVAL
    assert posts(provider) == []


async def test_a_transfer_nobody_made_in_time_is_approved_anew(
    sessions: Sessions, provider: YooKassa
) -> None:
    stage = await paid_online(sessions, provider, Status.COMPLETED)
    async with transaction(sessions) as session:
        asked = house(stage.payment, 100_000, destination=Destination.MANUAL)
        refund = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))
    refund = await look(sessions, refund)
    assert refund.status is R.APPROVED
    assert refund.next_look_at == refund.approval_expires_at
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        row.approval_expires_at = await clock.now(session)
    assert (await look(sessions, refund)).status is R.AWAITING_APPROVAL
    async with transaction(sessions) as session:
        await refund_sending._void_expired(session, refund.id)
    assert (await again(sessions, refund)).status is R.AWAITING_APPROVAL


# -- crashes ------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        "refund_claim.before_commit",
        "refund_claim.after_commit",
        "refund_check.before_call",
        "refund_check.after_call",
        "refund_open.before_commit",
        "refund_open.after_commit",
        "refund_create.before_call",
        "refund_create.after_call",
        "refund_create.before_commit",
        "refund_create.after_commit",
    ],
)
async def test_wherever_it_dies_one_refund_comes_of_it(
    sessions: Sessions,
    provider: YooKassa,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    monkeypatch.setenv(failpoints.VARIABLE, f"{point}:raise")
    with pytest.raises(failpoints.FailpointReached):
        await refund_sending.send(sessions, refund.id)
    monkeypatch.delenv(failpoints.VARIABLE)
    for _ in range(2):
        await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)
    assert set(keys(provider)) == {str(refund.id)}


@pytest.mark.parametrize(
    "point",
    [
        "refund_list.before_call",
        "refund_list.after_call",
        "refund_list.before_commit",
        "refund_list.after_commit",
        "refund_again.before_call",
        "refund_again.after_call",
        "refund_again.before_commit",
        "refund_again.after_commit",
    ],
)
async def test_wherever_the_second_try_dies_one_refund_comes_of_it(
    sessions: Sessions,
    provider: YooKassa,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    stage = await paid_online(sessions, provider)
    refund = await cancelled(sessions, stage)
    provider.faults("500_before", match=POST)
    await look(sessions, refund)
    monkeypatch.setenv(failpoints.VARIABLE, f"{point}:raise")
    with pytest.raises(failpoints.FailpointReached):
        await look(sessions, refund)
    monkeypatch.delenv(failpoints.VARIABLE)
    await look(sessions, refund)
    await one_each(sessions, provider, stage, refund)


# -- from payment to refund ---------------------------------------------------


async def test_a_payment_after_the_cancellation_goes_back_whole(
    sessions: Sessions, provider: YooKassa
) -> None:
    """Acceptance: pay after booking cancel → automatic refund."""
    booking = await paying.new_booking(sessions)
    payment = await paying.sent(sessions, booking)
    patient = Actor(booking.patient_id, Role.PATIENT, Via.API)
    reason = CancelReason.PATIENT_CHANGED_MIND
    async with transaction(sessions) as session:
        await bookings.cancel(session, patient, booking.id, reason)
        doctor = await factories.doctor(session)
    stage = Stage(doctor, patient, patient, patient, booking, payment)
    provider.pay(str(payment.provider_id))
    payment = await paying.look(sessions, payment)
    assert payment.surplus is Surplus.LATE
    async with transaction(sessions) as session:
        (refund,) = await refunding.refunds_of(session, booking)
    assert refund.origin is RefundOrigin.LATE
    await refund_sending.send(sessions, refund.id)
    await one_each(sessions, provider, stage, refund)


async def test_a_kopeck_is_never_left_at_the_provider(
    sessions: Sessions, provider: YooKassa
) -> None:
    """Acceptance: a remainder of one kopeck, which the provider would refuse."""
    async with transaction(sessions) as session:
        await factories.price(session, price_kopecks=500)
    stage = await paid_online(sessions, provider, Status.EN_ROUTE)
    async with transaction(sessions) as session:
        finance = await refunding.finance(session)
        policy = await refund_policies.current(session)
        tiers = [
            each.model_copy(update={"percent": 99, "kept_at_most_kopecks": 1})
            if each.rule is Rule.EN_ROUTE
            else each
            for each in refund_policies.tiers_of(policy)
        ]
        await refund_policies.publish(session, finance, tiers, policy.version)
    refund = await look(sessions, await cancelled(sessions, stage))
    assert (refund.policy_kopecks, refund.amount_kopecks) == (499, 500)
    await one_each(sessions, provider, stage, refund)
