"""The holes of the system that came before, each kept shut by its name."""

import uuid
from pathlib import Path

import pytest
from httpx import AsyncClient
from pydantic import ValidationError

from services.config import Profile, Settings
from tests.api.helpers import bearer, is_problem, registered

ID = uuid.UUID("019abc12-7d3e-7aaa-8bbb-0123456789ab")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/payments/{ID}/complete"),
        ("POST", f"/v1/payments/{ID}/complete"),
        ("POST", f"/v1/payments/{ID}/refund"),
        ("PUT", f"/v1/wallets/{ID}"),
        ("POST", "/v1/wallet/deposit"),
        ("GET", "/v1/users"),
        ("GET", "/api/v1/users"),
        ("GET", "/test-auth"),
    ],
)
async def test_money_and_people_have_no_open_doors(
    client: AsyncClient, method: str, path: str
) -> None:
    pair = await registered(client)
    for headers in ({}, bearer(pair), {"X-User-ID": str(ID), "X-User-Role": "admin"}):
        body = {"status": "completed", "balance": 10_000, "amount": 5}
        answer = await client.request(method, path, json=body, headers=headers)
        is_problem(answer, 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_payment_is_only_read(client: AsyncClient, method: str) -> None:
    headers = bearer(await registered(client))
    body = {"status": "succeeded"}
    path = f"/v1/payments/{ID}"
    answer = await client.request(method, path, json=body, headers=headers)
    is_problem(answer, 405, "method_not_allowed")


async def test_identity_headers_are_ignored(client: AsyncClient) -> None:
    me = (await registered(client))["user"]
    forged = {"X-User-ID": me["id"], "X-User-Role": "admin", "X-Original-URL": "/v1/me"}
    is_problem(await client.get("/v1/me", headers=forged), 401, "unauthenticated")


async def test_a_bookings_price_and_status_are_not_the_callers(
    client: AsyncClient,
) -> None:
    pair = await registered(client)
    wanted = {
        "call_type": "urgent",
        "symptoms": "Температура",
        "address": {"text": "Арбат, 10"},
    }
    for field, value in (
        ("final_price", 1),
        ("price_kopecks", 1),
        ("status", "completed"),
        ("paid_kopecks", 5),
        ("priority", "emergency"),
        ("patient_id", str(ID)),
        ("clinic_id", str(ID)),
        ("created_at", "2020-01-01T00:00:00Z"),
    ):
        answer = await client.post(
            "/v1/bookings", json=wanted | {field: value}, headers=bearer(pair)
        )
        errors = is_problem(answer, 422, "validation_error")["errors"]
        assert [each["field"] for each in errors] == [field]


def test_the_seeds_default_secret_is_refused(tmp_path: Path) -> None:
    for profile in (Profile.PRODUCTION, Profile.DEVELOPMENT):
        with pytest.raises(ValidationError):
            Settings(
                profile=profile,
                data_dir=tmp_path,
                secret_key="your-super-secret-jwt-key",
            )


def test_it_listens_to_this_machine_only(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).host == "127.0.0.1"
