"""A conversation over real sockets: who may open one, and what is told when."""

from collections.abc import Iterator

import pytest
import pytest_asyncio

from services.config import Settings
from services.database import Sessions
from tests.api import talking
from tests.api.talking import Scene, chat_alone, chat_served


@pytest.fixture(scope="module")
def address(settings: Settings, database_url: str) -> Iterator[str]:
    with chat_served(chat_alone(settings, database_url)) as base:
        yield base


@pytest_asyncio.fixture(loop_scope="session")
async def scene(sessions: Sessions, address: str) -> Scene:
    return await talking.scene(sessions, address)


async def test_patient_and_doctor_talk(scene: Scene) -> None:
    async with scene.patient.talking() as patient, scene.doctor.talking() as doctor:
        ack = await patient.say("Здравствуйте", "a1")
        heard = await doctor.message("Здравствуйте")
        assert (heard["seq"], heard["id"]) == (ack["seq"], ack["message_id"])
        assert heard["sender"]["role"] == "patient"
        await doctor.say("Еду к вам", "b1")
        assert (await patient.message("Еду к вам"))["seq"] == heard["seq"] + 1
        await doctor.send("typing")
        assert (await patient.until("typing"))["role"] == "doctor"
        await doctor.send("read", up_to_seq=heard["seq"])
        assert (await patient.until("read"))["up_to_seq"] == heard["seq"]
        await patient.send("ping")
        await patient.until("pong")
        assert patient.numbers == [*range(1, heard["seq"] + 2)]
