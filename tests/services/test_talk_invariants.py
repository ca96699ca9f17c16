"""Every rule of talk holds for what services make, and sees what is planted for it."""

from collections.abc import Mapping

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from services import chat, invariants
from services.talk_invariant_rules import TALK_RULES
from tests import factories
from tests.conftest import settle
from tests.talking import Talk, say, talk

LINKED = (
    "INSERT INTO telegram_link (id, user_id, state, code_hash, expires_at, chat_id,"
    " linked_at) VALUES (gen_random_uuid(), {user}, 'linked', '{hash}', app_now(),"
    " {chat}, app_now())"
)
NOTICE = (
    "INSERT INTO notification (id, user_id, channel, address, kind, facts, locale,"
    " status, attempts, next_try_at, chain_id) VALUES (gen_random_uuid(), :patient,"
    " 'sms', {address}, 'booking_accepted', '{{}}', 'ru', '{status}', 0, {again},"
    " gen_random_uuid())"
)
FROM_A_STRANGER = "UPDATE message SET sender_id = :stranger WHERE sender_role = '{0}'"

PLANTED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "messages_have_no_gaps": (
        ("DELETE FROM message WHERE booking_id = :call AND seq = 3",),
        ("DELETE FROM message WHERE booking_id = :call AND seq = 1",),
        ("UPDATE message SET seq = seq + 100 WHERE booking_id = :call",),
    ),
    "marks_end_with_the_talk": (
        ("UPDATE message_read SET up_to_seq = 99 WHERE role = 'dispatcher'",),
        ("UPDATE message_read SET booking_id = :silent WHERE role = 'doctor'",),
    ),
    "senders_had_a_part": (
        (FROM_A_STRANGER.format("patient"),),
        (FROM_A_STRANGER.format("doctor"),),
        ("UPDATE message SET sender_id = :patient WHERE sender_role = 'dispatcher'",),
    ),
    "told_steps_have_happened": (
        ("UPDATE message SET event = 'decline' WHERE event = 'accept'",),
    ),
    "hidden_messages_are_journalled": (
        ("DELETE FROM audit_event WHERE action = 'message.hidden'",),
        ("UPDATE message SET hidden_by = :stranger WHERE hidden_at IS NOT NULL",),
    ),
    "one_chat_one_account": (
        (
            "DROP INDEX uq_telegram_link_chat",
            LINKED.format(user=":patient", hash="a", chat=7),
            LINKED.format(user=":doctor", hash="b", chat=7),
        ),
        (
            "DROP INDEX uq_telegram_link_user",
            LINKED.format(user=":patient", hash="a", chat=7),
            LINKED.format(user=":patient", hash="b", chat=8),
        ),
    ),
    "chats_of_the_living": (
        (
            LINKED.format(user=":patient", hash="a", chat=7),
            "UPDATE app_user SET blocked_at = app_now() WHERE id = :patient",
        ),
        (
            LINKED.format(user=":patient", hash="a", chat=7),
            "UPDATE app_user SET erased_at = app_now() WHERE id = :patient",
        ),
    ),
    "waiting_notices_are_tried": (
        (NOTICE.format(address="'+7'", status="queued", again="NULL"),),
        (NOTICE.format(address="NULL", status="queued", again="app_now()"),),
    ),
    "replaced_notices_go_on": (
        (NOTICE.format(address="'+7'", status="replaced", again="NULL"),),
    ),
}


@pytest.fixture
async def here(session: AsyncSession) -> Talk:
    made = await talk(session)
    for actor in (made.patient, made.doctor, made.desk):
        sent = await say(session, actor, made.id, "Слово")
        await chat.mark_read(session, actor, made.id, sent.seq)
    await chat.hide(session, made.desk, sent.id, "Лишнее")
    return made


@pytest.fixture
async def names(session: AsyncSession, here: Talk) -> dict[str, object]:
    """What the planted statements may refer to."""
    silent = await factories.booking(session)
    await settle(session)
    return {
        "call": here.id,
        "silent": silent.id,
        "patient": here.patient_user.id,
        "doctor": here.doctor_user.id,
        "stranger": here.second_user.id,
    }


def test_every_rule_has_a_planted_offence() -> None:
    assert {rule.name for rule in TALK_RULES} == set(PLANTED)
    assert set(TALK_RULES) <= set(invariants.RULES)


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name, ways in PLANTED.items() for place in range(len(ways))],
)
async def test_a_rule_finds_what_was_planted(
    session: AsyncSession, names: dict[str, object], name: str, place: int
) -> None:
    rule = next(each for each in TALK_RULES if each.name == name)
    assert await invariants.check_rule(session, rule) == []
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in PLANTED[name][place]:
        given = {key: value for key, value in names.items() if f":{key}" in statement}
        await session.execute(text(statement), given)
    found = await invariants.check_rule(session, rule)
    assert found
    assert name in str(found[0])


async def test_a_patient_whose_account_was_joined_with_another_had_a_part(
    session: AsyncSession, here: Talk
) -> None:
    rule = next(each for each in TALK_RULES if each.name == "senders_had_a_part")
    new = await factories.patient(session)
    await session.execute(
        text("UPDATE app_user SET merged_into = :new WHERE id = :old"),
        {"new": new.id, "old": here.patient_user.id},
    )
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    await session.execute(
        text("UPDATE booking SET patient_id = :new WHERE id = :id"),
        {"new": new.id, "id": here.id},
    )
    assert await invariants.check_rule(session, rule) == []


async def test_what_services_make_is_sound(session: AsyncSession, here: Talk) -> None:
    for status in Status:
        if status is not Status.PENDING:
            await talk(session, status)
    assert await invariants.check(session) == []
