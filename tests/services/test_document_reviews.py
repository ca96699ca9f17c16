"""A curator's word on papers: states, who may say it, notices, until when it holds."""

import asyncio
from datetime import date, timedelta

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, Document, Notification, Role, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind, DocumentStatus
from services import clock, document_reviews, documents
from services.actor import Actor
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_patient, as_staff
from tests.papers import applicant, application, audited

KIND, STATUS, STATE = DocumentKind, DocumentStatus, ApplicationStatus


async def curator(session: AsyncSession) -> Actor:
    return as_staff(await factories.person(session, Role.CURATOR), Role.CURATOR)


async def submitted(
    session: AsyncSession, kind: DocumentKind = KIND.DIPLOMA
) -> Document:
    """Give a paper of an application that waits for a decision."""
    user = await factories.patient(session)
    made = await application(session, user)
    document = await factories.document(session, user, kind)
    made.status = STATE.SUBMITTED
    await session.flush()
    return document


async def notices(session: AsyncSession, user_id: object) -> list[Notification]:
    query = select(Notification).where(col(Notification.user_id) == user_id)
    return list((await session.exec(query)).all())


async def profile_of(session: AsyncSession, user: User) -> DoctorProfile:
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == user.id)
    return (await session.exec(query)).one()


async def test_a_paper_is_accepted(session: AsyncSession) -> None:
    document, actor = await submitted(session), await curator(session)
    await document_reviews.accept(session, actor, document.id)
    await settle(session)
    assert document.status is STATUS.ACCEPTED
    assert (document.reviewed_by, document.review_comment) == (actor.user_id, None)
    assert document.reviewed_at is not None
    assert await audited(session, document) == ["document.added", "document.accepted"]
    assert await notices(session, document.user_id) == []


async def test_a_paper_is_rejected_and_its_owner_told_without_the_reason(
    session: AsyncSession,
) -> None:
    document, actor = await submitted(session), await curator(session)
    await document_reviews.reject(session, actor, document.id, "  Не видно печати ")
    await settle(session)
    assert document.status is STATUS.REJECTED
    assert document.review_comment == "Не видно печати"
    assert await audited(session, document) == ["document.added", "document.rejected"]
    told = await notices(session, document.user_id)
    assert {each.kind for each in told} == {"document_rejected"}
    assert all(each.facts == {"document": "diploma"} for each in told)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
async def test_a_rejection_has_a_reason(session: AsyncSession, reason: str) -> None:
    document, actor = await submitted(session), await curator(session)
    with pytest.raises(ValidationFailed):
        await document_reviews.reject(session, actor, document.id, reason)
    await document_reviews.reject(session, actor, document.id, "x" * 1000)


async def decide(
    session: AsyncSession, actor: Actor, document: Document, verb: str
) -> None:
    if verb == "accept":
        await document_reviews.accept(session, actor, document.id)
    else:
        await document_reviews.reject(session, actor, document.id, "Нечётко")


