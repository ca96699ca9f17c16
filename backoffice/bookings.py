"""Calls as a list for dispatchers: searched by anything, shown without names.

A million rows stay fast because nothing is cast or joined before the page is cut:
numbers and phones go by their indexes, words by trigrams, the count stops early.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.orm import load_only
from sqlalchemy.sql import Select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backoffice import call_words, cells, formats
from backoffice.booking_search import by_doctor, narrowed
from backoffice.filters import Choice, Day, Words
from backoffice.tables import TableView
from models import Assignment, Booking, DoctorProfile, PatientProfile, User
from models.assignment import SHOWN
from models.booking import Status
from models.booking_words import CallType, Priority
from models.payment import PaymentState
from models.specialization import Specialization
from services import visit_money
from services.clock import MOSCOW
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.words import label

# The visit is still to come, and the doctor's licence or documents end before it.
PAPERS_OUT = sa.and_(
    col(Assignment.outcome).is_(None),
    sa.cast(sa.func.timezone("Europe/Moscow", col(Assignment.planned_start)), sa.Date)
    > sa.func.least(
        col(DoctorProfile.licence_expires_on), col(DoctorProfile.documents_valid_until)
    ),
)
GIST = 60
SEARCH_CAP = 500
MARKS = {
    Priority.EMERGENCY: "alert-octagon",
    Priority.HIGH: "arrow-up",
    Priority.NORMAL: "minus",
    Priority.LOW: "arrow-down",
}
LISTED = (
    "number",
    "status",
    "created_at",
    "call_type",
    "priority",
    "specialization",
    "symptoms",
    "district",
    "wanted_from",
    "wanted_to",
    "subject_name",
    "subject_birth_date",
    "patient_id",
    "price_kopecks",
)


@dataclass(frozen=True)
class CallLine:
    """A booking with what the list says beside it."""

    booking: Booking
    doctor: str | None
    papers_out: bool
    born: date | None
    payment_state: PaymentState

    @property
    def id(self) -> uuid.UUID:
        """The booking's id, for links."""
        return self.booking.id


def _age(line: CallLine) -> str:
    if line.born is None:
        return cells.EMPTY
    return call_words.age(line.born, _today(line))


def _gist(line: CallLine) -> Any:
    symptoms = line.booking.symptoms
    return symptoms if len(symptoms) <= GIST else symptoms[:GIST].rstrip() + "…"


def _doctor(line: CallLine) -> Any:
    """The name, in red where the papers end before the visit."""
    if not line.papers_out or line.doctor is None:
        return cells.either(line.doctor)
    words = gettext("licence expired")
    return Markup(
        '{} <i class="ti ti-license-off is-bad" title="{}" role="img" aria-label="{}"></i>'
    ).format(line.doctor, words, words)


def _kind(line: CallLine) -> Any:
    words = label(line.booking.priority)
    mark = MARKS[line.booking.priority]
    return Markup(
        '<i class="ti ti-{}" title="{}" role="img" aria-label="{}"></i> {}'
    ).format(mark, words, words, label(line.booking.call_type))


def _wanted(line: CallLine) -> Any:
    start, end = line.booking.wanted_from, line.booking.wanted_to
    if start is None:
        return cells.EMPTY
    until = f"–{formats.clock_time(end)}" if end else ""
    return f"{formats.moment(start)}{until}"


