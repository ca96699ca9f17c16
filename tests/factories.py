"""People, prices and calls for tests; calls reach a state by walking services.

Rows that no service makes yet for a test's purpose (people, clinics) are added
directly; a booking's status never is.
"""

import hashlib
import itertools
import secrets
import uuid
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Address,
    Booking,
    ClinicMember,
    ClinicProfile,
    DoctorProfile,
    DoctorState,
    Document,
    PatientProfile,
    Payment,
    PriceItem,
    RoleGrant,
    User,
)
from models.base import uuid7
from models.booking import Status
from models.booking_words import CallType, CancelReason
from models.document import DocumentKind
from models.payment import PaymentMethod, PaymentStatus
from models.price_item import PriceKind
from models.role_grant import Role
from services import assignments, bookings, clock, documents, visits, wallets
from services.actor import SYSTEM_ID, Actor, Via
from services.booking_drafts import BookingDraft, PatientDraft
from services.documents import DocumentFacts
from services.files import Taken
from services.inputs import AddressInput

_count = itertools.count(1)
MOSCOW_CENTRE = (55.7558, 37.6173)


def as_patient(user: User) -> Actor:
    """Act as a patient through REST."""
    return Actor(user.id, Role.PATIENT, Via.API)


def as_doctor(user: User) -> Actor:
    """Act as a doctor through REST."""
    return Actor(user.id, Role.DOCTOR, Via.API)


def as_clinic(user: User) -> Actor:
    """Act for a clinic through REST."""
    return Actor(user.id, Role.CLINIC, Via.API)


def as_staff(user: User, role: Role = Role.DISPATCHER) -> Actor:
    """Act in the console."""
    return Actor(user.id, role, Via.CONSOLE)


async def person(session: AsyncSession, *roles: Role, **facts: Any) -> User:
    """Make a person with these roles."""
    number = next(_count)
    user = User(
        **{
            "email": f"person{number}@example.org",
            "phone": f"+7916{number:07d}",
            "first_name": "Иван",
            "last_name": f"Петров{number}",
            "middle_name": "Ильич",
        }
        | facts
    )
    session.add(user)
    # Nothing but a flush puts the person before their roles.
    await session.flush()
    for role in roles:
        session.add(RoleGrant(user_id=user.id, role=role, granted_by=SYSTEM_ID))
    await session.flush()
    return user


async def patient(session: AsyncSession, **facts: Any) -> User:
    """Make a patient with a medical profile and an empty wallet."""
    user = await person(session, Role.PATIENT, **facts)
    session.add(
        PatientProfile(
            user_id=user.id,
            birth_date=date(1980, 5, 17),
            allergies="Пенициллин",
            chronic_conditions="Астма",
        )
    )
    await session.flush()
    await wallets.make(session, user.id)
    return user


async def dispatcher(session: AsyncSession, **facts: Any) -> User:
    """Make a dispatcher called Anna unless told otherwise."""
    named = {"first_name": "Анна", "middle_name": "Петровна"} | facts
    return await person(session, Role.DISPATCHER, **named)


async def doctor(
    session: AsyncSession,
    *,
    on_duty: bool = True,
    point: tuple[float, float] | None = MOSCOW_CENTRE,
    profile: dict[str, Any] | None = None,
    **facts: Any,
) -> User:
    """Make an approved doctor, at work in the centre unless told otherwise."""
    named = {"last_name": "Орлов", "first_name": "Денис", "middle_name": "Ильич"}
    user = await person(session, Role.DOCTOR, **(named | facts))
    now = await clock.now(session)
    settled: dict[str, Any] = {
        "specializations": ["therapist"],
        "licence_number": f"ЛО-77-{next(_count):06d}",
        "licence_expires_on": (now + timedelta(days=400)).date(),
        "approved_at": now,
        "rating": None,
    }
    session.add(DoctorProfile(user_id=user.id, **(settled | (profile or {}))))
    state = DoctorState(doctor_id=user.id, on_duty=on_duty, duty_changed_at=now)
    if point is not None:
        state.latitude, state.longitude = point
        state.position_at = now
    session.add(state)
    await session.flush()
    return user


async def clinic(session: AsyncSession) -> ClinicProfile:
    """Make a clinic."""
    made = ClinicProfile(name=f"Клиника {next(_count)}")
    session.add(made)
    await session.flush()
    return made


async def clinic_manager(session: AsyncSession, of: ClinicProfile) -> User:
    """Make a person who acts for a clinic."""
    user = await person(session, Role.CLINIC)
    session.add(ClinicMember(clinic_id=of.id, user_id=user.id))
    await session.flush()
    return user


async def saved_address(session: AsyncSession, user: User, **facts: Any) -> Address:
    """Save a door in a patient's address book."""
    made = Address(user_id=user.id, **({"text": "Арбат, 10", "flat": "5"} | facts))
    session.add(made)
    await session.flush()
    return made


async def price(session: AsyncSession, **facts: Any) -> PriceItem:
    """Put a line on the price list."""
    line: dict[str, Any] = {
        "title_ru": "Вызов",
        "title_en": "Visit",
        "call_type": CallType.URGENT,
        "price_kopecks": 450_000,
    }
    made = PriceItem(**(line | facts))
    session.add(made)
    await session.flush()
    return made


