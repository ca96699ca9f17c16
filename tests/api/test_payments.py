"""Paying over REST: the contract, the two transactions, keys that are repeated."""

import asyncio
import hashlib
import re
import uuid
import xml.etree.ElementTree as ET
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from models import IdempotencyRecord, Payment, User
from models.payment import PaymentStatus
from services import failpoints, payment_opening, payment_sending
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import is_problem, key, wrong_fields
from tests.api.payers import Payer, payer, the_payment
from tests.paying import PRICE, fill_wallet, paid_through
from tests.yookassa_server import YooKassa

POST = {"method": "POST", "path_re": "/payments$"}
FIELDS = {
    "id",
    "booking_id",
    "amount_kopecks",
    "method",
    "status",
    "confirmation_url",
    "qr_payload",
    "qr_svg_url",
    "expires_at",
    "created_at",
}


@pytest_asyncio.fixture(loop_scope="session")
async def anna(client: AsyncClient, sessions: Sessions, till: YooKassa) -> Payer:
    return await payer(client, sessions)


async def attempts(sessions: Sessions) -> int:
    async with transaction(sessions) as session:
        return await session.scalar(sa.select(sa.func.count(col(Payment.id)))) or 0


# -- the contract -------------------------------------------------------------


async def test_a_card_leads_to_the_providers_page(anna: Payer, till: YooKassa) -> None:
    answer = await anna.pay("card")
    body = answer.json()
    assert answer.status_code == 201
    assert set(body) == FIELDS
    assert body["booking_id"] == str(anna.booking.id)
    assert (body["method"], body["status"]) == ("card", "pending")
    assert body["amount_kopecks"] == PRICE
    [theirs] = till.listing("payments")
    assert body["confirmation_url"] == theirs["confirmation"]["confirmation_url"]
    assert body["qr_payload"] is body["qr_svg_url"] is None
    assert body["expires_at"] > body["created_at"]
    assert (await anna.read(body["id"])).json() == body


async def test_sbp_gives_a_link_and_its_picture(
    anna: Payer, till: YooKassa, settings: Settings
) -> None:
    body = (await anna.pay("sbp")).json()
    [theirs] = till.listing("payments")
    link = theirs["confirmation"]["confirmation_data"]
    assert body["qr_payload"] == link
    assert body["confirmation_url"] is None
    place = f"/v1/payments/{body['id']}/qr.svg"
    assert body["qr_svg_url"] == f"{settings.base_url}{place}"
    picture = await anna.client.get(place, headers=anna.headers)
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["cache-control"] == "private, no-store"
    assert picture.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert modules(picture.text) == modules_of(link)


def modules(svg: str) -> set[tuple[int, int]]:
    """Read the dark modules off the picture, as a camera does."""
    path = ET.fromstring(svg).findall("{http://www.w3.org/2000/svg}path")[0]
    found = set()
    for column, line, width in re.findall(r"M(\d+) (\d+)h(\d+)", path.attrib["d"]):
        for offset in range(int(width)):
            found.add((int(line), int(column) + offset))
    return found


