"""The real aiogram against the stand-in: every method that a bot of ours may use."""

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.filters import CommandObject, CommandStart
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    CallbackQuery,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    Message,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)

from tests.telegram_server import Telegram, picture

CHAT = 101


def inline(*texts: str) -> InlineKeyboardMarkup:
    row = [
        InlineKeyboardButton(text=each, callback_data=f"do:{each}") for each in texts
    ]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def made(telegram: Telegram, token: str = "") -> Bot:
    server = TelegramAPIServer.from_base(telegram.api_url)
    return Bot(token or telegram.token, session=AiohttpSession(api=server, timeout=20))


@pytest_asyncio.fixture
async def bot(telegram: Telegram) -> AsyncIterator[Bot]:
    one = made(telegram)
    yield one
    await one.session.close()


async def test_a_bot_learns_its_own_name(bot: Bot, telegram: Telegram) -> None:
    me = await bot.me()
    assert (me.username, me.is_bot, me.id) == (telegram.bot_name, True, bot.id)


async def test_another_token_is_unauthorized(telegram: Telegram) -> None:
    stranger = made(telegram, "7000000002:another")
    with pytest.raises(TelegramUnauthorizedError):
        await stranger.get_me()
    await stranger.session.close()


async def test_a_message_arrives_with_its_buttons(bot: Bot, telegram: Telegram) -> None:
    phone = telegram.phone(CHAT, name="Иван", username="ivan")
    sent = await bot.send_message(CHAT, " Вызов <b>B-7</b> ", reply_markup=inline("Да"))
    assert (sent.chat.type, sent.chat.first_name) == ("private", "Иван")
    assert phone.texts == ["Вызов <b>B-7</b>"]
    assert phone.buttons() == ["Да"]
    assert sent.message_id == phone.received[0]["message_id"]


async def test_the_ids_of_messages_are_counted_in_each_chat(bot: Bot) -> None:
    ids = [(await bot.send_message(chat, "x")).message_id for chat in (1, 1, 2)]
    assert ids == [1, 2, 1]


async def test_a_message_is_edited_and_deleted(bot: Bot, telegram: Telegram) -> None:
    sent = await bot.send_message(CHAT, "Новый вызов", reply_markup=inline("Принять"))
    where = {"chat_id": CHAT, "message_id": sent.message_id}
    edited = await bot.edit_message_text(
        "Принят", **where, reply_markup=inline("Выехал")
    )
    assert isinstance(edited, Message)
    assert edited.edit_date is not None
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_text("Принят", **where, reply_markup=inline("Выехал"))
    await bot.edit_message_reply_markup(**where)
    assert telegram.phone(CHAT).buttons() == []
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_reply_markup(**where)
    assert await bot.delete_message(**where)
    assert telegram.phone(CHAT).messages == []
    for again in (bot.delete_message(**where), bot.edit_message_text("x", **where)):
        with pytest.raises(TelegramBadRequest, match="not found"):
            await again


async def test_an_edit_without_buttons_takes_them_away(
    bot: Bot, telegram: Telegram
) -> None:
    sent = await bot.send_message(CHAT, "Вопрос", reply_markup=inline("Да"))
    await bot.edit_message_text("Ответ", chat_id=CHAT, message_id=sent.message_id)
    assert telegram.phone(CHAT).buttons() == []


async def test_what_a_user_wrote_is_not_edited(bot: Bot, telegram: Telegram) -> None:
    said = telegram.phone(CHAT).say("Привет")
    with pytest.raises(TelegramBadRequest, match="can't be edited"):
        await bot.edit_message_text("x", chat_id=CHAT, message_id=said["message_id"])