VERBS = ("accept", "reject")
# From which states of the paper each word may be said before approval.
MAY = {
    "accept": {STATUS.SUBMITTED},
    "reject": {STATUS.SUBMITTED, STATUS.ACCEPTED},
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", STATUS)
async def test_a_word_is_said_on_papers_that_wait_for_it(
    session: AsyncSession, status: DocumentStatus, verb: str
) -> None:
    document, actor = await submitted(session), await curator(session)
    document.status = status
    await session.flush()
    if status in MAY[verb]:
        await decide(session, actor, document, verb)
        return
    with pytest.raises(IllegalTransition):
        await decide(session, actor, document, verb)
    assert document.status is status
    assert await notices(session, document.user_id) == []


@pytest.mark.parametrize("verb", VERBS)
async def test_a_draft_is_nobodys_business(session: AsyncSession, verb: str) -> None:
    document = await factories.document(session, await applicant(session))
    with pytest.raises(IllegalTransition):
        await decide(session, await curator(session), document, verb)


@pytest.mark.parametrize("verb", VERBS)
async def test_only_curators_decide_and_never_for_themselves(
    session: AsyncSession, verb: str
) -> None:
    document = await submitted(session)
    for role in set(Role) - {Role.CURATOR}:
        actor = as_staff(await factories.person(session), role)
        with pytest.raises(Forbidden):
            await decide(session, actor, document, verb)
    owner = await session.get_one(User, document.user_id)
    with pytest.raises(Forbidden):
        await decide(session, as_staff(owner, Role.CURATOR), document, verb)
    actor, nothing = await curator(session), factories.nobody()
    with pytest.raises(NotFound):
        await document_reviews.accept(session, actor, nothing)
    with pytest.raises(NotFound):
        await document_reviews.reject(session, actor, nothing, "Нет")


async def test_the_paper_in_force_gives_way_only_to_an_accepted_one(
    session: AsyncSession,
) -> None:
    doctor, actor = await factories.doctor(session), await curator(session)
    first = await factories.document(session, doctor)
    other = await factories.document(session, doctor, KIND.PASSPORT)
    for document in (first, other):
        await document_reviews.accept(session, actor, document.id)
    second = await factories.document(session, doctor)
    await document_reviews.reject(session, actor, second.id, "Нечётко")
    assert first.status is STATUS.ACCEPTED
    third = await factories.document(session, doctor)
    assert first.status is STATUS.ACCEPTED
    await document_reviews.accept(session, actor, third.id)
    await settle(session)
    assert (first.status, second.status) == (STATUS.REPLACED, STATUS.REJECTED)
    assert (third.status, other.status) == (STATUS.ACCEPTED, STATUS.ACCEPTED)
    # What was in force once stays as evidence.
    assert first.storage_name


async def test_a_paper_in_force_of_a_doctor_is_not_rejected(
    session: AsyncSession,
) -> None:
    doctor, actor = await factories.doctor(session), await curator(session)
    document = await factories.document(session, doctor)
    await document_reviews.accept(session, actor, document.id)
    with pytest.raises(IllegalTransition):
        await document_reviews.reject(session, actor, document.id, "Нечётко")


async def test_a_doctor_works_as_long_as_the_papers_in_force_say(
    session: AsyncSession,
) -> None:
    doctor, actor = await factories.doctor(session), await curator(session)
    profile = await profile_of(session, doctor)

    async def accept(kind: DocumentKind, until: date | None) -> None:
        document = await factories.document(session, doctor, kind, expires_on=until)
        assert profile.documents_valid_until != until or until is None
        await document_reviews.accept(session, actor, document.id)

    for kind in (KIND.DIPLOMA, KIND.PORTRAIT, KIND.LICENCE):
        await accept(kind, None)
    assert profile.documents_valid_until is None
    await accept(KIND.CERTIFICATE, date(2090, 1, 1))
    assert profile.documents_valid_until == date(2090, 1, 1)
    await accept(KIND.PASSPORT, date(2080, 1, 1))
    assert profile.documents_valid_until == date(2080, 1, 1)
    await accept(KIND.PASSPORT, date(2095, 1, 1))
    assert profile.documents_valid_until == date(2090, 1, 1)
    await accept(KIND.CERTIFICATE, None)
    assert profile.documents_valid_until == date(2095, 1, 1)


async def test_a_day_entered_by_hand_only_comes_nearer_until_all_papers_are_here(
    session: AsyncSession,
) -> None:
    by_hand = date(2060, 1, 1)
    doctor = await factories.doctor(session, profile={"documents_valid_until": by_hand})
    actor, profile = await curator(session), await profile_of(session, doctor)
    others = (KIND.PASSPORT, KIND.PORTRAIT, KIND.ACCREDITATION)
    days = (None, date(2070, 1, 1), date(2050, 1, 1), date(2070, 1, 1))
    found = []
    for until in days:
        paper = await factories.document(session, doctor, expires_on=until)
        await document_reviews.accept(session, actor, paper.id)
        found.append(profile.documents_valid_until)
    assert found == [by_hand, by_hand, date(2050, 1, 1), date(2050, 1, 1)]
    for kind in (*others, KIND.LICENCE):
        paper = await factories.document(session, doctor, kind)
        await document_reviews.accept(session, actor, paper.id)
    assert profile.documents_valid_until == date(2070, 1, 1)


async def test_a_new_licence_renews_what_the_profile_says_of_it(
    session: AsyncSession,
) -> None:
    doctor, actor = await factories.doctor(session), await curator(session)
    profile = await profile_of(session, doctor)
    number, until = profile.licence_number, profile.licence_expires_on
    endless = await factories.document(session, doctor, KIND.LICENCE, number="Л-1")
    await document_reviews.accept(session, actor, endless.id)
    assert (profile.licence_number, profile.licence_expires_on) == (number, until)
    later = date(2099, 1, 1)
    paper = await factories.document(session, doctor, KIND.LICENCE, expires_on=later)
    await document_reviews.accept(session, actor, paper.id)
    assert (profile.licence_number, profile.licence_expires_on) == (number, later)
    named = await factories.document(
        session, doctor, KIND.LICENCE, expires_on=later, number="Л-2"
    )
    await document_reviews.accept(session, actor, named.id)
    assert (profile.licence_number, profile.valid_until) == ("Л-2", later)


@pytest.mark.race
async def test_of_two_curators_and_the_owner_one_is_first(sessions: Sessions) -> None:
    for _ in range(10):
        async with transaction(sessions) as session:
            doctor = await factories.doctor(session)
            document = await factories.document(session, doctor)
            one, two = await curator(session), await curator(session)

        async def attempt(deed: object) -> object:
            try:
                return await in_transaction(sessions, deed)  # type: ignore[arg-type]
            except IllegalTransition as refusal:
                return refusal

        ends = await asyncio.gather(
            attempt(lambda s: document_reviews.accept(s, one, document.id)),  # noqa: B023
            attempt(lambda s: document_reviews.reject(s, two, document.id, "Нет")),  # noqa: B023
            attempt(lambda s: documents.remove(s, as_patient(doctor), document.id)),  # noqa: B023
        )
        # A rejected paper may still be taken back; nothing else follows.
        done = [not isinstance(end, IllegalTransition) for end in ends]
        assert done in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1])


async def test_a_paper_that_has_run_out_replaces_nothing(session: AsyncSession) -> None:
    actor, doctor = await curator(session), await factories.doctor(session)
    today = await clock.today(session)
    good = await factories.document(session, doctor, KIND.LICENCE)
    await document_reviews.accept(session, actor, good.id)
    old = await factories.document(session, doctor, KIND.LICENCE)
    old.expires_on = today - timedelta(days=1)
    await session.flush()
    with pytest.raises(Conflict):
        await document_reviews.accept(session, actor, old.id)
    assert good.status is STATUS.ACCEPTED
    old.expires_on = today
    await document_reviews.accept(session, actor, old.id)
    assert old.status is STATUS.ACCEPTED
