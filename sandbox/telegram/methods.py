"""Which method of the Bot API means which verb."""

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.telegram import sending
from sandbox.telegram.asked import Asked
from sandbox.telegram.refusals import Refused, bad
from sandbox.telegram.town import Town

Verb = Callable[[Town, Asked], Any]
Waiting = Callable[[Town, Asked], Awaitable[Any]]
LONGEST_NOTE = 200


def get_me(town: Town, _: Asked) -> dict[str, Any]:
    return town.bot() | {
        "can_join_groups": False,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
    }


def get_chat(town: Town, asked: Asked) -> dict[str, Any]:
    known = {"accent_color_id": 0, "max_reaction_count": 11}
    gifts = dict.fromkeys(
        (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        ),
        True,
    )
    return (
        town.reached(asked.text("chat_id")).chat()
        | known
        | {"accepted_gift_types": gifts}
    )


def answer_callback(town: Town, asked: Asked) -> bool:
    """A tap is answered once; later the phone waits for nothing any more."""
    chat_id = town.callbacks.pop(asked.text("callback_query_id") or "", None)
    if chat_id is None:
        raise bad(
            "query is too old and response timeout expired or query ID is invalid"
        )
    text = (asked.text("text") or "").strip()
    if len(text) > LONGEST_NOTE:
        raise bad("MESSAGE_TOO_LONG")
    if text and chat_id in town.phones:
        note = {"text": text, "alert": asked.flag("show_alert")}
        town.phones[chat_id].notes.append(note)
        town.changes.note()
    return True


def set_commands(town: Town, asked: Asked) -> bool:
    commands = asked.parsed("commands")
    if not isinstance(commands, list):
        raise bad('parameter "commands" is required')
    town.commands = commands
    return True


def delete_commands(town: Town, _: Asked) -> bool:
    town.commands = []
    return True


def get_file(town: Town, asked: Asked) -> dict[str, Any]:
    picture = town.pictures.get(asked.text("file_id") or "")
    if picture is None:
        raise bad("wrong file_id or the file is temporarily unavailable")
    return picture.told() | {"file_path": picture.path}


async def get_updates(town: Town, asked: Asked) -> Any:
    if town.webhook.url:
        raise Refused(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use"
            " deleteWebhook to delete the webhook first",
        )
    _allow(town, asked)
    return await town.updates.poll(
        asked.whole("offset"), asked.whole("limit", 100), asked.whole("timeout")
    )


def set_webhook(town: Town, asked: Asked) -> bool:
    town.webhook.turn(asked.text("url") or "", asked.text("secret_token") or "")
    _allow(town, asked)
    if asked.flag("drop_pending_updates"):
        town.updates.drop()
    return True


def delete_webhook(town: Town, asked: Asked) -> bool:
    town.webhook.turn("", "")
    if asked.flag("drop_pending_updates"):
        town.updates.drop()
    return True


def webhook_info(town: Town, _: Asked) -> dict[str, Any]:
    told = town.webhook.told() | {"pending_update_count": len(town.updates.pending)}
    allowed = sorted(town.updates.allowed)
    return told | ({"allowed_updates": allowed} if allowed else {})


def _allow(town: Town, asked: Asked) -> None:
    """What is not named keeps as it was; an empty list means the usual kinds."""
    allowed = asked.parsed("allowed_updates")
    if isinstance(allowed, list):
        town.updates.allowed = {str(each) for each in allowed}


VERBS: dict[str, Verb] = {
    "getme": get_me,
    "getchat": get_chat,
    "sendmessage": sending.send_message,
    "sendphoto": sending.send_photo,
    "sendlocation": sending.send_location,
    "editmessagetext": sending.edit_text,
    "editmessagecaption": sending.edit_caption,
    "editmessagereplymarkup": sending.edit_markup,
    "deletemessage": sending.delete,
    "sendchataction": sending.action,
    "answercallbackquery": answer_callback,
    "setmycommands": set_commands,
    "getmycommands": lambda town, _: town.commands,
    "deletemycommands": delete_commands,
    "getfile": get_file,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": webhook_info,
}
WAITING: dict[str, Waiting] = {"getupdates": get_updates}
