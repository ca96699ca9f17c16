"""A48: parallel uploads on real connections; none passes the quota."""

import asyncio

import pytest
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Document, Role
from models.document import DocumentKind, DocumentStatus
from services import files, settings
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import QuotaSpent
from tests import factories
from tests.factories import as_staff
from tests.papers import applicant

pytestmark = pytest.mark.race


async def test_a48_a_hundred_parallel_uploads_do_not_pass_the_quota(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        user = await applicant(session)
        admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
        await settings.put(session, admin, settings.DOCUMENTS_MOST, 30)
    kinds = list(DocumentKind)
    # No more at once than the pool has connections; the rest stand in line.
    room = asyncio.Semaphore(20)

    async def upload(number: int) -> bool:
        async def give(session: AsyncSession) -> None:
            await factories.document(session, user, kinds[number % len(kinds)])

        async with room:
            try:
                await in_transaction(sessions, give)
            except QuotaSpent:
                return False
            return True

    done = await asyncio.gather(*[upload(number) for number in range(100)])
    assert done.count(True) == 30
    async with transaction(sessions) as session:
        count = select(func.count()).select_from(Document)
        mine = count.where(col(Document.user_id) == user.id)
        waiting = mine.where(col(Document.status) == DocumentStatus.SUBMITTED)
        assert (await session.exec(mine)).one() == 30
        assert (await session.exec(waiting)).one() == len(kinds)
        names = select(Document.storage_name).where(
            col(Document.storage_name).is_not(None)
        )
        # A row never points to a missing file.
        for name in (await session.exec(names)).all():
            assert await files.open_file(name)
