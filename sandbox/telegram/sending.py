"""Methods that write into a chat or change what is written there."""

import time
from typing import Any

from sandbox.telegram import markup
from sandbox.telegram.asked import Asked
from sandbox.telegram.refusals import bad
from sandbox.telegram.town import Message, Phone, Town

LONGEST_TEXT, LONGEST_CAPTION = 4096, 1024
LONGEST_PHOTO = 10_000_000
ATTACHED = "attach://"


def _reached(town: Town, asked: Asked) -> Phone:
    phone = town.reached(asked.text("chat_id"))
    town.faults.flooded(phone.chat_id)
    _demand_plain(asked)
    return phone


def _demand_plain(asked: Asked) -> None:
    if any(asked.text(name) for name in ("parse_mode", "entities", "caption_entities")):
        raise bad("this stand-in takes plain text only")


def _text(asked: Asked, name: str, most: int, what: str) -> str:
    text = (asked.text(name) or "").strip()
    if len(text) > most:
        raise bad(f"{what} is too long")
    return text


def _send(town: Town, phone: Phone, asked: Asked, **content: Any) -> Message:
    """Write the message; a keyboard below the input belongs to the phone."""
    keys = markup.checked(asked.parsed("reply_markup"))
    if keys and "inline_keyboard" in keys:
        content["reply_markup"] = keys
    elif keys and "keyboard" in keys:
        phone.keyboard = keys
    elif keys and keys.get("remove_keyboard"):
        phone.keyboard = None
    phone.action = ""
    return town.write(phone, by_bot=True, **content)


def send_message(town: Town, asked: Asked) -> Message:
    phone = _reached(town, asked)
    text = _text(asked, "text", LONGEST_TEXT, "message")
    if not text:
        raise bad("message text is empty")
    return _send(town, phone, asked, text=text)


def send_photo(town: Town, asked: Asked) -> Message:
    phone = _reached(town, asked)
    caption = _text(asked, "caption", LONGEST_CAPTION, "message caption")
    picture = _picture(town, asked)
    content = {"photo": [picture.photo()]} | ({"caption": caption} if caption else {})
    return _send(town, phone, asked, **content)


def _picture(town: Town, asked: Asked) -> Any:
    """A photo comes as a part of the form, by name or by reference, or as an id."""
    named = asked.text("photo") or ""
    part = named.removeprefix(ATTACHED) if named.startswith(ATTACHED) else "photo"
    content = asked.files.get(part)
    if content is not None:
        if len(content) > LONGEST_PHOTO:
            raise bad("file is too big")
        if not content:
            raise bad("file must be non-empty")
        return town.keep(content)
    if named not in town.pictures:
        raise bad(
            "wrong file identifier/HTTP URL specified"
            if named
            else "there is no photo in the request"
        )
    return town.pictures[named]


def send_location(town: Town, asked: Asked) -> Message:
    phone = _reached(town, asked)
    place = {name: asked.real(name) for name in ("latitude", "longitude")}
    if abs(place["latitude"]) > 90 or abs(place["longitude"]) > 180:
        raise bad("wrong geo point")
    lasting = asked.whole("live_period")
    live = {"live_period": lasting} if lasting else {}
    return _send(town, phone, asked, location=place | live)


def _own(phone: Phone, asked: Asked, bot_id: int) -> Message:
    message = phone.messages.get(asked.whole("message_id"))
    if message is None:
        raise bad("message to edit not found")
    if message["from"]["id"] != bot_id:
        raise bad("message can't be edited")
    return message


def _changed(town: Town, message: Message, changes: dict[str, Any]) -> Message:
    """Change a message; a change that changes nothing is refused."""
    if all(message.get(name) == value for name, value in changes.items()):
        raise bad(
            "message is not modified: specified new message content and reply markup"
            " are exactly the same as a current content and reply markup of the message"
        )
    for name, value in changes.items():
        if value is None:
            message.pop(name, None)
        else:
            message[name] = value
    message["edit_date"] = int(time.time())
    town.changes.note()
    return message


def _inline(asked: Asked) -> dict[str, Any] | None:
    """An edit without a keyboard takes the old one away."""
    keys = markup.checked(asked.parsed("reply_markup"))
    return keys if keys and keys.get("inline_keyboard") else None


def edit_text(town: Town, asked: Asked) -> Message:
    phone = _reached(town, asked)
    message = _own(phone, asked, town.config.bot_id)
    text = _text(asked, "text", LONGEST_TEXT, "message")
    if not text:
        raise bad("message text is empty")
    if "text" not in message:
        raise bad("there is no text in the message to edit")
    changes = {"text": text, "reply_markup": _inline(asked)}
    return _changed(town, message, changes)


def edit_caption(town: Town, asked: Asked) -> Message:
    phone = _reached(town, asked)
    message = _own(phone, asked, town.config.bot_id)
    if "photo" not in message:
        raise bad("there is no caption in the message to edit")
    caption = _text(asked, "caption", LONGEST_CAPTION, "message caption") or None
    changes = {"caption": caption, "reply_markup": _inline(asked)}
    return _changed(town, message, changes)


def edit_markup(town: Town, asked: Asked) -> Message:
    phone = _reached(town, asked)
    message = _own(phone, asked, town.config.bot_id)
    return _changed(town, message, {"reply_markup": _inline(asked)})


def delete(town: Town, asked: Asked) -> bool:
    phone = _reached(town, asked)
    if phone.messages.pop(asked.whole("message_id"), None) is None:
        raise bad("message to delete not found")
    town.changes.note()
    return True


def action(town: Town, asked: Asked) -> bool:
    phone = _reached(town, asked)
    if not asked.text("action"):
        raise bad("wrong parameter action in request")
    phone.action = asked.text("action") or ""
    town.changes.note()
    return True
