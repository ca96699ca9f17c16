"""The curator's desk: from the queue to the decision."""

import re
import uuid
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlmodel import col, select

from models import DoctorApplication, DoctorProfile, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind
from services import (
    application_reads,
    application_steps,
    applications,
    clock,
    documents,
    erasure,
    files,
)
from services.actor import SYSTEM
from services.database import Sessions
from services.documents import DocumentFacts
from services.edges import transaction
from tests import factories, hostile
from tests.applicants import KINDS, desk_of, facts
from tests.backoffice.browser import Browser


@pytest_asyncio.fixture(loop_scope="session")
async def waiting(sessions: Sessions) -> DoctorApplication:
    """A submitted application with all its papers, each with a real file."""
    taken = {kind: await files.take(hostile.picture(), "скан.png") for kind in KINDS}
    async with transaction(sessions) as session:
        user = await factories.patient(session, last_name="Зайцева")
        own = factories.as_patient(user)
        await applications.save(session, own, await facts(session))
        for kind, file in taken.items():
            stated = DocumentFacts(number="45 10 123456")
            await documents.add(session, own, user.id, kind, stated, file)
        return await applications.submit(session, own)


async def fresh(sessions: Sessions, key: uuid.UUID) -> DoctorApplication:
    async with transaction(sessions) as session:
        return await session.get_one(DoctorApplication, key)


async def test_the_queue_shows_who_waits_and_what_is_missing(
    curator: Browser, waiting: DoctorApplication, sessions: Sessions
) -> None:
    page = await curator.page("/applications")
    assert "Зайцева" in page
    assert f"/admin/applications/{waiting.id}" in page
    assert "всё на месте" in page
    found = await curator.page("/applications?search=зайц")
    assert "Зайцева" in found
    assert "Зайцева" not in await curator.page("/applications?search=волк")
    assert "Зайцева" not in await curator.page("/applications?status=rejected")
    assert (await curator.get("/applications?status=lost")).status_code == 404
    for order in ("name", "licence", "missing", "by magic"):
        assert "Зайцева" in await curator.page(f"/applications?order={order}")
    assert "Зайцева" in await curator.page("/applications?kind=therapist")
    assert "Зайцева" not in await curator.page("/applications?kind=urologist")


async def test_a_curator_checks_the_papers_and_approves(
    curator: Browser, waiting: DoctorApplication, sessions: Sessions
) -> None:
    here = f"/applications/{waiting.id}"
    page = await curator.page(here)
    for words in ("ЛО-77-01-555", "РНИМУ", "Терапевт", "Паспорт", "45 10 123456"):
        assert words in page
    early = await curator.post(f"{here}/approve", version=waiting.version)
    assert early.status_code == 303
    assert "паспорт" in await curator.page(here)
    async with transaction(sessions) as session:
        papers = await documents.listing(session, waiting.user_id)
    for paper in papers[1:]:
        assert (await curator.post(f"/papers/{paper.id}/accept")).status_code == 303
    refused = f"/papers/{papers[0].id}/reject"
    assert (await curator.post(refused, reason="Не читается")).status_code == 303
    assert "Не читается" in await curator.page(here)
    more = await curator.post(
        f"{here}/ask_more", version=waiting.version, reason="Нужен новый скан"
    )
    assert more.status_code == 303
    assert (await fresh(sessions, waiting.id)).status is ApplicationStatus.MORE_INFO
    new = await files.take(hostile.picture(), "новый.png")
    async with transaction(sessions) as session:
        own = factories.as_patient(await session.get_one(User, waiting.user_id))
        again = await documents.add(
            session, own, waiting.user_id, papers[0].kind, DocumentFacts(), new
        )
        row = await applications.submit(session, own)
    await curator.post(f"/papers/{again.id}/accept")
    await curator.post(f"{here}/approve", version=row.version)
    after = await fresh(sessions, waiting.id)
    assert after.status is ApplicationStatus.APPROVED
    done = await curator.page(here)
    assert "на странице врача" in done
    async with transaction(sessions) as session:
        query = select(DoctorProfile).where(
            col(DoctorProfile.user_id) == waiting.user_id
        )
        assert (await session.exec(query)).one().may_work
    stop = {"version": after.version, "reason": "Жалоба"}
    await curator.post(f"{here}/suspend", **stop)
    assert "Жалоба" in await curator.page(here)
    await curator.post(f"{here}/restore", version=after.version + 1)
    last = await fresh(sessions, waiting.id)
    assert last.status is ApplicationStatus.APPROVED


