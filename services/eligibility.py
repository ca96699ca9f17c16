"""Who can be assigned to a call, and every reason why somebody cannot."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    Booking,
    DoctorProfile,
    DoctorState,
    Outcome,
    RoleGrant,
    User,
)
from models.role_grant import Role
from models.specialization import Specialization
from services import words
from services.clock import MOSCOW
from services.errors import DoctorNotEligible, NotFound
from services.i18n import Lazy, gettext
from services.planning import DUTY_NEEDED_WITHIN, Plan, Point, point, point_of
from services.working_hours import ALWAYS, Hours
from services.working_plans import hours_of

NOT_APPROVED = "not_approved"
BLOCKED = "blocked"
WRONG_SPECIALIZATION = "wrong_specialization"
LICENCE_EXPIRES = "licence_expires"
DOCUMENTS_EXPIRE = "documents_expire"
OFF_DUTY = "off_duty"
OFF_SHIFT = "off_shift"
OWN_CALL = "own_call"
DECLINED = "declined"
OTHER_CLINIC = "other_clinic"

TEXTS = {
    NOT_APPROVED: Lazy("not approved"),
    BLOCKED: Lazy("blocked"),
    WRONG_SPECIALIZATION: Lazy("not a {specialization}"),
    LICENCE_EXPIRES: Lazy("licence valid until {day}"),
    DOCUMENTS_EXPIRE: Lazy("documents valid until {day}"),
    OFF_DUTY: Lazy("off duty"),
    OFF_SHIFT: Lazy("not their shift"),
    OWN_CALL: Lazy("their own call"),
    DECLINED: Lazy("declined this call"),
    OTHER_CLINIC: Lazy(
        "not of the clinic that has the call (take the call back first)"
    ),
}


@dataclass(frozen=True)
class Reason:
    """One reason with the facts that its sentence needs."""

    code: str
    facts: tuple[tuple[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The reason in a few words of the reader's language."""
        facts = {name: _shown(value) for name, value in self.facts}
        return gettext(TEXTS[self.code], **facts)


def _shown(fact: Any) -> str:
    if isinstance(fact, date):
        return fact.strftime("%d.%m.%Y")
    return words.label(fact).lower()


@dataclass(frozen=True)
class Doctor:
    """Everything about a doctor that decides whether they may take a call."""

    doctor_id: uuid.UUID
    approved: bool
    blocked: bool
    specializations: Sequence[str]
    licence_expires_on: date
    documents_valid_until: date | None
    on_duty: bool
    declined: bool
    clinic_id: uuid.UUID | None
    position: Point | None
    home: Point | None
    hours: Hours = ALWAYS

    @property
    def valid_until(self) -> date:
        """The last day on which licence and documents all hold."""
        documents = self.documents_valid_until or self.licence_expires_on
        return min(self.licence_expires_on, documents)

    @property
    def origin(self) -> Point | None:
        """The last position, else home."""
        return self.position or self.home


async def lock_doctors(session: AsyncSession, *doctor_ids: uuid.UUID) -> None:
    """Take the doctors' rows, always sorted, so that rivals never deadlock."""
    query = (
        sa.select(col(DoctorProfile.user_id))
        .where(col(DoctorProfile.user_id).in_(doctor_ids))
        .order_by(col(DoctorProfile.user_id))
        .with_for_update()
    )
    await session.execute(query)


async def load_doctor(
    session: AsyncSession, doctor_id: uuid.UUID, booking: Booking
) -> Doctor:
    """Read a locked doctor afresh, as the row stands after the lock."""
    has_role = sa.exists().where(
        col(RoleGrant.user_id) == doctor_id,
        col(RoleGrant.role) == Role.DOCTOR,
        col(RoleGrant.revoked_at).is_(None),
    )
    declined = sa.exists().where(
        col(Assignment.booking_id) == booking.id,
        col(Assignment.doctor_id) == doctor_id,
        col(Assignment.outcome) == Outcome.DECLINED,
    )
    query = (
        sa.select(User, DoctorProfile, DoctorState, has_role, declined)
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .outerjoin(DoctorState, col(DoctorState.doctor_id) == col(User.id))
        .where(col(User.id) == doctor_id)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("There is no such doctor.")
    return _doctor(*row, hours=await hours_of(session, doctor_id))


def _doctor(
    user: User,
    profile: DoctorProfile,
    state: DoctorState | None,
    has_role: bool,
    declined: bool,
    *,
    hours: Hours,
) -> Doctor:
    return Doctor(
        doctor_id=user.id,
        approved=profile.may_work and has_role,
        blocked=user.blocked_at is not None,
        specializations=profile.specializations,
        licence_expires_on=profile.licence_expires_on,
        documents_valid_until=profile.documents_valid_until,
        on_duty=state is not None and state.on_duty,
        declined=declined,
        clinic_id=profile.clinic_id,
        position=point_of(state) if state is not None else None,
        home=point(profile.home_latitude, profile.home_longitude),
        hours=hours,
    )


class Wanted(Protocol):
    """What a call wants; a booking has it."""

    @property
    def patient_id(self) -> uuid.UUID:
        """Who called."""

    @property
    def specialization(self) -> Specialization:
        """What the doctor must be."""

    @property
    def clinic_id(self) -> uuid.UUID | None:
        """Whose doctors alone may come, while the call is with a clinic."""


def reasons_against(
    doctor: Doctor, booking: Wanted, plan: Plan, now: datetime
) -> list[Reason]:
    """List every reason why this doctor cannot take this call at this time."""
    last_day = plan.closes.astimezone(MOSCOW).date()
    licence, documents = doctor.licence_expires_on, doctor.documents_valid_until
    wanted = booking.specialization
    soon = plan.opens < now + DUTY_NEEDED_WITHIN
    with_clinic = booking.clinic_id is not None
    checks = (
        (not doctor.approved, Reason(NOT_APPROVED)),
        (doctor.blocked, Reason(BLOCKED)),
        (
            wanted.value not in doctor.specializations,
            Reason(WRONG_SPECIALIZATION, (("specialization", wanted),)),
        ),
        (licence < last_day, Reason(LICENCE_EXPIRES, (("day", licence),))),
        (
            documents is not None and documents < last_day,
            Reason(DOCUMENTS_EXPIRE, (("day", documents),)),
        ),
        (soon and not doctor.on_duty, Reason(OFF_DUTY)),
        (
            not soon and not doctor.hours.cover(plan.opens, plan.closes),
            Reason(OFF_SHIFT),
        ),
        (doctor.doctor_id == booking.patient_id, Reason(OWN_CALL)),
        (doctor.declined, Reason(DECLINED)),
        (
            with_clinic and doctor.clinic_id != booking.clinic_id,
            Reason(OTHER_CLINIC),
        ),
    )
    return [reason for holds, reason in checks if holds]


def refuse(reasons: list[Reason]) -> None:
    """Raise DoctorNotEligible when there is any reason."""
    if reasons:
        raise DoctorNotEligible(
            reasons=[reason.code for reason in reasons],
            reasons_text=", ".join(reason.text for reason in reasons),
        )
