"""What the edge promises: once, whole, after the commit, and never for ever."""

import asyncio
import logging
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from api.telegram import doctor, edge, sending
from api.telegram.turn import Turn
from models import TelegramUpdate
from models.booking import Status
from services import telegram_people
from services.errors import NotFound, Unavailable
from services.logs import scrub
from services.telegram_buttons import TelegramMessage
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import (
    history,
    visit_in,
)


async def seen(stage: Stage) -> int:
    rows = await stage.do(lambda own: own.exec(select(TelegramUpdate)))
    return len(rows.all())


async def test_a_duplicate_changes_nothing_and_says_nothing(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    stage.telegram.duplicate_updates()
    await stage.tapped(phone, "Принять")
    await stage.said(phone, "/visits")
    rows = await stage.do(lambda own: history(own, booking))
    assert [each.event for each in rows].count("accept") == 1
    assert phone.texts.count(phone.texts[-1]) <= 2
    assert phone.notes == []


async def test_a_refusal_is_remembered_too(stage: Stage) -> None:
    _, phone = await stage.doctor()
    before = await seen(stage)
    await stage.said(phone, "/stop")
    await stage.said(phone, "x" * 10)
    assert await seen(stage) == before + 2


async def test_what_nobody_foresaw_is_logged_without_a_word_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("Иванов, гепатит")

    monkeypatch.setitem(doctor.AT_ONCE, "accept", broken)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        await stage.tapped(phone, "Принять")
    assert "Не получилось" in phone.notes[0]
    assert "гепатит" not in caplog.text
    monkeypatch.undo()
    # It does not come back for ever, and the button still works.
    await stage.tapped(phone, "Принять")
    assert (await stage.now(booking)).status is Status.ACCEPTED


async def test_an_outage_leaves_the_update_for_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)

    async def down(*_: Any) -> bool:
        raise OperationalError("x", {}, ConnectionError())

    with monkeypatch.context() as patch:
        patch.setattr(telegram_people, "first_time", down)
        phone.tap("Принять")
        with pytest.raises(Unavailable):
            await stage.heard()
    assert (await stage.now(booking)).status is Status.ASSIGNED
    await stage.heard()
    assert (await stage.now(booking)).status is Status.ACCEPTED


async def test_an_unknown_kind_of_news_is_nobodys(stage: Stage) -> None:
    stage.telegram.update(
        callback_query={
            "id": "1",
            "from": {"id": 5, "is_bot": False, "first_name": "Б"},
            "chat_instance": "x",
            "data": "on:::",
        }
    )
    before = await seen(stage)
    await stage.heard()
    assert await seen(stage) == before


async def test_two_processes_handle_one_update_once(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    phone.tap("Принять")
    updates = await stage.poll.bot.get_updates(timeout=0)
    feed = stage.poll.dispatcher.feed_update
    await asyncio.gather(*(feed(stage.poll.bot, updates[-1]) for _ in range(3)))
    rows = await stage.do(lambda own: history(own, booking))
    assert [each.event for each in rows].count("accept") == 1
    assert phone.notes == []


async def test_the_token_is_in_no_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        _, phone = await stage.doctor()
        await stage.said(phone, "/visits")
        stage.telegram.outage(times=3)
        with pytest.raises(Exception):  # noqa: B017, PT011
            await stage.heard()
        stage.telegram.clear_faults()
    # The stand-in's own lines aside.
    ours = [each for each in caplog.records if not each.name.startswith("uvicorn")]
    secret = stage.telegram.token.split(":")[1]
    assert all(secret not in each.getMessage() for each in ours)
    assert secret not in scrub(f"POST https://x/bot{stage.telegram.token}/getMe")


async def test_a_refusal_whose_twin_was_quicker_says_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    first_time = telegram_people.first_time
    asked: list[int] = []

    async def once(session: Any, update_id: int) -> bool:
        asked.append(update_id)
        return len(asked) == 1 and await first_time(session, update_id)

    async def refused(*_: Any, **__: Any) -> None:
        raise NotFound

    monkeypatch.setattr(telegram_people, "first_time", once)
    monkeypatch.setitem(doctor.AT_ONCE, "accept", refused)  # type: ignore[arg-type]
    await stage.tapped(phone, "Принять")
    assert (len(asked), phone.notes) == (2, [])
    assert (await stage.now(booking)).status is Status.ASSIGNED


async def test_what_fails_after_the_commit_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, phone = await stage.doctor()

    async def later(_: Any) -> TelegramMessage:
        raise NotFound

    async def menu(_: Any, turn: Turn) -> None:
        turn.later = later

    stage.poll.dispatcher.sub_routers[0].message.handlers[1].callback = menu
    await stage.said(phone, "/start")
    assert phone.texts[-1] == "Не найдено."


async def test_a_refusal_that_fails_too_marks_the_update_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    phone, _ = await visit_in(stage, Status.ASSIGNED)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("Иванов, гепатит")

    monkeypatch.setitem(doctor.AT_ONCE, "accept", broken)  # type: ignore[arg-type]
    monkeypatch.setattr(edge, "_present", broken)
    before = await seen(stage)
    with caplog.at_level(logging.ERROR):
        await stage.tapped(phone, "Принять")
    assert await seen(stage) == before + 1
    assert "гепатит" not in caplog.text
    await stage.said(phone, "/visits")
    assert "Ваши визиты:" in phone.texts[-1]


async def test_a_refusal_during_an_outage_comes_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, _ = await visit_in(stage, Status.ASSIGNED)

    async def refused(*_: Any, **__: Any) -> None:
        raise NotFound

    async def down(*_: Any, **__: Any) -> None:
        raise OperationalError("x", {}, ConnectionError())

    monkeypatch.setitem(doctor.AT_ONCE, "accept", refused)  # type: ignore[arg-type]
    before = await seen(stage)
    with monkeypatch.context() as patch:
        patch.setattr(edge, "_present", down)
        phone.tap("Принять")
        with pytest.raises(Unavailable):
            await stage.heard()
    assert await seen(stage) == before
    await stage.heard()
    assert await seen(stage) == before + 1


async def test_an_answer_that_breaks_undoes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(sending, "answer", broken)
        await stage.tapped(phone, "Принять")
    assert (await stage.now(booking)).status is Status.ACCEPTED
