"""A board with two doctors and calls in several states."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from models import Booking, User
from models.booking import Status
from services.database import Sessions
from services.edges import transaction
from tests import factories as make


@dataclass
class City:
    """Who and what is on the board."""

    sessions: Sessions
    orlov: User
    lebedeva: User
    waiting: Booking
    other: Booking
    under_way: Booking

    async def read(self, booking_id: uuid.UUID) -> Booking:
        """Load a call as it is now."""
        async with transaction(self.sessions) as session:
            return await session.get_one(Booking, booking_id)


@pytest_asyncio.fixture(loop_scope="session")
async def city(sessions: Sessions) -> AsyncIterator[City]:
    async with transaction(sessions) as session:
        staff = await make.dispatcher(session)
        orlov = await make.doctor(session)
        lebedeva = await make.doctor(
            session,
            last_name="Лебедева",
            first_name="Анна",
            middle_name="Сергеевна",
            point=(55.70, 37.50),
            profile={"rating": 4.9},
        )
        busy = await make.doctor(
            session, last_name="Ким", profile={"specializations": ["surgeon"]}
        )
        waiting, other = await make.booking(session), await make.booking(session)
        moving = await make.booking_in(
            session,
            Status.EN_ROUTE,
            doctor=busy,
            dispatcher=staff,
            specialization="surgeon",
        )
    yield City(sessions, orlov, lebedeva, waiting, other, moving)
