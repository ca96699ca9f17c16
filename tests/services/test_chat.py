"""What may be said in a call, how often, and how it is taken back."""

import uuid
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Message, MessageRead
from models.booking import Status
from models.message import MessageKind
from models.role_grant import Role
from services import chat, chat_reads, clock, files, live
from services.errors import (
    FileRefused,
    Forbidden,
    IdempotencyKeyReused,
    IllegalTransition,
    NotFound,
    TooManyRequests,
    ValidationFailed,
)
from services.i18n import use_locale
from tests import factories
from tests.conftest import settle
from tests.factories import as_staff
from tests.talking import Talk, said, say, seen, talk

HOUR = 3600


@pytest.fixture
async def here(session: AsyncSession) -> Talk:
    return await talk(session)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, uuid.UUID]]:
    """What was announced, in order; it is announced all the same."""
    heard: list[tuple[str, uuid.UUID]] = []
    really = live.notice

    def listen(topic: live.Topic, row: uuid.UUID) -> dict[str, str]:
        heard.append((topic.value, row))
        return really(topic, row)

    monkeypatch.setattr(live, "notice", listen)
    return heard


async def count(session: AsyncSession) -> int:
    return await session.scalar(sa.select(sa.func.count(col(Message.id)))) or 0


async def test_a_message_takes_the_next_number_and_wakes_who_listens(
    session: AsyncSession, here: Talk, told: list[tuple[str, uuid.UUID]]
) -> None:
    before = await count(session)
    sent = await chat.send(session, here.patient, here.id, "Здравствуйте", "c1")
    assert (sent.seq, sent.kind) == (before + 1, MessageKind.TEXT)
    assert (sent.sender_id, sent.sender_role) == (here.patient_user.id, Role.PATIENT)
    assert (sent.via, sent.text, sent.client_id) == ("api", "Здравствуйте", "c1")
    assert told == [("chat", here.id)]
    assert (await say(session, here.desk, here.id, "Да?")).seq == before + 2


async def test_the_same_name_says_a_thing_once(
    session: AsyncSession, here: Talk, told: list[tuple[str, uuid.UUID]]
) -> None:
    first = await chat.send(session, here.patient, here.id, "Раз", "c1")
    again = await chat.send(session, here.patient, here.id, "Раз", "c1")
    assert (again.id, again.seq) == (first.id, first.seq)
    assert told == [("chat", here.id)]
    with pytest.raises(IdempotencyKeyReused):
        await chat.send(session, here.patient, here.id, "Два", "c1")
    # The name is the sender's own.
    other = await chat.send(session, here.doctor, here.id, "Раз", "c1")
    assert other.seq == first.seq + 1


async def test_a_picture_sent_again_is_the_same_picture(
    session: AsyncSession, here: Talk
) -> None:
    async def show(text: str | None = None, **facts: str) -> Message:
        taken = factories.taken(**facts)
        return await chat.send(session, here.patient, here.id, text, "p", taken)

    first = await show()
    # A file that was cleaned anew has another place, and stays out of sight.
    assert (await show()).storage_name == first.storage_name
    for changed in (show("подпись"), show(sha256="0" * 64)):
        with pytest.raises(IdempotencyKeyReused):
            await changed
    with pytest.raises(IdempotencyKeyReused):
        await chat.send(session, here.patient, here.id, "текст", "p")


async def test_a_repeat_is_answered_even_after_the_end_and_above_the_limit(
    session: AsyncSession, here: Talk
) -> None:
    first = await chat.send(session, here.patient, here.id, "Раз", "c1")
    for number in range(19):
        await say(session, here.patient, here.id, f"{number}")
    with pytest.raises(TooManyRequests):
        await say(session, here.patient, here.id, "Ещё")
    again = await chat.send(session, here.patient, here.id, "Раз", "c1")
    assert again.id == first.id


