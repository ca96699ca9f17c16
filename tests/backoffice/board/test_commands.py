"""Commands of the board: once, with the version that was seen, undone when asked."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response

from models.role_grant import Role
from services.database import Sessions
from tests.backoffice.board.conftest import City
from tests.backoffice.browser import OURS, SCRIPT, Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def send(browser: Browser, call: uuid.UUID, verb: str, **fields: Any) -> Response:
    headers = OURS | SCRIPT | {"x-csrf-token": browser.csrf}
    path = f"/admin/board/calls/{call}/{verb}"
    return await browser.client.post(path, json=fields, headers=headers)


async def assign(browser: Browser, city: City, **fields: Any) -> Response:
    said = {"doctor_id": str(city.orlov.id), "version": city.waiting.version}
    return await send(browser, city.waiting.id, "assign", **(said | fields))


async def test_assign_says_what_happened_and_can_be_undone(
    dispatcher: Browser, city: City
) -> None:
    answer = (await assign(dispatcher, city)).json()
    assert answer["head"] == f"{city.waiting.label} → Орлов Д. И."
    assert answer["undo"] is True
    undone = await send(dispatcher, city.waiting.id, "undo", version=answer["version"])
    assert undone.json()["undo"] is False
    assert (await city.read(city.waiting.id)).status == "pending"


async def test_a_twin_of_a_command_gets_the_first_answer(
    dispatcher: Browser, city: City
) -> None:
    key = str(uuid.uuid4())
    first = await assign(dispatcher, city, command=key)
    twin = await assign(dispatcher, city, command=key)
    assert twin.json() == first.json()
    other = await assign(dispatcher, city, command=key, doctor_id=str(city.lebedeva.id))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    long = await assign(dispatcher, city, command="k" * 65)
    assert long.status_code == 422


async def test_two_dispatchers_one_call(
    dispatcher: Browser, app: FastAPI, sessions: Sessions, city: City
) -> None:
    anna = await signed_in(
        app, sessions, Role.DISPATCHER, first_name="Анна", middle_name="Петровна"
    )
    assert (await assign(anna, city)).status_code == 200
    late = await assign(dispatcher, city, doctor_id=str(city.lebedeva.id))
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")
    assert "Анна" in late.json()["detail"]
    assert (await city.read(city.waiting.id)).version == city.waiting.version + 1


async def test_a_clash_is_answered_with_three_ways(
    dispatcher: Browser, city: City
) -> None:
    taken = await assign(dispatcher, city)
    assert taken.status_code == 200
    path = f"/board/calls/{city.other.id}/candidates"
    start = (await dispatcher.get(path)).json()["at"]
    planned = datetime.fromtimestamp(start).astimezone() + timedelta(minutes=20)
    refused = await send(
        dispatcher,
        city.other.id,
        "assign",
        doctor_id=str(city.orlov.id),
        version=city.other.version,
        planned_start=planned.isoformat(),
    )
    body = refused.json()
    assert (refused.status_code, body["code"]) == (409, "doctor_busy")
    clash = body["conflict"]
    moments = [
        int(datetime.fromisoformat(clash[key]).timestamp())
        for key in ("from", "planned_start", "to")
    ]
    question = {
        "doctor": str(city.orlov.id),
        "verb": "assign",
        "earliest": body["earliest_start"],
        "booking": clash["booking_id"],
        "number": clash["number"],
        "taken": ",".join(map(str, moments)),
        "asked": f"{start},{start + 1200},{start + 3600}",
    }
    ways = await dispatcher.get(f"/board/calls/{city.other.id}/ways", params=question)
    html = ways.json()["html"]
    assert "Орлов уже занят" in html
    assert "Лебедева" in html
    assert html.count("is-first") == 1
    assert 'data-key="1"' in html
    assert 'data-key="2"' in html
    assert "clash" in html


@pytest.mark.parametrize(
    "question",
    [{}, {"doctor": "x", "earliest": "y"}, {"doctor": str(uuid.UUID(int=7))}],
)
async def test_a_question_that_makes_no_sense_is_not_found(
    dispatcher: Browser, city: City, question: dict[str, str]
) -> None:
    path = f"/board/calls/{city.other.id}/ways"
    answer = await dispatcher.get(path, params=question, headers=SCRIPT)
    assert answer.status_code == 404


async def test_a_doctor_free_only_later_needs_no_picture(
    dispatcher: Browser, city: City
) -> None:
    question = {"doctor": str(city.orlov.id), "earliest": "2030-01-01T10:00:00+03:00"}
    path = f"/board/calls/{city.other.id}/ways"
    html = (await dispatcher.get(path, params=question)).json()["html"]
    assert "mini" not in html


async def test_reassign_unassign_and_cancel(dispatcher: Browser, city: City) -> None:
    version = (await assign(dispatcher, city)).json()["version"]
    moved = await send(
        dispatcher,
        city.waiting.id,
        "reassign",
        doctor_id=str(city.lebedeva.id),
        version=version,
    )
    assert moved.json()["head"].endswith("Лебедева А. С.")
    freed = await send(
        dispatcher,
        city.waiting.id,
        "unassign",
        version=moved.json()["version"],
        comment="Передумали",
    )
    assert freed.status_code == 200
    gone = await send(
        dispatcher,
        city.waiting.id,
        "cancel",
        version=freed.json()["version"],
        reason_code="duplicate",
    )
    assert gone.status_code == 200
    assert (await city.read(city.waiting.id)).status == "cancelled"


async def test_undo_of_a_reassignment_gives_the_first_doctor_back(
    dispatcher: Browser, city: City
) -> None:
    version = (await assign(dispatcher, city)).json()["version"]
    moved = await send(
        dispatcher,
        city.waiting.id,
        "reassign",
        doctor_id=str(city.lebedeva.id),
        version=version,
    )
    back = await send(
        dispatcher, city.waiting.id, "undo", version=moved.json()["version"]
    )
    assert back.json()["head"].endswith("Орлов Д. И.")


async def test_a_flag_and_a_point(dispatcher: Browser, city: City) -> None:
    raised = await send(
        dispatcher,
        city.waiting.id,
        "flag",
        flag="doctor_in_danger",
        version=city.waiting.version,
    )
    assert (await city.read(city.waiting.id)).flags == ["doctor_in_danger"]
    placed = await send(
        dispatcher,
        city.waiting.id,
        "point",
        latitude=55.7,
        longitude=37.6,
        version=raised.json()["version"],
    )
    assert placed.status_code == 200
    assert (await city.read(city.waiting.id)).latitude == 55.7
    unknown = await send(dispatcher, uuid.uuid4(), "point", version=1)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("assign", {"version": ""}),
        ("assign", {"planned_start": "soon"}),
        ("cancel", {"reason_code": "boredom"}),
        ("flag", {"flag": "white"}),
    ],
)
async def test_wrong_input_changes_nothing(
    dispatcher: Browser, city: City, verb: str, fields: dict[str, Any]
) -> None:
    said = {"doctor_id": str(city.orlov.id), "version": city.waiting.version}
    answer = await send(dispatcher, city.waiting.id, verb, **(said | fields))
    assert answer.status_code == 422
    assert (await city.read(city.waiting.id)).version == city.waiting.version


async def test_a_start_without_a_zone_is_taken_as_utc(
    dispatcher: Browser, city: City
) -> None:
    answer = await assign(dispatcher, city, planned_start="2000-01-01T00:00:00")
    assert answer.status_code == 422


async def test_watching_is_seen_by_the_others(
    dispatcher: Browser, app: FastAPI, sessions: Sessions, city: City
) -> None:
    headers = OURS | SCRIPT | {"x-csrf-token": dispatcher.csrf}

    async def watch(call: str) -> list[str]:
        path = "/admin/board/watch"
        said = await dispatcher.client.post(path, json={"call": call}, headers=headers)
        assert said.status_code == 200
        snapshot = await dispatcher.get("/board/snapshot?day=2026-01-01")
        return [each["call"] for each in snapshot.json()["watchers"]]

    assert await watch("") == [""]
    assert await watch(str(city.waiting.id)) == [str(city.waiting.id)]
    assert await watch("-") == []
