"""The fourteen faults of the local YooKassa, each on demand."""

import time
from typing import Any

import httpx
import pytest

from tests.sandbox.yookassa_shop import (
    Receiver,
    Shop,
    item,
    payment_body,
    receipt,
    rub,
    sbp_body,
    until,
)
from tests.yookassa_server import YooKassa

MAKING = {"method": "POST", "path_re": "^/v3/payments$"}
REFUNDING = {"method": "POST", "path_re": "/refunds"}


def count(provider: YooKassa, kind: str = "payments") -> int:
    return len(provider.listing(kind))


def make(shop: Shop, key: str = "key-1", **options: Any) -> httpx.Response:
    return shop.ask("POST", "/payments", payment_body(), key, **options)


def test_500_before_does_nothing(shop: Shop, provider: YooKassa) -> None:
    provider.faults("500_before", match=MAKING)
    answer = make(shop)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")
    assert count(provider) == 0
    assert make(shop).status_code == 200
    assert count(provider) == 1


def test_500_after_has_done_it(shop: Shop, provider: YooKassa) -> None:
    provider.faults("500_after", match=MAKING)
    assert make(shop).status_code == 500
    (made,) = provider.listing("payments")
    assert make(shop).json() == made
    assert count(provider) == 1


@pytest.mark.parametrize(("action", "done"), [("hang_before", 0), ("hang_after", 1)])
def test_a_request_hangs(
    shop: Shop, provider: YooKassa, action: str, done: int
) -> None:
    provider.faults(action, match=MAKING, s=30)
    with pytest.raises(httpx.ReadTimeout):
        make(shop, timeout=0.4)
    time.sleep(0.2)
    assert count(provider) == done
    assert make(shop).status_code == 200
    assert count(provider) == 1


@pytest.mark.parametrize("action", ["hang_before", "hang_after"])
def test_patience_is_answered(shop: Shop, provider: YooKassa, action: str) -> None:
    provider.faults(action, match=MAKING, s=0.4)
    began = time.monotonic()
    assert make(shop).status_code == 200
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize(("action", "done"), [("reset_before", 0), ("reset_after", 1)])
def test_a_connection_breaks(
    shop: Shop, provider: YooKassa, action: str, done: int
) -> None:
    provider.faults(action, match=MAKING)
    with pytest.raises(httpx.ReadError):
        make(shop)
    assert count(provider) == done
    assert make(shop).status_code == 200
    assert count(provider) == 1


def test_202_is_the_old_way_to_say_later(shop: Shop, provider: YooKassa) -> None:
    provider.faults("202", match=MAKING)
    shop.checked = False
    answer = make(shop)
    assert answer.status_code == 202
    assert answer.json()["type"] == "processing"
    assert answer.json()["retry_after"] == 1800
    shop.checked = True
    assert make(shop).json() == provider.listing("payments")[0]


def test_429_asks_to_come_later(shop: Shop, provider: YooKassa) -> None:
    provider.faults("429", match=MAKING, **{"Retry-After": 7})
    answer = make(shop)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "7"
    assert count(provider) == 0
    assert make(shop).status_code == 200


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("502_html", 502, "text/html; charset=utf-8"),
        ("200_html", 200, "text/html; charset=utf-8"),
        ("200_list", 200, "application/json"),
        ("empty", 200, "application/json"),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_answers_that_no_api_gives(
    shop: Shop, provider: YooKassa, action: str, status: int, kind: str, after: bool
) -> None:
    shop.checked = False
    provider.faults(action, match=MAKING, after=after)
    answer = make(shop)
    assert answer.status_code == status
    assert answer.headers["content-type"] == kind
    assert {"200_list": "[]", "empty": ""}.get(action, answer.text) == answer.text
    assert count(provider) == int(after)
    assert make(shop).json() == provider.listing("payments")[0]


def test_latency_is_waited_for(shop: Shop, provider: YooKassa) -> None:
    provider.faults("latency", ms=300)
    began = time.monotonic()
    make(shop)
    assert time.monotonic() - began >= 0.3


