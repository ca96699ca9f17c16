"""What many applicants lack is told in one go, and an expired paper is none."""

from datetime import timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from models.document import DocumentKind, Requirement
from services import clock, document_rules
from tests import factories
from tests.papers import applicant


async def test_an_expired_paper_counts_as_missing(session: AsyncSession) -> None:
    user = await applicant(session)
    paper = await factories.document(session, user, kind=DocumentKind.PASSPORT)
    stated = {user.id: ["therapist"]}
    before = await document_rules.missing_by_person(session, stated)
    assert Requirement.PASSPORT not in before[user.id]
    paper.expires_on = await clock.today(session) - timedelta(days=1)
    await session.flush()
    after = await document_rules.missing_by_person(session, stated)
    assert Requirement.PASSPORT in after[user.id]
