"""Who has which call open."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from services import presence
from services.errors import Forbidden
from tests import factories as make

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_one_watches_one_call_at_a_time(session: AsyncSession) -> None:
    anna = make.as_staff(await make.dispatcher(session, last_name="Климова"))
    first, second = make.nobody(), make.nobody()
    await presence.watch(session, anna, first)
    await presence.watch(session, anna, second)
    (watcher,) = await presence.watchers_of(session, second)
    assert (watcher.name, watcher.initials) == ("Анна Климова", "АК")
    assert await presence.watchers_of(session, first) == []


async def test_being_on_the_board_is_watching_no_call(session: AsyncSession) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    await presence.watch(session, anna, None)
    await presence.watch(session, anna, None)
    (watcher,) = await presence.present(session)
    assert watcher.booking_id is None
    await presence.leave(session, anna)
    await presence.leave(session, anna)
    assert await presence.present(session) == []


async def test_a_lost_heartbeat_is_forgotten(session: AsyncSession) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    call = make.nobody()
    await presence.watch(session, anna, call)
    late = presence.FORGOTTEN + timedelta(seconds=1)
    await session.execute(
        sa.text("UPDATE presence SET seen_at = app_now() - :late"), {"late": late}
    )
    assert await presence.watchers_of(session, call) == []


async def test_only_dispatchers_watch(session: AsyncSession) -> None:
    curator = make.as_staff(await make.person(session, Role.CURATOR), Role.CURATOR)
    with pytest.raises(Forbidden):
        await presence.watch(session, curator, None)
    with pytest.raises(Forbidden):
        await presence.leave(session, curator)
