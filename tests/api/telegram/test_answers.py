"""What becomes of the bot's answers where Telegram does not take them."""

from aiogram.exceptions import TelegramRetryAfter
from sqlmodel import select

from api.telegram import sending
from models import Notification
from models.notification import NotificationStatus
from tests import factories
from tests.api.telegram.stage import Stage


async def test_a_short_flood_wait_is_waited_for(stage: Stage) -> None:
    _, phone = await stage.doctor()
    stage.telegram.flood(101, seconds=1)
    await stage.said(phone, "/visits")
    assert phone.texts[-1] == "У вас нет визитов."


async def test_a_long_flood_wait_or_an_endless_one_loses_the_answer_only(
    stage: Stage,
) -> None:
    _, phone = await stage.doctor(on_duty=False)
    await stage.said(phone, "/menu")
    stage.telegram.flood(101, seconds=3600)
    await stage.tapped(phone, "Выйти на линию")
    stage.telegram.clear_faults()

    async def again() -> None:
        raise TelegramRetryAfter(method=None, message="", retry_after=0)  # type: ignore[arg-type]

    await sending._try(again)
    await stage.said(phone, "/menu")
    assert "Вы на линии" in phone.texts[-1]


async def test_a_person_who_blocked_the_bot_is_no_error(stage: Stage) -> None:
    _, phone = await stage.doctor()
    phone.say("/visits")
    phone.block()
    await stage.heard()
    phone.unblock()
    await stage.said(phone, "/visits")
    assert phone.texts[-1] == "У вас нет визитов."


async def test_an_answer_that_telegram_does_not_take_is_noted(stage: Stage) -> None:
    _, phone = await stage.doctor()
    phone.say("/visits")
    updates = await stage.poll.bot.get_updates(timeout=0)
    stage.telegram.outage(times=1)
    await stage.poll.dispatcher.feed_update(stage.poll.bot, updates[-1])
    await stage.said(phone, "/visits")
    assert phone.texts[-1] == "У вас нет визитов."


async def test_a_blocked_notification_falls_back_and_unlinks_nobody(
    stage: Stage,
) -> None:
    user, phone = await stage.doctor()
    patient = await stage.do(factories.patient)
    phone.block()
    await stage.call(patient, user)
    await stage.delivered()
    rows = await stage.do(lambda own: own.exec(select(Notification)))
    mine = [each for each in rows if each.user_id == user.id]
    assert NotificationStatus.REPLACED in {each.status for each in mine}
    assert {"sms", "email"} & {each.channel.value for each in mine}
    phone.unblock()
    await stage.said(phone, "/visits")
    assert "Ваши визиты:" in phone.texts[-1]