def modules_of(text: str) -> set[tuple[int, int]]:
    """Encode the text anew; one other byte would make another picture."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(text)
    return {
        (line, column)
        for line, row in enumerate(code.get_matrix())
        for column, dark in enumerate(row)
        if dark
    }


async def test_without_qr_links_sbp_leads_to_the_providers_page(
    anna: Payer, till: YooKassa, settings: Settings, app: FastAPI
) -> None:
    with paid_through(till, settings, app, yookassa_sbp_qr=False):
        body = (await anna.pay("sbp")).json()
    assert body["confirmation_url"].startswith(till.base_url)
    assert body["qr_payload"] is None
    is_problem(await anna.read(body["id"], "/qr.svg"), 404, "not_found")


async def test_the_wallet_pays_at_once(anna: Payer, till: YooKassa) -> None:
    is_problem(await anna.pay("wallet"), 409, "insufficient_funds")
    async with transaction(anna.sessions) as session:
        user = await session.get_one(User, anna.user.id)
        await fill_wallet(session, user, PRICE)
    answer = await anna.pay("wallet")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (201, "succeeded")
    assert body["expires_at"] is body["confirmation_url"] is None
    is_problem(await anna.pay("card"), 409, "nothing_to_pay")
    assert till.journal() == []


async def test_an_open_attempt_is_given_again_or_superseded(anna: Payer) -> None:
    first = await anna.pay("card")
    again = await anna.pay("card", return_url="https://clinic.example/")
    assert (again.status_code, again.json()) == (200, first.json())
    other = await anna.pay("sbp")
    assert other.status_code == 201
    listed = await anna.client.get(anna.place, headers=anna.headers)
    assert [each["id"] for each in listed.json()["items"]] == [
        other.json()["id"],
        first.json()["id"],
    ]
    assert listed.json()["next_cursor"] is None
    old = (await anna.read(first.json()["id"])).json()
    # The provider would still take the money, so nobody is led there any more.
    assert (old["status"], old["confirmation_url"]) == ("pending", None)


async def test_a_list_goes_on_at_its_cursor(anna: Payer) -> None:
    for method in ("card", "sbp"):
        await anna.pay(method)
    ask = {"headers": anna.headers, "params": {"limit": 1}}
    first = (await anna.client.get(anna.place, **ask)).json()
    ask["params"] = {"limit": 1, "cursor": first["next_cursor"]}
    second = (await anna.client.get(anna.place, **ask)).json()
    methods = [page["items"][0]["method"] for page in (first, second)]
    assert methods == ["sbp", "card"]
    assert second["next_cursor"] is None


async def test_what_the_provider_refuses_has_failed(
    anna: Payer, till: YooKassa, settings: Settings, app: FastAPI
) -> None:
    with paid_through(till, settings, app, yookassa_secret_key="wrong"):
        answer = await anna.pay("card")
    assert (answer.status_code, answer.json()["status"]) == (201, "failed")
    assert (await anna.pay("card")).json()["status"] == "pending"


async def test_a_provider_that_is_away_leaves_it_unknown(
    anna: Payer, till: YooKassa, settings: Settings, app: FastAPI
) -> None:
    nowhere = "http://127.0.0.1:9/v3"
    with paid_through(till, settings, app, yookassa_api_url=nowhere):
        answer = await anna.pay("card")
        assert (answer.status_code, answer.json()["status"]) == (201, "unknown")
        again = await anna.pay("card")
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])


async def test_without_a_provider_it_is_unavailable(
    client: AsyncClient, sessions: Sessions, app: FastAPI
) -> None:
    anna = await payer(client, sessions)
    is_problem(await anna.pay("card"), 503, "unavailable")
    assert await attempts(sessions) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": "cash"},
        {"method": "card", "amount_kopecks": 1},
        {"method": "card", "return_url": "javascript:alert(1)"},
        {"method": "card", "return_url": "https://x.example/" + "x" * 2048},
        {"method": "card", "return_url": 1},
        {"method": ["card"]},
        [],
    ],
)
async def test_a_malformed_wish_changes_nothing(anna: Payer, body: Any) -> None:
    answer = await anna.client.post(anna.place, json=body, headers=anna.headers)
    assert wrong_fields(answer)
    assert await attempts(anna.sessions) == 0


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ru", "Можно одно из: 'card', 'sbp' или 'wallet'."),
        ("en", "One of these is allowed: 'card', 'sbp' or 'wallet'."),
    ],
)
async def test_the_ways_to_pay_are_named_in_the_callers_language(
    anna: Payer, language: str, said: str
) -> None:
    answer = await anna.pay("cash", {"accept-language": language})
    assert answer.json()["errors"] == [{"field": "method", "message": said}]


async def test_somebody_elses_payments_do_not_exist(anna: Payer) -> None:
    theirs = (await anna.pay("sbp")).json()["id"]
    boris = await payer(anna.client, anna.sessions)
    for what in ("", "/qr.svg"):
        is_problem(await boris.read(theirs, what), 404, "not_found")
    place = {"headers": boris.headers}
    is_problem(await anna.client.get(anna.place, **place), 404, "not_found")
    answer = await anna.client.post(anna.place, json={"method": "card"}, **place)
    is_problem(answer, 404, "not_found")
    for payment_id in (uuid.uuid4(), "x"):
        is_problem(await boris.read(str(payment_id)), 404, "not_found")


async def test_who_is_not_signed_in_is_told_so_first(anna: Payer) -> None:
    answer = await anna.client.post(anna.place, json={"method": "nonsense"})
    is_problem(answer, 401, "unauthenticated")


# -- two transactions ---------------------------------------------------------


async def test_no_transaction_and_no_connection_wait_for_the_provider(
    anna: Payer, till: YooKassa, app: FastAPI
) -> None:
    """Many patients wait for a slow provider, and the pool has room for others."""
    till.faults("latency", times=0, match=POST, ms=1500)
    payers = [await payer(anna.client, anna.sessions) for _ in range(8)]
    paying = [asyncio.create_task(each.pay("card")) for each in payers]
    while len(till.journal("POST")) < len(payers):  # noqa: ASYNC110 - HTTP tells none
        await asyncio.sleep(0.05)
    engine: AsyncEngine = app.state.engine
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    async with transaction(anna.sessions) as session:
        busy = await session.scalar(
            sa.text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                " current_database() AND state LIKE 'idle in transaction%'"
            )
        )
    assert busy == 0
    assert {answer.status_code for answer in await asyncio.gather(*paying)} == {201}


async def test_a_provider_that_takes_too_long_leaves_it_unknown(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.payments.INTERACTIVE_SECONDS", 0.5)
    till.faults("hang_after", match=POST, s=5)
    answer = await anna.pay("card")
    assert (answer.status_code, answer.json()["status"]) == (201, "unknown")


async def test_a_wish_while_another_is_under_way_finds_its_attempt(
    anna: Payer, till: YooKassa
) -> None:
    till.faults("latency", match=POST, ms=800)
    first = asyncio.create_task(anna.pay("card"))
    while not till.journal("POST"):  # noqa: ASYNC110 - HTTP tells none
        await asyncio.sleep(0.02)
    second = await anna.pay("card")
    assert (second.status_code, second.json()["status"]) == (200, "created")
    assert (await first).json()["id"] == second.json()["id"]
    assert len(till.listing("payments")) == 1


# -- keys ---------------------------------------------------------------------


async def record(sessions: Sessions) -> IdempotencyRecord:
    async with transaction(sessions) as session:
        return (await session.scalars(sa.select(IdempotencyRecord))).one()


async def make_older(sessions: Sessions, seconds: int) -> None:
    async with transaction(sessions) as session:
        row = (await session.scalars(sa.select(IdempotencyRecord))).one()
        row.created_at = sa.func.app_now() - sa.text(f"interval '{seconds} seconds'")


@pytest.mark.parametrize("method", ["card", "sbp", "wallet"])
async def test_the_same_key_gives_the_first_answer_to_the_byte(
    anna: Payer, till: YooKassa, method: str
) -> None:
    async with transaction(anna.sessions) as session:
        await fill_wallet(session, await session.get_one(User, anna.user.id), PRICE)
    once = key()
    first = await anna.pay(method, once)
    assert "idempotency-replayed" not in first.headers
    for each in till.listing("payments"):
        till.pay(each["id"])
    again = await anna.pay(method, once)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert await attempts(anna.sessions) == 1


async def test_a_given_attempt_is_given_again_under_its_key(anna: Payer) -> None:
    await anna.pay("card")
    once = key()
    for _ in range(2):
        assert (await anna.pay("card", once)).status_code == 200


async def test_the_same_key_with_another_wish_is_refused(anna: Payer) -> None:
    once = key()
    await anna.pay("card", once)
    is_problem(await anna.pay("sbp", once), 422, "idempotency_key_reused")
    assert await attempts(anna.sessions) == 1


async def test_a_refusal_is_not_kept(anna: Payer) -> None:
    once = key()
    is_problem(await anna.pay("wallet", once), 409, "insufficient_funds")
    async with transaction(anna.sessions) as session:
        await fill_wallet(session, await session.get_one(User, anna.user.id), PRICE)
    assert (await anna.pay("wallet", once)).status_code == 201


async def test_the_twin_of_a_running_request_is_told_to_wait(
    anna: Payer, till: YooKassa
) -> None:
    till.faults("latency", match=POST, ms=800)
    once = key()
    first = asyncio.create_task(anna.pay("card", once))
    while not till.journal("POST"):  # noqa: ASYNC110 - HTTP tells none
        await asyncio.sleep(0.02)
    is_problem(await anna.pay("card", once), 409, "idempotency_in_progress")
    is_problem(await anna.pay("sbp", once), 422, "idempotency_key_reused")
    answer = await first
    assert (await anna.pay("card", once)).content == answer.content


@pytest.mark.parametrize(
    "point",
    [
        "payment_open.after_commit",
        "payment.before_call",
        "payment.after_call",
        "payment.before_commit",
    ],
)
async def test_after_a_crash_the_same_key_leads_to_the_same_payment(
    anna: Payer, till: YooKassa, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = key()
    monkeypatch.setenv(failpoints.VARIABLE, f"{point}:raise")
    is_problem(await anna.pay("card", once), 500, "internal_error")
    monkeypatch.delenv(failpoints.VARIABLE)
    payment = await the_payment(anna.sessions)
    assert payment.status is PaymentStatus.CREATED
    is_problem(await anna.pay("card", once), 409, "idempotency_in_progress")
    await make_older(anna.sessions, 61)
    answer = await anna.pay("card", once)
    assert (answer.status_code, answer.json()["id"]) == (201, str(payment.id))
    assert "idempotency-replayed" not in answer.headers
    again = await anna.pay("card", once)
    assert again.content == answer.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await attempts(anna.sessions) == 1


async def test_after_a_crash_before_the_first_commit_nothing_was_done(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = key()
    monkeypatch.setenv(failpoints.VARIABLE, "payment_open.before_commit:raise")
    is_problem(await anna.pay("card", once), 500, "internal_error")
    monkeypatch.delenv(failpoints.VARIABLE)
    assert await attempts(anna.sessions) == 0
    assert (await anna.pay("card", once)).status_code == 201


async def test_after_a_crash_past_the_last_commit_the_answer_is_kept(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = key()
    monkeypatch.setenv(failpoints.VARIABLE, "payment.after_commit:raise")
    is_problem(await anna.pay("card", once), 500, "internal_error")
    monkeypatch.delenv(failpoints.VARIABLE)
    answer = await anna.pay("card", once)
    assert (answer.status_code, answer.json()["status"]) == (201, "pending")
    assert answer.headers["idempotency-replayed"] == "true"


async def test_of_two_that_take_over_one_answers_and_the_other_repeats(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = key()
    monkeypatch.setenv(failpoints.VARIABLE, "payment.before_call:raise")
    await anna.pay("card", once)
    monkeypatch.delenv(failpoints.VARIABLE)
    await make_older(anna.sessions, 61)
    answers = await asyncio.gather(*(anna.pay("card", once) for _ in range(4)))
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


async def test_who_was_taken_over_gives_the_answer_of_the_other(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So slow a request is as good as dead; it still ends with the first answer."""
    once = key()
    slow, others = asyncio.Event(), asyncio.Event()
    ask = payment_sending.ask

    async def slowly(payment: Payment, **how: Any) -> Any:
        others.set()
        await slow.wait()
        return await ask(payment, **how)

    monkeypatch.setattr(payment_sending, "ask", slowly)
    first = asyncio.create_task(anna.pay("card", once))
    await others.wait()
    await make_older(anna.sessions, 61)
    taken = await anna.pay("card", once)
    slow.set()
    assert (await first).content == taken.content
    assert (await first).headers["idempotency-replayed"] == "true"
    assert (await record(anna.sessions)).status_code == 201


