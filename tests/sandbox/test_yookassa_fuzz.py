"""Whatever is sent, the local YooKassa answers as its schemas say, and never 500."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.yookassa_shop import Shop, item, payment_body, receipt, rub

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["1.00", "RUB", "sbp", "redirect", "payment", "\x00", "NaN"]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ),
    max_leaves=6,
)
BODIES: dict[str, dict[str, Any]] = {
    "/payments": payment_body(receipt=receipt(item("2500.00"))),
    "/refunds": {"payment_id": "0" * 36, "amount": rub("1.00"), "description": "x"},
    "/receipts": receipt(item("1.00"))
    | {"type": "payment", "payment_id": "0" * 36, "send": True, "settlements": []},
    "/payouts": {
        "amount": rub("1.00"),
        "payout_destination_data": {"type": "sbp", "phone": "1", "bank_id": "2"},
    },
}


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """A body that is right but for one place, which is anything."""
    path = draw(st.sampled_from(sorted(BODIES)))
    body = dict(BODIES[path])
    place = body
    while True:
        name = draw(st.sampled_from(sorted(place)))
        deeper = place[name]
        if not isinstance(deeper, dict) or not deeper or draw(st.booleans()):
            break
        place[name] = place = dict(deeper)
    place[name] = draw(ANYTHING)
    return path, body


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(spoilt())
def test_nothing_that_is_sent_breaks_it(shop: Shop, sent: tuple[str, Any]) -> None:
    path, body = sent
    content = written(body)
    headers = {"Content-Type": "application/json"}
    answer = shop.ask("POST", path, content=content, headers=headers, json=None)
    assert answer.status_code in {200, 400}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["payments", "refunds", "receipts", "payouts"]),
    st.sampled_from(
        ["limit", "cursor", "status", "created_at.gte", "captured_at.lt", "payment_id"]
    ),
    st.text(max_size=40),
)
def test_no_filter_breaks_it(shop: Shop, kind: str, name: str, value: str) -> None:
    shop.checked = True
    answer = shop.ask("GET", f"/{kind}", params={name: value})
    assert answer.status_code in {200, 400}


def written(body: Any) -> bytes:
    """Write JSON as lenient clients do: with NaN and lone surrogates."""
    return json.dumps(body).encode()
