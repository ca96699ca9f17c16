"""A doctor who is aboard sends a new paper: somebody learns of it, and in time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Notification, Role, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind
from services import document_reviews, documents, figures, renewed_papers
from services.errors import Forbidden
from services.notification_texts import render
from tests import factories
from tests.applicants import Desk, desk_of

S, KIND = ApplicationStatus, DocumentKind


@pytest.fixture
async def desk(session: AsyncSession) -> Desk:
    return await desk_of(session)


async def told(session: AsyncSession, user: User) -> list[Mapping[str, Any]]:
    query = select(Notification.facts).where(
        col(Notification.user_id) == user.id,
        col(Notification.kind) == "paper_to_check",
    )
    return list((await session.exec(query.order_by(col(Notification.id)))).all())


@pytest.mark.parametrize("status", [S.APPROVED, S.SUSPENDED])
async def test_a_new_paper_of_a_doctor_aboard_waits_for_a_curator(
    desk: Desk, status: ApplicationStatus
) -> None:
    session = desk.session
    await desk.reach(status)
    curator = await session.get_one(User, desk.curator.user_id)
    assert [*await renewed_papers.waiting(session, desk.curator)] == []
    assert await told(session, curator) == []
    late = await factories.document(session, desk.user, KIND.DIPLOMA)
    late.created_at -= timedelta(days=4, hours=1)
    paper = await factories.document(session, desk.user, KIND.LICENCE)
    await session.flush()
    (line,) = await renewed_papers.waiting(session, desk.curator)
    assert (line.user.id, line.application_id) == (desk.user.id, (await desk.row()).id)
    assert list(line.kinds) == [KIND.DIPLOMA, KIND.LICENCE]
    assert line.since == late.created_at
    counts = await figures.applications(session)
    assert (counts["papers"], counts["papers_days"]) == (2, 4)
    assert [each["document"] for each in await told(session, curator)] == [
        "diploma",
        "licence",
    ]
    await document_reviews.accept(session, desk.curator, late.id)
    await document_reviews.reject(session, desk.curator, paper.id, "Не читается")
    assert [*await renewed_papers.waiting(session, desk.curator)] == []
    assert (await figures.applications(session))["papers"] == 0


async def test_a_paper_in_place_of_a_waiting_one_tells_nobody_twice(
    desk: Desk,
) -> None:
    session = desk.session
    await desk.reach(S.APPROVED)
    curator = await session.get_one(User, desk.curator.user_id)
    for _ in range(3):
        paper = await factories.document(session, desk.user, KIND.LICENCE)
    (facts,) = await told(session, curator)
    said = render("paper_to_check", "ru", facts)
    assert desk.user.short_name in said.text
    assert "Лицензия" in said.text
    await document_reviews.reject(session, desk.curator, paper.id, "Не читается")
    await factories.document(session, desk.user, KIND.LICENCE)
    assert len(await told(session, curator)) == 2


@pytest.mark.parametrize("status", [S.DRAFT, S.SUBMITTED, S.MORE_INFO, S.REJECTED])
async def test_papers_of_applicants_wait_with_their_applications(
    desk: Desk, status: ApplicationStatus
) -> None:
    session = desk.session
    await desk.reach(status)
    if status is S.MORE_INFO:
        await factories.document(session, desk.user, KIND.LICENCE)
    curator = await session.get_one(User, desk.curator.user_id)
    assert [*await renewed_papers.waiting(session, desk.curator)] == []
    assert await told(session, curator) == []
    assert (await figures.applications(session))["papers"] == 0


async def test_a_doctor_without_an_application_is_told_about_too(
    session: AsyncSession,
) -> None:
    """Those of the days before applications."""
    curator = await factories.person(session, Role.CURATOR)
    doctor = await factories.doctor(session)
    await factories.document(session, doctor, KIND.LICENCE)
    assert len(await told(session, curator)) == 1


async def test_only_curators_see_whose_papers_wait(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        await renewed_papers.waiting(desk.session, desk.own)


async def test_ones_own_reading_of_a_file_is_journalled(desk: Desk) -> None:
    session = desk.session
    await desk.reach(S.APPROVED)
    paper = (await documents.listing(session, desk.user.id))[0]
    for _ in range(2):
        await documents.own_file(session, desk.own, paper.id)
    query = sa.select(col(AuditEvent.actor_id), col(AuditEvent.acting_as)).where(
        col(AuditEvent.action) == "read.document", col(AuditEvent.object_id) == paper.id
    )
    assert [*await session.execute(query)] == [(desk.user.id, Role.PATIENT)]
