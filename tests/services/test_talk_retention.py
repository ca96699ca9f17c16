"""What talk leaves behind for a while only."""

import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    ChatTicket,
    Message,
    Setting,
    TalkLink,
    TelegramDialog,
    TelegramLink,
    TelegramUpdate,
)
from models.booking import Status
from models.role_grant import Role
from models.telegram import LinkState
from services import chat, clock, housekeeping, retention, settings, talk_links
from tests import factories
from tests.talking import Talk, say, talk

DAY = 86_400


@pytest.fixture
async def here(session: AsyncSession) -> Talk:
    return await talk(session, Status.COMPLETED)


async def left(session: AsyncSession, table: type) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return await session.scalar(query) or 0


async def gone_after(
    session: AsyncSession, table: type, seconds: float, name: str
) -> None:
    """It is there one moment before, and gone one moment after."""
    before = await left(session, table)
    assert before
    await clock.shift(session, seconds - 2)
    await housekeeping.tidy(session)
    assert await left(session, table) == before
    await clock.shift(session, seconds + 2)
    assert (await housekeeping.tidy(session))[name] == before
    assert await left(session, table) == 0


async def test_an_update_of_telegram_is_remembered_for_two_days(
    session: AsyncSession,
) -> None:
    session.add(TelegramUpdate(update_id=1))
    await session.flush()
    await gone_after(session, TelegramUpdate, 2 * DAY, "telegram_update")


async def test_a_dialogue_that_nobody_goes_on_with_ends_in_a_day(
    session: AsyncSession, here: Talk
) -> None:
    session.add(
        TelegramDialog(
            user_id=here.doctor_user.id, kind="chat", step="text", booking_id=here.id
        )
    )
    await session.flush()
    await gone_after(session, TelegramDialog, DAY, "telegram_dialog")


async def test_a_ticket_is_gone_an_hour_after_it_ran_out(
    session: AsyncSession, here: Talk
) -> None:
    session.add(
        ChatTicket(
            token_hash="x",
            booking_id=here.id,
            user_id=here.patient_user.id,
            role=Role.PATIENT,
            family_id=uuid.uuid4(),
            expires_at=await clock.now(session),
        )
    )
    await session.flush()
    await gone_after(session, ChatTicket, 3600, "chat_ticket")


@pytest.mark.parametrize("opened", [False, True])
async def test_a_link_is_gone_a_day_after_it_and_its_page_ran_out(
    session: AsyncSession, here: Talk, opened: bool
) -> None:
    user_id = here.patient_user.id
    url = await talk_links.offer(session, user_id, Role.PATIENT, here.id)
    minutes = 10
    if opened:
        await clock.shift(session, 300)
        await talk_links.use(session, url.rpartition("/")[2])
        minutes = 15
    await gone_after(session, TalkLink, DAY + minutes * 60, "talk_link")


@pytest.mark.parametrize(
    ("state", "forgotten"),
    [
        (LinkState.ENDED, True),
        (LinkState.OFFERED, True),
        (LinkState.CLAIMED, True),
        (LinkState.LINKED, False),
    ],
)
async def test_a_link_with_telegram_that_is_over_is_forgotten_in_a_month(
    session: AsyncSession, here: Talk, state: LinkState, forgotten: bool
) -> None:
    now = await clock.now(session)
    session.add(
        TelegramLink(
            user_id=here.patient_user.id,
            state=state,
            code_hash="x",
            expires_at=now,
            chat_id=1,
            ended_at=now if state is LinkState.ENDED else None,
        )
    )
    await session.flush()
    if forgotten:
        await gone_after(session, TelegramLink, 30 * DAY, "telegram_link")
        return
    await clock.shift(session, 900 * DAY)
    await housekeeping.tidy(session)
    assert await left(session, TelegramLink) == 1


async def texts(session: AsyncSession, here: Talk) -> list[str | None]:
    query = select(Message).where(
        col(Message.booking_id) == here.id, col(Message.kind) != "system"
    )
    fresh = query.order_by(col(Message.seq)).execution_options(populate_existing=True)
    return [row.text for row in (await session.exec(fresh)).all()]


async def test_talk_is_kept_unless_the_house_says_for_how_long(
    session: AsyncSession, here: Talk
) -> None:
    await say(session, here.patient, here.id, "Спасибо")
    await chat.send(session, here.patient, here.id, None, None, factories.taken())
    running = await talk(session)
    await say(session, running.patient, running.id, "Жду")
    await clock.shift(session, 900 * DAY)
    assert await retention.messages(session) == 0
    session.add(Setting(key=settings.KEEP_MESSAGES, value=900))
    await session.flush()
    await clock.shift(session, 900 * DAY - timedelta(minutes=1).total_seconds())
    assert await retention.messages(session) == 0
    await clock.shift(session, 900 * DAY + 60)
    assert await retention.messages(session) == 2
    assert await texts(session, here) == ["—", None]
    assert await texts(session, running) == ["Жду"]
    # What is empty is left alone, and nobody else may empty anything.
    assert await retention.messages(session) == 0
    assert await session.scalar(sa.text("SHOW tot.erasing")) == ""
