"""Values that an administrator may change while the service runs.

Every value has a default here; a row in the table exists only where it differs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Setting
from models.base import uuid7
from models.booking_words import CallType, Priority
from models.document import Requirement
from models.specialization import Specialization
from services import audit, words
from services.actor import Actor
from services.errors import NotFound
from services.i18n import Lazy, gettext
from services.inputs import wrong
from services.permissions import Permission, demand

SCHEDULED_LEAD_HOURS = "sla.scheduled_lead_hours"
SLA_SCHEDULED_WARN, SLA_SCHEDULED_RED = "sla.scheduled.warn", "sla.scheduled.red"
DOCTOR_ACCESS_HOURS = "doctor_access_hours"
KEEP_NOTIFICATIONS, KEEP_CODES = "retention.notifications", "retention.codes"
KEEP_SIGN_INS, KEEP_APPLICANTS = "retention.sign_ins", "retention.applicants"
KEEP_SILENT_ACCOUNTS = "retention.silent_accounts"
KEEP_MESSAGES = "retention.messages"
DOCUMENTS_MOST, DOCUMENTS_MEGABYTES = "documents.most", "documents.megabytes"
EXTRAS_CONSENT_PERCENT = "extras.consent_above_percent"
COMPENSATION_MOST = "compensation.most_kopecks"
COMPENSATION_DAY = "compensation.most_a_day_kopecks"
REFUND_LIMIT, REFUND_DAY_LIMIT = "refund.most_alone", "refund.most_alone_a_day"
REFUND_APPROVAL_HOURS = "refund.approval_hours"
QUIET_FROM, QUIET_TO = "quiet.from_hour", "quiet.to_hour"
# Money never stops an urgent call, so there is no such setting for one.
PREPAYABLE = (CallType.SCHEDULED, CallType.CONSULTATION)

MINUTES, HOURS, KOPECKS = Lazy("minutes"), Lazy("hours"), Lazy("kopecks")
FILES, MEGABYTES, YES_OR_NO = Lazy("files"), Lazy("MB"), Lazy("yes 1, no 0")
PERCENT, OF_THE_CLOCK = Lazy("% of the quote"), Lazy("o'clock in Moscow")


@dataclass(frozen=True)
class Definition:
    """One setting: its bounds, its unit and the words a page shows for it."""

    key: str
    default: int
    minimum: int
    maximum: int
    unit: Lazy
    title: Lazy
    about: tuple[CallType | Specialization | Priority | Requirement, ...] = ()

    @property
    def label(self) -> str:
        """The title with what it is about: «Visit: urgent, therapist»."""
        about = ", ".join(words.label(member).lower() for member in self.about)
        return f"{self.title}: {about}" if about else str(self.title)


@dataclass(frozen=True)
class Line:
    """One setting as the page lists it."""

    definition: Definition
    value: int

    @property
    def changed(self) -> bool:
        """The value differs from the default."""
        return self.value != self.definition.default


def visit_minutes_key(call_type: CallType, specialization: Specialization) -> str:
    """Name the setting for the length of such a visit."""
    return f"visit_minutes.{call_type.value}.{specialization.value}"


def base_price_key(call_type: CallType) -> str:
    """Name the price that holds when the price list has no line for a visit."""
    return f"base_price.{call_type.value}"


def prepay_key(call_type: CallType) -> str:
    """Name the setting that says whether such a visit is paid in advance."""
    return f"prepay.{call_type.value}"


def required_document_key(
    specialization: Specialization, requirement: Requirement
) -> str:
    """Name the setting that says whether such a doctor must prove this."""
    return f"required_documents.{specialization.value}.{requirement.value}"


def sla_keys(priority: Priority) -> tuple[str, str]:
    """Name the two thresholds of a priority: yellow and red."""
    return f"sla.{priority.value}.warn", f"sla.{priority.value}.red"


_SLA = {
    Priority.EMERGENCY: (2, 5),
    Priority.HIGH: (8, 15),
    Priority.NORMAL: (15, 30),
    Priority.LOW: (30, 60),
}
_VISIT = {CallType.URGENT: 40, CallType.SCHEDULED: 40, CallType.CONSULTATION: 30}
_LONGER = {
    Specialization.NEUROLOGIST: 10,
    Specialization.PSYCHIATRIST: 20,
    Specialization.CARDIOLOGIST: 10,
}
_BASE_PRICE = {
    CallType.URGENT: 500_000,
    CallType.SCHEDULED: 400_000,
    CallType.CONSULTATION: 300_000,
}


def _definitions() -> Iterable[Definition]:
    day = 24 * 60
    warn, red = Lazy("Turns yellow after"), Lazy("Turns red after")
    for priority, limits in _SLA.items():
        for key, default, title in zip(
            sla_keys(priority), limits, (warn, red), strict=True
        ):
            yield Definition(key, default, 1, day, MINUTES, title, (priority,))
    about = (CallType.SCHEDULED,)
    yield Definition(SLA_SCHEDULED_WARN, 90, 1, day, MINUTES, warn, about)
    yield Definition(SLA_SCHEDULED_RED, 120, 1, day, MINUTES, red, about)
    lead = Lazy("Timers of scheduled calls start before the window by")
    yield Definition(SCHEDULED_LEAD_HOURS, 3, 0, 72, HOURS, lead)
    access = Lazy("A doctor sees a finished visit for")
    yield Definition(DOCTOR_ACCESS_HOURS, 24, 0, 720, HOURS, access)
    price = Lazy("Price where the price list has no line")
    for call_type, kopecks in _BASE_PRICE.items():
        yield Definition(
            base_price_key(call_type),
            kopecks,
            0,
            100_000_000,
            KOPECKS,
            price,
            (call_type,),
        )
    length = Lazy("Length of a visit")
    for call_type, minutes in _VISIT.items():
        for specialization in Specialization:
            yield Definition(
                visit_minutes_key(call_type, specialization),
                minutes + _LONGER.get(specialization, 0),
                5,
                480,
                MINUTES,
                length,
                (call_type, specialization),
            )


def _retention() -> Iterable[Definition]:
    days, longest = Lazy("days, 0 is never"), 36_500
    for key, default, title in (
        (KEEP_NOTIFICATIONS, 365, Lazy("Sent messages are deleted after")),
        (KEEP_CODES, 30, Lazy("Used and expired codes are deleted after")),
        (KEEP_SIGN_INS, 1095, Lazy("Sign-ins leave the journal after, 30 at least")),
        (KEEP_APPLICANTS, 180, Lazy("Papers of refused applicants are deleted after")),
        (KEEP_SILENT_ACCOUNTS, 0, Lazy("Accounts never opened are erased after")),
        (KEEP_MESSAGES, 0, Lazy("Conversations of ended calls are emptied after")),
    ):
        yield Definition(key, default, 0, longest, days, title)


def _about_documents() -> Iterable[Definition]:
    most = Lazy("Files that an applicant may upload in 30 days")
    yield Definition(DOCUMENTS_MOST, 60, 1, 1000, FILES, most)
    room = Lazy("Size of an applicant's files in 30 days")
    yield Definition(DOCUMENTS_MEGABYTES, 300, 1, 10_000, MEGABYTES, room)
    needed = Lazy("Document that a doctor must give")
    for specialization in Specialization:
        for requirement in Requirement:
            key = required_document_key(specialization, requirement)
            about = (specialization, requirement)
            yield Definition(key, 1, 0, 1, YES_OR_NO, needed, about)


def _about_money() -> Iterable[Definition]:
    consent = Lazy("The patient is asked about extra services above")
    yield Definition(EXTRAS_CONSENT_PERCENT, 20, 0, 1000, PERCENT, consent)
    ahead = Lazy("Paid before the doctor sets out")
    for call_type in PREPAYABLE:
        key = prepay_key(call_type)
        yield Definition(key, 0, 0, 1, YES_OR_NO, ahead, (call_type,))
    most = Lazy("Largest compensation to a wallet")
    yield Definition(COMPENSATION_MOST, 500_000, 0, 100_000_000, KOPECKS, most)
    a_day = Lazy("Compensations that one person may credit in a day")
    yield Definition(COMPENSATION_DAY, 2_000_000, 0, 1_000_000_000, KOPECKS, a_day)


def _about_refunds() -> Iterable[Definition]:
    most = 100_000_000
    alone = Lazy("A second person approves a refund above")
    yield Definition(REFUND_LIMIT, 1_000_000, 0, most, KOPECKS, alone)
    day = Lazy("A second person approves what one asks for in a day above")
    yield Definition(REFUND_DAY_LIMIT, 3_000_000, 0, most, KOPECKS, day)
    hours = Lazy("The approval of a refund is good for")
    yield Definition(REFUND_APPROVAL_HOURS, 24, 1, 720, HOURS, hours)


def _about_notices() -> Iterable[Definition]:
    starts = Lazy("Nobody is woken by messages that can wait from")
    yield Definition(QUIET_FROM, 22, 0, 23, OF_THE_CLOCK, starts)
    ends = Lazy("Nobody is woken by messages that can wait until")
    yield Definition(QUIET_TO, 8, 0, 23, OF_THE_CLOCK, ends)


DEFINITIONS: Mapping[str, Definition] = {
    definition.key: definition
    for definition in (
        *_definitions(),
        *_about_documents(),
        *_retention(),
        *_about_money(),
        *_about_refunds(),
        *_about_notices(),
    )
}


async def get(session: AsyncSession, key: str) -> int:
    """Give the value that holds now."""
    return (await get_many(session, [key]))[key]


async def get_many(session: AsyncSession, keys: Iterable[str]) -> dict[str, int]:
    """Give several values in one query."""
    wanted = list(keys)
    values = {key: DEFINITIONS[key].default for key in wanted}
    query = sa.select(col(Setting.key), col(Setting.value))
    rows = await session.execute(query.where(col(Setting.key).in_(wanted)))
    values.update((key, value) for key, value in rows)
    return values


async def listing(session: AsyncSession) -> list[Line]:
    """List every setting with the value that holds now."""
    values = await get_many(session, DEFINITIONS)
    return [Line(each, values[each.key]) for each in DEFINITIONS.values()]


async def put(session: AsyncSession, actor: Actor, key: str, value: int) -> None:
    """Change one value; out of bounds is refused, the default removes the row."""
    demand(actor, Permission.SETTING_EDIT)
    definition = DEFINITIONS.get(key)
    if definition is None:
        raise NotFound
    _demand_bounds(definition, value)
    was = await get(session, key)
    if value == definition.default:
        await session.execute(sa.delete(Setting).where(col(Setting.key) == key))
    else:
        row = insert(Setting).values(id=uuid7(), key=key, value=value)
        await session.execute(
            row.on_conflict_do_update(
                index_elements=["key"], set_={"value": row.excluded.value}
            )
        )
    audit.record(
        session, actor, "setting.put", "setting", None, key=key, was=was, value=value
    )


def _demand_bounds(definition: Definition, value: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and definition.minimum <= value <= definition.maximum:
        return
    message = gettext(
        "A whole number from {minimum} to {maximum} is needed.",
        minimum=definition.minimum,
        maximum=definition.maximum,
    )
    raise wrong(definition.key, message)
