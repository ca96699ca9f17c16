"""Lists: newest first, by pages, with filters.

https://yookassa.ru/developers/using-api/lists
"""

import base64
import binascii
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from sandbox.yookassa.clock import THREE_YEARS, read_stamp
from sandbox.yookassa.problems import Problem
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.records import Payment, Payout, Receipt, Refund
from sandbox.yookassa.rendering import shown

L = TypeVar("L", Payment, Refund, Receipt, Payout)
Check = Callable[[Any], bool]
COMPARE = {"gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt}
STATUSES = {
    Payment: {"pending", "waiting_for_capture", "succeeded", "canceled"},
    Refund: {"pending", "succeeded", "canceled"},
    Receipt: {"pending", "succeeded", "canceled"},
    Payout: {"pending", "succeeded", "canceled"},
}
# A filter of the query, and the field that it looks at.
EQUAL: Mapping[type[Any], Mapping[str, str]] = {
    Payment: {"status": "status", "payment_method": "method"},
    Refund: {"status": "status", "payment_id": "payment_id"},
    Receipt: {"status": "status", "payment_id": "of", "refund_id": "of"},
    Payout: {"status": "status"},
}
MOMENTS: Mapping[type[Any], tuple[str, ...]] = {
    Payment: ("created_at", "captured_at"),
    Refund: ("created_at",),
    Receipt: ("created_at",),
    Payout: ("created_at",),
}


def page(provider: Provider, call: Call, kind: type[L]) -> dict[str, Any]:
    """Give one page; the cursor is the place of the last object on it."""
    limit, before = _limit(call.query), _cursor(call.query)
    checks = [*_equal(call.query, kind), *_moments(call.query, kind)]
    oldest = provider.clock.now() - THREE_YEARS
    found = [
        each
        for each in reversed(provider.store.all(kind))
        if each.shop == call.shop
        and each.created_at >= oldest
        and (before is None or each.seq < before)
        and all(check(each) for check in checks)
    ]
    items = [shown(provider.config, each) for each in found[:limit]]
    told: dict[str, Any] = {"type": "list", "items": items}
    if len(found) > limit:
        place = str(found[limit - 1].seq).encode()
        told["next_cursor"] = base64.urlsafe_b64encode(place).decode()
    return told


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "10")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 100):
        raise Problem("limit is from 1 to 100", "limit")
    return int(text)


def _cursor(query: Mapping[str, str]) -> int | None:
    text = query.get("cursor")
    if text is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError) as wrong:
        raise Problem("There is no such cursor", "cursor") from wrong


def _equal(query: Mapping[str, str], kind: type[Any]) -> Iterator[Check]:
    for name, field in EQUAL[kind].items():
        wanted = query.get(name)
        if wanted is None:
            continue
        if name == "status" and wanted not in STATUSES[kind]:
            raise Problem("There is no such status", "status")
        yield _is(field, wanted)
        if name.removesuffix("_id") in {"payment", "refund"} and kind is Receipt:
            yield _is("type", name.removesuffix("_id"))


def _is(field: str, wanted: str) -> Check:
    return lambda each: bool(getattr(each, field) == wanted)


def _moments(query: Mapping[str, str], kind: type[Any]) -> Iterator[Check]:
    for field in MOMENTS[kind]:
        for name, compare in COMPARE.items():
            parameter = f"{field}.{name}"
            if parameter not in query:
                continue
            try:
                bound = read_stamp(query[parameter])
            except ValueError as wrong:
                raise Problem("Not a moment in ISO 8601", parameter) from wrong
            yield _compared(field, compare, bound)


def _compared(field: str, compare: Callable[[int, int], bool], bound: int) -> Check:
    def check(each: Any) -> bool:
        at = getattr(each, field)
        return at is not None and compare(at, bound)

    return check