async def test_twenty_messages_in_ten_seconds_are_enough(
    session: AsyncSession, here: Talk
) -> None:
    user = here.patient_user
    other = await factories.booking(session, user)
    for number in range(20):
        room = here.id if number % 2 else other.id
        await say(session, here.patient, room, f"{number}")
    with pytest.raises(TooManyRequests) as refusal:
        await say(session, here.patient, here.id, "Ещё")
    assert 1 <= refusal.value.facts["retry_after"] <= 10
    # It is the sender who is limited, not the conversation.
    await say(session, here.doctor, here.id, "Спокойно")
    await clock.shift(session, 10.5)
    await say(session, here.patient, here.id, "Ещё")


async def test_nothing_is_no_message(session: AsyncSession, here: Talk) -> None:
    for nothing in (None, ""):
        with pytest.raises(ValidationFailed):
            await chat.send(session, here.patient, here.id, nothing)


async def test_a_picture_is_kept_and_shown(session: AsyncSession, here: Talk) -> None:
    taken = factories.taken(file_name="язык.png")
    sent = await chat.send(session, here.patient, here.id, "Вот", "p", taken)
    assert (sent.kind, sent.text, sent.size_bytes) == (
        MessageKind.IMAGE,
        "Вот",
        taken.size_bytes,
    )
    for actor in (here.patient, here.doctor, here.desk):
        shown = await chat.picture(session, actor, here.id, sent.id)
        assert (shown.file_name, shown.media_type) == ("язык.png", "image/png")
        assert shown.content == taken.content
    assert files.path_of(taken.storage_name).is_file()
    line = (await seen(session, here.doctor, here.id))[-1]
    assert (line.file_name, line.media_type) == ("язык.png", "image/png")
    reads = select(AuditEvent).where(col(AuditEvent.action) == "read.chat")
    assert len((await session.exec(reads)).all()) == 1


async def test_a_paper_is_no_picture(session: AsyncSession, here: Talk) -> None:
    paper = replace(factories.taken(), media_type="application/pdf")
    with pytest.raises(FileRefused):
        await chat.send(session, here.patient, here.id, None, None, paper)
    assert not files.path_of(paper.storage_name).exists()


async def test_only_a_message_of_this_call_with_a_picture_shows_one(
    session: AsyncSession, here: Talk
) -> None:
    other = await factories.booking(session, here.patient_user)
    sent = await chat.send(
        session, here.patient, here.id, None, None, factories.taken()
    )
    words = await say(session, here.patient, here.id, "Слова")
    for booking_id, message_id in (
        (other.id, sent.id),
        (here.id, words.id),
        (here.id, uuid.uuid4()),
    ):
        with pytest.raises(NotFound):
            await chat.picture(session, here.patient, booking_id, message_id)


async def test_the_conversation_closes_hours_after_the_end(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.COMPLETED)
    first = await chat.send(session, here.patient, here.id, "Спасибо", "c1")
    await clock.shift(session, 24 * HOUR + 60)
    for actor in (here.patient, here.desk):
        with pytest.raises(IllegalTransition):
            await say(session, actor, here.id, "Ещё вопрос")
    again = await chat.send(session, here.patient, here.id, "Спасибо", "c1")
    assert again.id == first.id
    # It can still be read, marked as read, and tidied up.
    assert said(await seen(session, here.patient, here.id)) == ["Спасибо"]
    await chat.mark_read(session, here.patient, here.id, first.seq)
    await chat.hide(session, here.desk, first.id, "Лишнее")


async def test_a_hidden_message_reaches_dispatchers_only(
    session: AsyncSession, here: Talk, told: list[tuple[str, uuid.UUID]]
) -> None:
    sent = await say(session, here.doctor, here.id, "Грубость")
    told.clear()
    hidden = await chat.hide(session, here.desk, sent.id, "Брань")
    assert hidden.hidden_by == here.dispatcher_user.id
    assert told == [("chat_hidden", sent.id)]
    for locale, words in (
        ("en", "This message is hidden."),
        ("ru", "Сообщение скрыто."),
    ):
        with use_locale(locale):
            for actor in (here.patient, here.doctor):
                line = (await seen(session, actor, here.id))[-1]
                assert (line.text, line.hidden) == (words, True)
    line = (await seen(session, here.desk, here.id))[-1]
    assert (line.text, line.hidden) == ("Грубость", True)
    query = select(AuditEvent).where(col(AuditEvent.action) == "message.hidden")
    row = (await session.exec(query)).one()
    assert (row.object_type, row.object_id) == ("booking", here.id)
    assert row.data == {"seq": sent.seq, "reason": "Брань"}


