"""Asking for updates: in order, nothing lost, whatever happens to Telegram or to us."""

import asyncio
from contextlib import suppress

import pytest

from api.telegram import polling
from api.telegram.polling import Poll
from models.booking import Status
from services.config import get_settings
from services.telegram_buttons import data
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import visit_in


async def run_for(stage: Stage, work: object) -> None:
    task = asyncio.create_task(polling.run(get_settings(), stage.sessions))
    try:
        await work  # type: ignore[misc]
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_it_introduces_itself_and_answers(stage: Stage) -> None:
    _, phone = await stage.doctor()

    async def work() -> None:
        phone.say("/visits")
        await asyncio.to_thread(phone.wait_for, "У вас нет визитов.")

    await run_for(stage, work())
    assert stage.telegram.calls("deleteWebhook")
    assert stage.telegram.calls("setMyCommands")


async def test_it_outlives_an_outage_of_telegram(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.05)
    _, phone = await stage.doctor()
    stage.telegram.outage(times=3)

    async def work() -> None:
        phone.say("/visits")
        await asyncio.to_thread(phone.wait_for, "У вас нет визитов.", 0, 20)

    await run_for(stage, work())


async def test_it_waits_as_long_as_telegram_says(stage: Stage) -> None:
    poll = stage.poll
    asked = []

    async def work() -> None:
        asked.append(1)
        if len(asked) == 1:
            raise polling.TelegramRetryAfter(method=None, message="", retry_after=0)  # type: ignore[arg-type]

    await poll._surely(work)
    assert len(asked) == 2


async def test_one_chats_acts_keep_their_order(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED)
    card = phone.received[-1]["message_id"]
    for word in ("depart", "start"):
        version = booking.version + (word == "start")
        phone.press(card, data(word, booking.id, version))
    await stage.heard()
    assert (await stage.now(booking)).status is Status.IN_PROGRESS


async def test_what_was_not_handled_comes_again_and_the_rest_does_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, phone = await stage.doctor()
    stranger = stage.telegram.phone(9)
    phone.say("/visits")
    stranger.start()
    feed = stage.poll.dispatcher.feed_update
    broken = []

    async def fragile(bot, update):  # type: ignore[no-untyped-def]
        if update.message.chat.id == 9 and not broken:
            broken.append(update)
            raise polling.Unavailable
        return await feed(bot, update)

    monkeypatch.setattr(stage.poll.dispatcher, "feed_update", fragile)
    with pytest.raises(polling.Unavailable):
        await stage.heard()
    await stage.heard()
    # What was handled before the failure was not handled again.
    assert phone.texts.count("У вас нет визитов.") == 1
    assert len(stranger.texts) == 1


async def test_a_new_poller_repeats_nothing(stage: Stage) -> None:
    _, phone = await stage.doctor()
    phone.say("/visits")
    await stage.poll.once()
    # It died before it could confirm.
    stage.poll = Poll(stage.poll.bot, stage.poll.dispatcher)
    await stage.poll.once()
    assert phone.texts.count("У вас нет визитов.") == 1


async def test_a_slow_chat_holds_nobody_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H3: a stranger whom Telegram makes wait froze the alarm of a doctor."""
    _, phone = await stage.doctor()
    stranger = stage.telegram.phone(9)
    held, feed = asyncio.Event(), stage.poll.dispatcher.feed_update
    order = []

    async def slow(bot, update):  # type: ignore[no-untyped-def]
        if update.message.chat.id == 9:
            await held.wait()
            order.append(update.message.text)
        return await feed(bot, update)

    monkeypatch.setattr(stage.poll.dispatcher, "feed_update", slow)
    stage.poll.patience = 0.3
    stranger.say("1")
    await stage.poll.once()
    first = stage.poll.offset
    stranger.say("2")
    phone.say("/visits")
    await stage.poll.once()
    assert phone.texts[-1] == "У вас нет визитов."
    # What is under way is not confirmed, and not begun twice.
    assert stage.poll.offset == first
    assert len(stage.poll.running) == 2
    # Unless it would hide what comes after it.
    monkeypatch.setattr(polling, "MOST_SLOW", 2)
    await stage.poll.once()
    assert first is not None
    assert stage.poll.offset == first + 3
    # Nothing more is asked for where too much is under way.
    monkeypatch.setattr(polling, "MOST", 2)
    phone.say("/menu")
    await stage.poll.once()
    assert stage.poll.offset == first + 3
    held.set()
    stage.poll.patience = 30
    await stage.poll.once()
    assert (order, stage.poll.running, stage.poll.chats) == (["1", "2"], set(), {})
    assert stranger.texts.count(stranger.texts[0]) == 1


async def test_a_flood_of_a_stranger_holds_no_batch(stage: Stage) -> None:
    _, phone = await stage.doctor()
    stranger = stage.telegram.phone(9)
    stage.telegram.flood(9, seconds=10, times=1000)
    for number in range(4):
        stranger.say(str(number))
    phone.say("/visits")
    begun = asyncio.get_running_loop().time()
    await stage.heard()
    assert asyncio.get_running_loop().time() - begun < 5
    assert phone.texts[-1] == "У вас нет визитов."


async def test_nothing_unforeseen_ends_the_process(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, phone = await stage.doctor()
    feed = stage.poll.dispatcher.feed_update

    async def broken(bot, update):  # type: ignore[no-untyped-def]
        if update.message.text == "boom":
            raise RuntimeError
        return await feed(bot, update)

    monkeypatch.setattr(stage.poll.dispatcher, "feed_update", broken)
    phone.say("boom")
    await stage.heard()
    phone.say("/visits")
    await stage.heard()
    assert phone.texts[-1] == "У вас нет визитов."
    stage.poll.pause, tries = 0.01, []

    async def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError

    await stage.poll._surely(work)
    assert len(tries) == 2
