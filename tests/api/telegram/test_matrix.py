"""Every word of a button × everybody who may press it, by a table written by hand.

A word that the table lacks fails the build.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from api.telegram import bot as making
from api.telegram.words import Pressed
from models import Booking
from models.booking import Status
from services.telegram_buttons import data
from tests.api.telegram.stage import Stage
from tests.telegram_server import Phone

# The doctor whose visit it is, another doctor, the patient whose call it is, another
# patient, somebody whose chat is not linked. +: it does something; n: not found;
# u: no such button for them; s: they learn how to link.
CALLERS = ("doctor", "other_doctor", "patient", "other_patient", "stranger")
# Word, whether it is about a call, what else it says, in which status it is pressed.
TABLE: dict[tuple[str, bool, str, Status], str] = {
    ("on", False, "", Status.ASSIGNED): "++uus",
    ("off", False, "", Status.ASSIGNED): "++uus",
    ("visits", False, "", Status.ASSIGNED): "++uus",
    ("flag", False, "", Status.ASSIGNED): "++uus",
    ("calls", False, "", Status.ASSIGNED): "nn++s",
    ("card", True, "", Status.ASSIGNED): "+n+ns",
    ("chat", True, "", Status.ASSIGNED): "+n+ns",
    ("accept", True, "", Status.ASSIGNED): "+nuus",
    ("depart", True, "", Status.ACCEPTED): "+nuus",
    ("start", True, "", Status.ACCEPTED): "+nuus",
    ("complete", True, "", Status.IN_PROGRESS): "+nuus",
    ("decline", True, "", Status.ASSIGNED): "+nuus",
    ("why", True, "far", Status.ASSIGNED): "+nuus",
    ("own", True, "", Status.ASSIGNED): "nnuus",
    ("refuse", True, "", Status.ASSIGNED): "--uus",
    ("to", True, "", Status.ASSIGNED): "-n-ns",
    ("leave", False, "", Status.ASSIGNED): "++++s",
    ("flag", True, "resuscitation", Status.ASSIGNED): "+nuus",
    ("cancel", True, "", Status.EN_ROUTE): "+n+ns",
    ("cut", True, "other", Status.EN_ROUTE): "+n+ns",
    # It ends the call once: the doctor comes first here, the patient too late.
    ("surely", True, "other", Status.EN_ROUTE): "+n+ns",
    # Nothing is set up to pay with, which shows to the payer only.
    ("pay", True, "", Status.ASSIGNED): "nn+ns",
    # Answers to a dialogue that nobody is in.
    **{
        (word, True, "", Status.IN_PROGRESS): "--uus"
        for word in ("min", "add", "take", "goon", "back", "yes")
    },
}
MARKS = {
    "Не найдено.": "n",
    "Эта кнопка больше не действует.": "u",
    "Сейчас бот спрашивал о другом.": "-",
}


def test_every_word_that_the_bot_knows_stands_in_the_table() -> None:
    dispatcher = making.make_dispatcher(None)  # type: ignore[arg-type]
    known = {
        (word, each.callback.call)
        for router in dispatcher.sub_routers
        for handler in router.callback_query.handlers
        for each in handler.filters or ()
        if isinstance(each.callback, Pressed)
        for word in each.callback.words
    }
    assert known == {(word, call) for word, call, _, _ in TABLE}


@dataclass
class Scene:
    booking: Booking
    phones: dict[str, Phone]


async def scene(stage: Stage, status: Status) -> Scene:
    doctor, first = await stage.doctor(101)
    _, second = await stage.doctor(102)
    patient, third = await stage.patient(103)
    _, fourth = await stage.patient(104)
    fifth = stage.telegram.phone(105)
    fifth.start()
    await stage.heard()
    for phone in (first, second, third, fourth):
        await stage.said(phone, "/menu")
    booking = await stage.call(patient, doctor, status)
    phones = (first, second, third, fourth, fifth)
    return Scene(booking, dict(zip(CALLERS, phones, strict=True)))


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case[0]}-{case[1]}")
async def test_who_may_press_it(stage: Stage, case: Any) -> None:
    word, about, extra, status = case
    made = await scene(stage, status)
    # Those who are refused come first: whatever they did would show below.
    order = sorted(CALLERS, key=lambda each: TABLE[case][CALLERS.index(each)] == "+")
    marks = {}
    for caller in order:
        phone, row = made.phones[caller], await stage.now(made.booking)
        told = data(
            word, row.id if about else None, row.version if about else None, extra
        )
        phone.press(phone.received[-1]["message_id"], told)
        await stage.heard()
        marks[caller] = mark_of(phone)
    assert "".join(marks[each] for each in CALLERS) == TABLE[case]


def mark_of(phone: Phone) -> str:
    if phone.texts[-1].startswith("Этот чат не привязан"):
        return "s"
    notes = phone.notes
    return MARKS.get(notes[-1], "+") if notes else "+"
