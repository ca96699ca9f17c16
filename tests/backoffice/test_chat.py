"""The dispatchers' side of a conversation: read, write, hide, mark, list."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from models import AuditEvent, Message, MessageRead
from models.booking import Status
from models.role_grant import Role
from services import chat, chat_desk, clock
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import at_desk, call_in, text_of
from tests.backoffice.talk_desk import JSON, Talk, at_talk

pytestmark = pytest.mark.asyncio(loop_scope="session")
XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</textarea>{{7*7}}<svg onload=alert(3)>",
)


async def test_messages_are_drawn_with_names_and_parts(talk: Talk) -> None:
    await talk.say(talk.patient, "Когда приедет врач?")
    await talk.say(talk.doctor, "Буду через 20 минут")
    answer = await talk.post("send", text="  Врач в пути  ", client_id="one")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    said = await talk.read()
    drawn = "".join(each["html"] for each in said["messages"])
    for wanted in ("Когда приедет врач?", "m-doctor", "is-mine", ">Врач в пути<"):
        assert wanted in drawn
    assert [each["seq"] for each in said["messages"]] == [*range(1, said["last"] + 1)]
    assert said["messages"][-1]["client_id"] == "one"
    assert [each["role"] for each in said["people"]] == ["patient", "doctor"]
    assert (said["closed"], said["unread"]) == (False, 2)
    page = text_of(await talk.desk.get(talk.path))
    assert "Когда приедет врач?" in page
    assert "Doctor Орлов Д. И. has accepted the call." in page


async def test_a_repeated_send_says_it_once(talk: Talk) -> None:
    first = await talk.post("send", text="Здравствуйте", client_id="same")
    again = await talk.post("send", text="Здравствуйте", client_id="same")
    assert first.json()["seq"] == again.json()["seq"]
    other = await talk.post("send", text="Другое", client_id="same")
    assert other.status_code == 422
    assert len([row for row in await talk.all(Message) if row.text]) == 1


async def test_what_comes_after_a_number_is_read_alone(talk: Talk) -> None:
    first = await talk.say(talk.patient, "раз")
    await talk.say(talk.patient, "два")
    assert len((await talk.read(f"?after_seq={first.seq}"))["messages"]) == 1
    before = await talk.read(f"?before_seq={first.seq}")
    assert [each["seq"] for each in before["messages"]] == [*range(1, first.seq)]
    assert (await talk.read("?before_seq=1"))["messages"] == []
    assert (await talk.read("?before_seq=-5"))["messages"] == []
    refused = await talk.desk.get(f"{talk.path}?after_seq=x", headers=JSON)
    assert refused.status_code == 422


async def test_the_desk_is_one_side_and_the_others_marks_are_shown(
    talk: Talk, app: FastAPI
) -> None:
    await talk.say(talk.patient, "Вы где?")
    await talk.post("send", text="Едем")
    seq = (await talk.read())["last"]
    async with transaction(talk.sessions) as session:
        await chat.mark_read(session, talk.patient, talk.booking.id, seq)
    said = await talk.read()
    assert said["read"] == {"patient": seq, "doctor": 0}
    mine = said["messages"][-1]["html"]
    assert mine.count("mk is-read") == 1
    assert "The patient has read it" in mine
    assert "The doctor has not read it" in mine
    assert said["unread"] == 1
    assert (await talk.post("read", up_to_seq=seq)).status_code == 200
    async with at_desk(app, talk.sessions, first_name="Олег") as other:
        answer = await other.get(talk.path, headers=JSON)
        assert (answer.json()["unread"], answer.json()["mine"]) == (0, seq)
    marks = {(row.role, row.user_id is None) for row in await talk.all(MessageRead)}
    assert marks == {(Role.PATIENT, False), (Role.DISPATCHER, True)}


async def test_opening_is_journalled_once(talk: Talk) -> None:
    for _ in range(2):
        await talk.read()
    reads = [row for row in await talk.all(AuditEvent) if row.action == "read.chat"]
    assert [row.object_id for row in reads] == [talk.booking.id]


async def test_a_hidden_message_stays_for_staff_and_the_reason_for_the_journal(
    talk: Talk,
) -> None:
    bad = await talk.say(talk.patient, "Плохие слова")
    refused = await talk.post(f"{bad.id}/hide", reason=" ")
    assert refused.status_code == 422
    hidden = await talk.post(f"{bad.id}/hide", reason="Оскорбления")
    assert hidden.status_code == 200
    said = await talk.read()
    html = said["messages"][-1]["html"]
    assert "is-hidden" in html
    assert "data-hide" not in html
    assert f"hidden by {talk.desk.user.short_name}," in said["hidden"][str(bad.seq)]
    assert said["unread"] == 0
    rows = [r for r in await talk.all(AuditEvent) if r.action == "message.hidden"]
    assert [row.data["reason"] for row in rows] == ["Оскорбления"]
    assert (await talk.post(f"{bad.id}/hide", reason="ещё раз")).status_code == 409
    assert (await talk.post(f"{make.nobody()}/hide", reason="x")).status_code == 404


async def test_typing_is_told_and_nothing_kept(talk: Talk) -> None:
    assert (await talk.post("typing")).status_code == 200
    assert [row for row in await talk.all(Message) if row.text] == []


@pytest.mark.parametrize("payload", XSS)
async def test_texts_and_names_are_only_text(
    talk: Talk, payload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with transaction(talk.sessions) as session:
        await session.execute(
            sa.text("UPDATE app_user SET last_name = :name WHERE id = :id"),
            {"name": payload, "id": talk.patient.user_id},
        )
    bad = await talk.say(talk.patient, payload)
    await talk.post(f"{bad.id}/hide", reason=payload)
    drawn = (await talk.read())["messages"][-1]["html"]
    page = (await talk.desk.get(talk.path)).text
    for html in (drawn, page):
        assert payload not in html
        for tag in ("<script>alert", "<img src=x", "<svg"):
            assert tag not in html.replace('<svg class="logo-mark"', "")


async def test_without_script_the_page_is_a_list_and_a_form(talk: Talk) -> None:
    await talk.say(talk.patient, "Когда приедет врач?")
    page = (await talk.desk.get(talk.path)).text
    name = page.split('name="client_id" value="')[1].split('"')[0]
    for _ in range(2):
        sent = await talk.desk.post(f"{talk.path}/send", text="Скоро", client_id=name)
        assert (sent.status_code, sent.headers["location"]) == (303, talk.path)
    assert [row.text for row in await talk.all(Message)].count("Скоро") == 1
    seq = (await talk.read())["last"]
    marked = await talk.desk.post(f"{talk.path}/read", up_to_seq=seq)
    assert marked.status_code == 303
    assert (await talk.read())["unread"] == 0
    said = (await talk.all(Message))[-1]
    asking = (await talk.desk.get(f"{talk.path}?hide={said.id}")).text
    assert f'action="{talk.path}/{said.id}/hide"' in asking


async def test_a_refused_form_keeps_what_was_typed(talk: Talk) -> None:
    for n in range(chat.MOST):
        await talk.post("send", text=f"сообщение {n}")
    refused = await talk.desk.post(f"{talk.path}/send", text="Двадцать первое")
    assert refused.status_code == 429
    assert ">Двадцать первое</textarea>" in refused.text
    script = await talk.post("send", text="Двадцать первое")
    assert script.status_code == 429
    assert int(script.headers["retry-after"]) >= 1


async def test_nothing_empty_and_nothing_endless_is_sent(talk: Talk) -> None:
    assert (await talk.post("send", text="   ")).status_code == 422
    assert (await talk.post("send", text="я" * 4001)).status_code == 422
    assert (await talk.post("send", text="я", client_id="?!")).status_code == 422
    lost = await talk.desk.post(
        f"/admin/calls/{make.nobody()}/chat/send", text="Кому?", client_id="x"
    )
    assert lost.status_code == 404


async def test_nobody_talks_about_a_call_of_their_own(
    app: FastAPI, sessions: Sessions
) -> None:
    async with at_desk(app, sessions) as desk:
        async with transaction(sessions) as session:
            own = await make.booking(session, desk.user)
        answer = await desk.get(f"/admin/calls/{own.id}/chat", headers=JSON)
        assert answer.status_code == 403
        card = await desk.get(f"/admin/booking/{own.id}")
        assert card.status_code == 200
        assert "data-chat-open" not in card.text


async def test_the_list_has_unread_first_and_no_word_of_what_was_said(
    app: FastAPI, sessions: Sessions
) -> None:
    async with (
        at_talk(app, sessions) as talk,
        at_talk(app, sessions, Status.PENDING) as quiet,
    ):
        await talk.say(talk.patient, "Секретная жалоба")
        await quiet.say(quiet.patient, "Прочитанное")
        await quiet.post("read", up_to_seq=99)
        answer = await talk.desk.get("/admin/chats")
        page = text_of(answer)
        assert "Секретная жалоба" not in answer.text
        assert page.index(talk.booking.label) < page.index(quiet.booking.label)
        assert "The patient wrote last" in page
        assert "1 unread message" in page
        reads = await talk.all(AuditEvent)
        assert "read.chat" not in {row.action for row in reads}


def badge(page: str) -> str:
    """The number beside «Чаты» in the rail."""
    mark = page.split("data-talks", 1)[1].split("</b>", 1)[0]
    return "" if "hidden" in mark else mark.split(">")[1]


async def test_every_page_says_how_many_conversations_wait(
    app: FastAPI, sessions: Sessions
) -> None:
    async with at_talk(app, sessions) as talk:
        assert badge((await talk.desk.get("/admin/chats")).text) == ""
        await talk.say(talk.patient, "Когда?")
        await talk.say(talk.patient, "Ну когда же?")
        card = f"/admin/booking/{talk.booking.id}"
        for path in ("/admin/", "/admin/board", "/admin/chats", "/admin/me", card):
            assert badge((await talk.desk.get(path)).text) == "1", path
        listed = (await talk.desk.get("/admin/chats")).text
        assert "waits less than a minute" in listed
        await talk.post("read", up_to_seq=99)
        async with transaction(sessions) as session:
            await clock.shift(session, -720)
            await chat.send(session, talk.patient, talk.booking.id, "Давно")
        listed = (await talk.desk.get("/admin/chats")).text
        assert 'class="is-red">waits 12 min' in listed
        await talk.post("read", up_to_seq=99)
        assert badge((await talk.desk.get("/admin/")).text) == ""
    async with at_desk(app, sessions, Role.FINANCE) as money:
        assert "data-talks" not in (await money.get("/admin/")).text


async def test_a_page_without_the_number_is_still_a_page(
    app: FastAPI, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise OSError

    async with at_desk(app, sessions) as desk:
        monkeypatch.setattr(chat_desk, "waiting", lost)
        answer = await desk.get("/admin/me")
        assert answer.status_code == 200
        assert badge(answer.text) == ""


async def test_an_empty_list_says_so(app: FastAPI, sessions: Sessions) -> None:
    async with at_desk(app, sessions) as desk:
        await call_in(sessions, desk)
        page = text_of(await desk.get("/admin/chats"))
        assert "Nobody has written in the last seven days" in page


async def test_the_card_counts_and_offers_the_conversation(talk: Talk) -> None:
    await talk.say(talk.patient, "Когда?")
    await talk.say(talk.doctor, "Еду")
    page = (await talk.desk.get(f"/admin/booking/{talk.booking.id}")).text
    assert "data-chat-unread>2</b>" in page
    assert "Когда?" not in page
    acts = await talk.desk.get(f"/admin/board/calls/{talk.booking.id}/card")
    assert '<b class="talk-n">2</b>' in acts.json()["acts"]
