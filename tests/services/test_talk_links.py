"""Links of one use: who may open one, how often, until when, and what it opens."""

import re
import uuid

import pytest
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, TalkLink, User
from models.booking import Status
from models.role_grant import Role
from services import assignments, clock, talk_links
from services.config import get_settings
from services.talk_links import TalkLinkOver
from tests import factories


async def people(session: AsyncSession) -> dict[str, User]:
    return {
        "doctor": await factories.doctor(session),
        "dispatcher": await factories.dispatcher(session),
    }


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


async def test_a_link_is_absolute_long_and_kept_as_a_hash_only(
    session: AsyncSession,
) -> None:
    made = await factories.booking(session)
    url = await talk_links.offer(session, made.patient_id, Role.PATIENT, made.id)
    again = await talk_links.offer(session, made.patient_id, Role.PATIENT, made.id)
    assert url != again
    base, _, token = url.rpartition("/")
    assert base == f"{get_settings().base_url}/t"
    # 128 bits, six in each sign.
    assert re.fullmatch(r"[0-9A-Za-z_-]{22}", token)
    for row in (await session.exec(select(TalkLink))).all():
        assert token not in str(row.model_dump())
        assert (row.expires_at - row.created_at).total_seconds() == pytest.approx(
            600, abs=1
        )


async def test_it_opens_once_and_a_look_uses_nothing_up(session: AsyncSession) -> None:
    made = await factories.booking(session)
    token = token_of(
        await talk_links.offer(session, made.patient_id, Role.PATIENT, made.id)
    )
    for _ in range(3):
        await talk_links.look(session, token)
    page = await talk_links.use(session, token)
    assert (page.actor.user_id, page.actor.acting_as) == (made.patient_id, Role.PATIENT)
    assert page.booking_id == made.id
    for gone in (talk_links.look, talk_links.use):
        with pytest.raises(TalkLinkOver):
            await gone(session, token)
    found = await talk_links.find(session, page.secret, made.id)
    assert found == page
    assert found.form_token == page.form_token
    assert page.secret not in page.form_token
    told = (await session.exec(select(AuditEvent.action, AuditEvent.via))).all()
    assert ("talk_link.opened", "bot") in told


async def test_a_link_lives_ten_minutes_and_its_page_ten_more(
    session: AsyncSession,
) -> None:
    made = await factories.booking(session)
    offered = [
        token_of(
            await talk_links.offer(session, made.patient_id, Role.PATIENT, made.id)
        )
        for _ in range(2)
    ]
    await clock.shift(session, 599)
    page = await talk_links.use(session, offered[0])
    await clock.shift(session, 601)
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, offered[1])
    await clock.shift(session, 599 + 599)
    await talk_links.find(session, page.secret, made.id)
    await clock.shift(session, 599 + 601)
    with pytest.raises(TalkLinkOver):
        await talk_links.find(session, page.secret, made.id)


@pytest.mark.parametrize("guess", ["", "x", "é", "a" * 5000, "\x00"])
async def test_a_guess_opens_nothing(session: AsyncSession, guess: str) -> None:
    made = await factories.booking(session)
    await talk_links.offer(session, made.patient_id, Role.PATIENT, made.id)
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, guess)
    with pytest.raises(TalkLinkOver):
        await talk_links.find(session, guess, made.id)


async def test_the_page_of_one_call_shows_no_other(session: AsyncSession) -> None:
    user = await factories.patient(session)
    mine, other = [await factories.booking(session, user) for _ in range(2)]
    url = await talk_links.offer(session, user.id, Role.PATIENT, mine.id)
    page = await talk_links.use(session, token_of(url))
    for foreign in (other.id, uuid.uuid4()):
        with pytest.raises(TalkLinkOver):
            await talk_links.find(session, page.secret, foreign)


async def test_a_link_opens_only_for_who_stands_in_the_call(
    session: AsyncSession,
) -> None:
    made = await factories.booking(session)
    stranger = await factories.patient(session)
    url = await talk_links.offer(session, stranger.id, Role.PATIENT, made.id)
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, token_of(url))
    doctor = await factories.doctor(session)
    url = await talk_links.offer(session, doctor.id, Role.DOCTOR, made.id)
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, token_of(url))


async def test_a_doctor_who_lost_the_visit_loses_the_link_and_the_page(
    session: AsyncSession,
) -> None:
    who = await people(session)
    made = await factories.booking_in(session, Status.ACCEPTED, **who)
    doctor = who["doctor"]
    first, second = [
        token_of(await talk_links.offer(session, doctor.id, Role.DOCTOR, made.id))
        for _ in range(2)
    ]
    page = await talk_links.use(session, first)
    staff = factories.as_staff(who["dispatcher"])
    await assignments.unassign(session, staff, made.id, None, "Заболел")
    with pytest.raises(TalkLinkOver):
        await talk_links.find(session, page.secret, made.id)
    with pytest.raises(TalkLinkOver):
        await talk_links.use(session, second)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE app_user SET blocked_at = app_now() WHERE id = :id",
        "UPDATE role_grant SET revoked_at = app_now(), revoked_by = :id,"
        " revoke_reason = 'x' WHERE user_id = :id",
    ],
)
async def test_who_is_blocked_or_has_lost_the_role_is_out(
    session: AsyncSession, change: str
) -> None:
    made = await factories.booking(session)
    first, second = [
        token_of(
            await talk_links.offer(session, made.patient_id, Role.PATIENT, made.id)
        )
        for _ in range(2)
    ]
    page = await talk_links.use(session, first)
    await session.execute(text(change), {"id": made.patient_id})
    with pytest.raises(TalkLinkOver):
        await talk_links.find(session, page.secret, made.id)
    for gone in (talk_links.look, talk_links.use):
        with pytest.raises(TalkLinkOver):
            await gone(session, second)
