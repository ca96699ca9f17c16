"""Changes of doctors' profiles in the console: seen side by side, decided once."""

import pytest_asyncio
from sqlmodel import col, select

from models import DoctorProfile, ProfileChange, User
from models.profile_change import ChangeStatus
from services import doctor_profiles
from services.database import Sessions
from services.doctor_profiles import DoctorProfileInput
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import Browser


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(sessions: Sessions) -> User:
    async with transaction(sessions) as session:
        return await factories.doctor(session, last_name="Раевский")


@pytest_asyncio.fixture(loop_scope="session")
async def wish(sessions: Sessions, doctor: User) -> ProfileChange:
    facts = DoctorProfileInput(
        specializations=("cardiologist", "therapist"),
        licence_expires_on="2040-05-09",
        education="РНИМУ",
    )
    async with transaction(sessions) as session:
        own = await doctor_profiles.replace(session, factories.as_doctor(doctor), facts)
    assert own.change is not None
    return own.change


async def after(sessions: Sessions, wish: ProfileChange) -> ProfileChange:
    async with transaction(sessions) as session:
        return await session.get_one(ProfileChange, wish.id)


async def test_the_difference_is_read_in_words_and_approved(
    curator: Browser, wish: ProfileChange, doctor: User, sessions: Sessions
) -> None:
    assert "Изменения анкет" in await curator.page("/applications")
    queue = await curator.page("/profile-changes")
    for words in ("Раевский", "Образование", f"/admin/profile-changes/{wish.id}"):
        assert words in queue
    here = f"/profile-changes/{wish.id}"
    page = await curator.page(here)
    for words in ("Кардиолог, Терапевт", "09.05.2040", "РНИМУ"):
        assert words in page
    done = await curator.post(f"{here}/approve", version=wish.version)
    assert done.headers["location"] == "/admin/profile-changes"
    assert "Раевский" not in await curator.page("/profile-changes")
    assert (await after(sessions, wish)).status is ChangeStatus.APPROVED
    async with transaction(sessions) as session:
        query = select(DoctorProfile).where(col(DoctorProfile.user_id) == doctor.id)
        profile = (await session.exec(query)).one()
    assert (profile.education, profile.specialization) == ("РНИМУ", "cardiologist")
    assert f"{here}/approve" not in await curator.page(here)


async def test_a_rejection_needs_words_and_an_old_page_is_refused(
    curator: Browser, wish: ProfileChange, sessions: Sessions
) -> None:
    here = f"/profile-changes/{wish.id}"
    await curator.post(f"{here}/reject", version=wish.version)
    await curator.post(f"{here}/reject", version=wish.version + 1, reason="Нет")
    assert (await after(sessions, wish)).status is ChangeStatus.PENDING
    assert "тем временем изменился" in await curator.page(here)
    await curator.post(f"{here}/reject", version=wish.version, reason="Нет диплома")
    found = await after(sessions, wish)
    assert (found.status, found.reason) == (ChangeStatus.REJECTED, "Нет диплома")
    assert "Нет диплома" in await curator.page(here)


async def test_a_licence_that_ended_meanwhile_is_told_by_name(
    curator: Browser, wish: ProfileChange, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        found = await session.get_one(ProfileChange, wish.id)
        found.facts = {"licence_expires_on": "2020-01-01"}
    here = f"/profile-changes/{wish.id}"
    await curator.post(f"{here}/approve", version=wish.version)
    assert "лицензия действует до" in (await curator.page(here)).lower()
    assert (await after(sessions, wish)).status is ChangeStatus.PENDING
