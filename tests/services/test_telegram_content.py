"""Telegram carries content only by a decision with a reason and the patient's consent."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Setting
from models.role_grant import Role
from services import consents, settings, telegram_content
from services.consents import ConsentInput
from services.errors import Forbidden, NotFound, ValidationFailed
from tests import factories


async def admin(session: AsyncSession):  # type: ignore[no-untyped-def]
    return factories.as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)


async def test_it_is_off_until_an_admin_gives_a_reason(session: AsyncSession) -> None:
    actor = await admin(session)
    assert not await telegram_content.is_on(session)
    for reason in ("", "  "):
        with pytest.raises(ValidationFailed):
            await telegram_content.put(session, actor, True, reason)
    other = factories.as_staff(await factories.dispatcher(session))
    with pytest.raises(Forbidden):
        await telegram_content.put(session, other, True, "Так удобнее")
    for _ in range(2):
        await telegram_content.put(session, actor, True, "Решение юриста № 5")
    assert await telegram_content.is_on(session)
    await telegram_content.put(session, actor, False, "Отозвано")
    assert not await telegram_content.is_on(session)
    await session.flush()
    query = select(AuditEvent).where(col(AuditEvent.action) == "telegram_content.put")
    rows = (await session.exec(query.order_by(col(AuditEvent.id)))).all()
    assert [(each.data["was"], each.data["value"]) for each in rows] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert rows[0].data["reason"] == "Решение юриста № 5"


async def test_it_is_not_among_the_settings_that_need_no_reason(
    session: AsyncSession,
) -> None:
    with pytest.raises(NotFound):
        await settings.put(session, await admin(session), telegram_content.KEY, 1)


async def test_each_patient_agrees_for_themselves_and_may_take_it_back(
    session: AsyncSession,
) -> None:
    patient = await factories.patient(session)
    booking = await factories.booking(session, patient)
    other = await factories.booking(session)
    actor = factories.as_patient(patient)
    given = ConsentInput(kind=telegram_content.CONSENT, version="1")
    await consents.give(session, actor, given, "127.0.0.1")
    # A consent alone opens nothing.
    assert not await telegram_content.may_carry(session, booking)
    await telegram_content.put(session, await admin(session), True, "Проба")
    assert await telegram_content.may_carry(session, booking)
    assert not await telegram_content.may_carry(session, other)
    await consents.withdraw(session, actor, telegram_content.CONSENT)
    assert not await telegram_content.may_carry(session, booking)


async def test_a_row_of_another_value_means_off(session: AsyncSession) -> None:
    session.add(Setting(key=telegram_content.KEY, value=0))
    await session.flush()
    assert not await telegram_content.is_on(session)
