"""Messages through the Bot API of Telegram.

Source: the Bot API's descriptions of sendMessage, sendPhoto and of errors: `ok`,
`error_code`, `description`, and `parameters.retry_after` with 429. 403 is a person
who blocked the bot, 400 a message or a chat that will never do.
"""

import json
from typing import Any

import httpx

from services.config import Settings
from services.gateways import NotConfigured, Undelivered
from services.telegram_buttons import Button, TelegramMessage

SECONDS = 10.0
LONGEST_TEXT, LONGEST_CAPTION = 4096, 1024
REFUSALS = frozenset({400, 403})


async def send(settings: Settings, chat_id: str, message: TelegramMessage) -> str:
    """Send one message to a chat and give Telegram's number of it.

    Raises NotConfigured without a bot, Undelivered when it did not get through; an
    empty `chat_id` is a chat that was parted from its account meanwhile. The token is a part of the address, so no address is ever put into an error.
    """
    if not chat_id:
        raise Undelivered("Telegram: the chat was unlinked", refused=True)
    return await _post(settings, *_request(chat_id, message))


async def delete(settings: Settings, chat_id: str, message_id: str) -> None:
    """Take a message away; Telegram refuses after 48 hours (deleteMessage)."""
    fields = {"chat_id": chat_id, "message_id": message_id}
    await _post(settings, "deleteMessage", fields)


async def edit_text(
    settings: Settings, chat_id: str, message_id: str, text: str
) -> None:
    """Put another text where a message was, without any buttons."""
    fields = {"chat_id": chat_id, "message_id": message_id, "text": text}
    await _post(settings, "editMessageText", fields)


async def take_buttons(settings: Settings, chat_id: str, message_id: str) -> None:
    """Leave the message and take its buttons off."""
    fields = {"chat_id": chat_id, "message_id": message_id}
    await _post(settings, "editMessageReplyMarkup", fields)


async def _post(
    settings: Settings,
    method: str,
    fields: dict[str, str],
    files: dict[str, Any] | None = None,
) -> str:
    if not settings.telegram_bot_token:
        raise NotConfigured
    base = f"{settings.telegram_api_url}/bot{settings.telegram_bot_token}"
    try:
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(f"{base}/{method}", data=fields, files=files)
        body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Undelivered(f"Telegram: {type(error).__name__}") from None
    return _judge(answer.status_code, body)


def _request(
    chat_id: str, message: TelegramMessage
) -> tuple[str, dict[str, str], dict[str, Any] | None]:
    fields = {"chat_id": chat_id}
    if message.buttons:
        fields["reply_markup"] = json.dumps(_keyboard(message))
    if message.photo is None:
        return "sendMessage", fields | {"text": message.text[:LONGEST_TEXT]}, None
    fields["caption"] = message.text[:LONGEST_CAPTION]
    return "sendPhoto", fields, {"photo": (message.photo_name, message.photo)}


def _keyboard(message: TelegramMessage) -> dict[str, Any]:
    return {
        "inline_keyboard": [[_key(each) for each in row] for row in message.buttons]
    }


def _key(button: Button) -> dict[str, str]:
    if button.url is not None:
        return {"text": button.text, "url": button.url}
    return {"text": button.text, "callback_data": button.data or ""}


def _judge(status: int, body: Any) -> str:
    """Read the answer; its text may name the chat, so only the code is kept."""
    if not isinstance(body, dict):
        raise Undelivered(f"Telegram: HTTP {status}")
    if body.get("ok") is True:
        return str(_dict(body.get("result")).get("message_id", ""))
    code = body.get("error_code", status)
    wait = _dict(body.get("parameters")).get("retry_after")
    raise Undelivered(
        f"Telegram: {code}",
        refused=code in REFUSALS,
        retry_after=wait if isinstance(wait, int) else None,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