async def test_a_hidden_picture_is_gone_for_the_others(
    session: AsyncSession, here: Talk
) -> None:
    sent = await chat.send(session, here.doctor, here.id, "Фу", None, factories.taken())
    await chat.hide(session, here.desk, sent.id, "Не то")
    for actor in (here.patient, here.doctor):
        with pytest.raises(NotFound):
            await chat.picture(session, actor, here.id, sent.id)
        line = (await seen(session, actor, here.id))[-1]
        assert (line.file_name, line.media_type, line.size_bytes) == (None, None, None)
        assert "Фу" not in line.text
    assert (await chat.picture(session, here.desk, here.id, sent.id)).content
    assert (await seen(session, here.desk, here.id))[-1].file_name == "diploma.png"


async def test_what_is_hidden_stays_hidden_and_what_nobody_wrote_stays(
    session: AsyncSession, here: Talk
) -> None:
    sent = await say(session, here.doctor, here.id, "Грубость")
    for reason in ("", "  "):
        with pytest.raises(ValidationFailed):
            await chat.hide(session, here.desk, sent.id, reason)
    await chat.hide(session, here.desk, sent.id, "Брань")
    again = as_staff(await factories.dispatcher(session))
    with pytest.raises(IllegalTransition):
        await chat.hide(session, again, sent.id, "Брань")
    system = (await seen(session, here.desk, here.id))[0]
    assert system.kind == "system"
    with pytest.raises(IllegalTransition):
        await chat.hide(session, here.desk, system.id, "Лишнее")
    with pytest.raises(NotFound):
        await chat.hide(session, here.desk, uuid.uuid4(), "Брань")


async def test_only_dispatchers_hide(session: AsyncSession, here: Talk) -> None:
    sent = await say(session, here.doctor, here.id, "Грубость")
    for actor in (here.patient, here.doctor):
        with pytest.raises(Forbidden):
            await chat.hide(session, actor, sent.id, "Брань")


async def mark(session: AsyncSession, here: Talk, role: Role) -> int | None:
    query = select(MessageRead.up_to_seq).where(
        col(MessageRead.booking_id) == here.id, col(MessageRead.role) == role
    )
    return (await session.exec(query)).one_or_none()


async def test_marks_go_neither_back_nor_past_the_end(
    session: AsyncSession, here: Talk, told: list[tuple[str, uuid.UUID]]
) -> None:
    for number in range(3):
        await say(session, here.patient, here.id, f"{number}")
    last = await count(session)
    told.clear()
    for up_to, then in ((2, 2), (1, 2), (-4, 2), (10**12, last), (last, last)):
        await chat.mark_read(session, here.doctor, here.id, up_to)
        assert await mark(session, here, Role.DOCTOR) == then
    # Only what moves the mark is news.
    assert told == [("chat_read", here.id)] * 2


async def test_a_conversation_without_words_is_read_to_nothing(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.PENDING)
    for up_to in (5, -5):
        await chat.mark_read(session, here.patient, here.id, up_to)
        assert await mark(session, here, Role.PATIENT) == 0


async def test_all_dispatchers_read_as_one(session: AsyncSession, here: Talk) -> None:
    await say(session, here.patient, here.id, "Ау")
    another = as_staff(await factories.dispatcher(session))
    assert (await chat_reads.unread(session, another, here.id)).unread == 1
    await chat.mark_read(session, here.desk, here.id, 99)
    assert (await chat_reads.unread(session, another, here.id)).unread == 0
    assert (await chat_reads.unread(session, here.doctor, here.id)).unread == 1
    await settle(session)


@pytest.mark.parametrize("side", ["patient", "doctor", "desk"])
async def test_who_is_typing_is_told_by_their_part_alone(
    session: AsyncSession, here: Talk, told: list[tuple[str, uuid.UUID]], side: str
) -> None:
    actor = getattr(here, side)
    await chat.typing(session, actor, here.id)
    assert told == [(f"typing_{actor.acting_as.value}", here.id)]
