"""The price list of the demo: visits by kind and time of day, and extras."""

from collections.abc import Iterator
from datetime import time
from typing import Any

from models.booking_words import CallType
from models.specialization import Specialization

# Title in two languages, call type, rubles by day and by night.
VISITS = (
    ("Срочный вызов врача", "Urgent visit", CallType.URGENT, 4500, 6500),
    ("Плановый визит", "Scheduled visit", CallType.SCHEDULED, 3500, 5000),
    ("Консультация на дому", "Home consultation", CallType.CONSULTATION, 3000, 4500),
)
DEARER = {
    Specialization.CARDIOLOGIST: ("кардиолог", "cardiologist", 1500),
    Specialization.NEUROLOGIST: ("невролог", "neurologist", 1500),
    Specialization.PSYCHIATRIST: ("психиатр", "psychiatrist", 2500),
    Specialization.SURGEON: ("хирург", "surgeon", 2000),
}
EXTRAS = (
    ("ЭКГ с расшифровкой", "ECG with reading", 1200),
    ("Внутримышечный укол", "Intramuscular injection", 400),
    ("Капельница", "Intravenous drip", 1800),
    ("Экспресс-тест на грипп и ковид", "Rapid flu and covid test", 900),
    ("Перевязка", "Dressing", 800),
    ("Забор анализа крови", "Blood sample", 600),
)
NIGHT = (time(22, 0), time(7, 0))
ALL_DAY = (time(0, 0), time(0, 0))


def price_rows() -> Iterator[dict[str, Any]]:
    """Give every line of the list."""
    for russian, english, call_type, day, night in VISITS:
        yield _line(russian, english, day, ALL_DAY, call_type)
        yield _line(f"{russian}, ночь", f"{english}, night", night, NIGHT, call_type)
        for kind, (who, whom, more) in DEARER.items():
            titles = f"{russian}: {who}", f"{english}: {whom}"
            yield _line(*titles, day + more, ALL_DAY, call_type, kind)
    for russian, english, rubles in EXTRAS:
        yield _line(russian, english, rubles, ALL_DAY)


def _line(
    russian: str,
    english: str,
    rubles: int,
    hours: tuple[time, time],
    call_type: CallType | None = None,
    specialization: Specialization | None = None,
) -> dict[str, Any]:
    return {
        "kind": "visit" if call_type else "extra",
        "title_ru": russian,
        "title_en": english,
        "call_type": call_type,
        "specialization": specialization,
        "starts": hours[0],
        "ends": hours[1],
        "price_kopecks": rubles * 100,
        "active": True,
    }
