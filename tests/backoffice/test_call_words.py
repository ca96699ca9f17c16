"""Phrases about calls, and the sentences of the history."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from backoffice import booking_history, call_words
from models import BookingEvent
from models.booking import Status
from models.role_grant import Role
from services.i18n import use_locale

NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DOCTOR = str(uuid.UUID(int=7))
NAMES = {DOCTOR: "Орлов Д. А."}


def event(name: str, role: Role = Role.DISPATCHER, **data: Any) -> BookingEvent:
    return BookingEvent(
        booking_id=uuid.UUID(int=1),
        version=2,
        event=name,
        from_status=Status.PENDING,
        to_status=Status.ASSIGNED,
        actor_id=uuid.UUID(int=2),
        acting_as=role,
        via="console",
        data=data,
        created_at=NOON,
    )


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (date(1955, 11, 24), "71 год"),
        (date(1955, 11, 25), "70 лет"),
        (date(2024, 11, 1), "2 года"),
        (date(2026, 9, 25), "1 месяц"),
        (date(2026, 6, 24), "5 месяцев"),
        (date(2026, 12, 1), "0 месяцев"),
    ],
)
def test_ages_are_told_in_years_and_infants_in_months(born: date, age: str) -> None:
    assert call_words.age(born, date(2026, 11, 24)) == age


def test_lengths_and_distances() -> None:
    assert call_words.minutes(9) == "9 мин"
    assert call_words.minutes(72) == "1 ч 12 мин"
    assert call_words.minutes(-3) == "0 мин"
    assert call_words.kilometres(2.94) == "2,9 км"
    assert call_words.between(NOON, NOON + timedelta(seconds=200)) == "3 мин"
    with use_locale("en"):
        assert call_words.kilometres(2.94) == "2.9 km"


def test_another_day_is_told_with_its_date() -> None:
    assert call_words.clock_of(NOON, NOON) == "12:00"
    assert "23" in call_words.clock_of(NOON - timedelta(days=1), NOON)
    told = booking_history.sentence(
        event(
            "assign",
            doctor_id=DOCTOR,
            planned_start=(NOON + timedelta(days=2)).isoformat(),
            travel_minutes=12,
        ),
        NAMES,
    )
    assert "26" in told


@pytest.mark.parametrize(
    ("happened", "sentence"),
    [
        (event("unassign", doctor_id=DOCTOR), "Врач снят: Орлов Д. А."),
        (
            event("unassign", doctor_id=DOCTOR, undone=2),
            "Назначение отменено, врач Орлов Д. А.",
        ),
        (event("edit", fields=["nothing known"]), "Вызов изменён"),
        (
            event("edit", fields=["wanted_from", "wanted_to", "symptoms"]),
            "Изменено: желаемое время, жалобы",
        ),
        (
            event("replan", doctor_id=DOCTOR, planned_start=NOON.isoformat()),
            "Прибытие перенесено с — на 12:00, врач Орлов Д. А.",
        ),
        (event("accept", doctor_id=DOCTOR), "от имени врача"),
        (event("take_back", from_clinic_id=DOCTOR), "«Орлов Д. А.»"),
        (event("hand_to_clinic", clinic_id=None), "«—»"),
    ],
)
def test_each_step_is_one_sentence(happened: BookingEvent, sentence: str) -> None:
    assert sentence in booking_history.sentence(happened, NAMES)


def test_the_system_has_a_name_too() -> None:
    (told,) = booking_history.tell([(event("unassign", Role.SYSTEM), None)], NAMES)
    assert told.who == "Система"
    assert told.moved
    assert "от имени" not in booking_history.sentence(
        event("accept", Role.DOCTOR, doctor_id=DOCTOR), NAMES
    )
