"""Saved addresses over HTTP, and the pages of a list."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.api.helpers import (
    bearer,
    is_problem,
    key,
    registered,
    wrong_fields,
)

DOOR: dict[str, Any] = {
    "label": "Дом",
    "text": "Тверская улица, 1",
    "entrance": "2",
    "floor": "5",
    "intercom": "55К",
    "flat": "55",
    "notes": "Собака не кусается",
    "latitude": 55.76,
    "longitude": 37.61,
}


async def test_addresses_come_and_go(client: AsyncClient) -> None:
    headers = bearer(await registered(client))
    made = await client.post("/v1/me/addresses", json=DOOR, headers=headers)
    assert made.status_code == 201
    home = made.json()
    assert {name: home[name] for name in DOOR} == DOOR
    place = f"/v1/me/addresses/{home['id']}"
    moved = await client.put(place, json={"text": "Арбат, 10"}, headers=headers)
    blank = dict.fromkeys(DOOR) | {"text": "Арбат, 10", "id": home["id"]}
    assert moved.json() == blank
    listed = await client.get("/v1/me/addresses", headers=headers)
    assert listed.json() == {"items": [moved.json()], "next_cursor": None}
    assert (await client.delete(place, headers=headers)).status_code == 204
    is_problem(await client.delete(place, headers=headers), 404, "not_found")


async def test_anothers_address_is_not_found(client: AsyncClient) -> None:
    mine, theirs = await registered(client), await registered(client)
    made = await client.post("/v1/me/addresses", json=DOOR, headers=bearer(theirs))
    place = f"/v1/me/addresses/{made.json()['id']}"
    for answer in (
        await client.put(place, json=DOOR, headers=bearer(mine)),
        await client.delete(place, headers=bearer(mine)),
    ):
        is_problem(answer, 404, "not_found")
    listed = await client.get("/v1/me/addresses", headers=bearer(mine))
    assert listed.json()["items"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": -181},
        {"latitude": 55.7, "longitude": None},
        {"text": ""},
        {"text": "x" * 301},
        {"notes": "x\u2066y"},
        {"user_id": "00000000-0000-0000-0000-000000000001"},
        {"latitude": "NaN", "longitude": 5},
        {"latitude": "55.75", "longitude": "37.61"},
        {"latitude": 55.75, "longitude": "37.61"},
        {"latitude": True, "longitude": 37.61},
    ],
    ids=str,
)
async def test_bad_addresses_are_refused(
    client: AsyncClient, changes: dict[str, Any]
) -> None:
    headers = bearer(await registered(client))
    answer = await client.post("/v1/me/addresses", json=DOOR | changes, headers=headers)
    wrong_fields(answer)
    listed = await client.get("/v1/me/addresses", headers=headers)
    assert listed.json()["items"] == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_coordinates_that_are_no_numbers_are_refused(
    client: AsyncClient, number: str
) -> None:
    headers = bearer(await registered(client)) | {"content-type": "application/json"}
    body = f'{{"text": "Арбат", "latitude": {number}, "longitude": 37}}'
    answer = await client.post(
        "/v1/me/addresses", content=body.encode(), headers=headers
    )
    assert wrong_fields(answer) == {"latitude"}


async def test_lists_come_in_pages_newest_first(client: AsyncClient) -> None:
    headers = bearer(await registered(client))
    for number in range(5):
        body = {"text": f"Улица, {number}"}
        await client.post("/v1/me/addresses", json=body, headers=headers)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await client.get("/v1/me/addresses", params=query, headers=headers)
        seen += [each["text"] for each in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Улица, {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "эээ"},
        {"cursor": "MjAyNi0wMS0wMVQwMDowMDowMCB4"},
        {
            "cursor": "MjAyNi0wMS0wMVQwMDowMDowMCAwMTkwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA"
        },
        {"cursor": "x" * 201},
    ],
    ids=str,
)
async def test_bad_pages_are_refused(
    client: AsyncClient, query: dict[str, str]
) -> None:
    headers = bearer(await registered(client))
    answer = await client.get("/v1/me/addresses", params=query, headers=headers)
    assert wrong_fields(answer) == set(query)


async def test_an_idempotency_key_is_answered_once(client: AsyncClient) -> None:
    headers = bearer(await registered(client)) | key()
    first = await client.post("/v1/me/addresses", json=DOOR, headers=headers)
    again = await client.post("/v1/me/addresses", json=DOOR, headers=headers)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (201, first.json())
    listed = await client.get("/v1/me/addresses", headers=headers)
    assert len(listed.json()["items"]) == 1
