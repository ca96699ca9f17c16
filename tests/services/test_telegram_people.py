"""A chat belongs to a person with the roles of this moment, and an update comes once."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from services import clock, roles, telegram_people
from services.actor import Via
from services.errors import NotFound
from tests import factories
from tests.telegram_accounts import link


async def test_the_roles_are_those_of_now(session: AsyncSession) -> None:
    user = await factories.patient(session)
    await link(session, user, 5)
    person = await telegram_people.person_of(session, 5)
    assert person is not None
    assert (person.user_id, person.roles) == (user.id, {Role.PATIENT})
    assert person.acting_as(Role.PATIENT).via is Via.BOT
    with pytest.raises(NotFound):
        person.acting_as(Role.DOCTOR)
    admin = factories.as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    await roles.grant(session, admin, user.id, Role.DISPATCHER, "Смена")
    await roles.revoke(session, admin, user.id, Role.PATIENT, "Проба")
    # Staff work in the console, so nobody is left here.
    assert await telegram_people.person_of(session, 5) is None


async def test_who_is_blocked_erased_or_merged_is_nobody(session: AsyncSession) -> None:
    user = await factories.patient(session)
    await link(session, user, 5)
    for name in ("blocked_at", "erased_at"):
        setattr(user, name, await clock.now(session))
        await session.flush()
        assert await telegram_people.person_of(session, 5) is None
        setattr(user, name, None)
        await session.flush()
    assert await telegram_people.person_of(session, 5) is not None
    assert await telegram_people.person_of(session, 6) is None


async def test_an_update_is_new_once(session: AsyncSession) -> None:
    assert await telegram_people.first_time(session, 2**40)
    assert not await telegram_people.first_time(session, 2**40)
