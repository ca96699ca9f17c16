"""Asking for money back, and for money out of the wallet, over REST."""

import json
from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import select

from models import RefundClaim, User, Withdrawal
from models.booking import Status
from models.booking_words import CancelReason
from services.database import Sessions
from services.edges import transaction
from tests import factories, refunding
from tests.api.helpers import is_problem, key, signed_in, wrong_fields
from tests.refunding import PRICE, Stage

POOR = {"reason_code": "poor_service"}


async def stand(
    sessions: Sessions, status: Status, wallet: int = 0
) -> tuple[Stage, dict[str, str]]:
    """Give a paid call with the headers of its patient."""
    async with transaction(sessions) as session:
        stage = await refunding.paid_call(session, status)
        if wallet:
            await refunding.fill(session, stage.booking, wallet)
        patient = await session.get_one(User, stage.booking.patient_id)
    return stage, await signed_in(sessions, patient)


def path(stage: Stage) -> str:
    return f"/v1/bookings/{stage.booking.id}/refund-requests"


class TestRefundRequests:
    """One open request for a call on which something was paid."""

    async def test_a_patient_asks(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        stage, headers = await stand(sessions, Status.COMPLETED)
        body = POOR | {"comment": "Врач опоздал на два часа"}
        answer = await client.post(path(stage), json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        async with transaction(sessions) as session:
            claim = (await session.exec(select(RefundClaim))).one()
        assert made == {
            "id": str(claim.id),
            "booking_id": str(stage.booking.id),
            "status": "open",
            "reason_code": "poor_service",
            "created_at": made["created_at"],
        }
        assert claim.comment == body["comment"]

    async def test_once(self, client: AsyncClient, sessions: Sessions) -> None:
        stage, headers = await stand(sessions, Status.COMPLETED)
        once = headers | key()
        first = await client.post(path(stage), json=POOR, headers=once)
        again = await client.post(path(stage), json=POOR, headers=once)
        assert (again.status_code, again.json()) == (201, first.json())
        other = await client.post(path(stage), json=POOR, headers=headers)
        is_problem(other, 409, "conflict")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "reason_code"),
            ({"reason_code": "goodwill"}, "reason_code"),
            ({"reason_code": "withdrawal"}, "reason_code"),
            ({"reason_code": 1}, "reason_code"),
            (POOR | {"comment": "x" * 1001}, "comment"),
            (POOR | {"comment": "\u202e"}, "comment"),
            (POOR | {"amount_kopecks": 100}, "amount_kopecks"),
        ],
    )
    async def test_what_may_not_be_said(
        self, client: AsyncClient, sessions: Sessions, body: dict[str, Any], field: str
    ) -> None:
        stage, headers = await stand(sessions, Status.COMPLETED)
        answer = await client.post(path(stage), json=body, headers=headers)
        assert wrong_fields(answer) == {field}

    async def test_before_the_visit_and_of_others_there_is_nothing_to_ask(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        stage, headers = await stand(sessions, Status.EN_ROUTE)
        answer = await client.post(path(stage), json=POOR, headers=headers)
        is_problem(answer, 409, "illegal_transition")
        _, stranger = await stand(sessions, Status.COMPLETED)
        answer = await client.post(path(stage), json=POOR, headers=stranger)
        is_problem(answer, 404, "not_found")

    async def test_a_cancelled_call_answers_how_its_money_stands(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        stage, headers = await stand(sessions, Status.EN_ROUTE)
        place = f"/v1/bookings/{stage.booking.id}"
        body = {"reason": "Передумали", "reason_code": CancelReason.OTHER}
        answer = await client.post(f"{place}/cancel", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        shown = (await client.get(place, headers=headers)).json()
        assert shown["payment_state"] == "refund_pending"
        answer = await client.post(path(stage), json=POOR, headers=headers)
        assert answer.status_code == 201, answer.text


class TestWithdrawals:
    """Out of the wallet only what is in it, one request at a time."""

    PLACE = "/v1/wallet/withdrawal-requests"

    async def test_a_patient_takes_money_out(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        _, headers = await stand(sessions, Status.COMPLETED, wallet=PRICE)
        once = headers | key()
        body = {"amount_kopecks": 100_000}
        first = await client.post(self.PLACE, json=body, headers=once)
        assert first.status_code == 201, first.text
        made = first.json()
        async with transaction(sessions) as session:
            row = (await session.exec(select(Withdrawal))).one()
        assert made == {
            "id": str(row.id),
            "amount_kopecks": 100_000,
            "status": "requested",
            "created_at": made["created_at"],
        }
        again = await client.post(self.PLACE, json=body, headers=once)
        assert again.json() == made
        left = (await client.get("/v1/wallet", headers=headers)).json()
        assert left == {"balance_kopecks": PRICE - 100_000}
        other = await client.post(self.PLACE, json=body, headers=headers)
        is_problem(other, 409, "conflict")

    async def test_no_more_than_there_is(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        _, headers = await stand(sessions, Status.COMPLETED, wallet=100)
        body = {"amount_kopecks": 101}
        answer = await client.post(self.PLACE, json=body, headers=headers)
        is_problem(answer, 409, "insufficient_funds")

    @pytest.mark.parametrize(
        "amount", [0, -1, 1.5, "100", True, None, 2**63, 1e309, "١٢", "1_000"]
    )
    async def test_sums_that_are_none(
        self, client: AsyncClient, sessions: Sessions, amount: Any
    ) -> None:
        _, headers = await stand(sessions, Status.COMPLETED, wallet=100)
        written = json.dumps({"amount_kopecks": amount}).replace("Infinity", "1e309")
        answer = await client.post(
            self.PLACE,
            content=written,
            headers=headers | {"content-type": "application/json"},
        )
        assert wrong_fields(answer) == {"amount_kopecks"}

    async def test_nobody_says_for_whom(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        _, headers = await stand(sessions, Status.COMPLETED, wallet=100)
        body = {"amount_kopecks": 100, "user_id": str(factories.nobody())}
        answer = await client.post(self.PLACE, json=body, headers=headers)
        assert wrong_fields(answer) == {"user_id"}
