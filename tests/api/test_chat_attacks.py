"""Attacks on the chat: A23 rights that outlive their end, A36 malformed and repeated
frames, A59 floods, large frames, slow readers and idle sockets.

The names are those of the list of attacks in the project's notes on security.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from sqlmodel import col
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api import chat_outbox
from models import Message, RoleGrant, User
from models.role_grant import Role
from services import chat, chat_tickets, clock, refresh_tokens, staff, visits
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api import talking
from tests.api.talking import Phone, Scene, chat_alone, chat_served, eventually

WITHIN = 5.0


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


async def kept(sessions: Sessions) -> int:
    async with transaction(sessions) as session:
        query = sa.select(sa.func.count()).where(col(Message.sender_id).is_not(None))
        return await session.scalar(query) or 0


@asynccontextmanager
async def both(scene: Scene) -> AsyncIterator[tuple[Phone, Phone]]:
    async with scene.patient.talking() as patient, scene.doctor.talking() as doctor:
        await patient.until("status")
        await doctor.until("status")
        yield patient, doctor


class TestA23:
    """A doctor keeps access after losing the visit, by a socket that is open."""

    async def test_a_doctor_who_lost_the_visit_hears_nothing_more(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (patient, doctor):
            await patient.say("Код 45К", "a")
            await doctor.message("Код 45К")
            async with transaction(sessions) as session:
                await talking.unassign(session, scene)
            said = asyncio.create_task(self.secrets(patient))
            began = time.monotonic()
            assert await doctor.closed(WITHIN) == 4403
            assert time.monotonic() - began < WITHIN
            assert await said
            heard = json.dumps(doctor.seen, ensure_ascii=False)
            assert "Код 45К" in heard
            assert "Секрет" not in heard
            # The patient keeps the conversation.
            await patient.message("Секрет 9")
        assert (await scene.doctor.post("chat-ticket")).status_code == 404
        said_later = await scene.doctor.post("messages", text="Я ещё здесь")
        assert said_later.status_code == 404

    async def secrets(self, patient: Phone) -> bool:
        for place in range(10):
            await patient.say(f"Секрет {place}", f"s{place}")
        return True

    async def test_a_race_of_words_and_loss_leaks_nothing(
        self, sessions: Sessions, address: str
    ) -> None:
        for _ in range(5):
            scene = await talking.scene(sessions, address)
            async with both(scene) as (patient, doctor):
                talk = asyncio.create_task(self.secrets(patient))
                async with transaction(sessions) as session:
                    await talking.unassign(session, scene)
                assert await doctor.closed(WITHIN) == 4403
                await talk
                heard = {
                    each["message"]["seq"] for each in doctor.seen if "message" in each
                }
            async with transaction(sessions) as session:
                query = sa.select(sa.func.max(col(Message.seq))).where(
                    col(Message.booking_id) == scene.booking.id,
                    col(Message.event) == "unassign",
                )
                lost_at = await session.scalar(query) or 0
            assert max(heard) < lost_at

    async def test_a_word_sent_after_the_loss_is_not_said(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (_, doctor):
            async with transaction(sessions) as session:
                await talking.unassign(session, scene)
            await doctor.send("send", text="Я всё равно еду", client_id="x")
            await doctor.send("read", up_to_seq=1)
            assert await doctor.closed(WITHIN) == 4403
        assert await kept(sessions) == 0

    async def test_a_sign_out_closes_the_sockets_of_that_sign_in(
        self, scene: Scene
    ) -> None:
        async with both(scene) as (patient, doctor):
            async with AsyncClient(base_url=scene.doctor.address) as client:
                answer = await client.post(
                    "/v1/auth/logout", headers=scene.doctor.headers
                )
                assert answer.status_code == 204
            assert await doctor.closed(WITHIN) == 4403
            await patient.say("Вы здесь?", "a")

    async def test_a_block_closes_the_socket(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (patient, doctor):
            async with transaction(sessions) as session:
                curator = await factories.person(session, Role.CURATOR)
                actor = factories.as_staff(curator, Role.CURATOR)
                await staff.block(session, actor, scene.doctor.user.id, "Жалоба")
            assert await doctor.closed(WITHIN) == 4403
            await patient.say("Где же врач?", "a")
            async with transaction(sessions) as session:
                user = await session.get_one(User, scene.patient.user.id)
                user.blocked_at = await clock.now(session)
            assert await patient.closed(WITHIN) == 4403

    async def test_a_new_password_closes_other_sockets(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (patient, _):
            async with transaction(sessions) as session:
                await refresh_tokens.revoke_all(session, scene.patient.user.id)
            assert await patient.closed(WITHIN) == 4403

    async def test_a_lost_role_closes_the_socket(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (_, doctor):
            async with transaction(sessions) as session:
                await session.execute(
                    sa.update(RoleGrant)
                    .where(
                        col(RoleGrant.user_id) == scene.doctor.user.id,
                        col(RoleGrant.role) == Role.DOCTOR,
                    )
                    .values(revoked_at=sa.func.app_now())
                )
            assert await doctor.closed(WITHIN) == 4403

    async def test_a_day_after_the_visit_the_doctors_socket_closes(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (patient, doctor):
            async with transaction(sessions) as session:
                own = factories.as_doctor(scene.doctor.user)
                await visits.depart(session, own, scene.booking.id)
                await visits.start(session, own, scene.booking.id)
                await visits.complete(session, own, scene.booking.id, 30, "ОРВИ")
            while (await doctor.until("status"))["status"] != "completed":
                pass
            await doctor.say("Выздоравливайте", "a")
            async with transaction(sessions) as session:
                await session.execute(
                    sa.text(
                        "UPDATE booking SET completed_at = completed_at"
                        " - interval '1 day' WHERE id = :id"
                    ),
                    {"id": scene.booking.id},
                )
            assert await doctor.closed(WITHIN) == 4403
            await patient.message("Выздоравливайте")


MALFORMED = [
    "",
    "{",
    "[]",
    "null",
    "1",
    '"send"',
    "{}",
    '{"type":"shout"}',
    '{"type":["send"]}',
    '{"type":"send"}',
    '{"type":"send","text":"x"}',
    '{"type":"send","text":"","client_id":"a"}',
    '{"type":"send","text":"x","client_id":""}',
    '{"type":"send","text":"x","client_id":"я"}',
    '{"type":"send","text":"x","client_id":1}',
    '{"type":"send","text":1,"client_id":"a"}',
    '{"type":"send","text":"x","client_id":"a","seq":1}',
    '{"type":"send","text":"x","client_id":"a","booking_id":"b"}',
    '{"type":"send","text":"a\\u0000b","client_id":"a"}',
    '{"type":"send","text":"\\ud800","client_id":"a"}',
    '{"type":"read"}',
    '{"type":"read","up_to_seq":-1}',
    '{"type":"read","up_to_seq":1.5}',
    '{"type":"read","up_to_seq":"1"}',
    '{"type":"read","up_to_seq":true}',
    '{"type":"read","up_to_seq":1e309}',
    '{"type":"read","up_to_seq":9223372036854775808}',
    '{"type":"typing","role":"dispatcher"}',
    '{"type":"ping","data":"x"}',
    "[" * 8000,
    '{"type":' * 1500,
    b"\x00\x01binary",
]


class TestA36:
    """Malformed, tiny and repeated input."""

    @pytest.mark.parametrize("frame", MALFORMED)
    async def test_a_malformed_frame_is_answered(
        self, scene: Scene, sessions: Sessions, frame: str | bytes
    ) -> None:
        async with scene.patient.talking() as phone:
            await phone.connection.send(frame)
            answer = await phone.until("error")
            assert answer["code"] == "validation_error"
            assert answer["errors"]
            await phone.send("ping")
            await phone.until("pong")
        assert await kept(sessions) == 0

    async def test_too_many_malformed_frames_end_the_socket(self, scene: Scene) -> None:
        async with scene.patient.talking() as phone:
            for _ in range(10):
                await phone.connection.send("{")
            assert await phone.closed() == 1008

    async def test_text_that_is_no_text_ends_the_socket(self, scene: Scene) -> None:
        async with scene.patient.talking() as phone:
            await phone.connection.send(b"\xff\xfe", text=True)
            assert await phone.closed() == 1007

    async def test_one_name_many_times_at_once_is_one_message(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with AsyncExitStack() as stack:
            phones = [
                await stack.enter_async_context(scene.patient.talking())
                for _ in range(5)
            ]
            acks = await asyncio.gather(*(each.say("Раз", "n") for each in phones))
            assert {ack["type"] for ack in acks} == {"ack"}
            assert len({ack["seq"] for ack in acks}) == 1
        assert await kept(sessions) == 1

    async def test_another_persons_name_for_a_message_is_free(
        self, scene: Scene
    ) -> None:
        async with both(scene) as (patient, doctor):
            first = await patient.say("Раз", "same")
            second = await doctor.say("Раз", "same")
            assert first["message_id"] != second["message_id"]


class TestA59:
    """Sockets as a weapon: floods, frames, readers, numbers."""

    async def test_a_frame_above_16_kilobytes_ends_the_socket(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with scene.patient.talking() as phone:
            await phone.send("send", text="x" * 17_000, client_id="a")
            assert await phone.closed() == 1009
        async with scene.patient.talking() as phone:
            long = {"type": "send", "text": "я" * 4000, "client_id": "a"}
            await phone.connection.send(json.dumps(long, ensure_ascii=False))
            await phone.until("ack")
        assert await kept(sessions) == 1

    async def test_a_large_frame_in_pieces_ends_the_socket(self, scene: Scene) -> None:
        async with scene.patient.talking() as phone:

            async def pieces() -> AsyncIterator[str]:
                for _ in range(17):
                    yield "x" * 1000
                # What came after the refusal would reset the line and hide its code.
                await asyncio.wait_for(phone.connection.wait_closed(), talking.SOON)

            with suppress(ConnectionClosed):
                await phone.connection.send(pieces())
            assert await phone.closed() == 1009

    async def test_a_compressed_frame_is_not_agreed_on(self, scene: Scene) -> None:
        async with scene.patient.talking(compression="deflate") as phone:
            assert phone.connection.protocol.extensions == []

    async def test_a_flood_of_1_000_frames_says_20_things(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with both(scene) as (patient, doctor):
            began = time.monotonic()
            with suppress(ConnectionClosed):
                for place in range(1000):
                    await patient.send("send", text="x", client_id=f"f{place}")
            assert await patient.closed(20) == 1008
            assert time.monotonic() - began < 20
            # The other side has lost nothing of its own.
            assert (await doctor.say("Алло", "a"))["type"] == "ack"
        errors = [each for each in patient.seen if each["type"] == "error"]
        assert {each["code"] for each in errors} <= {"too_many_requests"}
        assert all(1 <= each["retry_after"] <= chat.SECONDS for each in errors)
        assert all(each["client_id"].startswith("f") for each in errors)
        assert await kept(sessions) == chat.MOST + 1

    async def test_whoever_says_too_much_is_told_when_to_go_on(
        self, scene: Scene, sessions: Sessions
    ) -> None:
        async with scene.patient.talking() as phone:
            for place in range(chat.MOST):
                assert (await phone.say("x", f"c{place}"))["type"] == "ack"
            # The first is refused by the database, the next by the socket itself.
            for name in ("x1", "x2"):
                answer = await phone.say("x", name)
                assert answer["code"] == "too_many_requests"
                assert 1 <= answer["retry_after"] <= chat.SECONDS + 1
                assert answer["detail"]
        # A new socket is no new beginning.
        async with scene.patient.talking() as phone:
            assert (await phone.say("x", "x3"))["code"] == "too_many_requests"
        assert await kept(sessions) == chat.MOST

    async def test_a_slow_reader_has_to_come_back(
        self, scene: Scene, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chat_outbox, "MOST_WAITING", 150)
        # The system takes megabytes in a reader's stead unless told otherwise.
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", int(scene.doctor.address.rpartition(":")[2])))
        async with scene.doctor.talking(max_queue=1, sock=narrow) as doctor:
            await doctor.until("status")
            async with scene.patient.talking() as patient:
                last = 2 + 1000
                talk = asyncio.create_task(self.fill(sessions, scene, 100))
                while patient.numbers[-1:] != [last]:
                    await patient.next()
                await talk
            code = await doctor.closed(20)
            assert code == 1013
            seen = doctor.numbers
            assert seen == [*range(1, len(seen) + 1)]
            assert len(seen) < last
        async with scene.doctor.talking(seen[-1]) as doctor:
            while doctor.numbers[-1:] != [last]:
                await doctor.next()
            assert doctor.numbers == [*range(seen[-1] + 1, last + 1)]

    async def test_a_reader_who_takes_nothing_is_let_go(
        self,
        sessions: Sessions,
        scene: Scene,
        process: FastAPI,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(chat_outbox, "PATIENCE_SECONDS", 0.5)
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", int(scene.doctor.address.rpartition(":")[2])))
        hub = process.state.chat_hub
        async with scene.doctor.talking(max_queue=1, sock=narrow) as doctor:
            await doctor.until("status")
            assert not hub.is_empty
            await self.fill(sessions, scene, 40)
            await eventually(lambda: hub.is_empty)
            doctor.connection.transport.abort()

    async def fill(self, sessions: Sessions, scene: Scene, count: int) -> None:
        """Say long things past the limit of one sender, ten in each transaction."""
        for _ in range(count):
            async with transaction(sessions) as session:
                await session.execute(
                    sa.text(
                        "INSERT INTO message (id, booking_id, seq, kind, sender_role,"
                        " via, sender_id, text, data)"
                        " SELECT gen_random_uuid(), :id, g + (SELECT max(seq) FROM"
                        " message WHERE booking_id = :id), 'text', 'patient', 'api',"
                        " :sender, repeat('я', 4000), '{}'"
                        " FROM generate_series(1, 10) AS g"
                    ),
                    {"id": scene.booking.id, "sender": scene.patient.user.id},
                )
                await session.execute(
                    sa.text("SELECT pg_notify('tot_live', :said)"),
                    {
                        "said": json.dumps(
                            {"topic": "chat", "id": str(scene.booking.id)}
                        )
                    },
                )

    async def test_one_person_has_few_sockets(self, scene: Scene) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(scene.patient.talking())
            async with scene.patient.talking() as phone:
                assert await phone.closed() == 1013
            async with scene.doctor.talking() as doctor:
                await doctor.until("status")
        async with scene.patient.talking() as phone:
            await phone.until("status")

    async def test_1_000_idle_sockets_take_no_connection(
        self, sessions: Sessions, scene: Scene, process: FastAPI
    ) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(100):
                for url in await self.ten_doors(sessions, scene):
                    socket = connect(url, proxy=None, ping_interval=None)
                    await stack.enter_async_context(socket)
            pool = process.state.engine.pool
            out = []
            for _ in range(40):
                out.append(pool.checkedout())
                await asyncio.sleep(0.05)
            # The hub looks after all of them with one connection, now and then.
            assert max(out) <= 1
            assert out.count(0) >= 30
            async with AsyncClient(base_url=scene.patient.address) as client:
                answer = await client.get("/v1/bookings", headers=scene.patient.headers)
                assert answer.status_code == 200

    async def ten_doors(self, sessions: Sessions, scene: Scene) -> list[str]:
        async with transaction(sessions) as session:
            user = await factories.patient(session)
            booking = await factories.booking(session, user)
            own = factories.as_patient(user)
            link = await refresh_tokens.begin(session, user.id)
            tickets = [
                await chat_tickets.issue(session, own, link.family_id, booking.id)
                for _ in range(10)
            ]
        base = scene.patient.address.replace("http", "ws", 1)
        return [
            f"{base}/v1/bookings/{booking.id}/chat?ticket={each.token}"
            for each in tickets
        ]

    async def test_the_ticket_does_not_reach_the_servers_log(
        self, scene: Scene, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", logger="uvicorn.error")
        ticket = await scene.patient.ticket()
        async with connect(scene.patient.url(ticket), proxy=None) as connection:
            await Phone(connection).until("status")
        assert "accepted" in caplog.text
        assert ticket not in caplog.text
