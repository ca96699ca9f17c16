"""The conversation of a call over REST."""

import json
import uuid
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from sqlmodel import col, select

from models import Message, Role, RoleGrant, User
from models.booking import Status
from models.idempotency_record import IdempotencyRecord
from services import chat, rate_limits
from services.database import Sessions
from services.edges import transaction
from tests import factories, hostile
from tests.api import talking
from tests.api.helpers import is_problem, key, signed_in, wrong_fields
from tests.api.talking import Scene

TYPES = {"image/jpeg", "image/png"}


@pytest_asyncio.fixture(loop_scope="session")
async def scene(sessions: Sessions, client: AsyncClient) -> Scene:
    return await talking.scene(sessions, "http://testserver")


async def say(client: AsyncClient, who: talking.Talker, **body: Any) -> Response:
    return await client.post(f"{who.path}/messages", json=body, headers=who.headers)


async def show(
    client: AsyncClient, who: talking.Talker, file: Any = None, **fields: Any
) -> Response:
    found = ("snap.png", hostile.picture(), "text/html") if file is None else file
    return await client.post(
        f"{who.path}/messages",
        data=fields,
        files={"file": found},
        headers=who.headers,
    )


async def history(client: AsyncClient, who: talking.Talker, **query: Any) -> Any:
    answer = await client.get(f"{who.path}/messages", params=query, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_said_is_read_by_the_other_side(
    client: AsyncClient, scene: Scene
) -> None:
    said = await say(client, scene.patient, text="  Здравствуйте ", client_id="a-1")
    assert said.status_code == 201, said.text
    own = said.json()
    assert own == {
        "id": own["id"],
        "booking_id": str(scene.booking.id),
        "seq": own["seq"],
        "sender": {
            "id": str(scene.patient.user.id),
            "role": "patient",
            "name": scene.patient.user.full_name,
        },
        "kind": "text",
        "text": "Здравствуйте",
        "attachment": None,
        "hidden": False,
        "client_id": "a-1",
        "created_at": own["created_at"],
    }
    page = await history(client, scene.doctor, after_seq=own["seq"] - 1)
    assert page == {"items": [own | {"client_id": None}], "next_cursor": None}


async def test_the_history_is_read_onwards_in_pages(
    client: AsyncClient, scene: Scene
) -> None:
    for place in range(5):
        await say(client, scene.patient, text=str(place))
    whole = (await history(client, scene.doctor))["items"]
    numbers = [each["seq"] for each in whole]
    assert numbers == [*range(1, len(whole) + 1)]
    read, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await history(client, scene.doctor, **query)
        read += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert cursor == str(page["items"][-1]["seq"])
    assert read == whole
    # A whole last page has nothing after it.
    last = await history(client, scene.doctor, after_seq=numbers[-1] - 2, limit=2)
    assert (len(last["items"]), last["next_cursor"]) == (2, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after_seq", "-1"),
        ("after_seq", "x"),
        ("after_seq", "99999999999"),
        ("cursor", "abc"),
        ("limit", "0"),
        ("limit", "101"),
    ],
)
async def test_a_malformed_place_is_refused(
    client: AsyncClient, scene: Scene, name: str, value: str
) -> None:
    answer = await client.get(
        f"{scene.patient.path}/messages",
        params={name: value},
        headers=scene.patient.headers,
    )
    assert wrong_fields(answer) == {name}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "   "}, "text"),
        ({"text": "x" * 4001}, "text"),
        ({"text": "a\u202eb"}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": None}, "text"),
        ({"text": "x", "seq": 1}, "seq"),
        ({"text": "x", "sender_id": "y"}, "sender_id"),
        ({"text": "x", "kind": "system"}, "kind"),
        ({"text": "x", "client_id": "a b"}, "client_id"),
        ({"text": "x", "client_id": "x" * 65}, "client_id"),
    ],
)
async def test_a_malformed_message_is_refused(
    client: AsyncClient, scene: Scene, body: dict[str, Any], field: str
) -> None:
    assert wrong_fields(await say(client, scene.patient, **body)) == {field}


async def test_a_text_is_measured_in_characters_and_a_list_in_items(
    client: AsyncClient, scene: Scene
) -> None:
    long = await say(client, scene.patient, text="x" * 4001)
    assert [each["message"] for each in long.json()["errors"]] == [
        "At most 4000 characters are allowed."
    ]
    empty = await say(client, scene.patient, text="")
    assert "characters" in empty.json()["errors"][0]["message"]


async def test_a_message_is_json_or_a_form(client: AsyncClient, scene: Scene) -> None:
    own, path = scene.patient.headers, f"{scene.patient.path}/messages"
    plain = await client.post(path, content=b'{"text":"x"}', headers=own)
    assert wrong_fields(plain) == {"body"}
    json_type = own | {"content-type": "application/json"}
    broken = await client.post(path, content=b'{"text":', headers=json_type)
    is_problem(broken, 422, "validation_error")
    encoded = await client.post(path, data={"text": "x"}, headers=own)
    assert wrong_fields(encoded) == {"body"}


