"""A doctor's own profile: what acts at once, what waits, and who decides."""

import asyncio
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, DoctorProfile, Notification, ProfileChange, User
from models.document import DocumentKind, DocumentStatus, Requirement
from models.profile_change import ChangeStatus
from models.role_grant import Role
from models.specialization import Specialization
from services import clock, doctor_profiles, profile_changes, settings
from services.actor import Actor
from services.database import Sessions
from services.doctor_profiles import DoctorProfileInput, OwnProfile
from services.edges import in_transaction, transaction
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    StaleVersion,
    ValidationFailed,
)
from tests import factories


class Office:
    """A doctor and a curator."""

    def __init__(self, session: AsyncSession, doctor: User, curator: Actor) -> None:
        self.session, self.doctor, self.curator = session, doctor, curator
        self.own = factories.as_doctor(doctor)

    async def put(self, **facts: Any) -> OwnProfile:
        given = DoctorProfileInput(**facts)
        return await doctor_profiles.replace(self.session, self.own, given)

    async def asks(self, **facts: Any) -> ProfileChange:
        change = (await self.put(**facts)).change
        assert change is not None
        return change

    async def approve(self, change: ProfileChange) -> ProfileChange:
        return await profile_changes.approve(
            self.session, self.curator, change.id, change.version
        )

    async def reject(self, change: ProfileChange, reason: str = "Нет") -> ProfileChange:
        return await profile_changes.reject(
            self.session, self.curator, change.id, change.version, reason
        )


async def office_of(session: AsyncSession) -> Office:
    doctor = await factories.doctor(session, profile={"experience_years": 5})
    curator = await factories.person(session, Role.CURATOR)
    return Office(session, doctor, factories.as_staff(curator, Role.CURATOR))


@pytest.fixture
async def office(session: AsyncSession) -> Office:
    return await office_of(session)


async def profile_of(office: Office) -> DoctorProfile:
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == office.doctor.id)
    return (await office.session.exec(query)).one()


async def notices(office: Office) -> list[str]:
    query = select(Notification.kind).where(
        col(Notification.user_id) == office.doctor.id
    )
    return list((await office.session.exec(query)).all())


async def test_words_languages_and_home_act_at_once(office: Office) -> None:
    own = await office.put(
        languages=("en", "ru", "en"),
        about="Принимаю детей",
        home_district="Сокол",
        home_latitude=55.8,
        home_longitude=37.5,
    )
    assert own.change is None
    profile = await profile_of(office)
    assert profile.languages == ["en", "ru"]
    assert (profile.about, profile.home_district) == ("Принимаю детей", "Сокол")
    assert (profile.home_latitude, profile.home_longitude) == (55.8, 37.5)
    query = select(AuditEvent.data).where(
        col(AuditEvent.action) == "doctor.changed",
        col(AuditEvent.object_id) == office.doctor.id,
    )
    data = (await office.session.exec(query)).one()
    assert "Сокол" not in str(data)


async def test_nothing_but_the_change_waits(office: Office) -> None:
    now = await profile_of(office)
    change = await office.asks(
        about="Новое",
        experience_years=6,
        education="РНИМУ",
        licence_number=now.licence_number,
        specializations=tuple(now.specializations),
    )
    assert change.facts == {"experience_years": 6, "education": "РНИМУ"}
    assert change.status is ChangeStatus.PENDING
    profile = await profile_of(office)
    assert profile.about == "Новое"
    assert (profile.experience_years, profile.education) == (5, None)


async def test_a_second_put_replaces_the_open_request(office: Office) -> None:
    first = await office.asks(experience_years=6)
    assert await office.asks(experience_years=6) is first
    assert first.version == 1
    second = await office.asks(education="РНИМУ")
    assert second.id == first.id
    assert (second.version, second.facts) == (2, {"education": "РНИМУ"})
    kept = await office.asks(about="Об этом не спрашивают")
    assert (kept.version, kept.status) == (2, ChangeStatus.PENDING)
    taken_back = await office.asks(education=None)
    assert taken_back.status is ChangeStatus.WITHDRAWN
    assert (await office.put(education=None)).change is taken_back


