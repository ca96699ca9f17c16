"""Applications of doctors: every state with every verb, and what approval makes."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    ApplicationEvent,
    AuditEvent,
    DoctorApplication,
    DoctorProfile,
    DoctorState,
    Notification,
    RoleGrant,
    User,
)
from models.booking import Status
from models.doctor_application import (
    APPLICATION_EDGES,
    OVER,
    ApplicationStatus,
    ApplicationVerb,
)
from models.document import Requirement
from models.role_grant import Role
from models.specialization import Specialization
from services import (
    application_reads,
    application_steps,
    applications,
    assignments,
    clock,
    doctors,
    duty,
    staff,
)
from services.actor import SYSTEM
from services.application_facts import ApplicationFacts
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import (
    Conflict,
    DoctorNotEligible,
    Forbidden,
    IllegalTransition,
    NotFound,
    StaleVersion,
    ValidationFailed,
)
from services.people import NewPerson
from tests import factories
from tests.applicants import KINDS, Desk, application_in, desk_of
from tests.applicants import facts as complete_facts

S, V = ApplicationStatus, ApplicationVerb
# Written by hand: the state that each verb leads to; whatever is absent is refused.
EXPECTED = {
    (S.DRAFT, V.EDIT): S.DRAFT,
    (S.DRAFT, V.SUBMIT): S.SUBMITTED,
    (S.DRAFT, V.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, V.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, V.ASK_MORE): S.MORE_INFO,
    (S.SUBMITTED, V.APPROVE): S.APPROVED,
    (S.SUBMITTED, V.REJECT): S.REJECTED,
    (S.MORE_INFO, V.EDIT): S.MORE_INFO,
    (S.MORE_INFO, V.SUBMIT): S.SUBMITTED,
    (S.MORE_INFO, V.WITHDRAW): S.WITHDRAWN,
    (S.MORE_INFO, V.REJECT): S.REJECTED,
    (S.APPROVED, V.SUSPEND): S.SUSPENDED,
    (S.SUSPENDED, V.RESTORE): S.APPROVED,
}


@pytest.fixture
async def desk(session: AsyncSession) -> Desk:
    return await desk_of(session)


async def traces(session: AsyncSession) -> list[int]:
    tables = (ApplicationEvent, AuditEvent, Notification, RoleGrant)
    counted = [
        await session.scalar(sa.select(sa.func.count()).select_from(each)) or 0
        for each in tables
    ]
    jobs = "SELECT count(*) FROM jobs.procrastinate_jobs"
    return [*counted, await session.scalar(sa.text(jobs)) or 0]


@pytest.mark.parametrize("verb", list(V), ids=str)
@pytest.mark.parametrize("status", list(S), ids=str)
async def test_a_verb_leads_where_the_table_says_or_changes_nothing(
    desk: Desk, status: ApplicationStatus, verb: ApplicationVerb
) -> None:
    await desk.reach(status)
    if verb is V.APPROVE and status is S.SUBMITTED:
        await desk.accept()
    before, row = await traces(desk.session), await desk.row()
    version = row.version
    if (status, verb) in EXPECTED:
        await desk.do(verb)
        assert row.status is EXPECTED[status, verb]
        assert row.version == version + 1
        event = (
            await desk.session.exec(
                select(ApplicationEvent).where(
                    col(ApplicationEvent.application_id) == row.id,
                    col(ApplicationEvent.version) == row.version,
                )
            )
        ).one()
        assert (event.event, event.to_status) == (verb.value, row.status)
        return
    if verb is V.EDIT and status in OVER:
        # Whoever was refused or went away may begin anew.
        await desk.do(verb)
        assert (await desk.row()).id != row.id
        return
    refusal = NotFound if status in OVER else IllegalTransition
    own = verb in {V.SUBMIT, V.WITHDRAW, V.EDIT}
    with pytest.raises(refusal if own else IllegalTransition):
        await desk.do(verb)
    assert (row.status, row.version) == (status, version)
    assert await traces(desk.session) == before


def test_every_state_can_be_reached_and_the_last_ones_have_no_exit() -> None:
    reached = {S.DRAFT}
    for _ in S:
        for sources, target in APPLICATION_EDGES.values():
            if target is not None and sources & reached:
                reached.add(target)
    assert reached == set(S)
    assert not [v for v, (sources, _) in APPLICATION_EDGES.items() if sources & OVER]


# Written by hand: who may do what, whatever the state.
ALLOWED = {
    V.EDIT: {Role.PATIENT, Role.DOCTOR, Role.CLINIC},
    V.SUBMIT: {Role.PATIENT, Role.DOCTOR, Role.CLINIC},
    V.WITHDRAW: {Role.PATIENT, Role.DOCTOR, Role.CLINIC},
    V.ASK_MORE: {Role.CURATOR},
    V.APPROVE: {Role.CURATOR},
    V.REJECT: {Role.CURATOR},
    V.SUSPEND: {Role.CURATOR},
    V.RESTORE: {Role.CURATOR},
}


@pytest.mark.parametrize("status", list(S), ids=str)
async def test_whoever_may_not_do_it_changes_nothing(
    desk: Desk, status: ApplicationStatus
) -> None:
    await desk.reach(status)
    before, row = await traces(desk.session), await desk.row()
    own, curator = desk.own, desk.curator
    for verb in V:
        for role in set(Role) - ALLOWED[verb]:
            desk.own = replace(own, acting_as=role)
            desk.curator = replace(curator, acting_as=role)
            with pytest.raises(Forbidden):
                await desk.do(verb)
    assert row.status is status
    assert await traces(desk.session) == before


@pytest.mark.parametrize(("status", "verb"), EXPECTED, ids=str)
async def test_whoever_may_do_it_can(
    session: AsyncSession, status: ApplicationStatus, verb: ApplicationVerb
) -> None:
    for role in ALLOWED[verb]:
        desk = await desk_of(session)
        await desk.reach(status)
        if verb is V.APPROVE:
            await desk.accept()
        desk.own = replace(desk.own, acting_as=role)
        await desk.do(verb)
        assert (await desk.row()).status is EXPECTED[status, verb]


@pytest.mark.parametrize("status", list(S), ids=str)
async def test_factories_reach_every_state_by_the_verbs(
    session: AsyncSession, status: ApplicationStatus
) -> None:
    made = await application_in(session, status)
    assert made.status is status
    assert (made.facts == {}) is (status in {S.APPROVED, S.SUSPENDED})


async def test_approval_moves_the_facts_to_the_profile_and_the_doctor_works(
    desk: Desk,
) -> None:
    await desk.reach(S.APPROVED)
    session, row = desk.session, await desk.row()
    profile = (
        await session.exec(
            select(DoctorProfile).where(col(DoctorProfile.user_id) == desk.user.id)
        )
    ).one()
    assert row.facts == {}
    assert (profile.licence_number, profile.education) == (
        "ЛО-77-01-555",
        "РНИМУ, 2010",
    )
    assert profile.may_work
    view = await application_reads.own(session, desk.own)
    assert (view.missing_facts, view.missing_papers) == ([], [])
    doctor = factories.as_doctor(desk.user)
    await duty.set_duty(session, doctor, True)
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(session, desk.user, dispatcher)
    assert made.status is Status.ASSIGNED


async def test_suspension_takes_the_visits_and_the_duty_away(desk: Desk) -> None:
    await desk.reach(S.APPROVED)
    session = desk.session
    await duty.set_duty(session, factories.as_doctor(desk.user), True)
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(session, desk.user, dispatcher)
    row = await desk.row()
    lost = await applications.suspend(
        session, desk.curator, row.id, row.version, "Жалобы"
    )
    assert [booking.id for booking in lost] == [made.id]
    assert made.status is Status.PENDING
    state = select(DoctorState).where(col(DoctorState.doctor_id) == desk.user.id)
    found = (await session.exec(state.execution_options(populate_existing=True))).one()
    assert not found.on_duty
    seen = (session, factories.as_staff(dispatcher), made.id, desk.user.id)
    with pytest.raises(DoctorNotEligible):
        await assignments.assign(*seen, made.version)
    with pytest.raises(Conflict):
        await duty.set_duty(session, factories.as_staff(dispatcher), True, desk.user.id)
    await desk.do(V.RESTORE)
    await duty.set_duty(session, factories.as_doctor(desk.user), True)
    await assignments.assign(*seen, made.version)


async def test_what_is_missing_is_listed_at_once(desk: Desk) -> None:
    session = desk.session
    await applications.save(session, desk.own, ApplicationFacts(education="РНИМУ"))
    past = (await clock.now(session)).date() - timedelta(days=1)
    await applications.save(
        session, desk.own, ApplicationFacts(licence_expires_on=past)
    )
    with pytest.raises(ValidationFailed) as caught:
        await applications.submit(session, desk.own)
    fields = {each["field"] for each in caught.value.public_facts["errors"]}
    assert {"birth_date", "specializations", "licence_expires_on"} <= fields
    assert "education" not in fields


async def test_papers_must_be_accepted_before_approval(desk: Desk) -> None:
    await desk.reach(S.SUBMITTED)
    with pytest.raises(ValidationFailed) as caught:
        await desk.do(V.APPROVE)
    fields = [each["field"] for each in caught.value.public_facts["errors"]]
    assert sorted(fields) == [
        "documents.diploma",
        "documents.licence",
        "documents.passport",
        "documents.portrait",
        "documents.qualification",
    ]


async def test_nobody_decides_on_their_own_and_unknown_ones_are_not_found(
    desk: Desk,
) -> None:
    await desk.reach(S.SUBMITTED)
    row, session = await desk.row(), desk.session
    own = factories.as_staff(desk.user, Role.CURATOR)
    with pytest.raises(Forbidden):
        await applications.reject(session, own, row.id, row.version, "x")
    with pytest.raises(NotFound):
        await applications.reject(session, desk.curator, uuid.uuid4(), 1, "x")
    with pytest.raises(NotFound):
        await applications.suspend(session, desk.curator, uuid.uuid4(), 1, "x")
    with pytest.raises(ValidationFailed):
        await applications.reject(session, desk.curator, row.id, row.version, " ")


async def test_an_old_page_overwrites_nothing_and_tells_who_was_first(
    desk: Desk,
) -> None:
    await desk.reach(S.SUBMITTED)
    row = await desk.row()
    seen = row.version
    await desk.do(V.ASK_MORE)
    with pytest.raises(StaleVersion) as caught:
        await applications.approve(desk.session, desk.curator, row.id, seen)
    assert "запросил" in caught.value.message
    assert caught.value.public_facts == {"current_version": row.version}
    with pytest.raises(StaleVersion) as caught:
        await applications.approve(desk.session, desk.curator, row.id, 1)
    assert "с назад" in caught.value.message


@pytest.mark.parametrize(
    ("first", "words"),
    [(("Анна", "Петровна"), "одобрила заявку"), (("Пётр", None), "одобрил заявку")],
)
async def test_russian_verbs_agree_with_who_decided(
    desk: Desk, first: tuple[str, str | None], words: str
) -> None:
    curator = await desk.session.get_one(User, desk.curator.user_id)
    curator.first_name, curator.middle_name = first
    await desk.reach(S.APPROVED)
    row = await desk.row()
    with pytest.raises(StaleVersion) as caught:
        await applications.suspend(
            desk.session, desk.curator, row.id, row.version - 1, "Жалобы"
        )
    assert words in caught.value.message


async def test_what_nobody_we_know_did_is_told_without_a_name(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    made = DoctorApplication(user_id=doctor.id, status=S.APPROVED)
    await application_steps.remember(session, SYSTEM, made, "approve", None)
    curator = await factories.person(session, Role.CURATOR)
    actor = factories.as_staff(curator, Role.CURATOR)
    with pytest.raises(StaleVersion) as caught:
        await applications.suspend(session, actor, made.id, 7, "Жалобы")
    assert "заявку изменили" in caught.value.message


async def test_the_blocked_and_the_staff_are_not_made_doctors(desk: Desk) -> None:
    await desk.reach(S.SUBMITTED)
    await desk.accept()
    desk.user.blocked_at = desk.user.created_at
    with pytest.raises(Conflict):
        await desk.do(V.APPROVE)


async def test_a_doctor_known_before_keeps_one_profile_and_role(
    session: AsyncSession,
) -> None:
    curator = await factories.person(session, Role.CURATOR)
    doctor = await factories.doctor(session)
    desk = Desk(session, doctor, curator)
    desk.own = factories.as_doctor(doctor)
    profiles = select(DoctorProfile).where(col(DoctorProfile.user_id) == doctor.id)
    profile = (await session.exec(profiles)).one()
    profile.home_latitude, profile.home_longitude = factories.MOSCOW_CENTRE
    await desk.reach(S.APPROVED)
    profile = (await session.exec(profiles)).one()
    assert profile.licence_number == "ЛО-77-01-555"
    # What the new application does not say does not linger on.
    assert profile.home_latitude is None


async def test_who_was_not_born_yet_cannot_be_a_doctor(desk: Desk) -> None:
    ahead = (await clock.now(desk.session)).date() + timedelta(days=2)
    with pytest.raises(ValidationFailed):
        await applications.save(
            desk.session, desk.own, ApplicationFacts(birth_date=ahead)
        )


async def test_an_over_licence_is_told_from_one_that_was_not_stated(
    desk: Desk,
) -> None:
    past = (await clock.now(desk.session)).date() - timedelta(days=2)
    for facts, words in (
        (ApplicationFacts(), "Нужно заполнить"),
        (ApplicationFacts(licence_expires_on=past), "Срок лицензии истёк."),
    ):
        await applications.save(desk.session, desk.own, facts)
        with pytest.raises(ValidationFailed) as caught:
            await applications.submit(desk.session, desk.own)
        told = {e["field"]: e["message"] for e in caught.value.public_facts["errors"]}
        assert told["licence_expires_on"]
        if facts.licence_expires_on is not None:
            assert told["licence_expires_on"] == words


async def test_the_queue_shows_the_longest_waiting_first_and_finds_by_any_name(
    session: AsyncSession,
) -> None:
    first, second = await desk_of(session), await desk_of(session)
    await first.reach(S.SUBMITTED)
    await second.reach(S.SUBMITTED)
    (await second.row()).submitted_at = first.user.created_at - timedelta(days=3)
    await session.flush()
    lines = (await application_reads.queue(session, first.curator, S.SUBMITTED)).lines
    ids = [each.id for each in lines]
    wanted = [(await second.row()).id, (await first.row()).id]
    assert [each for each in ids if each in wanted] == wanted
    assert {each.missing for each in lines if each.id in wanted} == {0}
    for words in (second.user.last_name, str(second.user.phone)):
        found = await application_reads.queue(
            session, first.curator, S.SUBMITTED, words
        )
        assert wanted[0] in [each.id for each in found.lines]
        assert wanted[1] not in [each.id for each in found.lines]
    counts = await application_reads.counts(session, first.curator)
    assert counts[S.SUBMITTED] >= 2
    assert set(counts) == set(S)
    Order = application_reads.Order
    await applications.save(
        session, (late := await desk_of(session)).own, ApplicationFacts()
    )
    named = (session, first.curator)
    drafts = (await application_reads.queue(*named, S.DRAFT, order=Order.MISSING)).lines
    assert [each.missing for each in drafts] == sorted(e.missing for e in drafts)
    assert late.user.id in [each.user.id for each in drafts]
    for order in (Order.NAME, Order.LICENCE):
        found = await application_reads.queue(*named, S.SUBMITTED, order=order)
        assert {*wanted} <= {each.id for each in found.lines}
    for kind, there in (
        (Specialization.THERAPIST, True),
        (Specialization.UROLOGIST, False),
    ):
        found = await application_reads.queue(*named, S.SUBMITTED, specialization=kind)
        assert (wanted[0] in [each.id for each in found.lines]) is there
    await first.do(V.REJECT)
    refused = await application_reads.queue(session, first.curator, S.REJECTED)
    assert wanted[1] in [each.id for each in refused.lines]
    with pytest.raises(Forbidden):
        await application_reads.queue(session, first.own, S.SUBMITTED)


async def test_of_the_decided_the_newest_come_first_and_none_is_dropped(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_reads, "PAGE", 2)
    desks = [await desk_of(session) for _ in range(5)]
    for number, each in enumerate(desks):
        await each.reach(S.APPROVED)
        row = await each.row()
        # Submitted in the other order, so that it is the decision that counts.
        row.submitted_at = each.user.created_at - timedelta(days=number)
        row.decided_at = each.user.created_at - timedelta(hours=5 - number)
    await session.flush()
    named = (session, desks[0].curator, S.APPROVED)
    pages = [await application_reads.queue(*named, page=each) for each in (0, 1, 2, 3)]
    assert pages[0] == pages[1]
    seen = [line.user.id for page in pages[1:] for line in page.lines]
    assert seen == [each.user.id for each in reversed(desks)]
    assert {(each.count, each.cut) for each in pages} == {(5, False)}
    # There is no page behind the last one, however far an address goes.
    assert await application_reads.queue(*named, page=10**5) == pages[3]
    monkeypatch.setattr(application_reads, "MOST_COUNTED", 4)
    first = await application_reads.queue(*named)
    assert (first.count, first.cut) == (4, True)


async def test_a_suspension_and_its_end_are_decisions_of_their_own_day(
    desk: Desk,
) -> None:
    for verb, status in ((V.SUSPEND, S.SUSPENDED), (V.RESTORE, S.APPROVED)):
        if verb is V.SUSPEND:
            await desk.reach(S.APPROVED)
        row = await desk.row()
        row.decided_at = long_ago = desk.user.created_at - timedelta(days=400)
        await desk.do(verb)
        (line,) = (
            await application_reads.queue(desk.session, desk.curator, status)
        ).lines
        assert line.since > long_ago + timedelta(days=399)


async def test_what_is_missing_orders_all_pages_and_says_when_it_cannot(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_reads, "PAGE", 1)
    desks = [await desk_of(session) for _ in range(3)]
    kinds = ((), KINDS[:3], KINDS[:1])
    for each, given in zip(desks, kinds, strict=True):
        await applications.save(session, each.own, await complete_facts(session))
        for kind in given:
            await factories.document(session, each.user, kind=kind)
    named = (session, desks[0].curator, S.DRAFT, "", None)
    by_missing = (*named, application_reads.Order.MISSING)
    pages = [await application_reads.queue(*by_missing, each) for each in (1, 2, 3)]
    assert [page.lines[0].missing for page in pages] == [2, 4, 5]
    assert [page.lines[0].user.id for page in pages] == [
        desks[each].user.id for each in (1, 2, 0)
    ]
    least = pages[0].lines[0]
    assert (least.missing_facts, [*least.missing_papers]) == (
        [],
        [Requirement.PASSPORT, Requirement.PORTRAIT],
    )
    monkeypatch.setattr(application_reads, "MOST_SORTED", 2)
    cut = await application_reads.queue(*by_missing, 2)
    assert (cut.count, cut.cut, cut.lines[0].missing) == (2, True, 5)


async def test_a_curator_reads_an_application_and_leaves_a_trace(desk: Desk) -> None:
    await desk.reach(S.SUBMITTED)
    row, session = await desk.row(), desk.session
    view = await application_reads.one(session, desk.curator, row.id)
    assert [event.event for event, _ in view.history] == ["create", "submit"]
    assert len(view.papers) == len(KINDS)
    read = select(AuditEvent).where(col(AuditEvent.action) == "read.application")
    assert (await session.exec(read)).one().object_id == desk.user.id
    with pytest.raises(NotFound):
        await application_reads.one(session, desk.curator, uuid.uuid4())


async def test_without_an_application_there_is_nothing_to_read(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await application_reads.own(desk.session, desk.own)


async def test_a_doctor_whom_a_curator_made_can_be_suspended_too(
    session: AsyncSession,
) -> None:
    curator = factories.as_staff(
        await factories.person(session, Role.CURATOR), Role.CURATOR
    )
    day = (await clock.now(session)).date() + timedelta(days=300)
    person = NewPerson(first_name="Иван", last_name="Котов", email="kotov@example.org")
    given = doctors.DoctorFacts(
        specializations=("therapist",), licence_number="77", licence_expires_on=day
    )
    user, _ = await doctors.create(session, curator, person, given)
    query = select(DoctorApplication).where(col(DoctorApplication.user_id) == user.id)
    row = (await session.exec(query)).one()
    assert await applications.suspend(session, curator, row.id, 1, "Проверка") == []
    assert row.status is S.SUSPENDED
    await staff.block(session, curator, user.id, "Проверка")


@pytest.mark.race
@pytest.mark.parametrize("_round", range(5))
async def test_two_first_savings_at_once_make_one_application(
    sessions: Sessions, _round: int
) -> None:
    async with transaction(sessions) as session:
        desk = await desk_of(session)

    async def save(**words: str) -> bool:
        facts = ApplicationFacts.model_validate(words)
        _, new = await in_transaction(
            sessions, lambda session: applications.save(session, desk.own, facts)
        )
        return new

    words = {"education": "РНИМУ", "home_district": "Арбат"}
    saved = await asyncio.gather(*(save(**{name: words[name]}) for name in words))
    assert sorted(saved) == [False, True]
    async with transaction(sessions) as session:
        desk.session = session
        assert (await desk.row()).facts == words


@pytest.mark.race
@pytest.mark.parametrize("_round", range(5))
async def test_of_two_curators_at_once_one_decides(
    sessions: Sessions, _round: int
) -> None:
    async with transaction(sessions) as session:
        desk = await desk_of(session)
        await desk.reach(S.SUBMITTED)
        await desk.accept()
        row = await desk.row()
        other = factories.as_staff(
            await factories.person(session, Role.CURATOR), Role.CURATOR
        )
    row_id, seen = row.id, row.version
    results = await asyncio.gather(
        in_transaction(
            sessions, lambda s: applications.approve(s, desk.curator, row_id, seen)
        ),
        in_transaction(
            sessions, lambda s: applications.reject(s, other, row_id, seen, "Нет")
        ),
        return_exceptions=True,
    )
    stale = [each for each in results if isinstance(each, StaleVersion)]
    assert len(stale) == 1, results
    async with transaction(sessions) as session:
        events = sa.select(sa.func.count(col(ApplicationEvent.id))).where(
            col(ApplicationEvent.application_id) == row_id
        )
        assert await session.scalar(events) == 3


async def test_wrong_facts_are_refused_by_name() -> None:
    for wrong in (
        {"home_latitude": 55.0},
        {"languages": ("xx",)},
        {"experience_years": "7"},
        {"status": "approved"},
        {"specializations": ()},
    ):
        with pytest.raises(ValueError, match="validation error"):
            ApplicationFacts(**wrong)
    assert SYSTEM
