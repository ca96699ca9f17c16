"""Doctors, prices and clinics, as they are listed."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from models import ClinicProfile, PriceItem
from models.booking import Status
from models.booking_words import CallType
from models.price_item import PriceKind
from models.specialization import Specialization
from services.clinic_reads import ClinicCall, ClinicDoctor
from services.clinic_visits import ClinicVisit
from services.doctor_directory import ListedDoctor
from services.i18n import current_locale
from services.inputs import Input, Moment


class DoctorAnswer(BaseModel):
    """An approved doctor; never where they are."""

    id: uuid.UUID
    full_name: str
    specialization: Specialization
    specializations: list[Specialization]
    district: str | None
    experience_years: int | None
    languages: list[str]
    rating: float | None

    @classmethod
    def of(cls, listed: ListedDoctor) -> Self:
        profile = listed.profile
        return cls(
            id=listed.user.id,
            full_name=listed.user.full_name,
            specialization=profile.specialization,
            specializations=[Specialization(each) for each in profile.specializations],
            district=profile.home_district,
            experience_years=profile.experience_years,
            languages=profile.languages,
            rating=None if profile.rating is None else float(profile.rating),
        )


class PriceAnswer(BaseModel):
    """One line of the price list; the hours are Moscow time."""

    id: uuid.UUID
    kind: PriceKind
    title: str
    call_type: CallType | None
    specialization: Specialization | None
    starts: str
    ends: str
    price_kopecks: int

    @classmethod
    def of(cls, item: PriceItem) -> Self:
        return cls(
            id=item.id,
            kind=item.kind,
            title=item.title_ru if current_locale() == "ru" else item.title_en,
            call_type=item.call_type,
            specialization=item.specialization,
            starts=f"{item.starts:%H:%M}",
            ends=f"{item.ends:%H:%M}",
            price_kopecks=item.price_kopecks,
        )


class PriceList(BaseModel):
    """What is offered now."""

    items: list[PriceAnswer]


class ClinicAnswer(BaseModel):
    """One's own clinic."""

    id: uuid.UUID
    name: str
    licence_number: str | None
    tax_number: str | None
    address: str | None
    phone: str | None
    active: bool

    @classmethod
    def of(cls, clinic: ClinicProfile) -> Self:
        return cls.model_validate(clinic, from_attributes=True)


class ClinicDoctorAnswer(BaseModel):
    """One of the clinic's own doctors."""

    id: uuid.UUID
    full_name: str
    specialization: Specialization
    rating: float | None
    on_duty: bool
    blocked: bool

    @classmethod
    def of(cls, doctor: ClinicDoctor) -> Self:
        rating = doctor.profile.rating
        return cls(
            id=doctor.user.id,
            full_name=doctor.user.full_name,
            specialization=doctor.profile.specialization,
            rating=None if rating is None else float(rating),
            on_duty=doctor.on_duty,
            blocked=doctor.user.blocked_at is not None,
        )


class ClinicAssignBody(Input):
    """Which of the clinic's doctors, for the call as it was last seen."""

    doctor_id: uuid.UUID
    version: Annotated[int, Field(strict=True, ge=1)]
    planned_start: Moment | None = None


class ClinicCallAnswer(BaseModel):
    """A call handed to the clinic: no name, no phone, no door, no symptoms."""

    id: uuid.UUID
    number: str
    status: Status
    call_type: CallType
    specialization: Specialization
    age: int | None
    district: str | None
    wanted_from: datetime | None
    wanted_to: datetime | None
    doctor_id: uuid.UUID | None
    doctor_name: str | None
    planned_start: datetime | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, call: ClinicCall) -> Self:
        booking, turn, doctor = call.view.booking, call.view.turn, call.view.doctor
        return cls(
            id=booking.id,
            number=booking.label,
            status=booking.status,
            call_type=booking.call_type,
            specialization=booking.specialization,
            age=call.age,
            district=booking.district,
            wanted_from=booking.wanted_from,
            wanted_to=booking.wanted_to,
            doctor_id=doctor.id if doctor else None,
            doctor_name=doctor.full_name if doctor else None,
            planned_start=turn.planned_start if turn else None,
            version=booking.version,
            created_at=booking.created_at,
        )


class ClinicVisitAnswer(BaseModel):
    """A visit of one of the clinic's doctors: times and states, no patient."""

    id: uuid.UUID
    number: str
    status: Status
    call_type: CallType
    specialization: Specialization
    district: str | None
    doctor_id: uuid.UUID
    doctor_name: str
    planned_start: datetime
    assigned_at: datetime
    accepted_at: datetime | None
    departed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    actual_minutes: int | None

    @classmethod
    def of(cls, visit: ClinicVisit) -> Self:
        booking, turn = visit.booking, visit.turn
        return cls(
            id=booking.id,
            number=booking.label,
            status=booking.status,
            call_type=booking.call_type,
            specialization=booking.specialization,
            district=booking.district,
            doctor_id=visit.doctor.id,
            doctor_name=visit.doctor.full_name,
            planned_start=turn.planned_start,
            assigned_at=turn.assigned_at,
            accepted_at=turn.accepted_at,
            departed_at=turn.departed_at,
            started_at=turn.started_at,
            completed_at=booking.completed_at,
            cancelled_at=booking.cancelled_at,
            actual_minutes=booking.actual_minutes,
        )