async def test_an_approved_change_acts_and_the_doctor_is_told(office: Office) -> None:
    day = (await clock.now(office.session)).date() + timedelta(days=900)
    change = await office.asks(
        licence_number="ЛО-77-99",
        licence_expires_on=day,
        birth_date=date(1980, 2, 3),
        specializations=(Specialization.CARDIOLOGIST, Specialization.CARDIOLOGIST),
    )
    view = await profile_changes.one(office.session, office.curator, change.id)
    asked = {each.name: each.asked for each in view.differences}
    assert asked["licence_expires_on"] == day
    assert view.lacking == []
    assert (view.user, view.change) == (office.doctor, change)
    read = select(AuditEvent).where(col(AuditEvent.action) == "read.profile_change")
    assert (await office.session.exec(read)).one().object_id == office.doctor.id
    await office.approve(change)
    profile = await profile_of(office)
    assert profile.licence_number == "ЛО-77-99"
    assert profile.licence_expires_on == day
    assert profile.birth_date == date(1980, 2, 3)
    assert profile.specializations == ["cardiologist"]
    assert (change.status, change.version) == (ChangeStatus.APPROVED, 2)
    assert await notices(office) == ["profile_change_approved"]
    assert (await doctor_profiles.read(office.session, office.own)).change is change


async def test_a_rejected_change_acts_on_nothing(office: Office) -> None:
    change = await office.asks(experience_years=30)
    with pytest.raises(ValidationFailed):
        await office.reject(change, "  ")
    await office.reject(change, " Нужна трудовая книжка ")
    assert (change.status, change.reason) == (
        ChangeStatus.REJECTED,
        "Нужна трудовая книжка",
    )
    assert (await profile_of(office)).experience_years == 5
    assert await notices(office) == ["profile_change_rejected"]
    again = await office.asks(experience_years=30)
    assert again.id != change.id


async def test_a_new_specialization_waits_for_the_papers_only_it_needs(
    office: Office,
) -> None:
    session = office.session
    admin = factories.as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    for requirement in Requirement:
        key = settings.required_document_key(Specialization.THERAPIST, requirement)
        await settings.put(session, admin, key, int(requirement == "passport"))
    for requirement in Requirement:
        key = settings.required_document_key(Specialization.CARDIOLOGIST, requirement)
        await settings.put(session, admin, key, int(requirement != "portrait"))
    change = await office.asks(specializations=("therapist", "cardiologist"))
    with pytest.raises(ValidationFailed) as caught:
        await office.approve(change)
    fields = [each["field"] for each in caught.value.public_facts["errors"]]
    assert fields == [
        "documents.diploma",
        "documents.qualification",
        "documents.licence",
    ]
    assert change.status is ChangeStatus.PENDING
    for kind in (
        DocumentKind.DIPLOMA,
        DocumentKind.ACCREDITATION,
        DocumentKind.LICENCE,
    ):
        paper = await factories.document(session, office.doctor, kind)
        paper.status = DocumentStatus.ACCEPTED
    await session.flush()
    await office.approve(change)
    assert (await profile_of(office)).specializations == ["therapist", "cardiologist"]


async def test_days_that_make_no_sense_are_refused(office: Office) -> None:
    today = (await clock.now(office.session)).date()
    with pytest.raises(ValidationFailed):
        await office.put(licence_expires_on=today - timedelta(days=2))
    with pytest.raises(ValidationFailed):
        await office.put(birth_date=today + timedelta(days=2))
    change = await office.asks(licence_expires_on=today + timedelta(days=2))
    change.facts = {"licence_expires_on": str(today - timedelta(days=2))}
    await office.session.flush()
    with pytest.raises(ValidationFailed):
        await office.approve(change)


