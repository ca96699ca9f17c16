"""What stands around the messages: days, who hid one, how far a notice got."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from backoffice import card_talk, chat_pane
from backoffice.assets import STATIC
from models.booking import Status
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services.chat_desk import Entry, Hiding
from services.i18n import use_locale
from services.notice_reads import NoticeLine
from tests import factories as make

NOW = datetime(2026, 11, 23, 11, 32, tzinfo=UTC)
KB = 1024


@pytest.mark.parametrize(
    ("at", "russian", "english"),
    [
        (NOW, "Сегодня", "Today"),
        (NOW - timedelta(hours=20), "Вчера", "Yesterday"),
        (NOW - timedelta(days=3), "20 ноября", "November 20"),
        (NOW - timedelta(days=400), "19 октября 2025", "October 19, 2025"),
    ],
)
def test_days_are_called_as_people_call_them(
    at: datetime, russian: str, english: str
) -> None:
    with use_locale("ru"):
        assert chat_pane.day_name(at, NOW) == russian
    with use_locale("en"):
        assert chat_pane.day_name(at, NOW) == english


def test_a_day_begins_at_midnight_in_moscow() -> None:
    late = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
    with use_locale("en"):
        assert chat_pane.day_name(late, NOW) == "Today"


@pytest.mark.parametrize(
    ("hours", "words"),
    [(1, "скрыто: Климова А., 13:32"), (30, "скрыто: Климова А., 22 нояб., 08:32")],
)
def test_who_hid_a_message_is_said_with_the_day_when_it_was_another(
    hours: int, words: str
) -> None:
    hiding = Hiding(1, "Климова А.", NOW - timedelta(hours=hours))
    with use_locale("ru"):
        assert chat_pane.hiding_words(hiding, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(20, "только что"), (300, "5 мин"), (4000, "1 ч 6 мин")]
)
def test_the_list_says_how_long_ago(seconds: int, words: str) -> None:
    entry = Entry(
        make.nobody(),
        1042,
        Status.PENDING,
        None,
        Role.PATIENT,
        NOW - timedelta(seconds=seconds),
        0,
        None,
        NOW,
    )
    with use_locale("ru"):
        assert chat_pane.listing([entry])["age"](entry) == words


@pytest.mark.parametrize(
    ("channel", "status", "words", "tone"),
    [
        ("sms", "delivered", "SMS доставлено 12:04", "good"),
        ("telegram", "delivered", "Telegram доставлено 12:04", "good"),
        ("email", "sent", "e-mail отправлено 12:04", "sent"),
        ("sms", "queued", "SMS: ждёт отправки", "wait"),
        ("sms", "dead", "SMS не доставлено", "bad"),
        ("telegram", "replaced", "Telegram не дошло, отправлено другим путём", ""),
        ("sms", "dropped", "SMS: уже не нужно", ""),
    ],
)
def test_how_far_a_notice_got(channel: str, status: str, words: str, tone: str) -> None:
    at = datetime(2026, 11, 23, 9, 4, tzinfo=UTC) if "04" in words else None
    line = NoticeLine(
        "Врач найден",
        Role.PATIENT,
        NotificationChannel(channel),
        NotificationStatus(status),
        at,
    )
    with use_locale("ru"):
        state = card_talk.state_of(line, NOW)
    assert (state["text"], state["tone"]) == (words, tone)


def test_the_pane_keeps_to_its_size() -> None:
    # The list, the mark in the rail and the alarm are not the pane's.
    others = {"list_page.js", "rail.js", "danger.js"}
    found = [each for each in (STATIC / "chat").glob("*.js") if each.name not in others]
    scripts = [path.read_bytes() for path in found]
    assert sum(len(gzip.compress(each, 6)) for each in scripts) < 12 * KB
    assert len((STATIC / "chat" / "chat.css").read_bytes()) < 20 * KB
