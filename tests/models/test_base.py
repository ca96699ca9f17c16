"""Ids and stamps that every table shares."""

from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.base import uuid7


def test_ids_are_version_7_and_rise_with_time() -> None:
    ids = [uuid7() for _ in range(3)]
    assert {made.version for made in ids} == {7}
    assert {made.variant for made in ids} == {"specified in RFC 4122"}
    assert ids[0].int >> 80 <= ids[-1].int >> 80


async def test_the_database_stamps_rows(session: AsyncSession) -> None:
    user = User(first_name="Анна", last_name="Орлова", email="anna@example.org")
    session.add(user)
    await session.flush()
    assert user.created_at.tzinfo is not None
    assert user.search_name == "орлова анна "
