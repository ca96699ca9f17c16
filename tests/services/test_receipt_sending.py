"""Closing receipts at a provider that registers them, loses answers or refuses."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from models import Payment, ProviderEvent, Receipt, ReconIssue
from models.receipt import ReceiptKind, ReceiptStatus
from models.refund import RefundStatus
from services import clock, postings, receipt_sending, receipts
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.failpoints import FailpointReached
from services.gateways import yookassa
from services.gateways.yookassa_outcomes import Definite, Done, Outcome, Unknown
from services.receipt_sending import Claimed
from tests import earning, money_rows
from tests.paying import look, paid_through, sent
from tests.yookassa_server import YooKassa
from tests.yookassa_server import yookassa as serve

S = ReceiptStatus
POST = {"method": "POST", "path_re": "receipts"}


@pytest.fixture(scope="module")
def fiscal_provider() -> Iterator[YooKassa]:
    with serve(fiscalization=True, receipt_s=0, fees={}) as handle:
        yield handle


@pytest.fixture(autouse=True)
def shop(fiscal_provider: YooKassa, settings: Settings) -> Iterator[YooKassa]:
    """A provider that demands receipts, and knows nothing yet."""
    fiscal_provider.reset()
    fiscal_provider.clear_faults()
    with paid_through(fiscal_provider, settings, yookassa_receipts=True):
        yield fiscal_provider


async def prepaid(sessions: Sessions, shop: YooKassa) -> tuple[Payment, Receipt]:
    """Pay a visit in advance and complete it; give the payment and closing receipt."""
    async with transaction(sessions) as session:
        booking, _ = await earning.visit(session)
    payment = await sent(sessions, booking)
    shop.pay(payment.provider_id or "")
    payment = await look(sessions, payment)
    async with transaction(sessions) as session:
        await earning.complete(session, booking)
    return payment, await only(sessions, ReceiptKind.CLOSING)


async def only(sessions: Sessions, kind: ReceiptKind) -> Receipt:
    async with transaction(sessions) as session:
        query = select(Receipt).where(col(Receipt.kind) == kind)
        return (await session.exec(query)).one()


async def reload(sessions: Sessions, row: Receipt) -> Receipt:
    async with transaction(sessions) as session:
        return await session.get_one(Receipt, row.id)


async def again(sessions: Sessions, row: Receipt, **changes: Any) -> Receipt:
    """Look at a receipt as if it were due, bent as a test wants."""
    async with transaction(sessions) as session:
        found = await session.get_one(Receipt, row.id)
        for name, value in changes.items():
            setattr(found, name, value)
        found.next_look_at = await clock.now(session)
    await receipt_sending.send(sessions, row.id)
    return await reload(sessions, row)


async def aged(sessions: Sessions, row: Receipt, hours: float) -> Receipt:
    """Look at a receipt whose key was first used so long ago."""
    async with transaction(sessions) as session:
        ago = await clock.now(session) - timedelta(hours=hours)
    return await again(sessions, row, key_used_at=ago)


async def findings(sessions: Sessions) -> list[ReconIssue]:
    async with transaction(sessions) as session:
        return list((await session.exec(select(ReconIssue))).all())


def closing(shop: YooKassa) -> list[dict[str, Any]]:
    """Give the closing receipts that the provider has."""
    return [
        each
        for each in shop.listing("receipts")
        if each["items"][0]["payment_mode"] == "full_payment"
    ]


def posts(shop: YooKassa) -> list[dict[str, Any]]:
    return shop.journal("POST", "/receipts")


async def test_it_is_sent_and_registered(sessions: Sessions, shop: YooKassa) -> None:
    payment, row = await prepaid(sessions, shop)
    await receipt_sending.send(sessions, row.id)
    row = await reload(sessions, row)
    assert (row.status, row.tries) == (S.PENDING, 1)
    assert row.provider_id is not None
    (kept,) = closing(shop)
    assert kept["settlements"][0]["amount"]["value"] == "4500.00"
    row = await again(sessions, row)
    assert (row.status, row.next_look_at) == (S.SUCCEEDED, None)
    assert len(posts(shop)) == 1
    async with transaction(sessions) as session:
        query = select(ProviderEvent.outcome).where(
            col(ProviderEvent.source) == "receipt"
        )
        assert (await session.exec(query)).all() == ["done", "done"]
    await receipt_sending.send(sessions, row.id)
    assert payment.provider_id == kept["payment_id"]


async def test_a_lost_answer_makes_no_second_receipt(
    sessions: Sessions, shop: YooKassa
) -> None:
    _, row = await prepaid(sessions, shop)
    shop.faults("500_after", match=POST)
    row = await again(sessions, row)
    assert (row.status, row.provider_id) == (S.UNKNOWN, None)
    row = await again(sessions, row)
    assert row.status in {S.PENDING, S.SUCCEEDED}
    assert len(closing(shop)) == 1
    first, second = posts(shop)
    assert first["body"] == second["body"]


async def test_a_process_that_died_after_the_call_goes_on(
    sessions: Sessions, shop: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = await prepaid(sessions, shop)
    for point in (
        "receipt.before_call",
        "receipt.after_call",
        "receipt_keep.before_commit",
    ):
        monkeypatch.setenv("TOT_FAILPOINT", f"{point}:raise")
        with pytest.raises(FailpointReached):
            await again(sessions, row)
    monkeypatch.delenv("TOT_FAILPOINT")
    row = await again(sessions, row)
    assert row.provider_id is not None
    assert len(closing(shop)) == 1


@pytest.mark.parametrize("hours", [23.5, 25])
async def test_an_old_key_is_never_posted_again(
    sessions: Sessions, shop: YooKassa, hours: float
) -> None:
    _, row = await prepaid(sessions, shop)
    shop.faults("500_after", match=POST)
    row = await again(sessions, row)
    row = await aged(sessions, row, hours)
    assert row.status in {S.PENDING, S.SUCCEEDED}
    assert len(posts(shop)) == 1


async def test_what_is_nowhere_when_the_key_is_gone_was_never_made(
    sessions: Sessions, shop: YooKassa
) -> None:
    _, row = await prepaid(sessions, shop)
    shop.faults("500_before", match=POST)
    row = await again(sessions, row)
    row = await aged(sessions, row, 23.5)
    assert row.status is S.UNKNOWN
    row = await aged(sessions, row, 25)
    assert (row.status, row.failure_code) == (S.FAILED, "not_found_at_provider")
    (found,) = await findings(sessions)
    assert found.facts["code"] == "not_found_at_provider"


async def test_a_list_that_cannot_be_read_decides_nothing(
    sessions: Sessions, shop: YooKassa
) -> None:
    _, row = await prepaid(sessions, shop)
    shop.faults("500_before", match=POST)
    row = await again(sessions, row)
    shop.faults("502_html", match={"method": "GET", "path_re": "receipts"})
    row = await aged(sessions, row, 25)
    assert row.status is S.UNKNOWN


async def test_a_key_known_with_another_body_is_looked_up(
    sessions: Sessions, shop: YooKassa
) -> None:
    _, row = await prepaid(sessions, shop)
    shop.faults("500_after", match=POST)
    row = await again(sessions, row)
    other = json.dumps(json.loads(row.request_body or "") | {"email": "a@b.ru"})
    row = await again(sessions, row, request_body=other)
    assert row.provider_id is not None
    assert len(closing(shop)) == 1


async def test_a_refusal_is_a_finding(sessions: Sessions, shop: YooKassa) -> None:
    _, row = await prepaid(sessions, shop)
    row = await again(sessions, row, request_body='{"type": "payment"}')
    assert (row.status, row.failure_code) == (S.FAILED, "invalid_request")
    (found,) = await findings(sessions)
    assert found.payment_id == row.payment_id


async def test_a_canceled_registration_is_a_finding(
    sessions: Sessions, shop: YooKassa
) -> None:
    _, row = await prepaid(sessions, shop)
    shop.faults("receipt_canceled", match=POST)
    row = await again(sessions, row)
    row = await again(sessions, row)
    assert row.status is S.CANCELED
    assert len(await findings(sessions)) == 1


async def test_a_login_refused_at_first_ends_it_and_later_does_not(
    sessions: Sessions, shop: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = await prepaid(sessions, shop)
    answers: list[Outcome] = [
        Definite("not_sent"),
        Definite("invalid_credentials", status=401),
        Done({"id": "strange"}),
        Unknown("timeout"),
    ]

    async def answered(*_: object) -> Outcome:
        return answers.pop(0)

    monkeypatch.setattr(yookassa, "create_receipt", answered)
    for _ in range(4):
        row = await again(sessions, row)
        assert row.status is S.UNKNOWN
    answers.append(Definite("invalid_credentials", status=401))
    row = await again(sessions, row, key_used_at=None)
    assert row.status is S.FAILED


class TestThoseThatTravel:
    """Receipts of payments and refunds are asked for where they went."""

    async def test_a_payments_receipt_is_followed(
        self, sessions: Sessions, shop: YooKassa
    ) -> None:
        await prepaid(sessions, shop)
        row = await only(sessions, ReceiptKind.PAYMENT)
        row = await self._bent(sessions, row, shop)
        row = await again(sessions, row)
        assert row.status is S.SUCCEEDED

    async def _bent(self, sessions: Sessions, row: Receipt, shop: YooKassa) -> Receipt:
        """Let it wait again, and meet answers that tell nothing."""
        waits = {"status": S.PENDING, "ended_at": None}
        for fault in ("502_html", "500_before"):
            shop.faults(fault, match={"method": "GET"})
            row = await again(sessions, row, **waits)
            assert row.status is S.PENDING
        return row

    async def test_a_refunds_receipt_is_followed(
        self, sessions: Sessions, shop: YooKassa, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payment, _ = await prepaid(sessions, shop)
        async with transaction(sessions) as session:
            paid = await session.get_one(Payment, payment.id)
            back = await money_rows.refund(
                session,
                paid,
                10_000,
                RefundStatus.SUCCEEDED,
                unwound=(postings.REVENUE, 0, 10_000),
            )
            await receipts.note(session, back, "pending")
        row = await only(sessions, ReceiptKind.REFUND)
        raw: dict[str, Any] = {
            "id": back.provider_id,
            "payment_id": payment.provider_id,
            "status": "succeeded",
            "amount": {"value": "100.00", "currency": "RUB"},
            "created_at": "2026-11-24T10:00:00.000Z",
        }
        answers: list[Outcome] = [
            Definite("not_found", status=404),
            Done({"id": "strange"}),
            Done(raw),
            Done(raw | {"receipt_registration": "succeeded"}),
        ]

        async def answered(*_: object) -> Outcome:
            return answers.pop(0)

        monkeypatch.setattr(yookassa, "get_refund", answered)
        for _ in range(3):
            row = await again(sessions, row)
            assert row.status is S.PENDING
        row = await again(sessions, row)
        assert row.status is S.SUCCEEDED

    async def test_a_payment_that_makes_no_sense_moves_nothing(
        self, sessions: Sessions, shop: YooKassa, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await prepaid(sessions, shop)
        row = await only(sessions, ReceiptKind.PAYMENT)

        async def strange(*_: object) -> Outcome:
            return Done({"id": "strange"})

        monkeypatch.setattr(yookassa, "get_payment", strange)
        row = await again(sessions, row, status=S.PENDING, ended_at=None)
        assert row.status is S.PENDING


class TestWhenItIsLookedAt:
    """Only when due, by one worker, and not without a shop."""

    async def test_not_before_its_time(
        self, sessions: Sessions, shop: YooKassa
    ) -> None:
        _, row = await prepaid(sessions, shop)
        async with transaction(sessions) as session:
            found = await session.get_one(Receipt, row.id)
            found.next_look_at = await clock.now(session) + timedelta(minutes=1)
        await receipt_sending.send(sessions, row.id)
        assert posts(shop) == []
        await receipt_sending.send(sessions, uuid.uuid4())

    async def test_not_without_a_shop(
        self, sessions: Sessions, shop: YooKassa, settings: Settings
    ) -> None:
        _, row = await prepaid(sessions, shop)
        with paid_through(shop, settings, yookassa_shop_id=""):
            row = await again(sessions, row)
        assert (row.status, row.tries) == (S.CREATED, 0)

    async def test_an_end_that_came_meanwhile_stays(
        self, sessions: Sessions, shop: YooKassa
    ) -> None:
        _, row = await prepaid(sessions, shop)
        async with transaction(sessions) as session:
            found = await session.get_one(Receipt, row.id)
            await receipts.move(session, found, S.SUCCEEDED)
        claimed = Claimed(row, "", None, True, timedelta())
        async with transaction(sessions) as session:
            await receipt_sending._keep(session, claimed, Unknown("timeout"))
        assert (await reload(sessions, row)).status is S.SUCCEEDED

    async def test_the_poller_and_the_job_find_it(
        self, sessions: Sessions, shop: YooKassa
    ) -> None:
        _, row = await prepaid(sessions, shop)
        async with transaction(sessions) as session:
            # The job that the completion enqueued waits already.
            assert await receipt_sending.due(session) == 0
            await session.execute(sa.text("DELETE FROM procrastinate_jobs"))
            assert await receipt_sending.due(session) >= 1
        context: Any = SimpleNamespace(additional_context={"sessions": sessions})
        await receipt_sending.send_job(context, receipt_id=str(row.id))
        assert (await reload(sessions, row)).status is S.PENDING