async def test_the_same_name_says_it_once(client: AsyncClient, scene: Scene) -> None:
    first = await say(client, scene.patient, text="Раз", client_id="n")
    again = await say(client, scene.patient, text="Раз", client_id="n")
    assert first.json() == again.json()
    other = await say(client, scene.patient, text="Два", client_id="n")
    is_problem(other, 422, "idempotency_key_reused")


async def test_a_key_is_answered_with_the_first_answer(
    client: AsyncClient, scene: Scene
) -> None:
    headers = scene.patient.headers | key()
    path = f"{scene.patient.path}/messages"
    first = await client.post(path, json={"text": "Раз"}, headers=headers)
    again = await client.post(path, json={"text": "Раз"}, headers=headers)
    assert (first.json(), "true") == (
        again.json(),
        again.headers["idempotency-replayed"],
    )
    parts: dict[str, Any] = {"file": ("a.png", hostile.picture(), "image/png")}
    headers = scene.patient.headers | key()
    shown = await client.post(path, files=parts, headers=headers)
    repeated = await client.post(path, files=parts, headers=headers)
    assert shown.json() == repeated.json()


async def test_a_picture_is_shown_and_saved(client: AsyncClient, scene: Scene) -> None:
    photo = ("IMG 1.jpg", hostile.photo_with_place(), "image/jpeg")
    said = await show(client, scene.patient, photo, text="Сыпь", client_id="")
    assert said.status_code == 201, said.text
    body = said.json()
    assert (body["kind"], body["text"]) == ("image", "Сыпь")
    assert body["attachment"]["file_name"] == "IMG 1.jpg"
    place = f"{scene.doctor.path}/messages/{body['id']}/file"
    file = await client.get(place, headers=scene.doctor.headers)
    assert file.status_code == 200
    assert len(file.content) == body["attachment"]["size_bytes"]
    assert file.headers["content-type"] == body["attachment"]["media_type"]
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in file.headers["content-security-policy"]
    assert b"GPS" not in file.content
    assert b"Exif" not in file.content


async def test_a_picture_needs_no_words(client: AsyncClient, scene: Scene) -> None:
    body = (await show(client, scene.doctor)).json()
    assert (body["kind"], body["text"]) == ("image", "")
    webp = ("x.webp", hostile.picture("WEBP"), "image/webp")
    kept = (await show(client, scene.doctor, webp)).json()["attachment"]
    assert kept["media_type"] in TYPES


async def test_only_pictures_are_taken(client: AsyncClient, scene: Scene) -> None:
    for content in (hostile.pdf(), b"<svg/>", hostile.zip_bomb()):
        answer = await show(client, scene.patient, ("a.png", content, "image/png"))
        assert answer.status_code == 422, answer.text
    path = f"{scene.patient.path}/messages"
    parts = {"other": ("a.png", hostile.picture(), "image/png")}
    answer = await client.post(path, files=parts, headers=scene.patient.headers)
    assert wrong_fields(answer) == {"file"}
    extra = await show(client, scene.patient, text="x", kind="system")
    assert wrong_fields(extra) == {"kind"}
    assert (await show(client, scene.patient, text="x" * 4001)).status_code == 422


async def test_a_large_body_is_for_pictures_of_those_signed_in(
    client: AsyncClient, scene: Scene
) -> None:
    path, big = f"{scene.patient.path}/messages", b"x" * 1_100_000
    own = scene.patient.headers
    parts = {"file": ("a.png", big, "image/png")}
    is_problem(await client.post(path, files=parts), 413, "too_large")
    assert (await client.post(path, files=parts, headers=own)).status_code == 422
    answer = await client.post(path, json={"text": "x" * 1_100_000}, headers=own)
    is_problem(answer, 413, "too_large")
    other = f"{scene.patient.path}/messages/read"
    is_problem(await client.post(other, files=parts, headers=own), 413, "too_large")


