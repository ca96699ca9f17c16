"""What the simulated people with phones make of what the bot shows them."""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox import phrases
from sandbox.client import Account, World
from sandbox.phone_doctor import PhoneDoctor
from sandbox.pocket import Pocket, Silent, button, hand_out, link, long, short
from services.telegram_buttons import data
from tests.telegram_server import HTTP, Telegram

CHAT, CALL = 700_000_102, "0193a3a0-0000-7000-8000-000000000001"


@pytest.fixture
async def pocket(telegram: Telegram) -> Pocket:
    http = httpx.AsyncClient(base_url=telegram.api_url, timeout=30)
    world = World(http, 100_000, random.Random(1))
    await hand_out(http, [{"chat_id": CHAT, "name": "Врач"}])
    return Pocket(world, http, CHAT)


@pytest.fixture(autouse=True)
async def closed(pocket: Pocket) -> Any:
    yield
    await pocket.http.aclose()


def card(telegram: Telegram, text: str, *keys: tuple[str, str]) -> int:
    """A message of the bot; each key is a text and its data."""
    row = [{"text": words, "callback_data": told} for words, told in keys]
    body = {"chat_id": CHAT, "text": text, "reply_markup": {"inline_keyboard": [row]}}
    address = f"{telegram.api_url}/bot{telegram.token}/sendMessage"
    return int(HTTP.post(address, json=body).json()["result"]["message_id"])


def updates(telegram: Telegram) -> Iterator[dict[str, Any]]:
    address = f"{telegram.api_url}/bot{telegram.token}/getUpdates"
    yield from HTTP.post(address).json()["result"]


def key(word: str, version: int = 1) -> tuple[str, str]:
    return word, data(word, uuid.UUID(CALL), version)


def doctor_with(pocket: Pocket) -> PhoneDoctor:
    account = Account(pocket.world, "doctor2@demo.example", "x")
    return PhoneDoctor(pocket.world, account, pocket, (55.7, 37.6), (55.71, 37.61))


def test_a_call_is_named_as_the_buttons_name_it() -> None:
    assert data("chat", long(short(CALL))).split(":")[1] == short(CALL)


async def test_a_hand_finds_buttons_and_links(
    pocket: Pocket, telegram: Telegram
) -> None:
    first = card(telegram, "Вызов", key("accept", 1))
    card(telegram, "Вызов", key("accept", 2))
    told = await pocket.look(0)
    found = button(told, "accept", short(CALL))
    assert found is not None
    assert (found.word, found.call, found.message_id) == (
        "accept",
        short(CALL),
        first + 1,
    )
    assert button(told, "accept", "another") is None
    assert link(told, 0) is None


async def test_a_silent_bot_is_given_up(
    pocket: Pocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.pocket.ANSWER_SECONDS", 0.2)
    with pytest.raises(Silent):
        await pocket.wait(lambda _: None)


async def test_a_doctor_presses_what_the_newest_card_offers_once(
    pocket: Pocket, telegram: Telegram
) -> None:
    doctor = doctor_with(pocket)
    card(telegram, "Старая карточка", key("accept", 1), key("decline", 1))
    card(telegram, "Новая карточка", key("accept", 2), key("decline", 2))
    await doctor._round()
    await doctor._round()
    taps = [each["callback_query"]["data"] for each in updates(telegram)]
    assert taps == [key("accept", 2)[1]]


async def test_a_doctor_takes_the_steps_in_their_order(
    pocket: Pocket, telegram: Telegram
) -> None:
    """From an offer a doctor may also be on scene at once; this one sets out first."""
    doctor = doctor_with(pocket)
    card(telegram, "Назначен", key("accept", 1), key("decline", 1), key("start", 1))
    await doctor._round()
    card(telegram, "Принял", key("decline", 2), key("depart", 2), key("start", 2))
    await doctor._round()
    card(telegram, "Выехал", key("start", 3))
    await doctor._round()
    taps = [
        each["callback_query"]["data"]
        for each in updates(telegram)
        if "callback_query" in each
    ]
    assert [each for each in taps if not each.startswith("chat")] == [
        key("accept", 1)[1],
        key("depart", 2)[1],
        key("start", 3)[1],
    ]


async def test_a_doctor_answers_what_was_relayed(
    pocket: Pocket, telegram: Telegram
) -> None:
    doctor = doctor_with(pocket)
    asked = phrases.STAGES["accepted"][-1]
    card(telegram, f"B-7 · Иванов:\n{asked.text}", key("chat"))
    await doctor._round()
    said = [each["message"]["text"] for each in updates(telegram) if "message" in each]
    assert said == [asked.reply, "/cancel"]


def test_every_line_has_one_answer_from_the_right_side() -> None:
    for stage in phrases.STAGES.values():
        for each in stage:
            (opener, text), (other, answer) = each.lines()
            assert phrases.reply(text, other) == answer
            assert phrases.reply(text, opener) is None
            assert phrases.reply(answer, opener) is None
            assert len(text) <= 200
    assert phrases.reply("Что-то своё", "doctor") == phrases.USUAL["doctor"]
    assert phrases.reply(phrases.USUAL["doctor"], "patient") is None


def test_a_line_inside_of_a_card_is_found() -> None:
    asked = phrases.STAGES["en_route"][0]
    assert phrases.asked_in(f"B-1 · Кто-то:\n{asked.text}", "doctor") == asked.text
    assert phrases.asked_in(f"B-1 · Кто-то:\n{asked.text}", "patient") is None
