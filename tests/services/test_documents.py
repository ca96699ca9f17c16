"""Papers: who may give them when, what replaces what, the quota, who reads them."""

import os
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Document, Role, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind, DocumentStatus, Requirement
from models.specialization import Specialization
from services import clock, documents, file_sweep, files, settings
from services.documents import DocumentFacts
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    QuotaSpent,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_clinic, as_patient, as_staff
from tests.papers import applicant, application, audited, papers

KIND, STATUS, STATE = DocumentKind, DocumentStatus, ApplicationStatus


async def put(session: AsyncSession, key: str, value: int) -> None:
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    await settings.put(session, admin, key, value)


async def in_force(session: AsyncSession, *made: Document) -> None:
    """What a curator's word does to the rows, tested beside it."""
    for document in made:
        document.status = STATUS.ACCEPTED
    await session.flush()


async def day(session: AsyncSession, later: int) -> date:
    return await clock.today(session) + timedelta(days=later)


async def test_a_paper_is_given_and_its_file_lies_ready(session: AsyncSession) -> None:
    user = await applicant(session)
    stated: dict[str, Any] = {"number": "12-34", "expires_on": "2100-01-01"}
    document = await factories.document(session, user, KIND.CERTIFICATE, **stated)
    await settle(session)
    assert (document.status, document.number) == (STATUS.SUBMITTED, "12-34")
    assert document.expires_on == date(2100, 1, 1)
    stored = await documents.own_file(session, as_patient(user), document.id)
    assert stored.content == factories.taken().content
    assert await audited(session, document) == ["document.added", "read.document"]


MAY = {STATE.DRAFT, STATE.MORE_INFO, STATE.APPROVED, STATE.SUSPENDED}


@pytest.mark.parametrize("state", STATE)
async def test_papers_change_while_nobody_is_checking_them(
    session: AsyncSession, state: ApplicationStatus
) -> None:
    user = await applicant(session, state)
    if state in MAY:
        document = await factories.document(session, user)
        await documents.remove(session, as_patient(user), document.id)
        return
    over = state in {STATE.REJECTED, STATE.WITHDRAWN}
    with pytest.raises(NotFound if over else IllegalTransition):
        await factories.document(session, user)


async def test_a_paper_cannot_be_taken_back_while_it_is_being_checked(
    session: AsyncSession,
) -> None:
    user = await factories.patient(session)
    made = await application(session, user)
    document = await factories.document(session, user)
    made.status = STATE.SUBMITTED
    await session.flush()
    with pytest.raises(IllegalTransition):
        await documents.remove(session, as_patient(user), document.id)


async def test_a_doctor_whom_a_curator_brought_may_give_papers_too(
    session: AsyncSession,
) -> None:
    await factories.document(session, await factories.doctor(session))
    waiting = await factories.doctor(session, profile={"approved_at": None})
    with pytest.raises(NotFound):
        await factories.document(session, waiting)


async def test_papers_are_given_by_their_owner_alone(session: AsyncSession) -> None:
    user, other = await applicant(session), await factories.patient(session)
    facts, taken = DocumentFacts(), factories.taken()
    for stranger in (as_patient(other), as_clinic(other)):
        with pytest.raises(NotFound):
            await documents.add(session, stranger, user.id, KIND.DIPLOMA, facts, taken)
    staff = as_staff(await factories.person(session, Role.CURATOR), Role.CURATOR)
    with pytest.raises(Forbidden):
        await documents.add(session, staff, user.id, KIND.DIPLOMA, facts, taken)
    document = await factories.document(session, user)
    for deed in (documents.own_file, documents.remove):
        with pytest.raises(NotFound):
            await deed(session, as_patient(other), document.id)
        with pytest.raises(NotFound):
            await deed(session, as_patient(user), factories.nobody())
        with pytest.raises(Forbidden):
            await deed(session, staff, document.id)


async def test_a_new_paper_replaces_the_one_that_waits_and_no_other(
    session: AsyncSession,
) -> None:
    user = await applicant(session)
    first = await factories.document(session, user, KIND.DIPLOMA)
    refused = await factories.document(session, user, KIND.LICENCE)
    refused.status = STATUS.REJECTED
    accepted, passport = await papers(session, user, KIND.PORTRAIT, KIND.PASSPORT)
    await in_force(session, accepted)
    for kind in (KIND.DIPLOMA, KIND.LICENCE, KIND.PORTRAIT):
        await factories.document(session, user, kind)
    await settle(session)
    assert (first.status, first.storage_name) == (STATUS.REPLACED, None)
    assert (refused.status, refused.storage_name) == (STATUS.REJECTED, None)
    assert (accepted.status, passport.status) == (STATUS.ACCEPTED, STATUS.SUBMITTED)
    assert accepted.storage_name
    now = await documents.listing(session, user.id)
    assert [each.kind for each in now].count(KIND.PORTRAIT) == 2
    everything = await documents.listing(session, user.id, history=True)
    assert first in everything
    assert first not in now


