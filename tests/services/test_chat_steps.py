"""Numbers without gaps, whoever writes at once, and a record that nobody rewrites."""

import asyncio
import os

import pytest
import sqlalchemy as sa
from psycopg.errors import ForeignKeyViolation
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Message
from models.booking import Status
from services import assignments, chat, chat_steps, visits
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import DomainError, NotFound, TooManyRequests
from tests import factories
from tests.services.test_races import Act, race
from tests.talking import Talk, say, talk

ROUNDS = 1000 if os.environ.get("TOT_PROVE") else 50


async def numbers(session: AsyncSession, here: Talk) -> list[int]:
    query = select(Message.seq).where(col(Message.booking_id) == here.id)
    return list((await session.exec(query.order_by(col(Message.seq)))).all())


async def test_a_step_of_the_call_takes_a_number_too(session: AsyncSession) -> None:
    here = await talk(session, Status.PENDING)
    await say(session, here.patient, here.id, "Раз")
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    await say(session, here.doctor, here.id, "Два")
    query = select(Message).where(col(Message.booking_id) == here.id)
    rows = (await session.exec(query.order_by(col(Message.seq)))).all()
    assert [(row.seq, row.kind) for row in rows] == [
        (1, "text"),
        (2, "system"),
        (3, "text"),
    ]
    assert rows[1].event == "assign"
    assert rows[1].data == {"doctor_id": str(here.doctor_user.id)}
    assert (rows[1].via, rows[1].sender_id, rows[1].text) == ("console", None, None)


async def test_a_step_that_is_not_told_leaves_no_number(session: AsyncSession) -> None:
    here = await talk(session)
    before = await numbers(session, here)
    await chat_steps.tell(session, here.desk, here.id, "replan", {})
    assert await numbers(session, here) == before


@pytest.mark.parametrize(
    ("seq", "refusal"),
    [("max(seq) + 2", DBAPIError), ("max(seq)", DBAPIError), ("0", DBAPIError)],
)
async def test_the_database_takes_the_next_number_only(
    session: AsyncSession, seq: str, refusal: type[Exception]
) -> None:
    here = await talk(session)
    with pytest.raises(refusal, match="is not the next number"):
        await session.execute(
            sa.text(
                "INSERT INTO message (id, booking_id, seq, kind, sender_role, via,"
                f" event, data) SELECT gen_random_uuid(), :id, {seq}, 'system',"
                " 'system', 'job', 'accept', '{}' FROM message WHERE booking_id = :id"
            ),
            {"id": here.id},
        )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE message SET text = 'иначе' WHERE id = :id",
        "UPDATE message SET sender_id = NULL WHERE id = :id",
        "UPDATE message SET seq = 9 WHERE id = :id",
        "UPDATE message SET created_at = app_now() WHERE id = :id",
        "UPDATE message SET hidden_at = app_now(), hidden_by = :id, text = 'иначе'"
        " WHERE id = :id",
        "DELETE FROM message WHERE id = :id",
    ],
)
async def test_what_was_said_is_neither_rewritten_nor_deleted(
    session: AsyncSession, change: str
) -> None:
    here = await talk(session)
    sent = await say(session, here.patient, here.id, "Раз")
    with pytest.raises(DBAPIError, match=r"what was said stays|append-only|refuse"):
        await session.execute(sa.text(change), {"id": sent.id})


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE message SET hidden_at = NULL, hidden_by = NULL WHERE id = :id",
        "UPDATE message SET hidden_at = app_now() WHERE id = :id",
    ],
)
async def test_what_is_hidden_stays_hidden(session: AsyncSession, change: str) -> None:
    here = await talk(session)
    sent = await say(session, here.patient, here.id, "Раз")
    await chat.hide(session, here.desk, sent.id, "Так")
    with pytest.raises(DBAPIError, match="what was said stays"):
        await session.execute(sa.text(change), {"id": sent.id})


async def test_an_erasure_empties_and_changes_nothing_else(
    session: AsyncSession,
) -> None:
    here = await talk(session)
    sent = await say(session, here.patient, here.id, "Раз")
    await session.execute(sa.text("SET LOCAL tot.erasing = 'on'"))
    await session.execute(
        sa.text("UPDATE message SET text = '—', client_id = NULL WHERE id = :id"),
        {"id": sent.id},
    )
    for change in ("sender_role = 'doctor'", "storage_name = 'x'", "seq = 77"):
        with pytest.raises(DBAPIError, match="what was said stays"):
            async with session.begin_nested():
                await session.execute(
                    sa.text(f"UPDATE message SET {change} WHERE id = :id"),
                    {"id": sent.id},
                )


