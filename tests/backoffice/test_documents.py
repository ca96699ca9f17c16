"""Files of applicants in the console: saved, looked at, journalled, for curators alone."""

import pytest
import pytest_asyncio
from sqlmodel import col, select

from models import AuditEvent, Document
from models.document import DocumentKind, Requirement
from models.specialization import Specialization
from services import documents, files, settings
from services.database import Sessions
from services.documents import DocumentFacts
from services.edges import transaction
from tests import factories, hostile
from tests.backoffice.browser import Browser
from tests.factories import as_patient
from tests.papers import applicant


@pytest_asyncio.fixture(loop_scope="session")
async def diploma(sessions: Sessions) -> Document:
    """A diploma of two pages."""
    taken = await files.take(hostile.pdf(2), "диплом <1>.pdf")
    async with transaction(sessions) as session:
        user = await applicant(session)
        return await documents.add(
            session,
            as_patient(user),
            user.id,
            DocumentKind.DIPLOMA,
            DocumentFacts(),
            taken,
        )


async def readings(sessions: Sessions) -> int:
    async with transaction(sessions) as session:
        query = select(AuditEvent).where(col(AuditEvent.action) == "read.document")
        return len((await session.exec(query)).all())


async def test_a_file_is_saved_and_never_opened_in_place(
    curator: Browser, sessions: Sessions, diploma: Document
) -> None:
    answer = await curator.get(f"/documents/{diploma.id}/file")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    name = answer.headers["content-disposition"]
    assert name.startswith("attachment; filename=")
    assert "%D0%B4%D0%B8%D0%BF%D0%BB%D0%BE%D0%BC" in name
    assert "<" not in name
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.content) == diploma.size_bytes
    assert await readings(sessions) == 1


async def test_pages_are_drawn_as_pictures(
    curator: Browser, sessions: Sessions, diploma: Document
) -> None:
    for page in (1, 2):
        answer = await curator.get(f"/documents/{diploma.id}/page/{page}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"].startswith("attachment")
        shown = hostile.opened(answer.content)
        width, height = shown.size
        assert hostile.is_dark(shown.getpixel((width // 2, height // 2)))
    # Looking through the pages of a paper is one reading.
    assert await readings(sessions) == 1


@pytest.mark.parametrize("page", ["0", "3", "-1", "x", "1e1", "٣", "1" * 30])
async def test_other_pages_do_not_exist(
    curator: Browser, diploma: Document, page: str
) -> None:
    answer = await curator.get(f"/documents/{diploma.id}/page/{page}")
    assert answer.status_code == 404


async def test_other_papers_do_not_exist(curator: Browser) -> None:
    for key in (factories.nobody(), "x", "..%2f..%2fetc"):
        for what in ("file", "page/1"):
            answer = await curator.get(f"/documents/{key}/{what}")
            assert answer.status_code == 404


async def test_others_of_the_staff_read_nothing(
    admin: Browser,
    dispatcher: Browser,
    finance: Browser,
    sessions: Sessions,
    diploma: Document,
) -> None:
    for browser in (admin, dispatcher, finance):
        for what in ("file", "page/1"):
            answer = await browser.get(f"/documents/{diploma.id}/{what}")
            assert answer.status_code == 403
    assert await readings(sessions) == 0


async def test_required_documents_are_switches_in_a_table(
    admin: Browser, sessions: Sessions
) -> None:
    key = settings.required_document_key(Specialization.SURGEON, Requirement.PORTRAIT)
    page = await admin.page("/settings?lang=en")
    assert page.count('aria-pressed="true"') == 14 * 5
    assert ">Surgeon<" in page
    assert page.count(f'value="{key}"') == 1
    assert f'value="{key}"><input type="hidden" name="value" value="0">' in page
    await admin.post("/settings", key=key, value="0")
    page = await admin.page("/settings?lang=en")
    assert page.count('aria-pressed="false"') == 1
    assert f'value="{key}"><input type="hidden" name="value" value="1">' in page