async def test_a_paper_in_force_cannot_be_taken_back(session: AsyncSession) -> None:
    user = await applicant(session)
    [document] = await papers(session, user, KIND.DIPLOMA)
    await in_force(session, document)
    with pytest.raises(IllegalTransition):
        await documents.remove(session, as_patient(user), document.id)


async def test_a_paper_taken_back_has_no_file(session: AsyncSession) -> None:
    user = await applicant(session)
    document = await factories.document(session, user)
    await documents.remove(session, as_patient(user), document.id)
    assert (document.status, document.storage_name) == (STATUS.REMOVED, None)
    assert await audited(session, document) == ["document.added", "document.removed"]
    with pytest.raises(NotFound):
        await documents.own_file(session, as_patient(user), document.id)
    with pytest.raises(IllegalTransition):
        await documents.remove(session, as_patient(user), document.id)


async def test_days_on_papers_make_sense(session: AsyncSession) -> None:
    user = await applicant(session)
    today = await day(session, 0)
    await factories.document(session, user, issued_on=today, expires_on=None)
    await factories.document(session, user, expires_on=today)
    wrong: list[dict[str, Any]] = [
        {"issued_on": await day(session, 1)},
        {"expires_on": await day(session, -1)},
        {"issued_on": today, "expires_on": today},
    ]
    for facts in wrong:
        with pytest.raises(ValidationFailed):
            await factories.document(session, user, **facts)
    yesterday = await day(session, -1)
    await factories.document(session, user, issued_on=yesterday, expires_on=today)


async def test_a_portrait_is_a_picture(session: AsyncSession) -> None:
    user = await applicant(session)
    file = {"media_type": "application/pdf"}
    with pytest.raises(ValidationFailed):
        await factories.document(session, user, KIND.PORTRAIT, file)
    await factories.document(session, user, KIND.DIPLOMA, file)


# A48: the quota, on its borders; parallel uploads are in test_document_races.


async def test_a48_the_count_of_the_quota_is_exact(session: AsyncSession) -> None:
    user = await applicant(session)
    await put(session, settings.DOCUMENTS_MOST, 3)
    documents_made = [await factories.document(session, user) for _ in range(3)]
    with pytest.raises(QuotaSpent):
        await documents.demand_room(session, user.id)
    # What was replaced or taken back counts on, or a loop would never end.
    await documents.remove(session, as_patient(user), documents_made[-1].id)
    with pytest.raises(QuotaSpent):
        await factories.document(session, user)
    await factories.document(session, await applicant(session))


async def test_a48_the_bytes_of_the_quota_are_exact(session: AsyncSession) -> None:
    user = await applicant(session)
    await put(session, settings.DOCUMENTS_MEGABYTES, 1)
    await factories.document(session, user, file={"size_bytes": 600_000})
    with pytest.raises(QuotaSpent):
        await factories.document(session, user, file={"size_bytes": 400_001})
    await factories.document(session, user, file={"size_bytes": 400_000})


async def test_a48_the_quota_forgets_after_30_days(session: AsyncSession) -> None:
    user = await applicant(session)
    await put(session, settings.DOCUMENTS_MOST, 1)
    document = await factories.document(session, user)
    document.created_at -= timedelta(days=30, seconds=1)
    await session.flush()
    await factories.document(session, user)


# What is required, and until when it holds.


async def test_everything_is_required_unless_a_setting_says_otherwise(
    session: AsyncSession,
) -> None:
    assert await documents.required(session, ["therapist"]) == list(Requirement)
    for requirement in (Requirement.LICENCE, Requirement.PORTRAIT):
        key = settings.required_document_key(Specialization.THERAPIST, requirement)
        await put(session, key, 0)
    short = await documents.required(session, ["therapist"])
    assert short == [
        Requirement.PASSPORT,
        Requirement.DIPLOMA,
        Requirement.QUALIFICATION,
    ]
    both = await documents.required(session, ["therapist", "surgeon"])
    assert both == list(Requirement)
    assert await documents.required(session, []) == []


async def test_what_is_missing_is_told_until_it_is_given(session: AsyncSession) -> None:
    user = await factories.patient(session)
    made = await application(session, user)
    assert await documents.missing(session, made) == list(Requirement)
    given = await papers(session, user, KIND.PASSPORT, KIND.ACCREDITATION)
    rest = [Requirement.DIPLOMA, Requirement.LICENCE, Requirement.PORTRAIT]
    assert await documents.missing(session, made) == rest
    assert await documents.unaccepted(session, made) == list(Requirement)
    await in_force(session, *given)
    assert await documents.unaccepted(session, made) == rest
    given[0].status = STATUS.REJECTED
    await session.flush()
    assert Requirement.PASSPORT in await documents.missing(session, made)


