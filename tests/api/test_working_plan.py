"""A doctor's working plan over REST."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from httpx import AsyncClient

from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import signed_in

HERE = "/v1/me/working-plan"
NIGHT = {"weekday": 4, "starts_at": "20:00", "ends_at": "08:00"}


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(client: AsyncClient, sessions: Sessions) -> AsyncClient:
    async with transaction(sessions) as session:
        user = await factories.doctor(session)
    client.headers.update(await signed_in(sessions, user))
    return client


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


async def test_the_week_is_replaced_and_read_again(doctor: AsyncClient) -> None:
    empty = {"week": [], "duty_by_plan": False, "days": [], "holidays": []}
    assert (await doctor.get(HERE)).json() == empty
    body = {"week": [NIGHT], "duty_by_plan": True}
    made = await doctor.put(HERE, json=body)
    assert made.status_code == 200, made.text
    shown = NIGHT | {"starts_at": "20:00:00", "ends_at": "08:00:00"}
    assert made.json() == empty | {"week": [shown], "duty_by_plan": True}
    assert (await doctor.get(HERE)).json() == made.json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"week": []},
        {"week": [NIGHT, NIGHT], "duty_by_plan": False},
        {"week": [NIGHT | {"weekday": 7}], "duty_by_plan": False},
        {"week": [NIGHT] * 29, "duty_by_plan": False},
        {"week": [NIGHT | {"doctor_id": "x"}], "duty_by_plan": False},
        {"week": [], "duty_by_plan": "yes"},
    ],
)
async def test_a_week_that_makes_no_sense_is_refused(
    doctor: AsyncClient, body: dict[str, object]
) -> None:
    answer = await doctor.put(HERE, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


async def test_single_days_are_set_and_cleared(doctor: AsyncClient) -> None:
    there = f"{HERE}/days/{day(3)}"
    off = await doctor.put(there, json={"comment": "отпуск"})
    assert off.json() == {
        "day": day(3),
        "starts_at": None,
        "ends_at": None,
        "comment": "отпуск",
    }
    hours = {"starts_at": "10:00", "ends_at": "12:00"}
    assert (await doctor.put(there, json=hours)).json()["ends_at"] == "12:00:00"
    assert len((await doctor.get(HERE)).json()["days"]) == 1
    for wrong, code in ((day(-3), 422), ("x", 404), ("1795537710", 404)):
        refused = await doctor.put(f"{HERE}/days/{wrong}", json=hours)
        assert refused.status_code == code, wrong
    assert (await doctor.delete(there)).status_code == 204
    assert (await doctor.delete(there)).status_code == 404