async def test_a_picture_goes_both_ways(bot: Bot, telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    content = picture("red", (80, 60))
    sent = await bot.send_photo(
        CHAT,
        BufferedInputFile(content, "r.jpg"),
        caption="Рецепт",
        reply_markup=inline("Ок"),
    )
    assert sent.photo is not None
    assert (sent.photo[-1].width, sent.photo[-1].height) == (80, 60)
    again = await bot.send_photo(CHAT, sent.photo[-1].file_id)
    assert again.photo == sent.photo
    edited = await bot.edit_message_caption(
        chat_id=CHAT, message_id=sent.message_id, caption="Рецепт 2"
    )
    assert isinstance(edited, Message)
    assert edited.caption == "Рецепт 2"
    told = phone.photo(content, caption="Вот")
    kept = io.BytesIO()
    await bot.download(told["photo"][-1]["file_id"], kept)
    assert kept.getvalue() == content


async def test_what_is_no_picture_is_refused(bot: Bot) -> None:
    for wrong in (BufferedInputFile(b"no picture", "a.jpg"), "AgACunknown"):
        with pytest.raises(TelegramBadRequest):
            await bot.send_photo(CHAT, wrong)
    with pytest.raises(TelegramBadRequest, match="file_id"):
        await bot.get_file("AgACunknown")


async def test_a_location_is_sent(bot: Bot, telegram: Telegram) -> None:
    await bot.send_location(CHAT, 55.75, 37.62)
    shown = telegram.phone(CHAT).received[0]["location"]
    assert shown == {"latitude": 55.75, "longitude": 37.62}
    with pytest.raises(TelegramBadRequest):
        await bot.send_location(CHAT, 91, 0.1)


async def test_small_methods_answer(bot: Bot, telegram: Telegram) -> None:
    commands = [BotCommand(command="start", description="Начать")]
    assert await bot.set_my_commands(commands)
    assert [each.command for each in await bot.get_my_commands()] == ["start"]
    assert await bot.delete_my_commands()
    assert await bot.get_my_commands() == []
    assert await bot.send_chat_action(CHAT, "typing")
    assert telegram.phone(CHAT).told["action"] == "typing"
    assert (await bot.get_chat(CHAT)).id == CHAT


@pytest.mark.parametrize(
    ("text", "why"),
    [("  ", "text is empty"), ("x" * 4097, "message is too long")],
)
async def test_a_text_has_its_limits(bot: Bot, text: str, why: str) -> None:
    with pytest.raises(TelegramBadRequest, match=why):
        await bot.send_message(CHAT, text)
    assert (await bot.send_message(CHAT, "ы" * 4096)).text == "ы" * 4096


async def test_the_data_of_a_button_has_64_bytes(bot: Bot) -> None:
    def keys(data: str) -> InlineKeyboardMarkup:
        button = InlineKeyboardButton(text="x", callback_data=data)
        return InlineKeyboardMarkup(inline_keyboard=[[button]])

    assert await bot.send_message(CHAT, "x", reply_markup=keys("ы" * 32))
    for wrong in ("ы" * 32 + "x", ""):
        with pytest.raises(TelegramBadRequest, match="BUTTON_DATA_INVALID"):
            await bot.send_message(CHAT, "x", reply_markup=keys(wrong))


async def test_markup_in_a_text_is_refused_by_this_stand_in(bot: Bot) -> None:
    with pytest.raises(TelegramBadRequest, match="plain text"):
        await bot.send_message(CHAT, "<b>x</b>", parse_mode="HTML")


async def test_keys_below_the_input_come_and_go(bot: Bot, telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    rows = [
        [KeyboardButton(text="На смене"), KeyboardButton(text="Мои визиты")],
        [KeyboardButton(text="Где я", request_location=True)],
    ]
    await bot.send_message(CHAT, "x", reply_markup=ReplyKeyboardMarkup(keyboard=rows))
    assert phone.keys == ["На смене", "Мои визиты", "Где я"]
    assert phone.tap("На смене")["text"] == "На смене"
    assert phone.tap("Где я", latitude=55.7, longitude=37.6)["location"]
    await bot.send_message(CHAT, "x", reply_markup=ForceReply())
    await bot.send_message(CHAT, "x", reply_markup=ReplyKeyboardRemove())
    assert phone.keys == []


async def test_a_blocked_bot_is_forbidden(bot: Bot, telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    phone.block()
    with pytest.raises(TelegramForbiddenError, match="blocked by the user"):
        await bot.send_message(CHAT, "x")
    phone.unblock()
    await bot.send_message(CHAT, "y")
    updates = await bot.get_updates(timeout=1)
    members = [each.my_chat_member for each in updates]
    assert [each and each.new_chat_member.status for each in members] == [
        "kicked",
        "member",
    ]
    phone.vanish()
    with pytest.raises(TelegramForbiddenError, match="deactivated"):
        await bot.send_message(CHAT, "x")


async def test_a_flood_tells_how_long_to_wait(bot: Bot, telegram: Telegram) -> None:
    telegram.flood(CHAT, seconds=7, times=2)
    for _ in range(2):
        with pytest.raises(TelegramRetryAfter) as found:
            await bot.send_message(CHAT, "x")
        assert found.value.retry_after == 7
        await bot.send_message(202, "another chat is not stopped")
    assert (await bot.send_message(CHAT, "x")).text == "x"


async def test_an_outage_ends_after_some_requests(bot: Bot, telegram: Telegram) -> None:
    telegram.outage(2)
    for _ in range(2):
        with pytest.raises(TelegramServerError):
            await bot.send_message(CHAT, "x")
    telegram.outage(1, how="closed")
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(CHAT, "x")
    assert (await bot.send_message(CHAT, "y")).text == "y"
    assert telegram.phone(CHAT).texts == ["y"]


async def test_updates_stay_until_they_are_confirmed(
    bot: Bot, telegram: Telegram
) -> None:
    phone = telegram.phone(CHAT)
    phone.say("раз")
    phone.say("два")
    for _ in range(2):
        one, two = await bot.get_updates()
        assert two.update_id == one.update_id + 1
    (left,) = await bot.get_updates(offset=two.update_id)
    assert left.message is not None
    assert left.message.text == "два"
    assert await bot.get_updates(offset=two.update_id + 1) == []


async def test_a_long_poll_wakes_with_the_first_update(
    bot: Bot, telegram: Telegram
) -> None:
    asked = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    await asyncio.to_thread(telegram.phone(CHAT).say, "здесь")
    assert len(await asyncio.wait_for(asked, 3)) == 1


async def test_only_the_kinds_asked_for_are_queued(
    bot: Bot, telegram: Telegram
) -> None:
    await bot.get_updates(allowed_updates=["callback_query"])
    sent = await bot.send_message(CHAT, "x", reply_markup=inline("Да"))
    phone = telegram.phone(CHAT)
    phone.say("не нужно")
    phone.tap("Да")
    (update,) = await bot.get_updates()
    assert update.callback_query is not None
    assert update.callback_query.message is not None
    assert update.callback_query.message.message_id == sent.message_id


async def test_duplicates_come_with_one_id(bot: Bot, telegram: Telegram) -> None:
    telegram.duplicate_updates()
    telegram.phone(CHAT).say("раз")
    one, two = await bot.get_updates()
    assert one.update_id == two.update_id


async def test_a_second_poller_ends_the_first(bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    await bot.get_updates(timeout=0)
    with pytest.raises(TelegramConflictError, match="terminated by other"):
        await first


async def test_a_dispatcher_lives_through_a_whole_talk(
    bot: Bot, telegram: Telegram
) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message(CommandStart(deep_link=True))
    async def begin(message: Message, command: CommandObject) -> None:
        await message.answer(f"код {command.args}", reply_markup=inline("Принять"))

    @dispatcher.callback_query(F.data == "do:Принять")
    async def accept(query: CallbackQuery) -> None:
        await query.answer("Принято")
        assert isinstance(query.message, Message)
        await query.message.edit_text("Вы приняли вызов")

    @dispatcher.edited_message(F.location)
    async def moved(message: Message) -> None:
        assert message.location is not None
        await message.answer(f"вижу {message.location.latitude}")

    phone = telegram.phone(CHAT, name="Пётр")
    polling = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, polling_timeout=1)
    )
    try:
        await asyncio.to_thread(
            phone.open, f"https://t.me/{telegram.bot_name}?start=k-1"
        )
        await asyncio.to_thread(phone.wait_for, "код k-1")
        await asyncio.to_thread(phone.tap, "Принять")
        await asyncio.to_thread(phone.wait_for_note, "Принято")
        await asyncio.to_thread(phone.wait_for, "Вы приняли вызов")
        await asyncio.to_thread(phone.locate, 55.0, 37.0, 3600)
        await asyncio.to_thread(phone.move, 55.5, 37.5)
        await asyncio.to_thread(phone.wait_for, "вижу 55.5")
    finally:
        await dispatcher.stop_polling()
        await polling
