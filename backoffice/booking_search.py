"""Conditions of the search over calls, each served by one index."""

import re
import uuid
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from models import Assignment, Booking, DoctorProfile, User
from models.assignment import SHOWN
from services.phones import complete_phone

NUMBER = re.compile(r"^(?:b|в|б)?\s*-?\s*(\d{1,10})$", re.IGNORECASE)
SHORTEST_WORDS, SHORTEST_DIGITS = 3, 4
# People found by a part of a name or phone; more than that is no search any more.
MOST_PEOPLE = 200


def found(term: str) -> Any:
    """The condition for what was typed: a number, a phone, else words."""
    number = NUMBER.match(term)
    if number is not None:
        return sa.or_(*_by_digits(number.group(1)))
    if not any(map(str.isalpha, term)):
        return _by_phone(term)
    if len(term) < SHORTEST_WORDS:
        return sa.false()
    return _by_words(term.lower())


def _by_digits(digits: str) -> list[Any]:
    conditions = []
    value = int(digits)
    conditions.append(col(Booking.number) == value)
    if len(digits) >= SHORTEST_DIGITS and len(digits) != 5:
        conditions.append(_of_people(_phone_holds(digits)))
    return conditions


def _by_phone(term: str) -> Any:
    whole = complete_phone(term)
    if whole is not None:
        return _of_people(col(User.phone) == whole)
    digits = "".join(filter(str.isdigit, term))
    if len(digits) < SHORTEST_DIGITS:
        return sa.false()
    return _of_people(_phone_holds(digits))


def _phone_holds(digits: str) -> Any:
    whole = complete_phone(digits)
    if whole is not None:
        return col(User.phone) == whole
    return col(User.phone).contains(digits, autoescape=True)


def _of_people(condition: Any) -> Any:
    people = sa.select(col(User.id)).where(condition).limit(MOST_PEOPLE)
    return col(Booking.patient_id).in_(people)


def _by_words(term: str) -> Any:
    by_name = _of_people(col(User.search_name).contains(term, autoescape=True))
    return sa.or_(col(Booking.search_text).contains(term, autoescape=True), by_name)


def by_doctor(term: str) -> Any:
    """The condition for the doctor of the shown turn: an id or a part of the name."""
    turns = sa.select(col(Assignment.booking_id)).where(sa.text(f"({SHOWN})"))
    try:
        return col(Booking.id).in_(
            turns.where(col(Assignment.doctor_id) == uuid.UUID(term))
        )
    except ValueError:
        pass
    if len(term) < SHORTEST_WORDS:
        return sa.false()
    doctors = (
        sa.select(col(User.id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(User.search_name).contains(term.lower(), autoescape=True))
        .limit(MOST_PEOPLE)
    )
    return col(Booking.id).in_(turns.where(col(Assignment.doctor_id).in_(doctors)))