@pytest.mark.race
async def test_many_who_write_at_once_leave_no_gap(sessions: Sessions) -> None:
    """Each writer repeats one of their sentences; it stands there once."""
    async with transaction(sessions) as session:
        here = await talk(session)
        first = len(await numbers(session, here))
    made = 0
    for each in range(max(2, ROUNDS // 25)):
        writers = [
            lambda own, actor=actor, text=f"{each} {place}": chat.send(
                own, actor, here.id, text, text.replace(" ", "-")
            )
            for place, actor in enumerate((here.patient, here.doctor, here.desk) * 2)
        ]
        told = await race(sessions, *writers, *writers[:2])
        assert not [one for one in told if isinstance(one, Exception)]
        made += len(writers)
        async with transaction(sessions) as session:
            await forget_the_haste(session)
    async with transaction(sessions) as session:
        assert await numbers(session, here) == list(range(1, first + made + 1))


async def forget_the_haste(session: AsyncSession) -> None:
    """Let what was said be an hour old, so that the limit is not in the way."""
    await session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    await session.execute(
        sa.text("UPDATE message SET created_at = created_at - interval '1 hour'")
    )


@pytest.mark.race
async def test_one_name_sent_twice_at_once_says_it_once(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        here = await talk(session)
    for each in range(max(2, ROUNDS // 25)):
        told = await race(
            sessions,
            *(
                lambda own, name=f"c{each}": chat.send(
                    own, here.patient, here.id, "Раз", name
                )
                for _ in range(4)
            ),
        )
        assert len({getattr(one, "id", one) for one in told}) == 1


@pytest.mark.race
async def test_a_doctor_who_waits_while_the_call_is_taken_says_nothing(
    sessions: Sessions,
) -> None:
    """The message waits for the call's row, and finds that the call is another's."""
    async with transaction(sessions) as session:
        here = await talk(session)
    waits = asyncio.Event()

    async def taken_away(session: AsyncSession) -> None:
        await assignments.unassign(session, here.desk, here.id, None)
        waits.set()
        await asyncio.sleep(0.3)

    async def said_meanwhile() -> object:
        await waits.wait()
        try:
            return await in_transaction(
                sessions, lambda own: say(own, here.doctor, here.id, "Уже еду")
            )
        except DomainError as refusal:
            return refusal

    _, told = await asyncio.gather(
        in_transaction(sessions, taken_away), said_meanwhile()
    )
    assert isinstance(told, NotFound)


@pytest.mark.race
async def test_the_limit_of_one_sender_holds_across_calls(sessions: Sessions) -> None:
    """A dispatcher who talks in five calls at once says twenty things all the same."""
    async with transaction(sessions) as session:
        rooms = [await talk(session) for _ in range(5)]
    desk = rooms[0].desk

    async def send(number: int) -> object:
        room = rooms[number % len(rooms)]
        try:
            return await in_transaction(
                sessions, lambda own: say(own, desk, room.id, f"{number}")
            )
        except TooManyRequests as refusal:
            return refusal

    told = await asyncio.gather(*map(send, range(50)))
    assert sum(isinstance(each, Message) for each in told) == 20


def everybody_at_once(here: Talk) -> list[Act]:
    return [
        lambda own: visits.accept(own, here.doctor, here.id),
        lambda own: say(own, here.patient, here.id, "Раз"),
        lambda own: assignments.unassign(own, here.desk, here.id, None),
        lambda own: say(own, here.doctor, here.id, "Два"),
    ]


@pytest.mark.race
async def test_steps_and_words_at_once_leave_no_gap(sessions: Sessions) -> None:
    for _ in range(max(2, ROUNDS // 10)):
        async with transaction(sessions) as session:
            here = await talk(session, Status.ASSIGNED)
            before = len(await numbers(session, here))
        told = await race(
            sessions,
            *everybody_at_once(here),
        )
        done = sum(not isinstance(one, DomainError) for one in told)
        async with transaction(sessions) as session:
            found = await numbers(session, here)
        assert found == list(range(1, before + done + 1))


async def test_a_message_needs_a_call(session: AsyncSession) -> None:
    values = {"kind": "system", "sender_role": "system", "via": "job", "event": "x"}
    with pytest.raises(ForeignKeyViolation):
        async with session.begin_nested():
            await chat_steps.append(session, factories.nobody(), values)