async def test_wrong_facts_are_refused_by_name() -> None:
    for wrong in (
        {"home_latitude": 55.0},
        {"home_latitude": 55.0, "home_longitude": None},
        {"languages": ("xx",)},
        {"specializations": ()},
        {"licence_number": None},
        {"rating": 5},
        {"clinic_id": str(uuid.uuid4())},
    ):
        with pytest.raises(ValueError, match="validation error"):
            DoctorProfileInput(**wrong)


async def test_who_came_first_is_told_to_who_comes_second(office: Office) -> None:
    change = await office.asks(experience_years=7)
    seen = change.version
    await office.asks(experience_years=8)
    for _ in range(2):
        with pytest.raises(StaleVersion) as caught:
            await profile_changes.approve(
                office.session, office.curator, change.id, seen
            )
        assert "с назад" in caught.value.message
        if change.status is ChangeStatus.PENDING:
            assert "Орлов" in caught.value.message
            await office.approve(change)
        else:
            assert "Петров" in caught.value.message
    with pytest.raises(IllegalTransition):
        await office.approve(change)
    assert (await profile_of(office)).experience_years == 8


@pytest.mark.parametrize("role", list(Role), ids=str)
async def test_only_curators_decide_and_never_on_their_own(
    office: Office, role: Role
) -> None:
    session, change = office.session, await office.asks(experience_years=7)
    if role is Role.CURATOR:
        own = factories.as_staff(office.doctor, role)
        with pytest.raises(Forbidden):
            await profile_changes.approve(session, own, change.id, change.version)
        with pytest.raises(NotFound):
            await profile_changes.approve(session, office.curator, uuid.uuid4(), 1)
        with pytest.raises(NotFound):
            await profile_changes.one(session, office.curator, uuid.uuid4())
        waiting = await profile_changes.waiting(session, office.curator)
        assert (change, office.doctor) in waiting
        return
    actor = factories.as_staff(await factories.person(session), role)
    with pytest.raises(Forbidden):
        await profile_changes.approve(session, actor, change.id, change.version)
    with pytest.raises(Forbidden):
        await profile_changes.reject(session, actor, change.id, change.version, "x")
    with pytest.raises(Forbidden):
        await profile_changes.waiting(session, actor)
    with pytest.raises(Forbidden):
        await profile_changes.one(session, actor, change.id)
    if role is not Role.DOCTOR:
        with pytest.raises(Forbidden):
            await doctor_profiles.read(session, actor)


async def test_a_doctor_without_a_profile_has_nothing_to_read(
    session: AsyncSession,
) -> None:
    nobody = factories.as_doctor(await factories.person(session, Role.DOCTOR))
    with pytest.raises(NotFound):
        await doctor_profiles.read(session, nobody)
    with pytest.raises(NotFound):
        await doctor_profiles.replace(session, nobody, DoctorProfileInput())


@pytest.mark.race
@pytest.mark.parametrize("_round", range(5))
async def test_of_a_curator_and_a_doctor_at_once_neither_is_lost(
    sessions: Sessions, _round: int
) -> None:
    async with transaction(sessions) as session:
        office = await office_of(session)
        change = await office.asks(experience_years=7)
    change_id, seen = change.id, change.version
    wish = DoctorProfileInput(experience_years=9)
    approval, _ = await asyncio.gather(
        in_transaction(
            sessions,
            lambda s: profile_changes.approve(s, office.curator, change_id, seen),
        ),
        in_transaction(
            sessions, lambda s: doctor_profiles.replace(s, office.own, wish)
        ),
        return_exceptions=True,
    )
    async with transaction(sessions) as session:
        own = await doctor_profiles.read(session, office.own)
    assert own.change is not None
    assert own.change.facts == {"experience_years": 9}
    assert own.change.status is ChangeStatus.PENDING
    first = isinstance(approval, ProfileChange)
    assert first or isinstance(approval, StaleVersion)
    assert own.profile.experience_years == (7 if first else 5)
