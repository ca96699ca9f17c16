"""The gateway of Telegram speaks to the local one, and to what is none at all."""

from collections.abc import Iterator

import httpx
import pytest

from services.config import get_settings
from services.gateways import NotConfigured, Undelivered, telegram
from services.telegram_buttons import Button, TelegramMessage
from tests.telegram_accounts import bot_set_up
from tests.telegram_server import Telegram, picture, served_telegram
from tests.telegram_server import telegram as telegram_fixture

__all__ = ["served_telegram", "telegram_fixture"]


@pytest.fixture
def here(settings: object, served_telegram: Telegram) -> Iterator[Telegram]:
    served_telegram.reset()
    served_telegram.clear_faults()
    with bot_set_up(
        served_telegram.token, served_telegram.bot_name, served_telegram.api_url
    ):
        yield served_telegram


async def test_a_text_with_buttons_arrives_as_it_is_written(here: Telegram) -> None:
    phone = here.phone(11)
    phone.start()
    keys = [[Button("Да", "yes:::"), Button("Страница", url="http://127.0.0.1:1/t/x")]]
    sent = TelegramMessage("<b>Не разметка</b> _и не она_", keys)
    number = await telegram.send(get_settings(), "11", sent)
    told = phone.received[-1]
    assert number == str(told["message_id"])
    assert told["text"] == "<b>Не разметка</b> _и не она_"
    assert "entities" not in told
    row = told["reply_markup"]["inline_keyboard"][0]
    assert [each.get("callback_data", each.get("url")) for each in row] == [
        "yes:::",
        "http://127.0.0.1:1/t/x",
    ]


async def test_a_picture_goes_with_its_words(here: Telegram) -> None:
    phone = here.phone(11)
    phone.start()
    sent = TelegramMessage("Снимок", photo=picture(), photo_name="snap.jpg")
    await telegram.send(get_settings(), "11", sent)
    assert phone.received[-1]["caption"] == "Снимок"
    assert phone.received[-1]["photo"]


async def test_a_text_that_is_too_long_is_cut(here: Telegram) -> None:
    phone = here.phone(11)
    phone.start()
    await telegram.send(get_settings(), "11", TelegramMessage("x" * 5000))
    assert len(phone.texts[-1]) == telegram.LONGEST_TEXT


async def test_a_blocked_bot_and_an_unknown_chat_are_refusals(here: Telegram) -> None:
    phone = here.phone(11)
    phone.start()
    phone.block()
    for chat in ("11", "-999", ""):
        with pytest.raises(Undelivered) as caught:
            await telegram.send(get_settings(), chat, TelegramMessage("x"))
        assert caught.value.refused


async def test_a_flood_says_when_to_come_back(here: Telegram) -> None:
    here.phone(11).start()
    here.flood(11, seconds=7)
    with pytest.raises(Undelivered) as caught:
        await telegram.send(get_settings(), "11", TelegramMessage("x"))
    assert (caught.value.refused, caught.value.retry_after) == (False, 7)


@pytest.mark.parametrize("how", ["500", "closed"])
async def test_an_outage_is_worth_another_try(here: Telegram, how: str) -> None:
    here.phone(11).start()
    here.outage(times=1, how=how)
    with pytest.raises(Undelivered) as caught:
        await telegram.send(get_settings(), "11", TelegramMessage("x"))
    assert not caught.value.refused
    assert here.token not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_without_a_bot_the_message_waits(settings: object) -> None:
    with pytest.raises(NotConfigured):
        await telegram.send(get_settings(), "11", TelegramMessage("x"))


@pytest.mark.parametrize("body", ["[]", "{}", '{"ok": false, "parameters": []}', "<p>"])
async def test_what_is_no_answer_is_worth_another_try(
    settings: object, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    async def answer(self: object, url: str, **_: object) -> httpx.Response:
        return httpx.Response(502, text=body)

    monkeypatch.setattr(httpx.AsyncClient, "post", answer)
    with bot_set_up(), pytest.raises(Undelivered) as caught:
        await telegram.send(get_settings(), "11", TelegramMessage("x"))
    assert not caught.value.refused
