"""Speaking to YooKassa's REST API (v3): payments, refunds, receipts.

Every call gives one of three outcomes and raises nothing. The blocking client runs
in threads of its own, so that a silent provider does not hold up anything else.
Never call one inside a transaction.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from yookassa import Payment, Receipt, Refund, Settings
from yookassa.domain.common import HttpVerb

from services.gateways.yookassa_client import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Client,
    Shop,
)
from services.gateways.yookassa_outcomes import (
    KEY_HEADER,
    Definite,
    Done,
    Outcome,
    Unknown,
)

WORKER_SECONDS = CONNECT_SECONDS + READ_SECONDS
INTERACTIVE_SECONDS = 8.0
PAGE = 100
MOST_PAGES = 10_000
OBJECT_ID = re.compile(r"[0-9a-f-]{36}")
RECEIPT_ID = re.compile(r"rt-[0-9a-f-]{36}")
KEY = re.compile(r"[0-9A-Za-z+\-_.]{1,64}")

_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="yookassa")


async def create_payment(
    shop: Shop, key: str, body: str, *, seconds: float = WORKER_SECONDS
) -> Outcome:
    """Post a stored body of `payment_body` under its stored key."""
    return await _create(shop, Payment.base_path, key, body, seconds)


async def get_payment(shop: Shop, payment_id: str) -> Outcome:
    """Read one payment; Definite `not_found` when this shop has none such."""
    return await _get(shop, Payment.base_path, payment_id, OBJECT_ID)


async def list_payments(
    shop: Shop,
    *,
    created_gte: datetime | None = None,
    created_lt: datetime | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Outcome:
    """One page of payments, newest first; times count to the millisecond."""
    window = _window(created_gte, created_lt)
    return await _list(shop, Payment.base_path, window, cursor, limit)


async def create_refund(
    shop: Shop, key: str, body: str, *, seconds: float = WORKER_SECONDS
) -> Outcome:
    """Post a stored body of `refund_body` under its stored key."""
    return await _create(shop, Refund.base_path, key, body, seconds)


async def get_refund(shop: Shop, refund_id: str) -> Outcome:
    """Read one refund; Definite `not_found` when this shop has none such."""
    return await _get(shop, Refund.base_path, refund_id, OBJECT_ID)


async def list_refunds(
    shop: Shop,
    *,
    payment_id: str | None = None,
    created_gte: datetime | None = None,
    created_lt: datetime | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Outcome:
    """One page of refunds, newest first, of one payment or of all."""
    asked = {"payment_id": payment_id} | _window(created_gte, created_lt)
    return await _list(shop, Refund.base_path, asked, cursor, limit)


async def create_receipt(
    shop: Shop, key: str, body: str, *, seconds: float = WORKER_SECONDS
) -> Outcome:
    """Post a stored body of `receipt_body` under its stored key."""
    return await _create(shop, Receipt.base_path, key, body, seconds)


async def get_receipt(shop: Shop, receipt_id: str) -> Outcome:
    """Read one fiscal receipt; its id begins with `rt-`."""
    return await _get(shop, Receipt.base_path, receipt_id, RECEIPT_ID)


async def list_receipts(
    shop: Shop,
    *,
    payment_id: str | None = None,
    refund_id: str | None = None,
    created_gte: datetime | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Outcome:
    """One page of receipts, newest first, of a payment, of a refund or of all."""
    asked = {"payment_id": payment_id, "refund_id": refund_id}
    asked |= _window(created_gte, None)
    return await _list(shop, Receipt.base_path, asked, cursor, limit)


async def get_me(shop: Shop) -> Outcome:
    """Read the shop itself: `account_id`, `test`, `status`, `fiscalization`."""
    outcome = await _ask(shop, HttpVerb.GET, Settings.base_path)
    return _holding(outcome, "account_id", str)


async def every(
    page: Callable[..., Awaitable[Outcome]],
) -> list[dict[str, Any]] | Definite | Unknown:
    """Read all pages of a list, say `partial(list_refunds, shop, payment_id=…)`.

    Gives nothing of a list of which any page is missing: half a list would look like
    a provider that knows less than it does.
    """
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        outcome = await page(cursor=cursor)
        if not isinstance(outcome, Done):
            return outcome
        found += outcome.raw["items"]
        cursor = outcome.raw.get("next_cursor")
        if not cursor:
            return found
    return Unknown("list without an end")


async def _create(
    shop: Shop, path: str, key: str, body: str, seconds: float
) -> Outcome:
    if not KEY.fullmatch(key):
        return Definite("invalid_key", KEY_HEADER)
    headers = {KEY_HEADER: key}
    outcome = await _ask(
        shop, HttpVerb.POST, path, headers=headers, body=body.encode(), seconds=seconds
    )
    return _holding(outcome, "id", str)


async def _get(shop: Shop, path: str, ident: str, form: re.Pattern[str]) -> Outcome:
    # The SDK puts an id into the path as it is: "../refunds/…" would go elsewhere.
    if not form.fullmatch(ident):
        return Definite("invalid_id")
    outcome = await _ask(shop, HttpVerb.GET, f"{path}/{ident}")
    if isinstance(outcome, Done) and outcome.raw.get("id") != ident:
        return Unknown("answer about something else")
    return outcome


async def _list(
    shop: Shop,
    path: str,
    asked: Mapping[str, str | None],
    cursor: str | None,
    limit: int,
) -> Outcome:
    query = {**asked, "cursor": cursor, "limit": limit}
    given = {name: each for name, each in query.items() if each is not None}
    outcome = _holding(await _ask(shop, HttpVerb.GET, path, query=given), "items", list)
    if isinstance(outcome, Done):
        strange = [each for each in outcome.raw["items"] if not isinstance(each, dict)]
        return Unknown("list of something else") if strange else outcome
    return outcome


async def _ask(
    shop: Shop,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    seconds: float = WORKER_SECONDS,
) -> Outcome:
    work = partial(Client(shop, seconds).request, method, path, query, headers, body)
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(_threads, work)
    except TimeoutError:
        return Unknown("timeout")


def _holding(outcome: Outcome, name: str, kind: type) -> Outcome:
    """A success that lacks what makes it one says nothing."""
    if isinstance(outcome, Done) and not isinstance(outcome.raw.get(name), kind):
        return Unknown(f"answer without {name}")
    return outcome


def _window(gte: datetime | None, lt: datetime | None) -> dict[str, str | None]:
    return {"created_at.gte": _stamp(gte), "created_at.lt": _stamp(lt)}


def _stamp(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
