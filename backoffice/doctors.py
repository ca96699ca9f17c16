"""Doctors: created and kept by curators, looked up by dispatchers."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backoffice import cells, formats
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.filters import Either
from backoffice.tables import TableView
from backoffice.users import blocked_sentence, found
from models import (
    ClinicProfile,
    DoctorApplication,
    DoctorProfile,
    DoctorState,
    User,
)
from models.specialization import Specialization
from services import staff
from services.errors import NotFound
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.renewed_papers import ABOARD
from services.words import label

TODAY = sa.cast(sa.func.app_now(), sa.Date)
SOON = TODAY + 30


@dataclass(frozen=True)
class Doctor:
    """A profile with the person and where they stand today."""

    profile: DoctorProfile
    user: User
    on_duty: bool
    clinic: str | None
    expired: bool
    expires_soon: bool
    application_id: uuid.UUID | None

    @property
    def id(self) -> uuid.UUID:
        """A doctor is known everywhere by the id of the account."""
        return self.user.id


def _state(row: Doctor) -> Any:
    if row.user.blocked_at is not None:
        return cells.pill(gettext("Blocked"), "bad")
    if row.on_duty:
        return cells.pill(gettext("On duty"), "good")
    return cells.pill(gettext("Off duty"))


def _licence(row: Doctor) -> Any:
    day = formats.day(row.profile.valid_until)
    if row.expired:
        return cells.pill(gettext("expired {day}", day=day), "bad")
    return cells.pill(day, "warn") if row.expires_soon else day


def _specializations(row: Doctor) -> Any:
    return cells.pills(Specialization(each) for each in row.profile.specializations)


def _valid_until() -> Any:
    documents = sa.func.coalesce(
        col(DoctorProfile.documents_valid_until), col(DoctorProfile.licence_expires_on)
    )
    return sa.func.least(col(DoctorProfile.licence_expires_on), documents)


def _where_state(condition: Any) -> Any:
    return sa.exists().where(
        col(DoctorState.doctor_id) == col(DoctorProfile.user_id), condition
    )


def _application() -> Any:
    """The application by which the doctor came aboard; their papers stand there."""
    mine = sa.select(col(DoctorApplication.id)).where(
        col(DoctorApplication.user_id) == col(DoctorProfile.user_id),
        col(DoctorApplication.status).in_(ABOARD),
    )
    return mine.scalar_subquery()


def _blocked() -> Any:
    return sa.exists().where(
        col(User.id) == col(DoctorProfile.user_id), col(User.blocked_at).is_not(None)
    )


class HasSpecialization(Either):
    """Keeps the doctors who treat in one specialization."""

    def __init__(self) -> None:
        super().__init__(Lazy("Specialization"), "specialization", [])

    @property
    def options(self) -> Sequence[tuple[str, str]]:
        """All specializations."""
        return [(each.value, label(each)) for each in Specialization]

    async def get_filtered_query(self, query: Any, value: Any, model: Any) -> Any:
        """Look into the array by its index."""
        if value not in [each.value for each in Specialization]:
            return query
        return query.where(col(DoctorProfile.specializations).contains([value]))


class DoctorsView(TableView, model=DoctorProfile):
    """The list of doctors and the page of one."""

    name = Lazy("Doctor")
    name_plural = Lazy("Doctors")
    icon = "ti ti-stethoscope"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.DOCTOR_READ,
        "details": Permission.DOCTOR_READ,
    }
    can_view_details = True
    column_list: ClassVar[Sequence[Any]] = ["licence_number"]
    column_default_sort = ("created_at", True)
    column_sortable_list: ClassVar[Sequence[Any]] = ["licence_expires_on", "rating"]
    search_hint = Lazy("Name, phone, licence number")
    numbers = frozenset({"rating"})
    wraps = frozenset({"specializations"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "name": Lazy("Name"),
        "specializations": Lazy("Specialization"),
        "state": Lazy("State"),
        "licence_expires_on": Lazy("Documents valid until"),
        "clinic": Lazy("Clinic"),
        "home_district": Lazy("Home district"),
        "rating": Lazy("Rating"),
        "licence_number": Lazy("Licence number"),
        "licence": Lazy("Licence valid until"),
        "documents_valid_until": Lazy("Other documents valid until"),
        "experience_years": Lazy("Experience, years"),
        "languages": Lazy("Languages"),
        "phone": Lazy("Phone"),
        "email": Lazy("E-mail"),
        "approved_at": Lazy("Aboard since"),
        "blocked_reason": Lazy("Reason for the block"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "name": lambda row: row.user.full_name,
        "specializations": _specializations,
        "state": _state,
        "licence_expires_on": _licence,
        "clinic": lambda row: cells.either(row.clinic),
        "home_district": lambda row: cells.either(row.profile.home_district),
        "rating": lambda row: row.profile.rating or cells.EMPTY,
    }
    facts: ClassVar[Mapping[str, Any]] = {
        "state": _state,
        "specializations": _specializations,
        "phone": lambda row: formats.phone(row.user.phone),
        "email": lambda row: cells.either(row.user.email),
        "licence_number": lambda row: row.profile.licence_number,
        "licence": lambda row: formats.day(row.profile.licence_expires_on),
        "documents_valid_until": lambda row: formats.day(
            row.profile.documents_valid_until
        ),
        "clinic": lambda row: cells.either(row.clinic),
        "home_district": lambda row: cells.either(row.profile.home_district),
        "experience_years": lambda row: (
            cells.EMPTY
            if row.profile.experience_years is None
            else row.profile.experience_years
        ),
        "languages": lambda row: ", ".join(row.profile.languages),
        "rating": lambda row: row.profile.rating or cells.EMPTY,
        "approved_at": lambda row: formats.full_moment(row.profile.approved_at),
        "blocked_reason": lambda row: cells.either(row.user.blocked_reason),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        HasSpecialization(),
        Either(
            Lazy("State"),
            "state",
            [
                ("duty", Lazy("On duty"), lambda: _where_state(DoctorState.on_duty)),
                ("blocked", Lazy("Blocked"), _blocked),
                (
                    "expired",
                    Lazy("Documents expired"),
                    lambda: _valid_until() < TODAY,
                ),
                (
                    "ending",
                    Lazy("Documents ended or ending within 30 days"),
                    lambda: _valid_until() < SOON,
                ),
            ],
        ),
    ]
    list_template = "doctors/list.html"
    details_template = "doctors/details.html"

    def row_address(self, request: Request, row: Any) -> str | None:
        """The page of the doctor; profiles are addressed by the person's id."""
        return f"/admin/doctors/details/{row.id}"

    def title_of(self, row: Any) -> str:
        """The doctor's name stands in the template, which has the person."""
        return str(self.name)

    def _stmt_by_identifier(self, identifier: str) -> Any:
        try:
            key = uuid.UUID(identifier)
        except ValueError:
            raise NotFound from None
        return sa.select(DoctorProfile).where(col(DoctorProfile.user_id) == key)

    def found(self, term: str) -> Any:
        """Search by the licence, else as people are searched."""
        people = sa.select(col(User.id)).where(found(term))
        return sa.or_(
            col(DoctorProfile.licence_number) == term,
            col(DoctorProfile.user_id).in_(people),
        )

    async def dress(self, session: AsyncSession, rows: Sequence[Any]) -> Sequence[Any]:
        """Add the person, the duty and the clinic."""
        query = (
            sa.select(
                col(DoctorProfile.id),
                User,
                col(DoctorState.on_duty),
                col(ClinicProfile.name),
                _valid_until() < TODAY,
                _valid_until() < SOON,
                _application(),
            )
            .join(User, col(User.id) == col(DoctorProfile.user_id))
            .outerjoin(DoctorState, col(DoctorState.doctor_id) == col(User.id))
            .outerjoin(
                ClinicProfile, col(ClinicProfile.id) == col(DoctorProfile.clinic_id)
            )
            .where(col(DoctorProfile.id).in_([row.id for row in rows]))
        )
        beside = {each[0]: each[1:] for each in await session.execute(query)}
        made = []
        for row in rows:
            user, on_duty, *rest = beside[row.id]
            made.append(Doctor(row, user, bool(on_duty), *rest))
        return made

    @command("/{pk}/block", Permission.DOCTOR_BLOCK)
    async def block(self, session: AsyncSession, call: Call) -> Done:
        """Shut the doctor out and hand the visits not begun back to the queue."""
        lost = await staff.block(
            session, call.actor, call.id("pk"), call.words("reason")
        )
        numbers = [booking.label for booking in lost]
        return Done(blocked_sentence(numbers), data={"unassigned": numbers})

    @command("/{pk}/unblock", Permission.DOCTOR_BLOCK, fresh=True)
    async def unblock(self, session: AsyncSession, call: Call) -> Done:
        """Let the doctor work again."""
        await staff.unblock(session, call.actor, call.id("pk"), call.words("reason"))
        return Done(gettext("The block is lifted."))


DoctorsView.identity = "doctors"
