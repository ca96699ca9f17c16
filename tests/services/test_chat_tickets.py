"""Tickets to a conversation, who may still listen, and what is new there."""

import uuid
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Message, RoleGrant
from models.booking import Status
from models.message import ChatTicket
from models.role_grant import Role
from services import (
    assignments,
    chat,
    chat_news,
    chat_reads,
    chat_tickets,
    chat_watch,
    clock,
    housekeeping,
    refresh_tokens,
    settings,
    staff,
)
from services.chat_news import PAGE, Want
from services.chat_watch import Seat
from services.errors import NotFound
from tests import factories
from tests.factories import as_doctor
from tests.talking import Talk, say, talk

HOUR = 3600


@pytest.fixture
async def here(session: AsyncSession) -> Talk:
    return await talk(session)


async def ticket(session: AsyncSession, here: Talk) -> chat_tickets.Ticket:
    link = await refresh_tokens.begin(session, here.patient.user_id)
    return await chat_tickets.issue(session, here.patient, link.family_id, here.id)


async def seat(session: AsyncSession, here: Talk, role: Role = Role.DOCTOR) -> Seat:
    actor = here.doctor if role is Role.DOCTOR else here.patient
    link = await refresh_tokens.begin(session, actor.user_id)
    made = await chat_tickets.issue(session, actor, link.family_id, here.id)
    found = await chat_tickets.redeem(session, made.token, here.id)
    assert found is not None
    return found


async def test_a_ticket_opens_once(session: AsyncSession, here: Talk) -> None:
    made = await ticket(session, here)
    found = await chat_tickets.redeem(session, made.token, here.id)
    assert found is not None
    assert (found.actor, found.booking_id) == (here.patient, here.id)
    assert found.locale == "ru"
    assert found.speaking("en").locale == "en"
    assert await chat_tickets.redeem(session, made.token, here.id) is None


async def test_only_the_hash_of_a_ticket_is_kept(
    session: AsyncSession, here: Talk
) -> None:
    made = await ticket(session, here)
    assert len(made.token) >= 22
    row = (await session.scalars(sa.select(ChatTicket))).one()
    assert made.token not in str(row.model_dump())
    assert row.expires_at == made.expires_at


async def test_a_ticket_lives_for_half_a_minute(
    session: AsyncSession, here: Talk
) -> None:
    made = await ticket(session, here)
    await clock.shift(session, 31)
    assert await chat_tickets.redeem(session, made.token, here.id) is None
    await clock.shift(session, 29)
    assert await chat_tickets.redeem(session, made.token, here.id) is not None


async def test_a_ticket_is_for_one_conversation(
    session: AsyncSession, here: Talk
) -> None:
    made = await ticket(session, here)
    assert await chat_tickets.redeem(session, made.token, factories.nobody()) is None
    assert await chat_tickets.redeem(session, made.token + "x", here.id) is None
    assert await chat_tickets.redeem(session, "x" * 10_000, here.id) is None
    assert await chat_tickets.redeem(session, made.token, here.id) is not None


async def test_nobody_from_outside_gets_a_ticket(
    session: AsyncSession, here: Talk
) -> None:
    stranger = as_doctor(await factories.doctor(session))
    with pytest.raises(NotFound):
        await chat_tickets.issue(session, stranger, factories.nobody(), here.id)


async def test_old_tickets_are_tidied_away(session: AsyncSession, here: Talk) -> None:
    await ticket(session, here)
    assert (await housekeeping.tidy(session))["chat_ticket"] == 0
    await clock.shift(session, 2 * HOUR)
    assert (await housekeeping.tidy(session))["chat_ticket"] == 1


async def test_whoever_has_every_right_stands(
    session: AsyncSession, here: Talk
) -> None:
    both = [await seat(session, here, role) for role in (Role.DOCTOR, Role.PATIENT)]
    assert await chat_watch.standing(session, both) == set(both)
    assert await chat_watch.standing(session, []) == set()


async def test_a_sign_out_is_seen(session: AsyncSession, here: Talk) -> None:
    own = await seat(session, here)
    other = await seat(session, here)
    await refresh_tokens.revoke_family(session, own.family_id)
    assert await chat_watch.standing(session, [own, other]) == {other}


async def test_a_block_and_a_lost_role_are_seen(
    session: AsyncSession, here: Talk
) -> None:
    own = await seat(session, here, Role.PATIENT)
    foreign = replace(own, user_id=here.doctor.user_id)
    older = replace(own, version=own.version - 1)
    assert await chat_watch.standing(session, [foreign, older]) == set()
    admin = factories.as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    await session.execute(
        sa.update(RoleGrant)
        .where(col(RoleGrant.user_id) == own.user_id)
        .values(revoked_at=sa.func.app_now())
    )
    assert await chat_watch.standing(session, [own]) == set()
    doctors = await seat(session, here)
    await staff.block(session, admin, doctors.user_id, "Жалоба")
    assert await chat_watch.standing(session, [doctors]) == set()


