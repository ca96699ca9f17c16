"""How rows are drawn at each moment, and that every word has its Russian."""

import re
from typing import Any, cast

import pytest

from backoffice.board import paint, words
from backoffice.board.shapes import CallFacts
from services.i18n import use_locale
from tests.backoffice.board.test_axis import MIDNIGHT, NOW, doctor, visit


def call(**facts: Any) -> CallFacts:
    made: dict[str, Any] = {
        "id": "c",
        "seq": 1,
        "at": NOW,
        "version": 1,
        "number": 1042,
        "status": "pending",
        "priority": "high",
        "type": "urgent",
        "spec": "therapist",
        "gist": "Кашель <b>",
        "age": 71,
        "district": "Арбат",
        "clinic": None,
        "flags": [],
        "created": NOW - 60,
        "wanted_from": None,
        "wanted_to": None,
        "sla": {
            "state": "ok",
            "starts_at": NOW - 60,
            "warn_at": NOW + 60,
            "red_at": NOW + 120,
        },
        "lat": None,
        "lon": None,
        "doctor": None,
        "start": None,
        "payment": "unpaid",
        "talk": 0,
        "unread": 0,
    }
    return cast("CallFacts", made | facts)


def sla(starts: int, warn: int, red: int) -> dict[str, Any]:
    return {
        "state": "ok",
        "starts_at": NOW + starts,
        "warn_at": NOW + warn,
        "red_at": NOW + red,
    }


@pytest.mark.parametrize(
    ("facts", "css", "text"),
    [
        ({}, "g", "01:00"),
        ({"sla": sla(-600, -60, 60)}, "y", "10:00"),
        ({"sla": sla(-5400, -60, -30)}, "r", "1 ч 30 м"),
        ({"sla": sla(-180_000, -60, -30)}, "r", "2 д 2 ч"),
        ({"sla": sla(3600, 7200, 9000)}, "w", "с 15:00"),
        ({"type": "scheduled", "sla": sla(-60, 60, 3600)}, "g", "до 15:00"),
        ({"status": "accepted"}, "w", "принял"),
    ],
)
def test_the_timer_says_how_long_and_how_bad(
    facts: dict[str, Any], css: str, text: str
) -> None:
    mark = paint.timer(call(**facts))
    assert (mark["css"], mark["text"]) == (css, text)


def test_a_row_shows_what_matters_and_escapes_the_rest() -> None:
    html = paint.call_html(
        call(
            flags=["resuscitation"],
            clinic="Клиника",
            wanted_from=NOW + 3600,
            wanted_to=NOW + 7200,
        )
    )
    assert "Кашель &lt;b&gt;" in html
    assert "71 год" in html
    assert "15:00–16:00" in html
    assert "Реанимация" in html
    alone = paint.call_html(call(age=None, district=None, wanted_from=NOW))
    assert "14:00<" in alone


def test_an_emergency_never_stands_under_later() -> None:
    later = sla(3600, 7200, 9000)
    assert paint.group(call(sla=later)) == "later"
    assert paint.group(call(sla=later, priority="emergency")) == "emergency"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"blocked": True}, "заблокирован"),
        ({"licence_until": NOW}, "лицензия истекла"),
        ({"feminine": True}, "свободна с 08:00"),
        ({"duty_since": None}, "свободен"),
        ({"on_duty": False, "shifts": [(NOW + 3600, NOW + 9999)]}, "смена с 15:00"),
        ({"visits": [visit("en_route", departed=NOW)]}, "будет в 14:20"),
        ({"visits": [visit("accepted", NOW - 3600)]}, "опоздание"),
        ({"on_duty": False}, "не на смене"),
        ({"position_at": NOW - 600}, "положение 10 минут назад"),
    ],
)
def test_a_doctor_s_second_line(facts: dict[str, Any], says: str) -> None:
    assert says in paint.doctor_row(doctor(**facts), MIDNIGHT)["html"]


def test_two_calls_at_one_stop_share_a_block() -> None:
    pair = [visit(start=NOW, stop="s"), visit(start=NOW, stop="s", number=1002)]
    assert "1001 +1" in paint.doctor_row(doctor(*pair), MIDNIGHT)["html"]


def test_every_word_of_the_script_is_translated() -> None:
    with use_locale("ru"):
        russian = words.script()
    with use_locale("en"):
        english = words.script()
    assert russian.keys() == english.keys()
    untranslated = [
        key for key, text in russian.items() if not re.search("[а-яё]", text, re.I)
    ]
    assert untranslated == []
    assert not any(re.search("[а-яё]", text, re.I) for text in english.values())
    assert russian["overdue.few"] == "{n} просрочены"


def test_a_visit_that_the_papers_do_not_reach_is_red() -> None:
    there = visit("assigned", NOW + 2 * 3600)
    fit = paint.doctor_row(doctor(there, licence_until=NOW + 3 * 3600), MIDNIGHT)
    unfit = paint.doctor_row(doctor(there, licence_until=NOW + 3600), MIDNIGHT)
    assert " risk" not in fit["html"]
    assert " risk" in unfit["html"]
    assert "лицензия истекла" in unfit["html"]
    done = visit("completed", NOW - 3600, started=NOW - 3600, ended=NOW - 60)
    row = paint.doctor_row(doctor(done, licence_until=NOW - 7200), MIDNIGHT)
    assert " risk" not in row["html"]