async def extra_item(session: AsyncSession, **facts: Any) -> PriceItem:
    """Put something that a doctor may add on the price list."""
    line: dict[str, Any] = {
        "kind": PriceKind.EXTRA,
        "title_ru": "ЭКГ",
        "title_en": "ECG",
        "call_type": None,
        "price_kopecks": 120_000,
    }
    return await price(session, **(line | facts))


def draft(**facts: Any) -> PatientDraft:
    """Say what a patient would say about an urgent call in the centre."""
    said: dict[str, Any] = {
        "call_type": "urgent",
        "symptoms": "Температура 39, кашель",
        "address": address(),
    }
    return PatientDraft(**(said | facts))


def phone_draft(**facts: Any) -> BookingDraft:
    """Say what a dispatcher would enter."""
    said: dict[str, Any] = {
        "call_type": "urgent",
        "symptoms": "Температура 39, кашель",
        "address": address(),
    }
    return BookingDraft(**(said | facts))


def address(**facts: Any) -> AddressInput:
    """Give a door near the centre."""
    door: dict[str, Any] = {
        "text": "Тверская улица, 12",
        "entrance": "2",
        "floor": "4",
        "intercom": "45К",
        "flat": "45",
        "latitude": 55.7642,
        "longitude": 37.6060,
    }
    return AddressInput(**(door | facts))


async def booking(
    session: AsyncSession, by: User | None = None, **facts: Any
) -> Booking:
    """Make a waiting call of this or a new patient."""
    user = by or await patient(session)
    return await bookings.create(session, as_patient(user), draft(**facts))


async def assigned(
    session: AsyncSession, doctor: User, dispatcher: User, **facts: Any
) -> Booking:
    """Make a call that this doctor is asked to take."""
    made = await booking(session, **facts)
    return await assignments.assign(
        session, as_staff(dispatcher), made.id, doctor.id, made.version
    )


Walk = Callable[[AsyncSession, Booking, User], Awaitable[object]]


async def _accept(session: AsyncSession, made: Booking, by: User) -> None:
    await visits.accept(session, as_doctor(by), made.id)


async def _depart(session: AsyncSession, made: Booking, by: User) -> None:
    await visits.depart(session, as_doctor(by), made.id)


async def _start(session: AsyncSession, made: Booking, by: User) -> None:
    await visits.start(session, as_doctor(by), made.id)


async def _complete(session: AsyncSession, made: Booking, by: User) -> None:
    await visits.complete(session, as_doctor(by), made.id, 35, "ОРВИ, покой")


PATH: dict[Status, tuple[Walk, ...]] = {
    Status.ASSIGNED: (),
    Status.ACCEPTED: (_accept,),
    Status.EN_ROUTE: (_accept, _depart),
    Status.IN_PROGRESS: (_accept, _depart, _start),
    Status.COMPLETED: (_accept, _depart, _start, _complete),
}


async def booking_in(
    session: AsyncSession,
    status: Status,
    *,
    doctor: User,
    dispatcher: User,
    by: User | None = None,
    **facts: Any,
) -> Booking:
    """Walk a new call to the status; a cancelled one was pending before."""
    made = await booking(session, by, **facts)
    staff = as_staff(dispatcher)
    if status is Status.CANCELLED:
        return await bookings.cancel(session, staff, made.id, CancelReason.NO_DOCTOR)
    if status is Status.PENDING:
        return made
    await assignments.assign(session, staff, made.id, doctor.id, made.version)
    for walk in PATH[status]:
        await walk(session, made, doctor)
    return made


async def open_payment(session: AsyncSession, made: Booking, **facts: Any) -> Payment:
    """Write an attempt by SBP that the provider waits for."""
    told: dict[str, Any] = {
        "method": PaymentMethod.SBP,
        "status": PaymentStatus.PENDING,
        "amount_kopecks": made.price_kopecks,
        "request_body": "{}",
        "key_used_at": await clock.now(session),
        "provider_id": str(uuid.uuid4()),
        "confirmation_data": "https://qr.nspk.ru/AD10006M8KH234K782OQM0L13JI31LQD",
    }
    payment = Payment(booking_id=made.id, payer_id=made.patient_id, **(told | facts))
    session.add(payment)
    await session.flush()
    return payment


def taken(**facts: Any) -> Taken:
    """Give a small picture as it is once it has been cleaned."""
    content = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763f8ffff3f0005fe02fea72d994d0000000049454e44ae426082"
    )
    settled: dict[str, Any] = {
        "media_type": "image/png",
        "size_bytes": len(content),
        "pages": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
        "storage_name": secrets.token_hex(24),
        "file_name": "diploma.png",
        "content": content,
    }
    return Taken(**(settled | facts))


async def document(
    session: AsyncSession,
    user: User,
    kind: DocumentKind = DocumentKind.DIPLOMA,
    file: dict[str, Any] | None = None,
    **facts: Any,
) -> Document:
    """Give a paper of somebody who has an application or is a doctor already."""
    stated = DocumentFacts(**facts)
    actor = as_patient(user)
    return await documents.add(
        session, actor, user.id, kind, stated, taken(**(file or {}))
    )


async def tomorrow(session: AsyncSession, hour: int = 12) -> datetime:
    """Give an hour of tomorrow, Moscow time."""
    now = (await clock.now(session)).astimezone(clock.MOSCOW)
    return (now + timedelta(days=1)).replace(
        hour=hour, minute=0, second=0, microsecond=0
    )


def nobody() -> uuid.UUID:
    """Give an id that belongs to nothing."""
    return uuid7()
