"""The wallet, the earnings and the consent to extras over REST."""

import uuid
from typing import Any

import pytest
from httpx import AsyncClient

from models import Booking, Role, User
from services import compensations
from services.database import Sessions
from services.edges import transaction
from tests import earning, factories
from tests.api.helpers import (
    bearer,
    is_problem,
    key,
    registered,
    signed_in,
    wrong_fields,
)
from tests.earning import PRICE
from tests.factories import as_staff


async def visited(
    sessions: Sessions, *extras: int
) -> tuple[Booking, dict[str, str], dict[str, str]]:
    """Give a finished visit with the headers of its patient and its doctor."""
    async with transaction(sessions) as session:
        booking, doctor = await earning.visit(session)
        await earning.complete(session, booking, *extras)
        patient = await session.get_one(User, booking.patient_id)
    return (
        booking,
        await signed_in(sessions, patient),
        await signed_in(sessions, doctor),
    )


async def read(client: AsyncClient, path: str, headers: dict[str, str]) -> Any:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestWallet:
    """Read only: nothing over REST puts money into it."""

    async def test_it_is_there_from_the_registration_on_and_empty(
        self, client: AsyncClient
    ) -> None:
        headers = bearer(await registered(client))
        assert await read(client, "/v1/wallet", headers) == {"balance_kopecks": 0}
        empty = {"items": [], "next_cursor": None}
        assert await read(client, "/v1/wallet/entries", headers) == empty

    async def test_the_statement_comes_in_pages(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        booking, headers, _ = await visited(sessions)
        async with transaction(sessions) as session:
            staff = as_staff(
                await factories.person(session, Role.FINANCE), Role.FINANCE
            )
            for kopecks in (100, 200):
                await compensations.credit(
                    session, staff, booking.id, kopecks, "x", uuid.uuid4()
                )
        assert await read(client, "/v1/wallet", headers) == {"balance_kopecks": 300}
        page = await read(client, "/v1/wallet/entries?limit=1", headers)
        (entry,) = page["items"]
        assert set(entry) == {
            "id",
            "kind",
            "amount_kopecks",
            "balance_after_kopecks",
            "booking_number",
            "at",
        }
        assert (entry["kind"], entry["amount_kopecks"]) == ("compensation", 200)
        assert entry["balance_after_kopecks"] == 300
        assert entry["booking_number"] == booking.label
        path = f"/v1/wallet/entries?limit=1&cursor={page['next_cursor']}"
        rest = await read(client, path, headers)
        assert [each["amount_kopecks"] for each in rest["items"]] == [100]
        assert rest["next_cursor"] is None
        wrong = await client.get("/v1/wallet/entries?cursor=x", headers=headers)
        assert wrong_fields(wrong) == {"cursor"}

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    @pytest.mark.parametrize(
        "path", ["/v1/wallet", "/v1/wallet/entries", "/v1/wallet/deposit"]
    )
    async def test_nothing_mints(
        self, client: AsyncClient, method: str, path: str
    ) -> None:
        headers = bearer(await registered(client))
        body = {"balance_kopecks": 100, "amount_kopecks": 100}
        answer = await client.request(method, path, json=body, headers=headers)
        assert answer.status_code in {404, 405}
        assert await read(client, "/v1/wallet", headers) == {"balance_kopecks": 0}


class TestEarnings:
    """A doctor reads what is owed and what made it up."""

    async def test_balance_and_lines(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        booking, patient, doctor = await visited(sessions)
        found = await read(client, "/v1/me/earnings", doctor)
        (line,) = found["items"]
        at = line.pop("at")
        assert found == {
            "balance_kopecks": 315_000,
            "items": [
                {
                    "booking_id": str(booking.id),
                    "number": booking.label,
                    "kind": "earned",
                    "amount_kopecks": 315_000,
                }
            ],
            "next_cursor": None,
        }
        assert at.endswith(("Z", "+00:00"))
        refused = await client.get("/v1/me/earnings", headers=patient)
        is_problem(refused, 403, "forbidden")

    async def test_pages_go_on_after_a_cursor(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        _, _, doctor = await visited(sessions)
        async with transaction(sessions) as session:
            await earning.paid_out(session)
        page = await read(client, "/v1/me/earnings?limit=1", doctor)
        assert [each["kind"] for each in page["items"]] == ["payout"]
        assert page["items"][0]["number"] is None
        path = f"/v1/me/earnings?limit=1&cursor={page['next_cursor']}"
        rest = await read(client, path, doctor)
        assert [each["kind"] for each in rest["items"]] == ["earned"]
        assert rest["balance_kopecks"] == 0


class TestExtraConsent:
    """The patient sees that extras wait, and agrees once."""

    async def test_agreeing_changes_the_price(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        booking, patient, doctor = await visited(sessions, PRICE)
        path = f"/v1/bookings/{booking.id}"
        before = await read(client, path, patient)
        assert (before["price_kopecks"], before["extra_awaits_consent"]) == (
            PRICE,
            True,
        )
        assert [each["price_kopecks"] for each in before["items"]] == [PRICE]
        answer = await client.post(f"{path}/extra-consent", headers=patient)
        assert answer.status_code == 200
        agreed = answer.json()
        assert (agreed["price_kopecks"], agreed["extra_awaits_consent"]) == (
            2 * PRICE,
            False,
        )
        assert agreed["version"] == before["version"]
        again = await client.post(f"{path}/extra-consent", json={}, headers=patient)
        is_problem(again, 409, "illegal_transition")
        found = await read(client, "/v1/me/earnings", doctor)
        assert found["balance_kopecks"] == 630_000

    async def test_a_repeated_key_gets_the_first_answer(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        booking, patient, _ = await visited(sessions, PRICE)
        path, headers = f"/v1/bookings/{booking.id}/extra-consent", patient | key()
        first = await client.post(path, json={}, headers=headers)
        again = await client.post(path, json={}, headers=headers)
        assert (again.status_code, again.json()) == (200, first.json())

    async def test_a_body_says_nothing(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        booking, patient, _ = await visited(sessions, PRICE)
        path = f"/v1/bookings/{booking.id}/extra-consent"
        wrong = await client.post(path, json={"price_kopecks": 1}, headers=patient)
        assert wrong_fields(wrong) == {"price_kopecks"}

    async def test_extras_within_the_share_cost_at_once(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        booking, patient, _ = await visited(sessions, 100)
        shown = await read(client, f"/v1/bookings/{booking.id}", patient)
        assert shown["price_kopecks"] == PRICE + 100
        assert shown["extra_awaits_consent"] is False
