"""Payments in the console: the list, the money of a call, the form of a refund."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel import col, select

from models import AuditEvent, Booking
from models.booking import Status
from models.booking_words import CancelReason, ExtraConsent
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.receipt import Receipt, ReceiptKind, ReceiptStatus
from models.refund import Destination, RefundStatus
from services import bookings, clock, ledger, postings, provider_events
from services.database import Sessions
from services.edges import transaction
from services.gateways.yookassa_outcomes import Definite, Done, Unknown
from tests import factories, money_rows, refunding
from tests.backoffice.desk import Desk, text_of
from tests.backoffice.money_desk import (
    ask,
    card,
    hidden,
    paid,
    payments_of,
    refunds_of,
    two_of_finance,
)
from tests.refunding import PRICE

LIST = "/admin/payments/list"


@pytest_asyncio.fixture(loop_scope="session")
async def desks(app: FastAPI, sessions: Sessions) -> AsyncIterator[tuple[Desk, Desk]]:
    async with two_of_finance(app, sessions) as both:
        yield both


async def test_the_list_finds_by_number_and_by_ids_and_narrows(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    first = await paid(sessions)
    second = await paid(sessions, Status.PENDING, method=PaymentMethod.SBP)
    shown = (await maria.get(LIST)).text
    assert f"{card(first)}#p-{first.payment.id}" in shown
    assert f"{card(second)}#p-{second.payment.id}" in shown
    assert "+7•••••••" in shown
    label, payment = first.booking.label, first.payment
    for term in (label, label[2:], f"Б{label[1:]}".replace("Б", "В"), payment.id):
        found = (await maria.get(LIST, params={"search": str(term)})).text
        assert card(first) in found, term
        assert card(second) not in found, term
    assert payment.provider_id is not None
    for term in (payment.provider_id.upper(), payment.provider_id):
        assert card(first) in (await maria.get(LIST, params={"search": term})).text
    nobody = await maria.get(LIST, params={"search": "Тверская"})
    assert "Nothing found" in nobody.text
    narrowed = (await maria.get(LIST, params={"method": "sbp"})).text
    assert (card(first) in narrowed, card(second) in narrowed) == (False, True)


async def test_money_that_came_twice_is_marked_and_found(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    async with transaction(sessions) as session:
        twice = await refunding.surplus(session, stage, Surplus.DOUBLE)
    found = (await maria.get(LIST, params={"surplus": "double"})).text
    assert f"#p-{twice.id}" in found
    assert f"#p-{stage.payment.id}" not in found
    shown = text_of(await maria.get(card(stage)))
    assert "Paid 5,000 ₽ by card •••• 4444, given back 0 ₽" in shown.replace(
        "\xa0", " "
    )
    assert "5,000 ₽ came a second time" in shown.replace("\xa0", " ")


async def test_the_card_tells_the_story_of_every_attempt(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    now_failed = {"failure_code": "invalid_request"}
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, stage.booking.id)
        now = await clock.now(session)
        for status, facts in (
            (PaymentStatus.CANCELED, {"cancel_reason": "insufficient_funds"}),
            (PaymentStatus.CANCELED, {}),
            (PaymentStatus.FAILED, now_failed),
            (PaymentStatus.FAILED, {}),
            (PaymentStatus.PENDING, {"superseded_at": now, "expires_at": now}),
            (PaymentStatus.PENDING, {"expires_at": now}),
        ):
            await money_rows.payment(session, booking, PRICE, status, **facts)
        session.add(
            Receipt(
                booking_id=booking.id,
                payment_id=stage.payment.id,
                kind=ReceiptKind.CLOSING,
                status=ReceiptStatus.FAILED,
                failure_code="some_new_code",
                amount_kopecks=PRICE,
            )
        )
        for outcome in (
            Done({"status": "pending", "id": "x"}),
            Unknown("timeout"),
            Definite("not_found"),
        ):
            provider_events.record(session, "get", outcome, payment_id=stage.payment.id)
    shown = text_of(await maria.get(card(stage)))
    for words in (
        "Did not go through: there was not enough money.",
        "Did not go through: the provider gives no reason.",
        "The provider has no such payment: the provider refused the request.",
        "The provider has no such payment: the provider gives no reason.",
        "The patient chose another way to pay.",
        "The patient has not paid yet. The link serves until",
        "Offset of the prepayment Failed some_new_code",
        "3 answers of the provider",
        "no answer in time",
        "postings in the ledger",
        "The visit took place",
    ):
        assert words in shown, words
    for payment in await payments_of(sessions, stage):
        page = await maria.get(f"/admin/payments/{payment.id}")
        assert page.status_code == 200
    story = text_of(await maria.get(f"/admin/payments/{stage.payment.id}"))
    assert "What the provider said" in story
    assert "Ledger" in story


async def test_an_attempt_nobody_answered_says_when_it_is_tried_again(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    async with transaction(sessions) as session:
        booking = await factories.booking(session)
        now = await clock.now(session)
        lost = await money_rows.payment(
            session, booking, PRICE, PaymentStatus.UNKNOWN, next_look_at=now
        )
        other = await factories.booking(session)
    shown = text_of(await maria.get(f"/admin/payments/{lost.id}"))
    assert "The system asks by itself: now." in shown
    assert "Looked at 0 times, next: now" in shown
    empty = text_of(await maria.get(f"/admin/payments/call/{other.id}"))
    assert "Nothing was paid" in empty
    assert "Nobody has tried to pay yet" in empty


async def test_the_form_offers_what_policy_gives_and_one_person_is_enough(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions, Status.IN_PROGRESS)
    async with transaction(sessions) as session:
        reason = CancelReason.CLINIC_FAULT
        await bookings.cancel(session, stage.staff, stage.booking.id, reason)
    page = await maria.get(f"{card(stage)}?refund={stage.payment.id}")
    assert 'name="amount" id="amount" value="5000"' in page.text
    assert "One person is enough" in page.text
    assert "data-splits" not in page.text
    done = await ask(maria, stage, "5000", split="")
    assert done.headers["location"] == card(stage)
    [made] = await refunds_of(sessions, stage)
    assert (made.status, made.amount_kopecks) == (RefundStatus.APPROVED, PRICE)
    shown = text_of(await maria.get(card(stage)))
    assert "go back to where they were paid from" in shown
    assert "Ready. The system sends it by itself: now." in shown


async def test_a_double_click_makes_one_refund(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    stage = await paid(sessions)
    page = (await maria.get(f"{card(stage)}?refund={stage.payment.id}")).text
    token = hidden(page, "request_token")
    for _ in range(2):
        answer = await ask(maria, stage, "1 200,50", request_token=token)
        assert answer.headers["location"] == card(stage)
    [made] = await refunds_of(sessions, stage)
    assert made.amount_kopecks == 120_050
    assert "Nothing is sent before a second person agrees" in (
        await maria.get(card(stage))
    ).text.replace("&#39;", "'")
    # A colleague who opens the form meanwhile reads who was faster.
    late = await ask(oleg, stage, "100", request_token="another-form-of-oleg")
    assert late.status_code == 409
    shown = text_of(late).replace("\xa0", " ")
    assert "Соколова М. П. asked for 1,200.50 ₽" in shown
    before = text_of(await oleg.get(f"{card(stage)}?refund={stage.payment.id}"))
    assert "Соколова М. П. asked for 1,200.50 ₽" in before.replace("\xa0", " ")
    assert len(await refunds_of(sessions, stage)) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"amount": "много"}, "Enter roubles"),
        ({"amount": "5000,01"}, "At most 5,000"),
        ({"amount": ""}, "This field is required."),
        ({"split": ""}, "Say who bears it"),
        ({"destination": "wallet"}, "only if the patient agrees"),
        ({"destination": "moon"}, "Choose one of the list."),
        ({"reason_code": "whim"}, "Choose one of the list."),
    ],
)
async def test_a_refused_form_says_why_and_keeps_what_was_typed(
    desks: tuple[Desk, Desk],
    sessions: Sessions,
    fields: dict[str, str],
    words: str,
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    page = (await maria.get(f"{card(stage)}?refund={stage.payment.id}")).text
    token = hidden(page, "request_token")
    answer = await ask(maria, stage, **({"request_token": token} | fields))
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert hidden(answer.text, "request_token") == token
    assert await refunds_of(sessions, stage) == []


async def test_into_the_wallet_it_goes_with_the_recorded_consent(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    await ask(maria, stage, destination="wallet", patient_agreed="1")
    [made] = await refunds_of(sessions, stage)
    assert (made.destination, made.status) == (
        Destination.WALLET,
        RefundStatus.AWAITING_APPROVAL,
    )
    async with transaction(sessions) as session:
        query = select(AuditEvent).where(
            col(AuditEvent.object_id) == made.id,
            col(AuditEvent.action) == "refund.requested",
        )
        line = (await session.exec(query)).one()
    assert line.data["patient_agreed"] is True


async def test_the_script_hears_what_the_typed_terms_need(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    here = f"/admin/payments/{stage.payment.id}/outlook"
    told = (await maria.get(f"{here}?amount=1000&destination=original")).json()
    assert told["second"] is True
    assert told["reasons"] == ["The sum is not what the policy gives"]
    assert set(told["shares"]) == {"doctor", "house", "pro_rata"}
    assert "₽ from the house" in told["shares"]["house"]
    wrong = (await maria.get(f"{here}?amount=abc&destination=x")).json()
    assert wrong == {"error": "Enter roubles, kopecks after a comma."}
    much = (await maria.get(f"{here}?amount=6000")).json()
    assert "At most" in much["error"]
    assert (await maria.get(here)).json() == {"title": "Say how much goes back."}


async def test_extras_are_waived_once(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, stage.booking.id)
        booking.extras_kopecks = 150_000
        booking.extra_consent = ExtraConsent.AWAITED
    here = f"{card(stage)}/waive"
    assert "wait for the patient" in (await maria.get(card(stage))).text
    await maria.post(here)
    await maria.post(here, reason_code="goodwill")
    shown = text_of(await maria.get(card(stage))).replace("\xa0", " ")
    assert "1,500 ₽ of extra services are waived" in shown
    await maria.post(here, reason_code="goodwill")
    assert "No extra services of this call wait" in (await maria.get(card(stage))).text
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, stage.booking.id)
    assert booking.extra_consent is ExtraConsent.WAIVED


async def test_a_compensation_is_credited_once_however_often_it_is_sent(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    here = f"{card(stage)}/compensate"
    page = (await maria.get(card(stage))).text
    typed = {
        "token": hidden(page, "token"),
        "amount": "300",
        "reason_code": "goodwill",
    }
    for _ in range(2):
        done = await maria.post(here, **typed)
        assert done.headers["location"] == card(stage)
    async with transaction(sessions) as session:
        purse = postings.wallet(stage.booking.patient_id)
        assert await ledger.balance(session, purse) == 30_000
    much = await maria.post(here, **(typed | {"amount": "9000000"}))
    assert much.status_code == 422
    assert "From 1 kopeck to" in much.text
    assert hidden(much.text, "token") == typed["token"]


async def test_several_payments_are_told_together(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions, Status.PENDING, amount=200_000)
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, stage.booking.id)
        await refunding.fill(session, booking, 300_000)
        await money_rows.payment(session, booking, 300_000, method=PaymentMethod.WALLET)
    shown = text_of(await maria.get(card(stage))).replace("\xa0", " ")
    assert "Paid 5,000 ₽ in 2 payments, given back 0 ₽" in shown


async def test_words_and_ids_that_are_not_there(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    assert (await maria.get("/admin/payments/call/nonsense")).status_code == 404
    assert (await maria.get(f"/admin/payments/{stage.booking.id}")).status_code == 404
    odd = await maria.get(f"{card(stage)}?refund=nonsense")
    assert odd.status_code == 200
    assert 'id="refund"' not in odd.text
