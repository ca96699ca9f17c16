"""Runtime settings, the words of enumerations and what texts may hold."""

from enum import StrEnum
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Role, Setting
from models.booking import Verb
from models.booking_words import CallType, Priority
from models.specialization import Specialization
from services import settings, words
from services.errors import Forbidden, NotFound, ValidationFailed
from services.i18n import use_locale
from services.inputs import AddressInput, BirthDate, Line, Phone, Prose
from services.phones import masked_phone
from tests import factories
from tests.factories import as_staff


async def test_a_value_is_kept_only_where_it_differs(session: AsyncSession) -> None:
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    key = settings.visit_minutes_key(CallType.URGENT, Specialization.SURGEON)
    assert await settings.get(session, key) == 40
    for value in (55, 60):
        await settings.put(session, admin, key, value)
        assert await settings.get(session, key) == value
    changed = [line for line in await settings.listing(session) if line.changed]
    assert [line.definition.key for line in changed] == [key]
    await settings.put(session, admin, key, 40)
    stored = select(Setting).where(col(Setting.key) == key)
    assert (await session.exec(stored)).all() == []


@pytest.mark.parametrize("value", [4, 481, True, 5.0, "40"])
async def test_a_value_out_of_bounds_is_refused(
    session: AsyncSession, value: int
) -> None:
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    key = settings.visit_minutes_key(CallType.URGENT, Specialization.SURGEON)
    with pytest.raises(ValidationFailed):
        await settings.put(session, admin, key, value)


async def test_only_an_admin_changes_settings(session: AsyncSession) -> None:
    staff = await factories.dispatcher(session)
    with pytest.raises(Forbidden):
        await settings.put(session, as_staff(staff), "doctor_access_hours", 1)
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    with pytest.raises(NotFound):
        await settings.put(session, admin, "no.such.key", 1)


def test_labels_say_what_the_setting_is_about() -> None:
    warn, _ = settings.sla_keys(Priority.EMERGENCY)
    key = settings.visit_minutes_key(CallType.URGENT, Specialization.SURGEON)
    with use_locale("en"):
        assert settings.DEFINITIONS[warn].label == "Turns yellow after: emergency"
        assert settings.DEFINITIONS[key].label == "Length of a visit: urgent, surgeon"
        access = settings.DEFINITIONS[settings.DOCTOR_ACCESS_HOURS]
        assert access.label == "A doctor sees a finished visit for"


MEMBERS = [member for kind in words.LABELS for member in kind]


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_every_member_has_a_word_in_both_languages(member: StrEnum) -> None:
    with use_locale("ru"):
        russian = words.label(member)
    with use_locale("en"):
        assert words.label(member) != russian


@pytest.mark.parametrize("event", ["create", *Verb])
def test_every_event_has_a_word(event: str) -> None:
    with use_locale("ru"):
        assert words.event_label(event)


def check(kind: Any, value: object) -> object:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    "text", ["", "  ", "a\0b", "a\x1bb", "a\u202eb", "a\u200bb", "\ud800", 5, None]
)
def test_texts_that_nobody_types_are_refused(text: object) -> None:
    for kind in (Line, Prose):
        with pytest.raises(ValidationError):
            check(kind, text)


def test_texts_are_tidied() -> None:
    assert check(Line, "  и\u0306  да \n") == "й да"
    assert check(Prose, " раз\nдва ") == "раз\nдва"


@pytest.mark.parametrize(
    "point",
    [
        {"latitude": 1},
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": 181},
        {"latitude": float("nan"), "longitude": 0},
        {"latitude": 0, "longitude": float("inf")},
    ],
)
def test_points_lie_on_the_globe(point: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        AddressInput(text="Арбат", **point)


def test_lives_begin_after_1900() -> None:
    with pytest.raises(ValidationError):
        check(BirthDate, "1899-12-31")
    check(BirthDate, "1900-01-01")


def test_phones_have_one_spelling() -> None:
    assert check(Phone, "8(916)111-22-33") == "+79161112233"
    for typed in ("+7916111223344556677", "1" * 41, "911", "+79161112233 доб. 5"):
        with pytest.raises(ValidationError):
            check(Phone, typed)
    assert masked_phone("+79161112233") == "+7••••••••33"
