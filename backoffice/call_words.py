"""Small phrases about calls, people and doors that several pages say alike."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from babel import numbers

from backoffice import cells, formats
from models.booking_words import Priority
from services.clock import MOSCOW
from services.i18n import Lazy, current_locale, gettext, ngettext
from services.words import label

SHORT_PRIORITY: Mapping[Priority, Lazy] = {
    Priority.LOW: Lazy("Low"),
    Priority.NORMAL: Lazy("Normal"),
    Priority.HIGH: Lazy("High"),
    Priority.EMERGENCY: Lazy("Emergency"),
}
WAY: Mapping[str, Lazy] = {
    "entrance": Lazy("entrance {value}"),
    "floor": Lazy("floor {value}"),
    "intercom": Lazy("intercom {value}"),
}


def age(birth_date: date, today: date) -> str:
    """«71 год»; infants are told in months."""
    passed = (today.month, today.day) >= (birth_date.month, birth_date.day)
    years = today.year - birth_date.year - (not passed)
    if years >= 1:
        return ngettext("{count} year", "{count} years", years)
    months = (today.year - birth_date.year) * 12 + today.month - birth_date.month
    months -= today.day < birth_date.day
    return ngettext("{count} month", "{count} months", max(0, months))


def door_line(place: Any) -> str:
    """Street, house and flat on one line: «Таганская, 31, кв. 12»."""
    text = getattr(place, "address_text", None) or getattr(place, "text", "")
    return (
        gettext("{street}, flat {flat}", street=text, flat=place.flat)
        if (place.flat)
        else str(text)
    )


def passport(place: Any) -> str:
    """How to get to the door: «подъезд 1, этаж 3, домофон 12 · шлагбаум»."""
    parts = (getattr(place, name) for name in WAY)
    way = ", ".join(
        gettext(text, value=value)
        for text, value in zip(WAY.values(), parts, strict=True)
        if value
    )
    notes = getattr(place, "address_notes", None) or getattr(place, "notes", None)
    return " · ".join(each for each in (way, notes) if each)


def minutes(count: int) -> str:
    """«9 мин», from one hour on «1 ч 12 мин»."""
    hours, rest = divmod(max(0, count), 60)
    if hours:
        return gettext("{hours} h {minutes} min", hours=hours, minutes=rest)
    return gettext("{minutes} min", minutes=rest)


def between(start: datetime, end: datetime) -> str:
    """How long it is from one moment to another."""
    return minutes(int((end - start).total_seconds() // 60))


def clock_of(moment: datetime, now: datetime) -> str:
    """The time, with its day when that is not today."""
    today = moment.astimezone(MOSCOW).date() == now.astimezone(MOSCOW).date()
    return formats.clock_time(moment) if today else formats.moment(moment)


def decimal(value: Any) -> str:
    """«4,9»."""
    number: str = numbers.format_decimal(value, format="0.0", locale=current_locale())
    return number


def kilometres(value: float) -> str:
    """«2,9 км»."""
    return gettext("{number} km", number=decimal(value))


def count_calls(count: int) -> str:
    """«7 вызовов»."""
    return ngettext("{count} call", "{count} calls", count)


def short_day(value: datetime) -> str:
    """«14.06.26»: narrow lists have no room for words."""
    return f"{value.astimezone(MOSCOW):%d.%m.%y}"


def short_priority(priority: Priority) -> str:
    """The priority in one word."""
    return str(SHORT_PRIORITY[priority])


HELPERS: Mapping[str, Callable[..., Any]] = {
    "label": label,
    "door_line": door_line,
    "passport": passport,
    "minutes": minutes,
    "waiting": minutes,
    "kilometres": kilometres,
    "decimal": decimal,
    "count_calls": count_calls,
    "clock": formats.clock_time,
    "clock_of": clock_of,
    "day": short_day,
    "short_priority": short_priority,
    "payment": cells.payment,
}
