"""Linking over the bot, and every way to steal a link (A13)."""

import pytest
from sqlmodel import select

from models import TelegramLink, User
from models.role_grant import Role
from models.telegram import LinkState
from services import staff, telegram_links
from services.telegram_buttons import data
from tests import factories
from tests.api.telegram.stage import Stage

HOW = "Этот чат не привязан. Откройте приложение, выберите Telegram и следуйте подсказкам."
ALMOST = (
    "Почти готово: это учётная запись «{}». Подтвердите чат в приложении.\n"
    "Если учётная запись не ваша, ничего не нажимайте в приложении."
)
WHOSE = (
    "Этот чат теперь принадлежит учётной записи «{}». Если она не ваша, отправьте /stop:"
    " он отвяжет чат."
)
BAD = "Код не подходит. Возьмите в приложении новую ссылку."


async def offered(stage: Stage, role: Role = Role.PATIENT):  # type: ignore[no-untyped-def]
    """A person and the link that the app gave them."""
    user = await stage.do(factories.patient)
    actor = factories.as_patient(user)
    offer = await stage.do(lambda own: telegram_links.offer(own, actor))
    return actor, offer.url


async def test_from_the_deep_link_to_the_menu(stage: Stage) -> None:
    actor, url = await offered(stage)
    phone = stage.telegram.phone(7, name="Анна", username="anna")
    phone.open(url)
    await stage.heard()
    user = await stage.do(lambda own: own.get_one(User, actor.user_id))
    name = f"{user.first_name} {user.last_name[0]}."
    assert phone.texts == [ALMOST.format(name)]
    told = await stage.do(lambda own: telegram_links.state(own, actor))
    assert (told.state, told.chat_name) == ("claimed", "Анна (@anna)")
    await stage.said(phone, "/menu")
    assert phone.texts[-1] == HOW
    await stage.do(lambda own: telegram_links.confirm(own, actor))
    await stage.said(phone, "/menu")
    assert phone.buttons() == ["Мои вызовы"]
    await stage.delivered()
    assert phone.texts[-1] == WHOSE.format(name)
    await stage.said(phone, "/stop")
    assert "больше не привязан" in phone.texts[-1]


async def test_guessed_used_and_old_codes_are_answered_alike(stage: Stage) -> None:
    _, url = await offered(stage)
    code = url.partition("start=")[2]
    phone, thief = stage.telegram.phone(7), stage.telegram.phone(8)
    for guess in ("AAAAAAAAAAAAAAAAAAAAAA", code[:-1], code + "A"):
        thief.start(guess)
        await stage.heard()
    phone.start(code)
    await stage.heard()
    thief.start(code)
    await stage.heard()
    assert set(thief.texts) == {BAD}
    assert phone.texts[-1] != BAD


async def test_guessing_is_limited_per_chat(stage: Stage) -> None:
    thief = stage.telegram.phone(8)
    for _ in range(10):
        thief.start("AAAAAAAAAAAAAAAAAAAAAA")
        await stage.heard()
    thief.start("AAAAAAAAAAAAAAAAAAAAAA")
    await stage.heard()
    assert "Слишком много" in thief.texts[-1]
    # Even the right code finds nothing then.
    _, url = await offered(stage)
    thief.open(url)
    await stage.heard()
    assert "Слишком много" in thief.texts[-1]


async def test_a_linked_chat_claims_no_other_account(stage: Stage) -> None:
    _, phone = await stage.patient(7)
    _, url = await offered(stage)
    phone.open(url)
    await stage.heard()
    assert phone.texts[-1] == BAD


async def test_a_group_is_nobodys_chat(stage: Stage) -> None:
    _, url = await offered(stage)
    code = url.partition("start=")[2]
    user = {"id": 9, "is_bot": False, "first_name": "Группа"}
    chat = {"id": -100, "type": "group", "title": "Двор"}
    stage.telegram.update(
        message={"message_id": 1, "date": 1, "chat": chat, "from": user,
                 "text": f"/start {code}",
                 "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}
    )  # fmt: skip
    await stage.heard()
    rows = await stage.do(lambda own: own.exec(select(TelegramLink)))
    assert rows.one().state is LinkState.OFFERED


@pytest.mark.parametrize(
    "text", ["/menu", "/start", "/stop", "/cancel", "/visits", "привет"]
)
async def test_strangers_learn_how_to_link_and_nothing_more(
    stage: Stage, text: str
) -> None:
    phone = stage.telegram.phone(7)
    await stage.said(phone, text)
    assert phone.texts == [HOW]
    # Whoever goes on writing makes us send nothing.
    await stage.said(phone, text)
    assert phone.texts == [HOW]
    phone.photo()
    await stage.heard()
    phone.locate(55.7, 37.6)
    await stage.heard()
    assert phone.texts == [HOW]


async def test_stop_unlinks(stage: Stage) -> None:
    user, phone = await stage.patient(7)
    await stage.said(phone, "/stop")
    assert "больше не привязан" in phone.texts[-1]
    assert await stage.do(lambda own: telegram_links.chat_of(own, user.id)) is None
    said = len(phone.texts)
    await stage.said(phone, "/menu")
    assert len(phone.texts) == said


async def test_a_blocked_person_gets_nothing(stage: Stage) -> None:
    user, phone = await stage.doctor(7)
    await stage.said(phone, "/menu")

    async def block(own) -> None:  # type: ignore[no-untyped-def]
        admin = await factories.person(own, Role.ADMIN)
        actor = factories.as_staff(admin, Role.ADMIN)
        await staff.block(own, actor, user.id, "Жалобы")

    await stage.do(block)
    said = len(phone.texts)
    await stage.tapped(phone, "Уйти с линии")
    await stage.said(phone, "/visits")
    assert len(phone.texts) == said


async def test_buttons_of_a_lost_role_do_nothing(stage: Stage) -> None:
    _, phone = await stage.patient(7)
    message = phone.received[-1]["message_id"]
    phone.press(message, data("visits"))
    await stage.heard()
    phone.press(message, data("on"))
    await stage.heard()
    assert phone.notes == ["Эта кнопка больше не действует."] * 2


async def test_a_name_that_nobody_can_read_is_shown_as_a_dash(stage: Stage) -> None:
    actor, url = await offered(stage)
    phone = stage.telegram.phone(7, name="\u202e<b>x\u200b")
    phone.open(url)
    await stage.heard()
    told = await stage.do(lambda own: telegram_links.state(own, actor))
    assert told.chat_name == "<b>x"
