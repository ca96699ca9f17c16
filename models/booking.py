"""Bookings: the call of a patient from the first word to the end of the visit."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of, point_rules, stamp
from models.booking_words import (
    BookingSource,
    CallType,
    CancelReason,
    ExtraConsent,
    Flag,
    Priority,
)
from models.patient_profile import Sex
from models.role_grant import Role
from models.specialization import Specialization


class Status(StrEnum):
    """Where a booking stands."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Verb(StrEnum):
    """What can be done with a booking that exists."""

    EDIT = "edit"
    JOIN = "join"
    HAND_TO_CLINIC = "hand_to_clinic"
    TAKE_BACK = "take_back"
    ASSIGN = "assign"
    REPLAN = "replan"
    REASSIGN = "reassign"
    UNASSIGN = "unassign"
    ACCEPT = "accept"
    DECLINE = "decline"
    DEPART = "depart"
    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"
    FLAG = "flag"


@dataclass(frozen=True)
class Edge:
    """The statuses a verb may start from, and the one it leads to (None: same)."""

    sources: frozenset[Status]
    target: Status | None = None


PENDING, ASSIGNED, ACCEPTED = Status.PENDING, Status.ASSIGNED, Status.ACCEPTED
EN_ROUTE, IN_PROGRESS = Status.EN_ROUTE, Status.IN_PROGRESS
ACTIVE = frozenset({PENDING, ASSIGNED, ACCEPTED, EN_ROUTE, IN_PROGRESS})
TERMINAL = frozenset({Status.COMPLETED, Status.CANCELLED})

EDGES: Mapping[Verb, Edge] = {
    Verb.EDIT: Edge(ACTIVE),
    Verb.JOIN: Edge(ACTIVE),
    Verb.HAND_TO_CLINIC: Edge(frozenset({PENDING, ASSIGNED}), PENDING),
    Verb.TAKE_BACK: Edge(frozenset({PENDING, ASSIGNED}), PENDING),
    Verb.ASSIGN: Edge(frozenset({PENDING}), ASSIGNED),
    Verb.REPLAN: Edge(frozenset({ASSIGNED, ACCEPTED})),
    Verb.REASSIGN: Edge(frozenset({ASSIGNED, ACCEPTED, EN_ROUTE}), ASSIGNED),
    Verb.UNASSIGN: Edge(frozenset({ASSIGNED, ACCEPTED, EN_ROUTE}), PENDING),
    Verb.ACCEPT: Edge(frozenset({ASSIGNED}), ACCEPTED),
    Verb.DECLINE: Edge(frozenset({ASSIGNED, ACCEPTED, EN_ROUTE}), PENDING),
    Verb.DEPART: Edge(frozenset({ACCEPTED}), EN_ROUTE),
    Verb.START: Edge(frozenset({ASSIGNED, ACCEPTED, EN_ROUTE}), IN_PROGRESS),
    Verb.COMPLETE: Edge(frozenset({IN_PROGRESS}), Status.COMPLETED),
    Verb.CANCEL: Edge(ACTIVE, Status.CANCELLED),
    Verb.FLAG: Edge(ACTIVE),
}

# A role may start a verb from fewer statuses than the edge itself allows.
NARROWER: Mapping[tuple[Verb, Role], frozenset[Status]] = {
    (Verb.EDIT, Role.PATIENT): frozenset({PENDING}),
    (Verb.CANCEL, Role.DOCTOR): frozenset({EN_ROUTE, IN_PROGRESS}),
}


def sources_of(verb: Verb, role: Role) -> frozenset[Status]:
    """Tell from which statuses this role may start the verb."""
    return NARROWER.get((verb, role), EDGES[verb].sources)


NEXT_NUMBER = sa.text("nextval('booking_number_seq')")
OPEN = "status IN ('pending', 'assigned', 'accepted', 'en_route', 'in_progress')"


