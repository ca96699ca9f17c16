"""What a picture has to pass before a byte of it is fetched."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from models.role_grant import Role
from services import telegram_content, telegram_people, telegram_pictures
from services.errors import TooManyRequests
from tests import factories
from tests.services.test_chat_relay import linked, say, waiting
from tests.services.test_telegram_content import admin
from tests.telegram_accounts import link

DOCTORS, PATIENTS, NOBODYS = 1, 2, 3


async def wanted(
    session: AsyncSession, chat_id: int = PATIENTS, answered: int | None = None
) -> bool:
    return await telegram_pictures.wanted(session, chat_id, 77, answered)


async def test_a_picture_for_an_open_call_is_wanted_once(session: AsyncSession) -> None:
    await linked(session)
    assert await wanted(session)
    assert await wanted(session, DOCTORS)
    assert not await wanted(session, NOBODYS)
    await telegram_people.first_time(session, 77)
    assert not await wanted(session)


async def test_nothing_is_wanted_without_a_call_or_where_content_may_not_go(
    session: AsyncSession,
) -> None:
    await link(session, await factories.patient(session), NOBODYS)
    await linked(session)
    assert not await wanted(session, NOBODYS)
    await telegram_content.put(session, await admin(session), False, "Отозвано")
    assert not await wanted(session)


async def test_an_answer_may_be_meant_for_another_call(session: AsyncSession) -> None:
    booking, doctor, patient = await linked(session, Status.ACCEPTED)
    await say(session, doctor, Role.DOCTOR, booking)
    row = (await waiting(session))[0]
    row.provider_id = "9"
    await session.flush()
    assert row.user_id == patient.id
    assert await wanted(session, answered=9)
    assert await wanted(session, answered=8)


async def test_pictures_count_as_uploads_do(session: AsyncSession) -> None:
    await linked(session)
    for _ in range(30):
        assert await wanted(session)
    with pytest.raises(TooManyRequests):
        await wanted(session)
