"""What each side reads of a conversation, and how much of it is new to them."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from services import assignments, chat, chat_reads, clock
from services.actor import Actor
from services.chat_reads import Unread
from services.i18n import use_locale
from tests import factories
from tests.factories import as_staff
from tests.talking import Talk, say, seen, talk


@pytest.fixture
async def here(session: AsyncSession) -> Talk:
    return await talk(session)


async def unread(session: AsyncSession, actor: Actor, here: Talk) -> Unread:
    return await chat_reads.unread(session, actor, here.id)


async def test_history_goes_on_from_a_number_oldest_first(
    session: AsyncSession, here: Talk
) -> None:
    for number in range(4):
        await say(session, here.patient, here.id, f"{number}")
    whole = await seen(session, here.patient, here.id)
    assert [line.seq for line in whole] == list(range(1, len(whole) + 1))
    assert await chat_reads.history(session, here.patient, here.id, 3) == whole[3:]
    page = await chat_reads.history(session, here.patient, here.id, 1, 2)
    assert page == whole[1:3]
    assert await chat_reads.history(session, here.patient, here.id, 99) == []


async def test_one_page_holds_a_hundred_at_most(
    session: AsyncSession, here: Talk
) -> None:
    assert chat_reads.AT_MOST == 100
    for minutes in range(1, 8):
        for number in range(15):
            await say(session, here.patient, here.id, f"{number}")
        await clock.shift(session, 60 * minutes)
    assert len(await seen(session, here.patient, here.id)) == 100


async def test_staff_read_names_and_others_know_a_dispatcher_as_such(
    session: AsyncSession, here: Talk
) -> None:
    for actor in (here.patient, here.doctor, here.desk):
        await say(session, actor, here.id, "Я")
    patient, doctor = here.patient_user, here.doctor_user
    outside = [patient.full_name, doctor.full_name, "Диспетчер"]
    inside = [each.short_name for each in (patient, doctor, here.dispatcher_user)]
    for reader, names in (
        (here.patient, outside),
        (here.doctor, outside),
        (here.desk, inside),
    ):
        lines = await seen(session, reader, here.id)
        assert [line.name for line in lines[-3:]] == names
        assert {line.name for line in lines[:-3]} == {""}
    with use_locale("en"):
        assert (await seen(session, here.patient, here.id))[-1].name == "Dispatcher"


async def test_the_senders_own_name_of_a_message_is_told_to_them_alone(
    session: AsyncSession, here: Talk
) -> None:
    await chat.send(session, here.patient, here.id, "Раз", "own-1")
    for reader, told in (
        (here.patient, "own-1"),
        (here.doctor, None),
        (here.desk, None),
    ):
        assert (await seen(session, reader, here.id))[-1].client_id == told


async def test_unread_is_what_others_wrote_after_the_mark(
    session: AsyncSession, here: Talk
) -> None:
    first = await say(session, here.patient, here.id, "Раз")
    await say(session, here.desk, here.id, "Два")
    last = await say(session, here.doctor, here.id, "Три")
    for actor in (here.patient, here.doctor, here.desk):
        # Two of the others; neither one's own nor what the conversation says.
        assert await unread(session, actor, here) == Unread(2, 0, last.seq)
    await chat.mark_read(session, here.doctor, here.id, first.seq)
    assert await unread(session, here.doctor, here) == Unread(1, first.seq, last.seq)
    await chat.mark_read(session, here.doctor, here.id, last.seq)
    assert await unread(session, here.doctor, here) == Unread(0, last.seq, last.seq)
    # Another side's mark is another side's.
    assert (await unread(session, here.patient, here)).unread == 2


async def test_a_message_of_a_colleague_is_not_news_at_the_desk(
    session: AsyncSession, here: Talk
) -> None:
    await say(session, here.desk, here.id, "Раз")
    another = as_staff(await factories.dispatcher(session))
    assert (await unread(session, another, here)).unread == 0
    assert (await unread(session, here.patient, here)).unread == 1


async def test_what_was_hidden_is_not_waited_for(
    session: AsyncSession, here: Talk
) -> None:
    sent = await say(session, here.doctor, here.id, "Грубость")
    assert (await unread(session, here.patient, here)).unread == 1
    await chat.hide(session, here.desk, sent.id, "Брань")
    assert (await unread(session, here.patient, here)).unread == 0


async def test_a_conversation_without_words_has_nothing_unread(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.PENDING)
    assert await unread(session, here.patient, here) == Unread(0, 0, 0)


async def test_ones_own_words_of_an_earlier_turn_are_shown_when_said_again(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.ASSIGNED)
    first = await chat.send(session, here.doctor, here.id, "Еду", "c1")
    await assignments.unassign(session, here.desk, here.id, None)
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    again = await chat.send(session, here.doctor, here.id, "Еду", "c1")
    assert again.id == first.id
    line = await chat_reads.line_of(session, here.doctor, again)
    assert (line.seq, line.text) == (first.seq, "Еду")