async def test_keys_belong_to_one_call(anna: Payer) -> None:
    boris = await payer(anna.client, anna.sessions)
    shared = key()
    first, second = await anna.pay("card", shared), await boris.pay("card", shared)
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] != second.json()["id"]


async def test_a_twin_that_committed_unseen_is_found_by_the_next_attempt(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lookup may have read before the twin's commit; its record stops us."""
    once, begin = key(), payment_opening.begin
    wish = {"method": "card"}
    sent = httpx.Request("POST", "http://testserver", json=wish).content

    async def twin_commits(session: Any, *how: Any) -> Any:
        monkeypatch.undo()
        async with transaction(anna.sessions) as other:
            other.add(
                IdempotencyRecord(
                    user_id=anna.user.id,
                    method="POST",
                    path=anna.place,
                    key=once["idempotency-key"],
                    request_hash=hashlib.sha256(b"\n" + sent).hexdigest(),
                    status_code=201,
                    body='{"id":"of the twin"}',
                )
            )
        return await begin(session, *how)

    monkeypatch.setattr(payment_opening, "begin", twin_commits)
    answer = await anna.pay("card", once)
    assert answer.json() == {"id": "of the twin"}
    assert answer.headers["idempotency-replayed"] == "true"
    assert await attempts(anna.sessions) == 0
    assert till.listing("payments") == []