async def test_the_end_of_a_doctors_right_is_seen(session: AsyncSession) -> None:
    here = await talk(session, Status.COMPLETED)
    own, patients = await seat(session, here), await seat(session, here, Role.PATIENT)
    assert await chat_watch.standing(session, [own]) == {own}
    hours = settings.DEFINITIONS[settings.DOCTOR_ACCESS_HOURS].default
    await clock.shift(session, hours * HOUR + 1)
    assert await chat_watch.standing(session, [own, patients]) == {patients}


async def test_news_come_in_pages(session: AsyncSession, here: Talk) -> None:
    first = await say(session, here.desk, here.id, "Раз")
    for _ in range(PAGE):
        await session.execute(
            sa.text(
                "INSERT INTO message (id, booking_id, seq, kind, sender_role, via,"
                " event, data) SELECT gen_random_uuid(), :id, 1 + max(seq), 'system',"
                " 'system', 'job', 'cancel', '{}' FROM message WHERE booking_id = :id"
            ),
            {"id": here.id},
        )
    wants = [Want(here.id, first.seq - 1), Want(here.id, first.seq + PAGE - 1)]
    page, rest = await chat_news.read(session, wants)
    assert page is not None
    assert rest is not None
    assert (page.full, len(page.fresh)) == (True, PAGE)
    assert (rest.full, [each.message.seq for each in rest.fresh]) == (
        False,
        [first.seq + PAGE],
    )
    assert page.fresh[0].message.text == "Раз"
    assert page.fresh[0].sender is not None
    assert page.room.holds(Role.DOCTOR, here.doctor.user_id)


async def test_news_name_the_doctor_of_a_step(
    session: AsyncSession, here: Talk
) -> None:
    [news] = await chat_news.read(session, [Want(here.id, 0)])
    assert news is not None
    named = [each.doctor.last_name for each in news.fresh if each.doctor is not None]
    assert named
    assert set(named) == {here.doctor_user.last_name}


async def test_news_tell_marks_and_what_was_hidden(
    session: AsyncSession, here: Talk
) -> None:
    bad = await say(session, here.patient, here.id, "Грубость")
    last = await say(session, here.desk, here.id, "Спокойно")
    await chat.hide(session, here.desk, bad.id, "Брань")
    await chat.mark_read(session, here.doctor, here.id, bad.seq)
    await chat.mark_read(session, here.desk, here.id, last.seq)
    wants = [Want(here.id, last.seq), Want(here.id, last.seq, whole=True)]
    some, whole = await chat_news.read(session, wants)
    assert some is not None
    assert whole is not None
    assert (some.fresh, some.hidden, whole.fresh) == ([], [], [])
    assert [each.message.id for each in whole.hidden] == [bad.id]
    assert some.marks == {Role.DOCTOR: bad.seq, Role.DISPATCHER: last.seq}


async def test_the_mark_of_a_doctor_who_has_left_is_no_news(
    session: AsyncSession, here: Talk
) -> None:
    said = await say(session, here.patient, here.id, "Где вы?")
    await chat.mark_read(session, here.doctor, here.id, said.seq)
    version = here.booking.version
    await assignments.unassign(session, here.desk, here.id, version, "Застрял")
    [news] = await chat_news.read(session, [Want(here.id, said.seq)])
    assert news is not None
    assert news.marks == {}
    assert not news.room.holds(Role.DOCTOR, here.doctor.user_id)


async def test_a_message_is_shown_to_whoever_wrote_it(
    session: AsyncSession, here: Talk
) -> None:
    said = await chat.send(session, here.doctor, here.id, "Еду", "c1")
    line = await chat_reads.line_of(session, here.doctor, said)
    assert (line.text, line.client_id) == ("Еду", "c1")
    assert line.name == here.doctor_user.full_name


async def test_there_are_no_news_of_what_there_is_not(
    session: AsyncSession, here: Talk
) -> None:
    said = await say(session, here.patient, here.id, "Здесь")
    assert await chat_news.read(session, [Want(factories.nobody(), 0)]) == [None]
    assert await chat_news.read(session, []) == []
    found = await chat_news.calls_of(session, [said.id, uuid.uuid4()])
    assert found == {here.id}
    assert isinstance(said, Message)
