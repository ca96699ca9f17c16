"""Conditions of the search over calls, each served by one index."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import Select
from sqlmodel import col

from models import Assignment, Booking, DoctorProfile, User
from models.assignment import SHOWN
from services.phones import complete_phone
from services.streets import KIND_OF

NUMBER = re.compile(r"^([bвб]?)\s*-?\s*(\d{1,10})$", re.IGNORECASE)
SHORTEST_WORDS, SHORTEST_DIGITS = 3, 4
# Fewer bare digits are a number of a call; the end of a phone has seven.
SHORTEST_PHONE = 7
# People found by a part of a name or phone; more than that is no search any more.
MOST_PEOPLE, MOST_DOCTORS = 200, 20
EVERYWHERE = KIND_OF.keys() | {"д", "дом", "корп", "стр", "кв"}


def narrowed(stmt: Select[Any], term: str, most: int) -> Select[Any]:
    """Keep the newest calls that fit what was typed, and the filters besides.

    Each condition is asked by itself: joined by OR, none would use its index.
    """
    filters = () if stmt.whereclause is None else (stmt.whereclause,)
    newest = (
        sa.select(col(Booking.id))
        .where(*filters, condition)
        .order_by(col(Booking.created_at).desc())
        .limit(most)
        .subquery()
        for condition in _conditions(term)
    )
    hits = [sa.select(each.c.id) for each in newest]
    return stmt.where(col(Booking.id).in_(sa.union_all(*hits)) if hits else sa.false())


def _conditions(term: str) -> Sequence[Any]:
    """The conditions for what was typed: a number, a phone, else words."""
    number = NUMBER.match(term)
    if number is not None:
        letter, digits = number.groups()
        by_number = col(Booking.number) == int(digits)
        return [by_number] if letter else [by_number, *_by_digits(digits)]
    if not any(map(str.isalpha, term)):
        return _by_phone(term)
    return _by_words(term.lower())


def _by_digits(digits: str) -> Sequence[Any]:
    if len(digits) < SHORTEST_PHONE:
        return []
    return [_of_people(_phone_holds(digits))]


def _by_phone(term: str) -> Sequence[Any]:
    whole = complete_phone(term)
    if whole is not None:
        return [_of_people(col(User.phone) == whole)]
    digits = "".join(filter(str.isdigit, term))
    if len(digits) < SHORTEST_DIGITS:
        return ()
    return [_of_people(_phone_holds(digits))]


def _phone_holds(digits: str) -> Any:
    whole = complete_phone(digits)
    if whole is not None:
        return col(User.phone) == whole
    return col(User.phone).contains(digits, autoescape=True)


def _of_people(condition: Any) -> Any:
    people = sa.select(col(User.id)).where(condition).limit(MOST_PEOPLE)
    return col(Booking.patient_id) == _found_first(people)


def _found_first(ids: Select[Any]) -> Any:
    """Ask for the ids before anything else; as a join the planner, misled by LIMIT,
    would rather walk all calls from the newest on until enough of them fit."""
    return sa.any_(sa.func.array(ids.scalar_subquery()))


def _by_words(term: str) -> Sequence[Any]:
    """Every word has to occur, in any order: «Тверская 12» finds «Тверская улица, д. 12».

    The words that nearly every address has are left out: they find nothing, and their
    endless lists in the index would have to be read.
    """
    every = [word for word in re.split(r"[\s,.;]+", term) if word]
    words = [word for word in every if word not in EVERYWHERE] or every
    if max(map(len, words)) < SHORTEST_WORDS:
        return ()
    return [
        _holds(col(Booking.search_text), words),
        _of_people(_holds(col(User.search_name), words)),
    ]


def _holds(text: Any, words: Sequence[str]) -> Any:
    return sa.and_(*(text.contains(word, autoescape=True) for word in words))


def by_doctor(term: str) -> Any:
    """The condition for the doctor of the shown turn: an id or a part of the name."""
    turns = sa.select(col(Assignment.booking_id)).where(sa.text(f"({SHOWN})"))
    by = col(Assignment.doctor_id)
    try:
        return col(Booking.id) == _found_first(turns.where(by == uuid.UUID(term)))
    except ValueError:
        if len(term) < SHORTEST_WORDS:
            return sa.false()
    doctors = (
        sa.select(col(User.id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(User.search_name).contains(term.lower(), autoescape=True))
        .limit(MOST_DOCTORS)
    )
    return col(Booking.id) == _found_first(turns.where(by == _found_first(doctors)))
