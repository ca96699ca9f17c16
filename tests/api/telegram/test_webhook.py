"""Updates by webhook: the secret first, then exactly 200, then again only after an outage."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.exc import OperationalError

from api.telegram import registration, webhook
from models.booking import Status
from services import telegram_people
from services.config import Settings
from services.telegram_buttons import data
from tests.api.helpers import is_problem
from tests.api.telegram.stage import Stage

PATH, SECRET = "/webhooks/telegram", "a-secret-that-nobody-guesses"


@pytest_asyncio.fixture(loop_scope="session")
async def hook(
    app: FastAPI, stage: Stage, settings: Settings
) -> AsyncIterator[AsyncClient]:
    """A client that is Telegram."""
    settings.telegram_webhook_secret = SECRET
    headers = {webhook.HEADER: SECRET, "accept-language": "en"}
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://testserver", headers=headers
    ) as client:
        yield client
    settings.telegram_webhook_secret = ""
    await webhook.close(app)
    app.state.telegram = None


def written(update_id: int, text: str, chat_id: int = 101) -> dict[str, Any]:
    return {
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "date": 1,
            "chat": {"id": chat_id, "type": "private", "first_name": "И"},
            "from": {"id": chat_id, "is_bot": False, "first_name": "И"},
            "text": text,
            "entities": [{"type": "bot_command", "offset": 0, "length": len(text)}],
        },
    }


def pressed(update_id: int, message: dict[str, Any], word: str) -> dict[str, Any]:
    return {
        "update_id": update_id,
        "callback_query": {
            "id": "1",
            "from": {"id": 101, "is_bot": False, "first_name": "И"},
            "chat_instance": "1",
            "message": message,
            "data": word,
        },
    }


async def test_an_update_is_handled_once_and_answered_with_200(
    hook: AsyncClient, stage: Stage
) -> None:
    _, phone = await stage.doctor()
    for _ in range(2):
        answer = await hook.post(PATH, json=written(5001, "/visits"))
        assert (answer.status_code, answer.content) == (200, b"")
    assert phone.texts.count("У вас нет визитов.") == 1


@pytest.mark.parametrize("given", [None, "", "wrong", SECRET + "x", "ключ"])
async def test_without_the_secret_it_is_nobody(
    hook: AsyncClient, stage: Stage, given: str | None
) -> None:
    """A13: the library itself would take every update where no secret is set."""
    _, phone = await stage.doctor()
    del hook.headers[webhook.HEADER]
    headers = {} if given is None else {webhook.HEADER: given.encode()}
    answer = await hook.post(PATH, json=written(5002, "/visits"), headers=headers)  # type: ignore[arg-type]
    is_problem(answer, 404, "not_found")
    assert "У вас нет визитов." not in phone.texts


async def test_without_a_secret_or_a_token_of_ours_it_is_shut(
    hook: AsyncClient, settings: Settings
) -> None:
    settings.telegram_webhook_secret = ""
    hook.headers[webhook.HEADER] = ""
    is_problem(await hook.post(PATH, json=written(1, "/menu")), 404, "not_found")
    settings.telegram_webhook_secret, token = SECRET, settings.telegram_bot_token
    hook.headers[webhook.HEADER] = SECRET
    settings.telegram_bot_token = ""
    is_problem(await hook.post(PATH, json=written(1, "/menu")), 404, "not_found")
    settings.telegram_bot_token = token


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"update_id": "x"}', b"\x00"]
)
async def test_what_is_no_update_is_forgotten(hook: AsyncClient, body: bytes) -> None:
    answer = await hook.post(
        PATH, content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200


async def test_a_refusal_is_a_200_all_the_same(hook: AsyncClient, stage: Stage) -> None:
    _, phone = await stage.doctor()
    other, _ = await stage.doctor(303)
    patient, _ = await stage.patient()
    booking = await stage.call(patient, other)
    message = phone.received[-1] | {"date": 1}
    word = data("accept", booking.id, booking.version)
    answer = await hook.post(PATH, json=pressed(5003, message, word))
    assert answer.status_code == 200
    assert (await stage.now(booking)).status is Status.ASSIGNED


async def test_an_outage_is_a_503_and_the_update_comes_again(
    hook: AsyncClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, phone = await stage.doctor()

    async def down(*_: Any) -> bool:
        raise OperationalError("x", {}, ConnectionError())

    with monkeypatch.context() as patch:
        patch.setattr(telegram_people, "first_time", down)
        answer = await hook.post(PATH, json=written(5004, "/visits"))
        is_problem(answer, 503, "unavailable")
    assert (await hook.post(PATH, json=written(5004, "/visits"))).status_code == 200
    assert phone.texts[-1] == "У вас нет визитов."


async def test_telegram_is_told_where_the_webhook_is(
    stage: Stage, settings: Settings
) -> None:
    settings.telegram_webhook_secret = SECRET
    try:
        await registration.register(settings, "http://127.0.0.1:9/webhooks/telegram")
    finally:
        settings.telegram_webhook_secret = ""
    told = stage.telegram.calls("setWebhook")[-1]["fields"]
    assert told["url"] == "http://127.0.0.1:9/webhooks/telegram"
    assert told["secret_token"] == SECRET
    assert int(told["max_connections"]) == registration.AT_ONCE
    commands = stage.telegram.calls("setMyCommands")
    assert [each["fields"].get("language_code", "") for each in commands] == [
        "",
        "ru",
        "en",
    ]
    await stage.poll.bot.delete_webhook()