async def test_uploads_are_limited(
    client: AsyncClient, scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        for _ in range(30):
            await rate_limits.upload(session, scene.patient.user.id)
    is_problem(await show(client, scene.patient), 429, "too_many_requests")


async def test_there_is_no_file_where_there_is_no_picture(
    client: AsyncClient, scene: Scene, sessions: Sessions
) -> None:
    words = (await say(client, scene.patient, text="x")).json()["id"]
    other = await talking.scene(sessions, "http://testserver")
    foreign = (await show(client, other.patient)).json()["id"]
    for message_id in (words, foreign, uuid.uuid4()):
        place = f"{scene.patient.path}/messages/{message_id}/file"
        answer = await client.get(place, headers=scene.patient.headers)
        is_problem(answer, 404, "not_found")


async def test_what_is_not_read_is_counted(client: AsyncClient, scene: Scene) -> None:
    said = [(await say(client, scene.patient, text=str(n))).json() for n in range(3)]
    path, headers = f"{scene.doctor.path}/messages", scene.doctor.headers
    before = (await client.get(f"{path}/unread", headers=headers)).json()
    last = said[-1]["seq"]
    assert before == {"unread": 3, "up_to_seq": 0, "last_seq": last}
    seen = {"up_to_seq": said[1]["seq"]}
    answer = await client.post(f"{path}/read", json=seen, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    after = (await client.get(f"{path}/unread", headers=headers)).json()
    assert after == {"unread": 1, "up_to_seq": last - 1, "last_seq": last}


@pytest.mark.parametrize("value", [-1, "1", True, 1.5, None, 2**31])
async def test_a_malformed_mark_is_refused(
    client: AsyncClient, scene: Scene, value: Any
) -> None:
    path = f"{scene.patient.path}/messages/read"
    answer = await client.post(
        path, json={"up_to_seq": value}, headers=scene.patient.headers
    )
    assert wrong_fields(answer) == {"up_to_seq"}


async def test_a_ticket_is_good_for_half_a_minute(
    client: AsyncClient, scene: Scene, sessions: Sessions
) -> None:
    path = f"{scene.patient.path}/chat-ticket"
    headers = scene.patient.headers | key()
    first = await client.post(path, headers=headers)
    assert first.status_code == 201
    assert set(first.json()) == {"ticket", "expires_at"}
    # The answer to a key is kept for a day, and a ticket never is.
    again = await client.post(path, headers=headers)
    assert again.json()["ticket"] != first.json()["ticket"]
    async with transaction(sessions) as session:
        assert (await session.exec(select(IdempotencyRecord))).all() == []


async def test_tickets_are_limited(
    client: AsyncClient, scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        for _ in range(120):
            await rate_limits.chat_ticket(session, scene.doctor.user.id)
    answer = await client.post(
        f"{scene.doctor.path}/chat-ticket", headers=scene.doctor.headers
    )
    is_problem(answer, 429, "too_many_requests")


async def test_too_much_talk_is_refused(client: AsyncClient, scene: Scene) -> None:
    for place in range(chat.MOST):
        said = await say(client, scene.patient, text=str(place))
        assert said.status_code == 201
    answer = await say(client, scene.patient, text="Ещё")
    is_problem(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= chat.SECONDS
    assert (await say(client, scene.doctor, text="Да")).status_code == 201


async def doctor_who_is_ill(sessions: Sessions) -> tuple[talking.Talker, Scene]:
    """A doctor whose own call is another doctor's visit."""
    scene = await talking.scene(sessions, "http://testserver", Status.PENDING)
    async with transaction(sessions) as session:
        user = await session.get_one(User, scene.patient.user.id)
        session.add(RoleGrant(user_id=user.id, role=Role.DOCTOR, granted_by=user.id))
    return scene.patient, scene


async def test_a_doctor_talks_as_the_patient_in_their_own_call(
    client: AsyncClient, sessions: Sessions
) -> None:
    ill, _ = await doctor_who_is_ill(sessions)
    said = await say(client, ill, text="Это я, больной")
    assert said.json()["sender"]["role"] == "patient"


async def test_a_dispatcher_has_neither_id_nor_name(
    client: AsyncClient, scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        desk = factories.as_staff(scene.dispatcher)
        await chat.send(session, desk, scene.booking.id, "Врач выехал")
    page = await history(client, scene.patient)
    sender = page["items"][-1]["sender"]
    assert sender == {"id": None, "role": "dispatcher", "name": "Dispatcher"}
    assert page["items"][0]["sender"]["role"] == "system"
    assert scene.dispatcher.last_name not in json.dumps(page, ensure_ascii=False)


async def test_a_doctor_reads_on_from_where_they_were_asked(
    client: AsyncClient, sessions: Sessions
) -> None:
    scene = await talking.scene(sessions, "http://testserver", Status.PENDING)
    for place in range(5):
        await say(client, scene.patient, text=str(place))
    async with transaction(sessions) as session:
        await talking.assign(session, scene)
    await say(client, scene.patient, text="Вы скоро?")
    page = await history(client, scene.doctor, limit=2)
    texts = [each["text"] for each in page["items"]]
    assert texts[-1] == "Вы скоро?"
    assert page["items"][-1]["sender"] == {
        "id": None,
        "role": "patient",
        "name": "Patient",
    }
    assert page["next_cursor"] is None


async def test_others_find_nothing(
    client: AsyncClient, scene: Scene, sessions: Sessions
) -> None:
    other = await talking.scene(sessions, "http://testserver")
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        manager = await factories.clinic_manager(session, clinic)
    for headers, status in (
        (other.patient.headers, 404),
        (other.doctor.headers, 404),
        (await signed_in(sessions, manager), 403),
        ({}, 401),
    ):
        for answer in (
            await client.get(f"{scene.patient.path}/messages", headers=headers),
            await client.post(
                f"{scene.patient.path}/messages", json={"text": "x"}, headers=headers
            ),
            await client.post(
                f"{scene.patient.path}/messages",
                files={"file": ("a.png", hostile.picture(), "image/png")},
                headers=headers,
            ),
            await client.post(f"{scene.patient.path}/chat-ticket", headers=headers),
        ):
            assert answer.status_code == status, answer.text
    async with transaction(sessions) as session:
        query = select(Message).where(col(Message.sender_id).is_not(None))
        assert (await session.exec(query)).all() == []
