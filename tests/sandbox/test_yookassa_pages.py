"""Pages of the local YooKassa: what the payer sees and presses."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.sandbox.yookassa_shop import (
    BACK,
    Receiver,
    Shop,
    item,
    payment_body,
    receipt,
    sbp_body,
)
from tests.yookassa_server import HTTP, YooKassa

BANNER = "ЭМУЛЯТОР, деньги не двигаются"


def look(provider: YooKassa, path: str) -> str:
    answer = HTTP.get(f"{provider.base_url}/{path}")
    assert answer.status_code == 200
    assert BANNER in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    return answer.text


def act(provider: YooKassa, path: str, **form: Any) -> httpx.Response:
    address = f"{provider.base_url}/{path}/act"
    return HTTP.post(address, data=form)


def test_the_page_shows_sum_and_description(shop: Shop) -> None:
    body = payment_body(description="<b>Выезд</b> & осмотр")
    made = shop.done("POST", "/payments", body)
    text = look(shop.provider, f"pay/{made['id']}")
    assert "2\N{NARROW NO-BREAK SPACE}500,00\N{NO-BREAK SPACE}₽" in text
    assert "&lt;b&gt;Выезд&lt;/b&gt; &amp; осмотр" in text
    for button in (
        "Оплатить",
        "Отклонить: недостаточно средств",
        "3-D Secure",
        "Ничего не делать",
    ):
        assert button in text


def test_paying_leads_back_to_the_shop(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body())
    answer = act(shop.provider, f"pay/{made['id']}", action="pay")
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert shop.payment(made["id"])["status"] == "succeeded"
    text = look(shop.provider, f"pay/{made['id']}")
    assert "Оплачено" in text
    assert "<button" not in text


@pytest.mark.parametrize("reason", ["insufficient_funds", "3d_secure_failed", ""])
def test_declining_says_why(shop: Shop, reason: str) -> None:
    made = shop.done("POST", "/payments", payment_body())
    answer = act(shop.provider, f"pay/{made['id']}", action="decline", reason=reason)
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    told = shop.payment(made["id"])["cancellation_details"]
    wanted = {"party": "payment_network", "reason": reason or "general_decline"}
    assert told == wanted
    assert "Отменён" in look(shop.provider, f"pay/{made['id']}")


@pytest.mark.parametrize("form", [{"action": "nothing"}, {}, {"action": "refund"}])
def test_doing_nothing_changes_nothing(shop: Shop, form: dict[str, str]) -> None:
    made = shop.done("POST", "/payments", payment_body())
    answer = act(shop.provider, f"pay/{made['id']}", **form)
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert shop.payment(made["id"]) == made


def test_a_hold_shows_that_money_is_held(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body(capture=False))
    act(shop.provider, f"pay/{made['id']}", action="pay")
    assert shop.payment(made["id"])["status"] == "waiting_for_capture"
    assert "Деньги удержаны" in look(shop.provider, f"pay/{made['id']}")


def test_the_bank_confirms_and_shows_its_own_page(shop: Shop) -> None:
    made = shop.done("POST", "/payments", sbp_body())
    text = look(shop.provider, f"qr/{made['id']}")
    assert "Подтвердить" in text
    assert "Отказаться" in text
    answer = act(shop.provider, f"qr/{made['id']}", action="pay")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{shop.provider.base_url}/qr/{made['id']}"
    assert shop.payment(made["id"])["status"] == "succeeded"
    assert "Оплачено" in look(shop.provider, f"qr/{made['id']}")


def test_the_bank_refuses(shop: Shop) -> None:
    back = {"type": "qr", "return_url": BACK}
    made = shop.done("POST", "/payments", sbp_body(confirmation=back))
    answer = act(shop.provider, f"qr/{made['id']}", action="decline")
    assert answer.headers["location"] == BACK
    assert shop.payment(made["id"])["status"] == "canceled"


def test_a_double_click_pays_once(shop: Shop, webhooks: Receiver) -> None:
    made = shop.done("POST", "/payments", payment_body())
    path = f"pay/{made['id']}"
    with ThreadPoolExecutor(8) as pool:
        clicks = [pool.submit(act, shop.provider, path, action="pay") for _ in range(8)]
    assert {each.result().headers["location"] for each in clicks} == {BACK}
    assert shop.provider.totals()["captured"] == 250_000
    act(shop.provider, path, action="decline")  # Back, and another button.
    assert shop.payment(made["id"])["status"] == "succeeded"
    assert webhooks.wait(1) == ["payment.succeeded"]
    assert len(shop.provider.listing("deliveries")) == 1


def test_a_late_click_finds_an_expired_payment(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body())
    shop.provider.advance(3600)
    act(shop.provider, f"pay/{made['id']}", action="pay")
    told = shop.payment(made["id"])["cancellation_details"]
    assert told["reason"] == "expired_on_confirmation"
    assert "истекло время оплаты" in look(shop.provider, f"pay/{made['id']}")


@pytest.mark.parametrize("path", ["pay/nothing", "qr/nothing"])
def test_a_payment_that_is_not_there(provider: YooKassa, path: str) -> None:
    address = f"{provider.base_url}/{path}"
    for answer in (
        HTTP.get(address),
        act(provider, path, action="pay"),
    ):
        assert answer.status_code == 404
        assert BANNER in answer.text


def test_the_cabinet_shows_everything(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    assert look(provider, "admin").count("Пока ничего.") == 4
    told = receipt(item("2500.00"))
    paid = shop.pay(payment_body(receipt=told, description="Перевязка"))
    gone = shop.done("POST", "/payments", payment_body())
    provider.decline(gone["id"], reason="insufficient_funds")
    refund = shop.refund(paid["id"], "500.00")
    provider.faults("500_after", times="all", match={"path_re": "/refunds"})
    webhooks.wait(3)
    text = look(provider, "admin")
    for shown in (
        paid["id"],
        refund["id"],
        "Перевязка",
        "недостаточно средств",
        "500_after",
        "refund.succeeded",
        "127.0.0.1:",
    ):
        assert shown in text
    assert "/webhooks/yookassa/s" not in text


def test_the_cabinet_sends_a_webhook_once_more(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    shop.pay()
    webhooks.wait(1)
    (row,) = provider.deliveries()
    address = f"{provider.base_url}/admin/resend/"
    answer = HTTP.post(address + row["id"])
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"{provider.base_url}/admin",
    )
    assert webhooks.events() == ["payment.succeeded"] * 2
    lost = HTTP.post(address + "nothing")
    assert lost.status_code == 404
