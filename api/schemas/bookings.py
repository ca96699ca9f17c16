"""What patients send and read about their calls."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from models import Assignment, Booking, BookingEvent, BookingItem
from models.booking import Status
from models.booking_words import CallType, CancelReason, ExtraConsent, Priority
from models.patient_profile import Sex
from models.payment import PaymentState
from models.specialization import Specialization
from services.booking_drafts import BookingChanges, Symptoms, Window
from services.booking_reads import BookingView
from services.inputs import AddressInput, Comment, Input
from services.phones import masked_phone
from services.visit_money import Money


class PatientChanges(Window):
    """What a patient may still change while the call waits."""

    version: Annotated[int, Field(strict=True, ge=1)]
    address: AddressInput | None = None
    symptoms: Symptoms | None = None

    def changes(self) -> BookingChanges:
        """Give the fields that were sent, without the version."""
        given = self.model_fields_set - {"version"}
        return BookingChanges(**{name: getattr(self, name) for name in given})


class CancelBody(Input):
    """Why the patient cancels, in their words and perhaps by a code."""

    reason: Comment
    reason_code: CancelReason = CancelReason.PATIENT_CHANGED_MIND


class SubjectAnswer(BaseModel):
    """Another person than the account holder."""

    name: str
    birth_date: date | None
    sex: Sex | None
    allergies: str | None
    chronic_conditions: str | None
    contact_phone: str | None


class PlaceAnswer(BaseModel):
    """The door."""

    text: str
    entrance: str | None
    floor: str | None
    intercom: str | None
    flat: str | None
    notes: str | None
    latitude: float | None
    longitude: float | None


class DoctorCard(BaseModel):
    """The doctor who comes."""

    id: uuid.UUID
    full_name: str
    specialization: Specialization
    rating: float | None
    phone_masked: str | None


class ItemAnswer(BaseModel):
    """One extra of a visit, at the price of that day."""

    price_item_id: uuid.UUID
    title: str
    quantity: int
    price_kopecks: int

    @classmethod
    def all_of(cls, items: Sequence[BookingItem]) -> list[Self]:
        return [cls.model_validate(item, from_attributes=True) for item in items]


class EventAnswer(BaseModel):
    """One step of the history: what, from where to where, when."""

    event: str
    from_: Status | None = Field(serialization_alias="from")
    to: Status
    at: datetime

    @classmethod
    def of(cls, event: BookingEvent) -> Self:
        return cls(
            event=event.event,
            from_=event.from_status,
            to=event.to_status,
            at=event.created_at,
        )


class EventList(BaseModel):
    """The history, oldest first."""

    items: list[EventAnswer]


class PositionAnswer(BaseModel):
    """Where the doctor on the way is."""

    latitude: float
    longitude: float
    at: datetime
    eta_minutes: int


class BookingAnswer(BaseModel):
    """A call as its patient sees it: no flags, no names of staff."""

    id: uuid.UUID
    number: str
    status: Status
    call_type: CallType
    specialization: Specialization
    priority: Priority
    symptoms: str
    subject: SubjectAnswer | None
    address: PlaceAnswer
    wanted_from: datetime | None
    wanted_to: datetime | None
    doctor: DoctorCard | None
    planned_start: datetime | None
    price_kopecks: int
    paid_kopecks: int
    payment_state: PaymentState
    extra_awaits_consent: bool
    conclusion: str | None
    actual_minutes: int | None
    items: list[ItemAnswer]
    version: int
    created_at: datetime
    assigned_at: datetime | None
    accepted_at: datetime | None
    departed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason_code: CancelReason | None

    @classmethod
    def of(cls, view: BookingView) -> Self:
        booking, turn = view.booking, view.turn
        money = view.money or Money(booking.total_kopecks)
        return cls(
            id=booking.id,
            number=booking.label,
            status=booking.status,
            call_type=booking.call_type,
            specialization=booking.specialization,
            priority=booking.priority,
            symptoms=booking.symptoms,
            subject=_subject(booking),
            address=place_of(booking),
            wanted_from=booking.wanted_from,
            wanted_to=booking.wanted_to,
            doctor=_doctor(view),
            planned_start=turn.planned_start if turn else None,
            price_kopecks=money.total,
            paid_kopecks=money.paid,
            payment_state=money.payment_state,
            extra_awaits_consent=booking.extra_consent is ExtraConsent.AWAITED,
            conclusion=booking.conclusion,
            actual_minutes=booking.actual_minutes,
            items=ItemAnswer.all_of(view.items),
            version=booking.version,
            created_at=booking.created_at,
            completed_at=booking.completed_at,
            cancelled_at=booking.cancelled_at,
            cancel_reason_code=booking.cancel_reason_code,
            **stamps_of(turn),
        )


def stamps_of(turn: Assignment | None) -> dict[str, datetime | None]:
    """Give the moments of the doctor's turn, all empty without one."""
    names = ("assigned_at", "accepted_at", "departed_at", "started_at")
    return {name: getattr(turn, name, None) for name in names}


def place_of(booking: Booking) -> PlaceAnswer:
    """Give the door of a call."""
    return PlaceAnswer(
        text=booking.address_text,
        entrance=booking.entrance,
        floor=booking.floor,
        intercom=booking.intercom,
        flat=booking.flat,
        notes=booking.address_notes,
        latitude=booking.latitude,
        longitude=booking.longitude,
    )


def _subject(booking: Booking) -> SubjectAnswer | None:
    if booking.subject_name is None:
        return None
    return SubjectAnswer(
        name=booking.subject_name,
        birth_date=booking.subject_birth_date,
        sex=booking.subject_sex,
        allergies=booking.subject_allergies,
        chronic_conditions=booking.subject_chronic_conditions,
        contact_phone=booking.subject_contact_phone,
    )


def _doctor(view: BookingView) -> DoctorCard | None:
    if view.doctor is None or view.profile is None:
        return None
    phone, rating = view.doctor.phone, view.profile.rating
    return DoctorCard(
        id=view.doctor.id,
        full_name=view.doctor.full_name,
        specialization=view.profile.specialization,
        rating=None if rating is None else float(rating),
        phone_masked=None if phone is None else masked_phone(phone),
    )
