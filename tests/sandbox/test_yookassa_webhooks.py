"""Webhooks of the local YooKassa: what is told, to whom, and how long it is tried."""

import pytest

from sandbox.yookassa.config import Config
from tests.sandbox.yookassa_shop import (
    Receiver,
    Shop,
    payment_body,
    rub,
    sbp_body,
    until,
)
from tests.yookassa_server import YooKassa, yookassa

HOUR, DAY = 3600, 24 * 3600


def attempts(provider: YooKassa) -> int:
    return sum(len(row["attempts"]) for row in provider.deliveries())


def test_a_success_is_told_with_the_whole_object(
    shop: Shop, webhooks: Receiver
) -> None:
    paid = shop.pay()
    assert webhooks.wait(1) == ["payment.succeeded"]
    assert webhooks.got[0]["object"] == paid
    assert webhooks.headers[0]["content-type"] == "application/json"
    assert "authorization" not in webhooks.headers[0]


def test_each_event_has_its_name(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    held = shop.pay(payment_body(capture=False))
    webhooks.wait(1)
    shop.done("POST", f"/payments/{held['id']}/capture")
    webhooks.wait(2)
    shop.refund(held["id"], "100.00")
    webhooks.wait(3)
    gone = shop.done("POST", "/payments", payment_body())
    provider.decline(gone["id"])
    assert webhooks.wait(4) == [
        "payment.waiting_for_capture",
        "payment.succeeded",
        "refund.succeeded",
        "payment.canceled",
    ]


def test_expiry_is_told_by_itself(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    shop.done("POST", "/payments", payment_body())
    provider.advance(HOUR)
    assert webhooks.wait(1) == ["payment.canceled"]


def test_a_refund_by_sbp_is_told_when_it_arrives(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    paid = shop.pay(sbp_body())
    going = shop.refund(paid["id"], "2500.00")
    webhooks.wait(1)
    provider.advance(20)
    webhooks.wait(2)
    assert webhooks.got[1]["object"]["id"] == going["id"]


def test_a_cancelled_refund_is_never_told(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    paid = shop.pay(sbp_body())
    going = shop.refund(paid["id"], "2500.00")
    webhooks.wait(1)
    provider.finish_refund(going["id"], status="canceled")
    provider.advance(DAY)
    assert webhooks.events() == ["payment.succeeded"]
    assert len(provider.deliveries()) == 1


@pytest.mark.parametrize("answer", [201, 202, 204, 302, 400, 404, 500, 503])
def test_anything_but_200_is_no_answer(
    shop: Shop, provider: YooKassa, webhooks: Receiver, answer: int
) -> None:
    webhooks.answers = [answer]
    shop.pay()
    webhooks.wait(1)
    until(lambda: attempts(provider) == 1)
    (row,) = provider.deliveries(status="pending")
    assert row["attempts"][0]["status"] == answer
    provider.advance(60)
    webhooks.wait(2)
    until(lambda: provider.deliveries(status="delivered"))


def test_nobody_there_is_no_answer(shop: Shop, provider: YooKassa) -> None:
    provider.webhook("http://127.0.0.1:9/webhooks/yookassa/s")
    shop.pay()
    until(lambda: attempts(provider) == 1)
    (row,) = provider.deliveries(status="pending")
    assert row["attempts"][0]["error"] == "ConnectError"


def test_silence_is_no_answer(webhooks: Receiver) -> None:
    assert Config().answer_s == 10
    with yookassa(webhook_url=webhooks.url, answer_s=0.3) as provider:
        webhooks.answers = [0.6]
        Shop(provider).pay()
        until(lambda: attempts(provider) == 1)
        (row,) = provider.deliveries(status="pending")
    assert row["attempts"][0]["error"] in {"TimeoutError", "ReadTimeout"}


def test_it_is_tried_on_a_schedule_for_a_day(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    webhooks.answers = [500] * 100
    shop.pay()
    for count, pause in enumerate((0, 60, 240, 600, 2700, 3600), 1):
        provider.advance(max(0, pause - 5))
        if pause:
            assert attempts(provider) == count - 1
            provider.advance(5)
        until(lambda wanted=count: attempts(provider) == wanted)
    provider.advance(DAY)
    until(lambda: provider.deliveries(status="failed"))
    provider.advance(DAY)
    assert attempts(provider) == 7


def test_speed_shortens_the_pauses() -> None:
    with yookassa(speed=600.0) as provider:
        shop = Shop(provider)
        provider.webhook("http://127.0.0.1:9/")
        shop.pay()
        until(lambda: attempts(provider) >= 3)  # After 0, 0.1 and 0.5 seconds.


def test_a_delivery_is_sent_once_more_on_demand(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    shop.pay()
    webhooks.wait(1)
    until(lambda: provider.deliveries(status="delivered"))
    (row,) = provider.deliveries()
    again = provider.resend(row["id"])
    assert [each["status"] for each in again["attempts"]] == [200, 200]
    assert webhooks.got[0] == webhooks.got[1]


def test_a_resent_delivery_that_was_given_up_may_succeed(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("lost")
    shop.pay()
    (row,) = provider.deliveries(status="lost")
    assert provider.resend(row["id"])["status"] == "delivered"
    assert webhooks.events() == ["payment.succeeded"]


def test_without_an_address_nothing_is_told(shop: Shop, provider: YooKassa) -> None:
    shop.pay()
    assert provider.deliveries() == []


def test_only_chosen_events_are_told(webhooks: Receiver) -> None:
    told = {"webhook_url": webhooks.url, "events": ("refund.succeeded",)}
    with yookassa(**told) as provider:
        shop = Shop(provider)
        shop.refund(shop.pay()["id"], "1.00")
        assert webhooks.wait(1) == ["refund.succeeded"]
        assert len(provider.deliveries()) == 1


def test_webhooks_stay_on_this_machine(provider: YooKassa, shop: Shop) -> None:
    for url in ("http://example.com/", "http://10.0.0.1/", "nonsense", "http://[::1"):
        answer = shop.ask(
            "POST",
            "/../_ctl/webhook",
            {"url": url},
            auth=None,
            headers={"Authorization": f"Bearer {provider.token}"},
        )
        assert (answer.status_code, answer.json()["parameter"]) == (400, "url")
    provider.webhook("http://localhost:9/")


FORGED = [
    ("unknown_id", lambda told, true: told["id"] != true["id"]),
    (
        "other_shop",
        lambda told, true: (
            told["recipient"] != true["recipient"] and told["id"] == true["id"]
        ),
    ),
    ("other_amount", lambda told, true: told["amount"] == rub("1.00")),
    ("wrong_ip", lambda told, true: told == true),
]


@pytest.mark.parametrize(("kind", "fits"), FORGED)
def test_forged_webhooks(
    shop: Shop, provider: YooKassa, webhooks: Receiver, kind: str, fits: object
) -> None:
    provider.webhook("")
    paid = shop.pay()
    provider.webhook(webhooks.url)
    webhooks.answers = [403]
    told = provider.forge(kind=kind, object_id=paid["id"])
    assert told["attempts"][0]["status"] == 403
    assert told["status"] == "failed"
    (got,) = webhooks.got
    assert callable(fits)
    assert fits(got["object"], paid)
    elsewhere = kind == "wrong_ip"
    assert webhooks.sources == ["127.0.0.66" if elsewhere else "127.0.0.1"]


def test_a_forged_body_goes_as_it_is_given(
    provider: YooKassa, webhooks: Receiver
) -> None:
    webhooks.checked = False
    body = {"__class__": "x", "event": 5, "object": []}
    provider.forge(kind="raw", body=body, headers={"X-Forwarded-For": "185.71.76.1"})
    assert webhooks.got == [body]
    assert webhooks.headers[0]["x-forwarded-for"] == "185.71.76.1"
    provider.forge(kind="raw", body=[1], source="127.0.0.77")
    assert webhooks.sources[1] == "127.0.0.77"


def test_a_forged_webhook_is_sent_once(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    paid = shop.done("POST", "/payments", payment_body())
    webhooks.answers = [500]
    provider.forge(object_id=paid["id"], event="payment.canceled", kind="raw", body={})
    provider.advance(DAY)
    webhooks.checked = False
    # The payment has expired meanwhile, and that is told by itself.
    until(lambda: len(webhooks.got) >= 2)
    assert webhooks.got.count({}) == 1
