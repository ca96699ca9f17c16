"""A conversation over real sockets: who may open one, and what is told when."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from models.booking import Status
from services import chat, visits
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api import talking
from tests.api.talking import Phone, Scene, Talker, chat_alone, chat_served


@pytest.fixture(scope="module")
def process(settings: Settings, database_url: str) -> FastAPI:
    return chat_alone(settings, database_url)


@pytest.fixture(scope="module")
def address(process: FastAPI) -> Iterator[str]:
    with chat_served(process) as base:
        yield base


@pytest_asyncio.fixture(loop_scope="session")
async def scene(sessions: Sessions, address: str) -> Scene:
    return await talking.scene(sessions, address)


async def refused(url: str) -> int:
    """Open a socket that is closed at once; give the code."""
    async with connect(url, proxy=None) as connection:
        return await Phone(connection).closed()


async def test_patient_and_doctor_talk(scene: Scene) -> None:
    async with scene.patient.talking() as patient, scene.doctor.talking() as doctor:
        ack = await patient.say("Здравствуйте", "a1")
        heard = await doctor.message("Здравствуйте")
        assert (heard["seq"], heard["id"]) == (ack["seq"], ack["message_id"])
        assert heard["sender"]["role"] == "patient"
        assert heard["client_id"] is None
        await doctor.say("Еду к вам", "b1")
        assert (await patient.message("Еду к вам"))["seq"] == heard["seq"] + 1
        await doctor.send("typing")
        assert (await patient.until("typing"))["role"] == "doctor"
        await doctor.send("read", up_to_seq=heard["seq"])
        read = await patient.until("read")
        assert (read["role"], read["up_to_seq"]) == ("doctor", heard["seq"])
        await patient.send("ping")
        await patient.until("pong")
        assert patient.numbers == [*range(1, heard["seq"] + 2)]
        own = [each for each in patient.seen if each["type"] == "typing"]
        assert len(own) == 1


async def test_the_same_name_is_answered_with_the_same_number(scene: Scene) -> None:
    async with scene.patient.talking() as phone:
        first = await phone.say("Раз", "n")
        assert await phone.say("Раз", "n") == first
        other = await phone.say("Два", "n")
        assert (other["type"], other["code"]) == ("error", "idempotency_key_reused")
    # And so after a socket that died before it heard the answer.
    async with scene.patient.talking(first["seq"]) as phone:
        assert await phone.say("Раз", "n") == first
        assert phone.numbers == []


async def test_who_comes_back_misses_nothing(scene: Scene, sessions: Sessions) -> None:
    async with scene.patient.talking() as phone:
        last = (await phone.say("Алло", "a"))["seq"]
        await phone.message("Алло")
    async with transaction(sessions) as session:
        desk = factories.as_staff(scene.dispatcher)
        for place in range(5):
            await chat.send(session, desk, scene.booking.id, f"Слышим {place}")
        doctor = factories.as_doctor(scene.doctor.user)
        await chat.mark_read(session, doctor, scene.booking.id, last)
        await visits.depart(session, doctor, scene.booking.id)
    async with scene.patient.talking(last) as phone:
        assert (await phone.until("status"))["status"] == "en_route"
        assert (await phone.until("read"))["up_to_seq"] == last
        assert phone.numbers == [*range(last + 1, last + 7)]


async def test_a_long_history_comes_whole_and_in_order(
    scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        await session.execute(
            sa.text(
                "INSERT INTO message (id, booking_id, seq, kind, sender_role, via,"
                " event, data) SELECT gen_random_uuid(), :id, g + (SELECT max(seq) FROM"
                " message WHERE booking_id = :id), 'system', 'system', 'job',"
                " 'cancel', '{}' FROM generate_series(1, 1234) AS g"
            ),
            {"id": scene.booking.id},
        )
    async with scene.patient.talking() as phone:
        last = (await phone.say("Конец?", "a"))["seq"]
        while not phone.numbers or phone.numbers[-1] < last:
            await phone.next()
        assert phone.numbers == [*range(1, last + 1)]


async def test_a_step_of_the_call_is_told(scene: Scene, sessions: Sessions) -> None:
    async with scene.patient.talking() as phone:
        assert (await phone.until("status"))["status"] == "accepted"
        async with transaction(sessions) as session:
            doctor = factories.as_doctor(scene.doctor.user)
            await visits.depart(session, doctor, scene.booking.id)
        assert (await phone.until("status"))["status"] == "en_route"


async def test_a_socket_speaks_the_language_that_was_asked_for(scene: Scene) -> None:
    asked = {"accept-language": "en"}
    async with (
        scene.patient.talking(additional_headers=asked) as english,
        scene.patient.talking() as russian,
    ):
        await english.send("send", text="", client_id="x")
        first = await english.until("error")
        assert first["detail"].isascii()
        assert first["code"] == "validation_error"
        await russian.send("send", text="", client_id="x")
        assert not (await russian.until("error"))["detail"].isascii()
        texts = [
            [each["message"]["text"] for each in phone.seen if "message" in each]
            for phone in (english, russian)
        ]
        assert "has accepted the call" in str(texts[0])
        assert "has accepted the call" not in str(texts[1])


async def test_a_hidden_message_is_told_again(scene: Scene, sessions: Sessions) -> None:
    desk = factories.as_staff(scene.dispatcher)
    async with scene.doctor.talking() as doctor:
        async with scene.patient.talking() as patient:
            said = await patient.say("Вы дурак", "a")
            await doctor.message("Вы дурак")
            async with transaction(sessions) as session:
                message_id = uuid.UUID(said["message_id"])
                await chat.hide(session, desk, message_id, "Брань")
            for phone in (patient, doctor):
                while not (again := (await phone.until("message"))["message"])[
                    "hidden"
                ]:
                    pass
                assert again["seq"] == said["seq"]
                assert "дурак" not in again["text"]
        assert await doctor.quiet() == []
    # Who was away hears of it too, though the number is behind them, and once.
    async with scene.patient.talking(said["seq"]) as patient:
        again = (await patient.until("message"))["message"]
        assert (again["seq"], again["hidden"]) == (said["seq"], True)
        await patient.say("Простите", "b")
        await patient.message("Простите")
        assert patient.numbers == [said["seq"], said["seq"] + 1]


async def test_a_ticket_opens_one_socket_once(scene: Scene) -> None:
    url = scene.patient.url(await scene.patient.ticket())
    async with connect(url, proxy=None) as connection:
        assert await refused(url) == 4401
        await Phone(connection).until("status")


async def test_a_ticket_is_old_after_half_a_minute(
    scene: Scene, sessions: Sessions
) -> None:
    url = scene.patient.url(await scene.patient.ticket())
    async with transaction(sessions) as session:
        await session.execute(
            sa.text("UPDATE chat_ticket SET expires_at = app_now() - interval '1 s'")
        )
    assert await refused(url) == 4401


@pytest.mark.parametrize("ticket", ["", "x", "%00", "x" * 3000, "%D1%8F", "%FF"])
async def test_a_ticket_is_not_to_be_guessed(scene: Scene, ticket: str) -> None:
    assert await refused(scene.patient.url(ticket)) == 4401


async def test_a_ticket_is_for_one_conversation(
    scene: Scene, sessions: Sessions, address: str
) -> None:
    other = await talking.scene(sessions, address)
    ticket = await scene.patient.ticket()
    assert await refused(other.patient.url(ticket)) == 4401
    stranger = Talker(
        scene.patient.user, scene.patient.headers, other.booking.id, address
    )
    assert (await stranger.post("chat-ticket")).status_code == 404


@pytest.mark.parametrize("number", ["-1", "x", "1e3", "9" * 30, "٣"])
async def test_a_malformed_place_closes_the_socket(scene: Scene, number: str) -> None:
    url = scene.patient.url(await scene.patient.ticket())
    assert await refused(url.replace("after_seq=0", f"after_seq={number}")) == 1008


async def test_a_place_may_be_left_out(scene: Scene) -> None:
    url = scene.patient.url(await scene.patient.ticket()).replace("&after_seq=0", "")
    async with connect(url, proxy=None) as connection:
        assert (await Phone(connection).until("message"))["message"]["seq"] == 1


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://127.0.0.1:8000.evil.example",
        "https://127.0.0.1:8000",
    ],
)
async def test_a_foreign_page_opens_no_socket(scene: Scene, origin: str) -> None:
    url = scene.patient.url(await scene.patient.ticket())
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url, proxy=None, origin=origin).__aenter__()  # type: ignore[arg-type]
    assert refusal.value.response.status_code == 403
    # The ticket was not even looked at.
    async with connect(url, proxy=None):
        pass


async def test_our_own_pages_open_one(
    scene: Scene, process: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = process.state.settings
    monkeypatch.setattr(settings, "cors_origins", ["https://app.example"])
    for origin in (settings.origin, "https://app.example"):
        url = scene.patient.url(await scene.patient.ticket())
        async with connect(url, proxy=None, origin=origin) as connection:
            await Phone(connection).until("status")


async def test_a_malformed_address_opens_none(scene: Scene) -> None:
    url = scene.patient.url("x").replace(str(scene.booking.id), "1")
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url, proxy=None).__aenter__()
    assert refusal.value.response.status_code == 403


async def test_whoever_lost_the_right_since_the_ticket_stays_out(
    scene: Scene, sessions: Sessions
) -> None:
    url = scene.doctor.url(await scene.doctor.ticket())
    async with transaction(sessions) as session:
        await talking.unassign(session, scene)
    assert await refused(url) == 4403


async def test_a_conversation_that_is_over_takes_no_words(
    scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        doctor = factories.as_doctor(scene.doctor.user)
        await visits.depart(session, doctor, scene.booking.id)
        await visits.start(session, doctor, scene.booking.id)
        await visits.complete(session, doctor, scene.booking.id, 30, "ОРВИ")
        await session.execute(
            sa.text(
                "UPDATE booking SET completed_at = completed_at - interval '2 days'"
                " WHERE id = :id"
            ),
            {"id": scene.booking.id},
        )
    async with scene.patient.talking() as phone:
        answer = await phone.say("Спасибо", "a")
        assert (answer["type"], answer["code"]) == ("error", "illegal_transition")
        await phone.send("ping")
        await phone.until("pong")
    assert (await scene.doctor.post("chat-ticket")).status_code == 404


async def test_before_a_doctor_is_found_the_patient_talks_with_the_house(
    sessions: Sessions, address: str
) -> None:
    scene = await talking.scene(sessions, address, Status.PENDING)
    async with scene.patient.talking() as phone:
        said = await phone.say("Долго ещё?", "a")
        assert (said["type"], said["seq"]) == ("ack", 1)
        async with transaction(sessions) as session:
            desk = factories.as_staff(scene.dispatcher)
            await chat.typing(session, desk, scene.booking.id)
            await chat.send(session, desk, scene.booking.id, "Ищем врача")
        await phone.message("Ищем врача")
        assert (await phone.until("typing"))["role"] == "dispatcher"


async def test_typing_is_told_once_in_two_seconds(scene: Scene) -> None:
    async with scene.patient.talking() as patient, scene.doctor.talking() as doctor:
        await patient.quiet()
        for _ in range(20):
            await doctor.send("typing")
        await doctor.send("ping")
        await doctor.until("pong")
        told = [each for each in await patient.quiet() if each["type"] == "typing"]
        assert len(told) == 1
        await asyncio.sleep(2)
        await doctor.send("typing")
        await patient.until("typing")