def test_a_lost_webhook_never_comes(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("lost", match={"event": "payment.succeeded"})
    shop.pay()
    shop.pay()
    webhooks.wait(1)
    provider.advance(24 * 3600)
    time.sleep(0.3)
    assert len(webhooks.got) == 1
    assert len(provider.deliveries(status="lost")) == 1


def test_lost_attempts_are_made_up_for(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("lost", n=2)
    shop.pay()
    for pause in (60, 240):
        assert webhooks.got == []
        time.sleep(0.2)
        provider.advance(pause)
    webhooks.wait(1)
    until(lambda: provider.deliveries(status="delivered"))
    (row,) = provider.deliveries()
    assert [each.get("error") for each in row["attempts"]] == ["lost", "lost", None]


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_webhook_comes_many_times(
    shop: Shop, provider: YooKassa, webhooks: Receiver, concurrent: bool
) -> None:
    provider.faults("dup", n=20, concurrent=concurrent)
    webhooks.answers = [0.5 if concurrent else 0.01] * 20
    shop.pay()
    until(lambda: provider.deliveries(status="delivered"), 15)
    assert len(webhooks.got) == 20
    assert (webhooks.most_inside > 1) == concurrent
    assert all(each == webhooks.got[0] for each in webhooks.got)


def test_a_refund_is_told_before_its_payment(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("reorder", match={"event": "payment.succeeded"})
    paid = shop.pay()
    time.sleep(0.3)
    assert webhooks.got == []
    shop.refund(paid["id"], "100.00")
    assert webhooks.wait(2) == ["refund.succeeded", "payment.succeeded"]
    assert webhooks.got[1]["object"]["refunded_amount"] == rub("0.00")


def test_a_held_webhook_is_let_go_in_time(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("reorder", s=60)
    shop.pay()
    provider.advance(60)
    assert webhooks.wait(1) == ["payment.succeeded"]


def test_a_stale_cancellation_follows_the_success(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("reorder", mode="canceled_after")
    paid = shop.pay()
    assert webhooks.wait(2) == ["payment.succeeded", "payment.canceled"]
    assert webhooks.got[1]["object"]["id"] == paid["id"]
    assert shop.payment(paid["id"])["status"] == "succeeded"


def test_a_webhook_is_late(shop: Shop, provider: YooKassa, webhooks: Receiver) -> None:
    provider.faults("delay", s=300)
    shop.pay()
    time.sleep(0.3)
    assert webhooks.got == []
    provider.advance(300)
    webhooks.wait(1)


def test_a_webhook_overtakes_the_answer(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    webhooks.answers = [0.4]
    provider.faults("before_response", match=MAKING)
    answer = make(shop)
    assert webhooks.events() == ["payment.succeeded"]
    assert answer.json()["status"] == "pending"
    assert webhooks.got[0]["object"]["id"] == answer.json()["id"]


def test_a_webhook_overtakes_the_answer_to_a_refund(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    paid = shop.pay(sbp_body())
    webhooks.wait(1)
    provider.faults("before_response", match=REFUNDING)
    refund = shop.refund(paid["id"], "100.00")
    assert webhooks.events()[1:] == ["refund.succeeded"]
    assert refund["status"] == "pending"


def test_before_response_may_leave_the_payer_alone(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    provider.faults("before_response", match=MAKING, pay=False)
    make(shop)
    assert webhooks.got == []
    assert provider.listing("payments")[0]["status"] == "pending"


def test_a_forged_webhook_comes_beside_the_true_one(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    told = {"event": "payment.succeeded", "metadata": {"attempt_id": "a-1"}}
    provider.faults("forged", match=told, kind="other_amount", amount="9.00")
    shop.pay(payment_body(metadata={"attempt_id": "a-2"}))
    shop.pay()
    webhooks.wait(3)
    amounts = sorted(each["object"]["amount"]["value"] for each in webhooks.got)
    assert amounts == ["2500.00", "2500.00", "9.00"]


@pytest.mark.parametrize("capture", [True, False])
def test_a_status_is_skipped(
    shop: Shop, provider: YooKassa, webhooks: Receiver, capture: bool
) -> None:
    provider.faults("status_skip", match=MAKING)
    made = shop.done("POST", "/payments", payment_body(capture=capture))
    assert made["status"] == "succeeded"
    assert webhooks.wait(1) == ["payment.succeeded"]


def test_words_that_no_client_knows(shop: Shop, provider: YooKassa) -> None:
    made = shop.done("POST", "/payments", payment_body())
    provider.decline(made["id"])
    shop.checked = False
    provider.faults("unknown_enum", times=2)
    path = f"/payments/{made['id']}"
    told = shop.done("GET", path)
    assert told["payment_method"]["type"] == "method_of_the_future"
    assert told["cancellation_details"]["reason"] == "reason_of_the_future"
    assert told["status"] == "canceled"
    listed = shop.done("GET", "/payments")["items"]
    assert listed[0]["payment_method"]["type"] == "method_of_the_future"
    provider.faults("unknown_enum", reason="r", method="m", status="refunded")
    told = shop.done("GET", path)
    assert told["status"] == "refunded"
    assert told["payment_method"]["type"] == "m"
    shop.checked = True
    assert shop.payment(made["id"])["status"] == "canceled"


def test_a_refund_is_cancelled(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    paid = shop.pay()
    provider.faults("refund_cancel", match=REFUNDING, reason="insufficient_funds")
    going = shop.refund(paid["id"], "2500.00")
    assert going["status"] == "pending"
    provider.advance(20)
    gone = shop.done("GET", f"/refunds/{going['id']}")
    why = {"party": "yoo_money", "reason": "insufficient_funds"}
    assert gone["cancellation_details"] == why
    assert shop.payment(paid["id"])["refunded_amount"] == rub("0.00")
    assert webhooks.events() == ["payment.succeeded"]


def test_a_refund_is_cancelled_at_once(fiscal: Shop) -> None:
    paid = fiscal.pay(payment_body(receipt=receipt(item("2500.00"))))
    fiscal.provider.faults("refund_cancel", match=REFUNDING, at_once=True)
    gone = fiscal.refund(paid["id"], "2500.00")
    assert gone["status"] == "canceled"
    assert gone["receipt_registration"] == "canceled"


def test_a_refund_is_stuck(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay(sbp_body())
    provider.faults("refund_stuck_pending", match=REFUNDING)
    going = shop.refund(paid["id"], "2500.00")
    provider.advance(30 * 24 * 3600)
    path = f"/refunds/{going['id']}"
    assert shop.done("GET", path)["status"] == "pending"
    provider.finish_refund(going["id"])
    assert shop.done("GET", path)["status"] == "succeeded"


def test_somebody_refunds_by_hand_first(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay()
    provider.faults("cabinet_refund", match=REFUNDING, amount="2000.00")
    body = {"payment_id": paid["id"], "amount": rub("1000.00")}
    assert shop.refused("/refunds", body) == ("invalid_request", "amount.value")
    (by_hand,) = shop.done("GET", "/refunds")["items"]
    assert by_hand["amount"] == rub("2000.00")
    assert "metadata" not in by_hand


@pytest.mark.parametrize("amount", [50_000, "500.00", rub("500.00")])
def test_a_refund_by_hand_on_order(
    shop: Shop, provider: YooKassa, webhooks: Receiver, amount: Any
) -> None:
    paid = shop.pay()
    done = provider.cabinet_refund(paid["id"], amount)
    assert done["amount"] == rub("500.00")
    assert provider.cabinet_refund(paid["id"])["amount"] == rub("2000.00")
    webhooks.wait(3)
    assert webhooks.events().count("refund.succeeded") == 2


def test_a_receipt_is_not_registered(fiscal: Shop) -> None:
    told = payment_body(receipt=receipt(item("2500.00")))
    fiscal.provider.faults("receipt_canceled", match=MAKING)
    first, second = fiscal.pay(told), fiscal.pay(told)
    fiscal.provider.faults("receipt_canceled", match=REFUNDING)
    refund = fiscal.refund(second["id"], "2500.00")
    fiscal.provider.advance(10)
    assert fiscal.payment(first["id"])["receipt_registration"] == "canceled"
    assert fiscal.payment(second["id"])["receipt_registration"] == "succeeded"
    refund = fiscal.done("GET", f"/refunds/{refund['id']}")
    assert refund["receipt_registration"] == "canceled"
    states = [each["status"] for each in fiscal.done("GET", "/receipts")["items"]]
    assert sorted(states) == ["canceled", "canceled", "succeeded"]


def test_keys_are_forgotten(shop: Shop, provider: YooKassa) -> None:
    first = make(shop).json()
    provider.faults("drop_key")
    assert make(shop).json()["id"] != first["id"]
    assert count(provider) == 2


def test_a_fault_waits_for_its_turn(shop: Shop, provider: YooKassa) -> None:
    provider.faults("500_before", times=2, match=MAKING | {"nth": 2})
    answers = [make(shop, f"key-{n}").status_code for n in range(5)]
    assert answers == [200, 500, 500, 200, 200]


@pytest.mark.parametrize("times", [0, "all", None])
def test_a_fault_may_be_for_ever(shop: Shop, provider: YooKassa, times: Any) -> None:
    provider.faults("500_before", times=times, match=MAKING)
    assert {make(shop).status_code for _ in range(5)} == {500}
    provider.clear_faults()
    assert make(shop).status_code == 200


def test_a_fault_is_bound_to_metadata(shop: Shop, provider: YooKassa) -> None:
    provider.faults(
        "500_before", times="all", match={"metadata": {"attempt_id": "a-2"}}
    )
    first = make(shop).json()
    other = payment_body(metadata={"attempt_id": "a-2", "env": "test"})
    assert shop.ask("POST", "/payments", other).status_code == 500
    provider.clear_faults()
    second = shop.pay(other)
    provider.faults(
        "500_before", times="all", match={"metadata": {"attempt_id": "a-2"}}
    )
    assert shop.ask("GET", f"/payments/{first['id']}").status_code == 200
    assert shop.ask("GET", f"/payments/{second['id']}").status_code == 500
    refund = {"payment_id": second["id"], "amount": rub("1.00")}
    assert shop.ask("POST", "/refunds", refund).status_code == 500


def test_faults_fire_together(shop: Shop, provider: YooKassa) -> None:
    provider.faults("latency", ms=200)
    provider.faults("500_after")
    began = time.monotonic()
    assert make(shop).status_code == 500
    assert time.monotonic() - began >= 0.2
    assert count(provider) == 1
    (entry,) = provider.journal("POST")
    assert entry["faults"] == ["latency", "500_after"]


def test_a_refusal_meets_faults_too(shop: Shop, provider: YooKassa) -> None:
    provider.faults("500_after")
    assert shop.ask("POST", "/payments", payment_body("0.00")).status_code == 500
    assert count(provider) == 0


def test_rules_tell_how_often_they_fired(shop: Shop, provider: YooKassa) -> None:
    provider.faults("latency", times=2, match=MAKING, ms=1)
    for n in range(3):
        make(shop, f"key-{n}")
    (rule,) = provider.ctl("GET", "faults")["items"]
    told = {"action": "latency", "times": 2, "seen": 3, "fired": 2, "ms": 1}
    assert told.items() <= rule.items()
    assert rule["match"] == MAKING


@pytest.mark.parametrize(
    ("rule", "parameter"),
    [
        ({"action": "explode"}, "action"),
        ({}, "action"),
        ({"action": "latency", "ms": "long"}, "ms"),
        ({"action": "latency", "ms": -1}, "ms"),
        ({"action": "latency", "milliseconds": 5}, "milliseconds"),
        ({"action": "lost", "match": {"path_re": "("}}, "match.path_re"),
        ({"action": "lost", "match": {"way": "x"}}, "match.way"),
        ({"action": "lost", "match": {"nth": 0}}, "match.nth"),
    ],
)
def test_a_slip_in_a_rule_is_told(
    shop: Shop, provider: YooKassa, rule: dict[str, Any], parameter: str
) -> None:
    headers = {"X-Sandbox-Token": provider.token}
    answer = shop.ask("POST", "/../_ctl/faults", rule, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["parameter"] == parameter
