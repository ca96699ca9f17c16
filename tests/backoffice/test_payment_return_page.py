"""The page after paying: one word of ours, asked for again until it is settled."""

import pytest
from fastapi import FastAPI

from models import Payment
from models.payment import PaymentStatus, Surplus
from services import clock
from services.database import Sessions
from services.edges import transaction
from services.payment_opening import RETURN_PAGE
from tests import factories
from tests.backoffice.browser import anonymous
from tests.paying import without_database

S = PaymentStatus
WAITS = "Банк ещё не ответил"
REFRESH = '<meta http-equiv="refresh" content="4">'


async def payment_in(
    sessions: Sessions, status: PaymentStatus, surplus: Surplus | None = None
) -> Payment:
    async with transaction(sessions) as session:
        booking = await factories.booking(session)
        facts = {"status": status}
        if status is S.SUCCEEDED:
            facts |= {
                "captured_kopecks": booking.price_kopecks,
                "succeeded_at": await clock.now(session),
                "surplus": surplus,
            }
        return await factories.open_payment(session, booking, **facts)


@pytest.mark.parametrize(
    ("status", "said", "again"),
    [
        (S.CREATED, WAITS, True),
        (S.UNKNOWN, WAITS, True),
        (S.PENDING, WAITS, True),
        (S.SUCCEEDED, "Оплата получена", False),
        (S.CANCELED, "Оплата не прошла", False),
        (S.FAILED, "Оплата не прошла", False),
    ],
)
async def test_it_says_how_far_the_payment_is(
    app: FastAPI, sessions: Sessions, status: PaymentStatus, said: str, again: bool
) -> None:
    payment = await payment_in(sessions, status)
    async with anonymous(app) as client:
        page = await client.get(RETURN_PAGE.format(payment_id=payment.id))
    assert page.status_code == 200
    assert said in page.text
    assert (REFRESH in page.text) is again
    assert page.headers["cache-control"] == "no-store"
    for fact in (payment.provider_id, payment.booking_id, payment.confirmation_data):
        assert str(fact) not in page.text


@pytest.mark.parametrize(
    ("surplus", "lang", "said"),
    [
        (Surplus.DOUBLE, "ru", "эта оплата пришла повторно. Деньги возвращаются"),
        (
            Surplus.DOUBLE,
            "en",
            "on top of one that was enough. The money is on its way",
        ),
        (Surplus.LATE, "ru", "пришла после отмены вызова. Деньги возвращаются"),
        (Surplus.LATE, "en", "after the call was called off. The money is on its way"),
    ],
)
async def test_money_that_was_too_much_is_no_thank_you(
    app: FastAPI, sessions: Sessions, surplus: Surplus, lang: str, said: str
) -> None:
    payment = await payment_in(sessions, S.SUCCEEDED, surplus)
    async with anonymous(app) as client:
        place = RETURN_PAGE.format(payment_id=payment.id)
        page = await client.get(place, params={"lang": lang})
    assert said in page.text
    assert "Спасибо" not in page.text
    assert "Thank you" not in page.text
    assert "http-equiv" not in page.text


async def test_it_speaks_english_and_believes_no_parameter(
    app: FastAPI, sessions: Sessions
) -> None:
    payment = await payment_in(sessions, S.PENDING)
    async with anonymous(app) as client:
        place = RETURN_PAGE.format(payment_id=payment.id)
        page = await client.get(place, params={"lang": "en", "status": "succeeded"})
    assert "The bank has not answered yet" in page.text


@pytest.mark.parametrize("ident", ["1", "x", "%27"])
async def test_a_malformed_id_is_not_found(app: FastAPI, ident: str) -> None:
    async with anonymous(app) as client:
        page = await client.get(RETURN_PAGE.format(payment_id=ident))
    assert page.status_code == 404


async def test_an_unknown_payment_is_not_found(
    app: FastAPI, sessions: Sessions
) -> None:
    async with anonymous(app) as client:
        page = await client.get(RETURN_PAGE.format(payment_id=factories.nobody()))
    assert page.status_code == 404
    assert "http-equiv" not in page.text


async def test_it_asks_again_while_the_database_is_away(
    app: FastAPI, sessions: Sessions
) -> None:
    async with anonymous(app) as client:
        with without_database(app):
            page = await client.get(RETURN_PAGE.format(payment_id=factories.nobody()))
    assert page.status_code == 503
    assert REFRESH in page.text