class BookingsView(TableView, model=Booking):
    """The dispatcher's list; a line leads to the call's card."""

    name = Lazy("Call")
    name_plural = Lazy("Calls")
    icon = "ti ti-list-details"
    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.BOOKING_READ}
    column_list: ClassVar[Sequence[Any]] = ["number"]
    column_sortable_list: ClassVar[Sequence[Any]] = ["created_at"]
    column_default_sort = ("created_at", True)
    search_hint = Lazy("Number, phone, name, address")
    wraps = frozenset({"symptoms"})
    numbers = frozenset({"price"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "number": Lazy("Number"),
        "status": Lazy("Status"),
        "created_at": Lazy("Taken"),
        "call_type": Lazy("Type"),
        "specialization": Lazy("Specialization"),
        "symptoms": Lazy("Complaint"),
        "age": Lazy("Age"),
        "district": Lazy("District"),
        "wanted_from": Lazy("Wanted"),
        "doctor": Lazy("Doctor"),
        "price": Lazy("Quoted price"),
        "payment": Lazy("Payment"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "number": lambda line: line.booking.label,
        "status": lambda line: cells.status(line.booking.status),
        "created_at": lambda line: formats.moment(line.booking.created_at),
        "call_type": _kind,
        "specialization": lambda line: label(line.booking.specialization),
        "symptoms": _gist,
        "age": _age,
        "district": lambda line: cells.either(line.booking.district),
        "wanted_from": _wanted,
        "doctor": _doctor,
        "price": lambda line: formats.roubles(line.booking.price_kopecks),
        "payment": lambda line: cells.payment(line.payment_state),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        Choice(Lazy("Status"), "status", col(Booking.status), Status),
        Choice(Lazy("Type"), "type", col(Booking.call_type), CallType),
        Choice(
            Lazy("Specialization"),
            "specialization",
            col(Booking.specialization),
            Specialization,
        ),
        Day(Lazy("From"), "from", col(Booking.created_at), last=False),
        Day(Lazy("To"), "to", col(Booking.created_at), last=True),
        Words(Lazy("Doctor"), "doctor", by_doctor),
    ]

    def list_query(self, request: Request) -> Select[Any]:
        """Read only what the list shows; anything else raises instead of loading."""
        columns = [getattr(Booking, name) for name in LISTED]
        return sa.select(Booking).options(load_only(*columns, raiseload=True))

    def narrowed(self, stmt: Select[Any], term: str) -> Select[Any]:
        """Search by number, phone, name or address."""
        return narrowed(stmt, term, SEARCH_CAP)

    def count_cap(self, request: Request) -> int:
        """What finds hundreds has to be narrowed further, not paged through.

        Status and day have an index in the order of the list, so they count on.
        """
        narrowing = {name for name, value in request.query_params.items() if value}
        if narrowing & {"search", "doctor", "type", "specialization"}:
            return SEARCH_CAP
        return super().count_cap(request)

    def row_address(self, request: Request, row: Any) -> str | None:
        """The card of the call."""
        return f"/admin/booking/{row.id}"

    async def dress(self, session: AsyncSession, rows: Sequence[Any]) -> Sequence[Any]:
        """Add the doctor of the shown turn, the subject's day of birth, the payment."""
        turn = sa.and_(
            col(Assignment.booking_id) == col(Booking.id), sa.text(f"({SHOWN})")
        )
        query = (
            sa.select(
                col(Booking.id),
                col(User.last_name),
                col(User.first_name),
                col(User.middle_name),
                PAPERS_OUT,
                col(PatientProfile.birth_date),
            )
            .outerjoin(Assignment, turn)
            .outerjoin(User, col(User.id) == col(Assignment.doctor_id))
            .outerjoin(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
            .outerjoin(
                PatientProfile, col(PatientProfile.user_id) == col(Booking.patient_id)
            )
            .where(col(Booking.id).in_([row.id for row in rows]))
        )
        beside = {each[0]: each[1:] for each in await session.execute(query)}
        money = await visit_money.money_of(session, [row.id for row in rows])
        return [
            _line(row, money[row.id].payment_state, *beside[row.id]) for row in rows
        ]


def _line(
    booking: Booking,
    payment_state: PaymentState,
    last_name: str | None,
    first_name: str | None,
    middle_name: str | None,
    papers_out: bool | None,
    holder_born: date | None,
) -> CallLine:
    initials = [f"{part[0]}." for part in (first_name, middle_name) if part]
    doctor = " ".join([last_name, *initials]) if last_name else None
    # Another person's call never shows the account holder's facts.
    other = booking.subject_name is not None
    born = booking.subject_birth_date if other else holder_born
    return CallLine(booking, doctor, bool(papers_out), born, payment_state)


def _today(line: CallLine) -> date:
    return line.booking.created_at.astimezone(MOSCOW).date()


BookingsView.identity = "calls"
