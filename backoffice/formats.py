"""How values look on the page: money, moments, phones; in the reader's language."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from babel import dates

from models import ShiftException
from services import amounts, shifts
from services.clock import MOSCOW
from services.i18n import current_locale
from services.words import label


def roubles(kopecks: int | None) -> str:
    """1250000 → «12 500 ₽»; kopecks only where there are some."""
    return "—" if kopecks is None else amounts.roubles(kopecks)


def moment(value: datetime | None) -> str:
    """Day and time in Moscow: «24 нояб., 14:32»."""
    if value is None:
        return "—"
    local = value.astimezone(MOSCOW)
    pattern = "d MMM, HH:mm" if current_locale() == "ru" else "MMM d, HH:mm"
    return dates.format_datetime(local, pattern, locale=current_locale())


def full_moment(value: datetime | None) -> str:
    """The same with year and seconds, for the journal and for titles."""
    if value is None:
        return "—"
    local = value.astimezone(MOSCOW)
    pattern = "d MMM y, HH:mm:ss" if current_locale() == "ru" else "MMM d, y, HH:mm:ss"
    return dates.format_datetime(local, pattern, locale=current_locale())


def clock_time(value: datetime | None) -> str:
    """Only the time in Moscow: «14:32»."""
    return "—" if value is None else f"{value.astimezone(MOSCOW):%H:%M}"


def day(value: date | None) -> str:
    """A date: «24 нояб. 2026 г.»."""
    if value is None:
        return "—"
    return dates.format_date(value, "medium", locale=current_locale())


def short_day(value: date) -> str:
    """A day where the year is known: «24 нояб.»."""
    pattern = "d MMM" if current_locale() == "ru" else "MMM d"
    return dates.format_date(value, pattern, locale=current_locale())


def weekday(value: date) -> str:
    """A day of these weeks: «вт, 24 нояб.»."""
    pattern = "EEE, d MMM" if current_locale() == "ru" else "EEE, MMM d"
    return dates.format_date(value, pattern, locale=current_locale())


def hours_on(row: ShiftException) -> str:
    """The hours of a single day, empty for a day off: «09:00–17:00»."""
    found = shifts.stretch_on(row)
    return f"{found.starts_at:%H:%M}–{found.ends_at:%H:%M}" if found else ""


def phone(value: str | None) -> str:
    """A Russian number in groups, another as it is: «+7 916 204-18-37»."""
    if value is None:
        return "—"
    if value.startswith("+7") and len(value) == 12:
        return f"+7 {value[2:5]} {value[5:8]}-{value[8:10]}-{value[10:]}"
    return value


FILTERS: Mapping[str, Callable[..., Any]] = {
    "roubles": roubles,
    "moment": moment,
    "full_moment": full_moment,
    "clock_time": clock_time,
    "day": day,
    "short_day": short_day,
    "weekday": weekday,
    "hours_on": hours_on,
    "phone": phone,
    "label": label,
}