async def test_an_old_page_is_refused_and_a_rejection_says_why(
    curator: Browser, waiting: DoctorApplication, sessions: Sessions
) -> None:
    here = f"/applications/{waiting.id}"
    old = {"version": waiting.version - 1, "reason": "Нет"}
    stale = await curator.post(f"{here}/reject", **(old | {"reason": "Нет <опыта>"}))
    assert stale.status_code == 409
    assert "тем временем изменилась" in stale.text
    assert "Нет &lt;опыта&gt;</textarea>" in stale.text
    await curator.post(f"{here}/reject", version=waiting.version, reason="Нет опыта")
    after = await fresh(sessions, waiting.id)
    assert (after.status, after.reason) == (ApplicationStatus.REJECTED, "Нет опыта")


async def test_the_page_of_an_erased_applicant_still_opens(
    curator: Browser, waiting: DoctorApplication, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        ids = await erasure.lock(session, waiting.user_id)
        await erasure.forget(session, SYSTEM, ids)
    page = await curator.page(f"/applications/{waiting.id}")
    assert "Личные данные удалены" in page
    assert "Зайцева" not in page


async def test_whoever_is_decided_shows_the_doctors_own_facts(
    curator: Browser, waiting: DoctorApplication, sessions: Sessions
) -> None:
    asked = await curator.page("/applications")
    assert "сегодня" in asked
    assert "Не хватает" in asked
    async with transaction(sessions) as session:
        day = await clock.today(session) + timedelta(days=77)
        doctor = await factories.doctor(
            session,
            last_name="Дроздов",
            profile={"licence_expires_on": day, "specializations": ["pediatrician"]},
        )
        row = DoctorApplication(user_id=doctor.id, status=ApplicationStatus.APPROVED)
        await application_steps.remember(session, SYSTEM, row, "approve", None)
    for query in ("", "&kind=pediatrician", "&order=licence"):
        page = await curator.page(f"/applications?status=approved{query}")
        assert "Дроздов" in page
        assert f"{day:%d.%m.%Y}" in page
        assert "Не хватает" not in page
    other = await curator.page("/applications?status=approved&kind=surgeon")
    assert "Дроздов" not in other


async def renewed(sessions: Sessions, days: int = 0) -> tuple[User, DoctorApplication]:
    """A doctor who is aboard and whose new licence came so many days ago."""
    async with transaction(sessions) as session:
        desk = await desk_of(session)
        await desk.reach(ApplicationStatus.APPROVED)
        paper = await factories.document(session, desk.user, DocumentKind.LICENCE)
        paper.created_at -= timedelta(days=days, minutes=1)
        return desk.user, await desk.row()


async def test_papers_of_doctors_aboard_have_a_queue_with_their_age(
    curator: Browser, sessions: Sessions
) -> None:
    empty = await curator.page("/papers")
    assert "Проверять нечего" in empty
    user, row = await renewed(sessions, days=5)
    page = await curator.page("/papers")
    assert user.last_name in page
    assert f'href="/admin/applications/{row.id}"' in page
    assert re.search(r'pill bad">5\s+дней', page)
    assert '<span class="pill">Лицензия</span>' in page
    for other in ("/applications", "/papers", "/profile-changes"):
        tabs = await curator.page(other)
        assert 'Документы на проверку <span class="pill warn">1</span>' in tabs
        assert tabs.count("aria-current=page") == 1
    (paper,) = re.findall(
        r"/admin/papers/([0-9a-f-]+)/accept",
        await curator.page(f"/applications/{row.id}"),
    )
    await curator.post(f"/papers/{paper}/accept")
    assert user.last_name not in await curator.page("/papers")


async def test_the_first_page_counts_the_papers_that_wait(
    curator: Browser, sessions: Sessions
) -> None:
    assert "<b>0</b><span>Документы на проверку" in await curator.page("/")
    await renewed(sessions, days=4)
    page = await curator.page("/")
    assert "<b>1</b><span>Документы на проверку" in page
    assert "<b>4</b><span>Дольше всего документы ждут" in page


async def test_a_doctors_page_leads_curators_to_the_papers(
    curator: Browser, dispatcher: Browser, sessions: Sessions
) -> None:
    user, row = await renewed(sessions)
    link = f'href="/admin/applications/{row.id}"'
    assert link in await curator.page(f"/doctors/details/{user.id}")
    assert link not in await dispatcher.page(f"/doctors/details/{user.id}")


async def test_a_notice_tells_a_curator_of_the_paper(
    curator: Browser, sessions: Sessions
) -> None:
    user, _ = await renewed(sessions)
    page = await curator.page("/me/notices")
    assert f"{user.short_name} — новый документ на проверку: Лицензия." in page


async def test_the_queue_names_what_is_missing(
    curator: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        desk = await desk_of(session)
        await applications.save(session, desk.own, await facts(session))
        await factories.document(session, desk.user, DocumentKind.DIPLOMA)
    page = await curator.page("/applications?status=draft")
    names = re.search(r'<span class="pill bad" title="([^"]+)">([^<]+)</span>', page)
    assert names
    whole = names[1].split(", ")
    assert whole[0] == "Копия паспорта"
    assert len(whole) == 4
    assert names[2] == f"{whole[0]}, {whole[1]} и ещё 2"


async def test_a_long_queue_has_pages(
    curator: Browser, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_reads, "PAGE", 2)
    monkeypatch.setattr(application_reads, "MOST_COUNTED", 4)
    async with transaction(sessions) as session:
        names = []
        for _ in range(5):
            desk = await desk_of(session)
            await desk.reach(ApplicationStatus.REJECTED)
            names.append(desk.user.last_name)
    first = await curator.page("/applications?status=rejected")
    second = await curator.page("/applications?status=rejected&page=2")
    shown = [{name for name in names if name in page} for page in (first, second)]
    assert [len(each) for each in shown] == [2, 2]
    assert not shown[0] & shown[1]
    assert "1–2 из более 4" in first
    assert "Просмотрены только первые" in first
    assert "status=rejected&amp;page=2" in first
    assert "сначала новые решения" in first
    for odd in ("0", "-1", "x", "٣", "1" * 30):
        page = await curator.page(f"/applications?status=rejected&page={odd}")
        assert "1–2 из" in page


async def test_every_page_of_a_paper_is_shown_side_by_side(
    curator: Browser, sessions: Sessions
) -> None:
    taken = await files.take(hostile.pdf(3), "диплом.pdf")
    async with transaction(sessions) as session:
        desk = await desk_of(session)
        await applications.save(session, desk.own, await facts(session))
        paper = await documents.add(
            session,
            desk.own,
            desk.user.id,
            DocumentKind.DIPLOMA,
            DocumentFacts(),
            taken,
        )
        row = await desk.row()
    page = await curator.page(f"/applications/{row.id}")
    for number in (1, 2, 3):
        assert f'src="/admin/documents/{paper.id}/page/{number}"' in page
        assert f'href="#paper-{paper.id}-{number}"' in page
        assert f"страница {number} из 3" in page
    assert f"/documents/{paper.id}/page/4" not in page


async def test_the_first_page_counts_what_waits(
    curator: Browser, waiting: DoctorApplication
) -> None:
    page = await curator.page("/")
    assert "Заявок ждут решения" in page
    assert "<b>1</b><span>Заявок ждут решения" in page