async def test_an_expired_paper_is_a_missing_one(session: AsyncSession) -> None:
    user = await factories.patient(session)
    made = await application(session, user)
    [document] = await papers(session, user, KIND.DIPLOMA)
    document.expires_on = await day(session, 0)
    await session.flush()
    assert Requirement.DIPLOMA not in await documents.missing(session, made)
    document.expires_on = await day(session, -1)
    await session.flush()
    assert Requirement.DIPLOMA in await documents.missing(session, made)


async def test_after_approval_the_profile_says_what_is_required(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    made = await application(session, doctor, STATE.APPROVED, ())
    assert await documents.missing(session, made) == list(Requirement)
    stranger = await factories.patient(session)
    empty = await application(session, stranger, STATE.DRAFT, ())
    assert await documents.missing(session, empty) == []


async def until(session: AsyncSession, user: User) -> date | None:
    return await documents.valid_until(session, user.id, ["therapist"])


async def test_papers_hold_until_the_first_that_is_needed_expires(
    session: AsyncSession,
) -> None:
    user = await applicant(session)
    assert await until(session, user) is None
    made = {each.kind: each for each in await papers(session, user)}
    made[KIND.LICENCE].expires_on = date(2031, 5, 5)
    made[KIND.CERTIFICATE].expires_on = date(2030, 1, 1)
    made[KIND.ACCREDITATION].expires_on = date(2032, 1, 1)
    made[KIND.PASSPORT].expires_on = date(2029, 1, 1)
    await in_force(
        session, *(each for kind, each in made.items() if kind != "passport")
    )
    # The passport is not accepted; of certificate and accreditation one suffices.
    assert await until(session, user) == date(2031, 5, 5)
    made[KIND.LICENCE].expires_on = None
    await session.flush()
    assert await until(session, user) == date(2032, 1, 1)
    made[KIND.CERTIFICATE].expires_on = None
    await session.flush()
    assert await until(session, user) is None


# Reading.


async def test_a_curator_reads_a_file_and_the_journal_has_it(
    session: AsyncSession,
) -> None:
    user = await applicant(session)
    document = await factories.document(session, user)
    curator = as_staff(await factories.person(session, Role.CURATOR), Role.CURATOR)
    for _ in range(2):
        stored = await documents.read_file(session, curator, document.id)
        assert stored.file_name == "diploma.png"
    # One line in a quarter of an hour for each person and paper.
    assert (await audited(session, document)).count("read.document") == 1
    other = as_staff(await factories.person(session, Role.CURATOR), Role.CURATOR)
    await documents.read_file(session, other, document.id)
    assert (await audited(session, document)).count("read.document") == 2
    with pytest.raises(NotFound):
        await documents.read_file(session, curator, factories.nobody())


@pytest.mark.parametrize(
    "role", [each for each in Role if each not in {Role.CURATOR, Role.SYSTEM}]
)
async def test_nobody_but_curators_reads_papers_of_others(
    session: AsyncSession, role: Role
) -> None:
    document = await factories.document(session, await applicant(session))
    actor = as_staff(await factories.person(session, role), role)
    with pytest.raises(Forbidden):
        await documents.read_file(session, actor, document.id)
    assert "read.document" not in await audited(session, document)


# The end of files.


async def test_an_erasure_parts_papers_from_their_files(session: AsyncSession) -> None:
    user = await applicant(session)
    made = await papers(session, user, KIND.DIPLOMA, KIND.DIPLOMA, number="12")
    await documents.forget_files(session, user.id)
    assert [each.status for each in made] == [STATUS.REPLACED, STATUS.REMOVED]
    assert {(each.storage_name, each.number) for each in made} == {(None, None)}


async def test_a48_a_file_without_a_row_is_deleted_after_a_day(
    session: AsyncSession,
) -> None:
    document = await factories.document(session, await applicant(session))
    lost, fresh = factories.taken(), factories.taken()
    for taken in (lost, fresh):
        await files.keep(taken)
    assert document.storage_name
    aged = {lost.storage_name: 86_410, fresh.storage_name: 86_300}
    for name, age in (aged | {document.storage_name: 9_000_000}).items():
        place = files.path_of(name)
        made = place.stat().st_mtime
        os.utime(place, (made - age, made - age))
    assert await file_sweep.sweep(session) >= 1
    with pytest.raises(NotFound):
        await files.open_file(lost.storage_name)
    assert await files.open_file(fresh.storage_name)
    assert await files.open_file(document.storage_name)
    await documents.forget_files(session, document.user_id)
    assert await file_sweep.sweep(session) == 1


async def test_a_replaced_paper_is_history_and_stays_a_row(
    session: AsyncSession,
) -> None:
    user = await applicant(session)
    for _ in range(3):
        await factories.document(session, user)
    query = select(Document.status).where(col(Document.user_id) == user.id)
    states = sorted((await session.exec(query)).all())
    assert states == [STATUS.REPLACED, STATUS.REPLACED, STATUS.SUBMITTED]
