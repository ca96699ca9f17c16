"""What doctors send and read about their visits; no sums anywhere."""

import uuid
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.bookings import PlaceAnswer, place_of, stamps_of
from models import Booking
from models.booking import Status
from models.booking_words import CallType, CancelReason, Flag
from models.patient_profile import Sex
from models.specialization import Specialization
from services.booking_drafts import ItemInput
from services.inputs import Comment, Input, Latitude, Longitude, Moment, Prose
from services.visit_reads import Subject, Visit


class NothingBody(Input):
    """A verb that needs no words."""


class DeclineBody(Input):
    """Why the doctor cannot come."""

    reason: Comment


class CompleteBody(Input):
    """How long it took, what was found, what was done beyond the visit."""

    actual_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)]
    conclusion: Annotated[Prose, StringConstraints(max_length=10_000)]
    items: Annotated[list[ItemInput], Field(max_length=50)] = []


class VisitCancelBody(Input):
    """Why the visit ended without a visit."""

    reason_code: CancelReason
    reason: Comment | None = None


class FlagBody(Input):
    """What the doctor warns of."""

    flag: Flag
    comment: Comment | None = None


class DutyBody(Input):
    """Whether the doctor works now."""

    on_duty: Annotated[bool, Field(strict=True)]


class PositionBody(Input):
    """Where the doctor is, and since when."""

    latitude: Latitude
    longitude: Longitude
    accuracy_m: (
        Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] | None
    ) = None
    at: Moment | None = None


class VisitSubject(BaseModel):
    """Who is ill: only the age until the visit is accepted."""

    age: int | None
    name: str | None
    birth_date: date | None
    sex: Sex | None
    allergies: str | None
    chronic_conditions: str | None
    contact_phone: str | None

    @classmethod
    def of(cls, subject: Subject) -> Self:
        return cls.model_validate(subject, from_attributes=True)


class VisitPatient(BaseModel):
    """The account holder, to be rung up."""

    name: str
    phone: str | None


class VisitAddress(PlaceAnswer):
    """The district, and from acceptance on the door."""

    text: str | None  # type: ignore[assignment]
    district: str | None


class VisitItem(BaseModel):
    """One extra of the visit, without its price."""

    price_item_id: uuid.UUID
    title: str
    quantity: int


class VisitAnswer(BaseModel):
    """A call as its doctor sees it."""

    id: uuid.UUID
    number: str
    status: Status
    call_type: CallType
    specialization: Specialization
    symptoms: str | None
    flags: list[Flag]
    subject: VisitSubject | None
    patient: VisitPatient | None
    address: VisitAddress | None
    planned_start: datetime | None
    version: int
    created_at: datetime
    assigned_at: datetime | None
    accepted_at: datetime | None
    departed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    conclusion: str | None
    actual_minutes: int | None
    items: list[VisitItem]

    @classmethod
    def of(cls, visit: Visit) -> Self:
        booking, patient = visit.booking, visit.patient
        return cls(
            **_head(booking),
            symptoms=booking.symptoms,
            flags=[Flag(flag) for flag in booking.flags],
            subject=VisitSubject.of(visit.subject),
            patient=patient
            and VisitPatient(name=patient.full_name, phone=patient.phone),
            address=_address(visit),
            planned_start=visit.turn.planned_start,
            **stamps_of(visit.turn),
            conclusion=booking.conclusion,
            actual_minutes=booking.actual_minutes,
            items=[
                VisitItem.model_validate(item, from_attributes=True)
                for item in visit.items
            ],
        )

    @classmethod
    def lost(cls, booking: Booking) -> Self:
        """Say that the visit is no longer theirs, and nothing of it."""
        return cls(
            **_head(booking),
            symptoms=None,
            flags=[],
            subject=None,
            patient=None,
            address=None,
            planned_start=None,
            **stamps_of(None),
            conclusion=None,
            actual_minutes=None,
            items=[],
        )


def _head(booking: Booking) -> dict[str, object]:
    return {
        "id": booking.id,
        "number": booking.label,
        "status": booking.status,
        "call_type": booking.call_type,
        "specialization": booking.specialization,
        "version": booking.version,
        "created_at": booking.created_at,
        "completed_at": booking.completed_at,
        "cancelled_at": booking.cancelled_at,
    }


def _address(visit: Visit) -> VisitAddress:
    door = place_of(visit.booking).model_dump()
    shown = door if visit.known else dict.fromkeys(door)
    return VisitAddress(**shown, district=visit.booking.district)
