"""Whole lives at the house, for tests of what an erasure leaves of them.

Every text that anybody can write about the person says «секрет» somewhere.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, DoctorApplication, User
from models.document import DocumentKind
from models.role_grant import Role
from services import (
    applications,
    assignments,
    clinic_invitations,
    clock,
    doctor_profiles,
    doctors,
    document_reviews,
    documents,
    duty,
    profile_changes,
    roles,
    shifts,
    staff,
    visits,
)
from services.actor import Actor
from services.application_facts import ApplicationFacts
from services.database import Sessions
from services.doctor_profiles import DoctorProfileInput
from services.doctors import DoctorFacts
from services.edges import transaction
from services.shift_inputs import ExceptionInput, ShiftInput
from tests import factories
from tests.api.helpers import PASSWORD, key, registration, signed_in
from tests.api.proofs import CODE, last_secret
from tests.applicants import KINDS

SECRET = re.compile("секрет|secret", re.IGNORECASE)
HOME = (55.123456, 37.654321)


@dataclass(frozen=True)
class Life:
    """Who lived it, and the header with which they ask to be forgotten."""

    user_id: uuid.UUID
    headers: dict[str, str]


@dataclass(frozen=True)
class House:
    """Those of the house whom the doctor met."""

    curator: Actor
    admin: Actor
    dispatcher: Actor


async def places(sessions: Sessions) -> set[str]:
    """Name every column of the database in which a secret stands."""
    async with transaction(sessions) as session:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        found = set()
        for table in (await session.scalars(sa.text(query))).all():
            rows = sa.text(f"SELECT to_jsonb(t) FROM {table} t")
            for row in (await session.scalars(rows)).all():
                found |= {f"{table}.{name}" for name in _told(row)}
        return found


def _told(row: Mapping[str, Any]) -> set[str]:
    return {
        name
        for name, value in row.items()
        if SECRET.search(json.dumps(value, ensure_ascii=False))
    }


async def house(session: AsyncSession) -> House:
    curator = await factories.person(session, Role.CURATOR)
    admin = await factories.person(session, Role.ADMIN)
    dispatcher = await factories.dispatcher(session)
    return House(
        factories.as_staff(curator, Role.CURATOR),
        factories.as_staff(admin, Role.ADMIN),
        factories.as_staff(dispatcher),
    )


async def doctors_life(client: AsyncClient, sessions: Sessions) -> Life:
    """From the registration over the application to quarrels with the house."""
    names = {
        "first_name": "Секрет",
        "last_name": "Секретов",
        "middle_name": "Секретович",
    }
    body = registration(email="secret@example.com", **names)
    token = (await client.post("/v1/auth/register", json=body)).json()
    headers = {"authorization": f"Bearer {token['access_token']}"}
    user_id = uuid.UUID(token["user"]["id"])
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    assert await last_secret(sessions, "secret@example.com")
    facts = (await _facts(sessions)).model_dump(mode="json", exclude_unset=True)
    answer = await client.post(
        "/v1/me/doctor-application", json=facts, headers=headers | key()
    )
    assert answer.status_code == 201, answer.text
    async with transaction(sessions) as session:
        user = await session.get_one(User, user_id)
        met = await house(session)
        await _come_aboard(session, user, met)
        await _plan(session, user)
        await _change(session, user, met)
    async with transaction(sessions) as session:
        await _work(session, await session.get_one(User, user_id), met)
    async with transaction(sessions) as session:
        user = await session.get_one(User, user_id)
        await _quarrel(session, user, met)
    return Life(user_id, await signed_in(sessions, user))


async def _facts(sessions: Sessions) -> ApplicationFacts:
    async with transaction(sessions) as session:
        day = await clock.today(session) + timedelta(days=300)
    return ApplicationFacts.model_validate(
        {
            "birth_date": "1985-04-02",
            "specializations": ["therapist"],
            "licence_number": "СЕКРЕТ-77",
            "licence_expires_on": day,
            "education": "Секретный университет",
            "experience_years": 12,
            "languages": ["ru", "en"],
            "home_district": "Секретный район",
            "home_latitude": HOME[0],
            "home_longitude": HOME[1],
            "about": "Секретное о себе",
        }
    )


async def _give(session: AsyncSession, user: User, *kinds: DocumentKind) -> None:
    for kind in kinds:
        await factories.document(
            session,
            user,
            kind,
            {"file_name": f"секрет-{kind}.png"},
            number="СЕКРЕТ-1",
            issued_on="2020-01-01",
        )


async def _accept_all(session: AsyncSession, user: User, met: House) -> None:
    for paper in await documents.listing(session, user.id):
        if paper.status.value == "submitted":
            await document_reviews.accept(session, met.curator, paper.id)


async def _come_aboard(session: AsyncSession, user: User, met: House) -> None:
    own = factories.as_patient(user)
    await _give(session, user, *KINDS)
    row = await applications.submit(session, own)
    paper = (await documents.listing(session, user.id))[0]
    await document_reviews.reject(session, met.curator, paper.id, "Секретное пятно")
    await applications.ask_more(
        session, met.curator, row.id, row.version, "Секретный вопрос"
    )
    await _give(session, user, paper.kind)
    row = await applications.submit(session, own)
    await _accept_all(session, user, met)
    row = await applications.approve(session, met.curator, row.id, row.version)
    reason = "Секретное подозрение"
    await applications.suspend(session, met.curator, row.id, row.version, reason)
    await applications.restore(session, met.curator, row.id, row.version)
    # A new paper, of which the curators are told by the doctor's name.
    await _give(session, user, DocumentKind.LICENCE)


async def _plan(session: AsyncSession, user: User) -> None:
    own = factories.as_doctor(user)
    shift = ShiftInput(weekday=1, starts_at=time(9), ends_at=time(18))
    await shifts.set_plan(session, own, [shift])
    await shifts.follow(session, own, True)
    day = await clock.today(session) + timedelta(days=3)
    absent = ExceptionInput(comment="Секретный отпуск")
    await shifts.set_exception(session, own, day, absent)
    await duty.set_duty(session, own, True)
    await duty.set_position(session, own, *HOME, 5.0)


async def _change(session: AsyncSession, user: User, met: House) -> None:
    own = factories.as_doctor(user)
    for words in ("Секретная академия", "Секретная ординатура"):
        asked = DoctorProfileInput(education=words, about="Секретное хобби")
        await doctor_profiles.replace(session, own, asked)
        change = await doctor_profiles.open_change(session, user.id)
        assert change is not None
        if words == "Секретная академия":
            await profile_changes.reject(
                session, met.curator, change.id, change.version, "Секретный отказ"
            )
    clinic = await factories.clinic(session)
    told = DoctorFacts(
        specializations=("therapist",),
        licence_number="СЕКРЕТ-78",
        licence_expires_on=await clock.today(session) + timedelta(days=300),
        clinic_id=clinic.id,
        home_district="Секретный переулок",
        home_latitude=HOME[0],
        home_longitude=HOME[1],
    )
    await doctors.edit(session, met.curator, user.id, told)


async def _call(session: AsyncSession, user: User, met: House) -> Booking:
    made = await factories.booking(session)
    return await assignments.assign(session, met.dispatcher, made.id, user.id, 1)


async def _work(session: AsyncSession, user: User, met: House) -> None:
    """A visit declined, one spoken for, one taken away by a block."""
    call = await _call(session, user, met)
    reason = "Секретная болезнь"
    await visits.decline(session, factories.as_doctor(user), call.id, reason)
    call = await _call(session, user, met)
    await visits.accept(session, met.dispatcher, call.id, "Секретный телефон сел")
    await assignments.unassign(session, met.dispatcher, call.id, 3, "Секретная ссора")
    await _call(session, user, met)
    await staff.block(session, met.curator, user.id, "Секретный проступок")


async def _quarrel(session: AsyncSession, user: User, met: House) -> None:
    await staff.unblock(session, met.curator, user.id, "Секретное прощение")
    reason = "Секретный замысел"
    await roles.grant(session, met.admin, user.id, Role.DISPATCHER, reason)
    reason = "Секретный провал"
    await roles.revoke(session, met.admin, user.id, Role.DISPATCHER, reason)
    query = sa.select(DoctorApplication).where(
        col(DoctorApplication.user_id) == user.id
    )
    row = (await session.scalars(query)).one()
    reason = "Секретная проверка"
    await applications.suspend(session, met.curator, row.id, row.version, reason)


async def managers_life(client: AsyncClient, sessions: Sessions) -> Life:
    """Somebody who was invited by a clinic, and removed."""
    invitee = clinic_invitations.Invitee(
        first_name="Секрет", last_name="Секретов", email="secret@example.com"
    )
    async with transaction(sessions) as session:
        met = await house(session)
        clinic = await factories.clinic(session)
        await clinic_invitations.invite(session, met.curator, clinic.id, invitee)
    link = await last_secret(sessions, "secret@example.com")
    async with transaction(sessions) as session:
        token = link.partition("token=")[2]
        await clinic_invitations.accept(session, token, PASSWORD)
    async with transaction(sessions) as session:
        query = sa.select(User).where(col(User.email) == "secret@example.com")
        user = (await session.scalars(query)).one()
        reason = "Секретная жалоба"
        await clinic_invitations.remove_manager(
            session, met.curator, clinic.id, user.id, reason
        )
        await roles.grant(session, met.admin, user.id, Role.PATIENT, "Секретный сбой")
    return Life(user.id, await signed_in(sessions, user))
