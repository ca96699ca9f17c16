"""The hours in which nobody is woken, over midnight too."""

from datetime import UTC, datetime, time

import pytest

from models import QuietHours, Role
from services import quiet_hours, settings
from services.clock import MOSCOW
from tests import factories


def moment(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, day, hour, minute, tzinfo=MOSCOW).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "starts", "ends", "until"),
    [
        (moment(1, 23), 22, 8, moment(2, 8)),
        (moment(2, 3), 22, 8, moment(2, 8)),
        (moment(1, 22), 22, 8, moment(2, 8)),
        (moment(2, 8), 22, 8, None),
        (moment(1, 21, 59), 22, 8, None),
        (moment(1, 14), 13, 15, moment(1, 15)),
        (moment(1, 15), 13, 15, None),
        (moment(1, 12, 59), 13, 15, None),
        (moment(1, 23), 0, 0, None),
        (moment(1, 0), 0, 0, None),
        (moment(1, 0, 30), 0, 1, moment(1, 1)),
    ],
)
def test_quiet_ends_at_its_hour(now, starts, ends, until) -> None:
    found = quiet_hours.end_of(now, time(starts), time(ends))
    assert found == until
    if found is not None:
        assert found.tzinfo is UTC


async def test_ones_own_hours_come_before_those_of_the_house(session) -> None:
    user = await factories.patient(session)
    assert await quiet_hours.of(session, user.id) == (time(22), time(8))
    admin = await factories.person(session, Role.ADMIN)
    actor = factories.as_staff(admin, Role.ADMIN)
    await settings.put(session, actor, settings.QUIET_FROM, 23)
    await settings.put(session, actor, settings.QUIET_TO, 0)
    assert await quiet_hours.of(session, user.id) == (time(23), time(0))
    assert await quiet_hours.of(session, None) == (time(23), time(0))
    own = {"starts_at": time(21, 30), "ends_at": time(9)}
    session.add(QuietHours(user_id=user.id, **own))
    assert await quiet_hours.of(session, user.id) == (time(21, 30), time(9))
