"""Tariffs as finance reads them: for whom each holds, since when, and which counts."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicProfile, DoctorProfile, Tariff, User
from services import clock, staff_names, tariffs
from services.actor import Actor


class Standing(StrEnum):
    """Whether a version counts now, will count, or has been replaced."""

    NOW = "now"
    LATER = "later"
    PAST = "past"


@dataclass(frozen=True)
class Version:
    """One version and for whom it is; of all doctors and clinics it has no payee."""

    tariff: Tariff
    payee: str | None
    standing: Standing


@dataclass(frozen=True)
class Tariffs:
    """Every version, the newest first, and whom a new one may be for."""

    versions: Sequence[Version]
    doctors: Sequence[tuple[uuid.UUID, str]]
    clinics: Sequence[tuple[uuid.UUID, str]]
    names: Mapping[uuid.UUID, str]


async def every(session: AsyncSession, actor: Actor) -> Tariffs:
    """Show all versions and whom a new one may be for."""
    rows = await tariffs.listing(session, actor)
    now = await clock.now(session)
    doctors, clinics = await _doctors(session), await _clinics(session)
    payees = dict(doctors) | dict(clinics)
    found: list[Version] = []
    counted: set[uuid.UUID | None] = set()
    for each in rows:
        whose = each.doctor_id or each.clinic_id
        standing = Standing.PAST if whose in counted else Standing.NOW
        if each.valid_from > now:
            standing = Standing.LATER
        else:
            counted.add(whose)
        payee = None if whose is None else payees.get(whose, "")
        found.append(Version(each, payee, standing))
    people = [each.created_by for each in rows]
    return Tariffs(found, doctors, clinics, await staff_names.of(session, people))


async def _doctors(session: AsyncSession) -> Sequence[tuple[uuid.UUID, str]]:
    query = (
        sa.select(User)
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .order_by(col(User.last_name), col(User.first_name), col(User.id))
    )
    return [(each.id, each.full_name) for each in await session.scalars(query)]


async def _clinics(session: AsyncSession) -> Sequence[tuple[uuid.UUID, str]]:
    query = sa.select(ClinicProfile).order_by(
        col(ClinicProfile.name), col(ClinicProfile.id)
    )
    return [(each.id, each.name) for each in await session.scalars(query)]