class Booking(Table, table=True):
    """One call. What belongs to a doctor's turn stands on the assignment row.

    Prices are kopecks; the price is a snapshot of the list at creation. With
    `subject_name` set the call is for another person than the account holder.
    """

    __tablename__ = "booking"
    __table_args__ = (
        one_of("status", Status),
        one_of("call_type", CallType),
        one_of("priority", Priority),
        one_of("specialization", Specialization),
        one_of("source", BookingSource),
        one_of("subject_sex", Sex, nullable=True),
        one_of("cancel_reason_code", CancelReason, nullable=True),
        *point_rules(),
        one_of("extra_consent", ExtraConsent, nullable=True),
        sa.CheckConstraint("price_kopecks >= 0", name="price_not_negative"),
        sa.CheckConstraint("extras_kopecks >= 0", name="extras_not_negative"),
        sa.CheckConstraint("vat_code BETWEEN 1 AND 12", name="vat_code_known"),
        sa.CheckConstraint("version >= 1", name="version_positive"),
        sa.CheckConstraint("wanted_to > wanted_from", name="wanted_window"),
        sa.CheckConstraint("actual_minutes BETWEEN 1 AND 1440", name="minutes_range"),
        sa.CheckConstraint(
            "(status = 'completed') = (completed_at IS NOT NULL)",
            name="completed_stamp",
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)",
            name="cancelled_stamp",
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancel_reason_code IS NOT NULL)",
            name="cancelled_reason",
        ),
        sa.CheckConstraint(
            "(status = 'completed') = (conclusion IS NOT NULL)", name="conclusion_once"
        ),
        sa.CheckConstraint(
            "subject_name IS NOT NULL OR (subject_birth_date IS NULL"
            " AND subject_sex IS NULL AND subject_allergies IS NULL"
            " AND subject_chronic_conditions IS NULL"
            " AND subject_contact_phone IS NULL)",
            name="subject_whole",
        ),
        sa.Index("ix_booking_patient_id_created_at", "patient_id", "created_at"),
        sa.Index("ix_booking_created_at", "created_at"),
        sa.Index("ix_booking_status_created_at", "status", "created_at"),
        sa.Index("ix_booking_stop_id", "stop_id"),
        sa.Index(
            "ix_booking_closed_at",
            sa.text("coalesce(completed_at, cancelled_at)"),
            postgresql_where=sa.text("status IN ('completed', 'cancelled')"),
        ),
        sa.Index(
            "ix_booking_open", "priority", "created_at", postgresql_where=sa.text(OPEN)
        ),
        sa.Index(
            "ix_booking_clinic_id",
            "clinic_id",
            postgresql_where=sa.text("clinic_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_booking_search_text_trgm",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ),
    )

    number: int = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger,
            server_default=NEXT_NUMBER,
            unique=True,
            nullable=False,
        ),
    )
    patient_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    status: Status = Field(default=Status.PENDING, sa_type=enum_type(Status))
    call_type: CallType = Field(sa_type=enum_type(CallType))
    priority: Priority = Field(sa_type=enum_type(Priority))
    specialization: Specialization = Field(sa_type=enum_type(Specialization))
    symptoms: str = Field(max_length=2000)
    flags: list[str] = Field(
        default_factory=list,
        sa_column=sa.Column(
            sa.ARRAY(sa.String(40)), nullable=False, server_default="{}"
        ),
    )

    subject_name: str | None = Field(default=None, max_length=200)
    subject_birth_date: date | None = Field(default=None)
    subject_sex: Sex | None = Field(default=None, sa_type=enum_type(Sex))
    subject_allergies: str | None = Field(default=None, max_length=2000)
    subject_chronic_conditions: str | None = Field(default=None, max_length=2000)
    subject_contact_phone: str | None = Field(default=None, max_length=16)

    address_text: str = Field(max_length=300)
    entrance: str | None = Field(default=None, max_length=20)
    floor: str | None = Field(default=None, max_length=20)
    intercom: str | None = Field(default=None, max_length=40)
    flat: str | None = Field(default=None, max_length=20)
    address_notes: str | None = Field(default=None, max_length=500)
    district: str | None = Field(default=None, max_length=80)
    latitude: float | None = Field(default=None)
    longitude: float | None = Field(default=None)

    wanted_from: datetime | None = stamp()
    wanted_to: datetime | None = stamp()
    preferred_doctor_id: uuid.UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="RESTRICT"
    )
    clinic_id: uuid.UUID | None = Field(
        default=None, foreign_key="clinic_profile.id", ondelete="RESTRICT"
    )
    stop_id: uuid.UUID
    price_kopecks: int = Field(sa_type=sa.BigInteger)
    vat_code: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    extras_kopecks: int = Field(
        default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"}
    )
    extra_consent: ExtraConsent | None = Field(
        default=None, sa_type=enum_type(ExtraConsent)
    )
    source: BookingSource = Field(sa_type=enum_type(BookingSource))
    version: int = Field(default=1)

    completed_at: datetime | None = stamp()
    cancelled_at: datetime | None = stamp()
    actual_minutes: int | None = Field(default=None)
    conclusion: str | None = Field(default=None, max_length=10_000)
    cancel_reason_code: CancelReason | None = Field(
        default=None, sa_type=enum_type(CancelReason)
    )
    cancel_comment: str | None = Field(default=None, max_length=1000)
    search_text: str | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.Text,
            sa.Computed(
                "lower(address_text || ' ' || coalesce(subject_name, ''))",
                persisted=True,
            ),
        ),
    )

    @property
    def label(self) -> str:
        """The number that people say: «B-1042»."""
        return f"B-{self.number}"

    @property
    def is_open(self) -> bool:
        """Neither completed nor cancelled."""
        return self.status in ACTIVE

    @property
    def for_another(self) -> bool:
        """The call is for another person than the account holder."""
        return self.subject_name is not None

    @property
    def total_kopecks(self) -> int:
        """What the visit costs: the quote, and the extras unless they wait or fell."""
        charged = self.extra_consent in {None, ExtraConsent.AGREED}
        return self.price_kopecks + (self.extras_kopecks if charged else 0)

    def has_flag(self, flag: Flag) -> bool:
        """Tell whether the flag is up."""
        return flag.value in self.flags
