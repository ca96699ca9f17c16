"""What the owner of a phone does: types, taps, sends, walks, blocks."""

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.telegram.refusals import Refused, bad
from sandbox.telegram.town import Message, Phone, Town

Body = dict[str, Any]
Act = Callable[[Town, Phone, Body], Any]
LIVE_SECONDS = 3600
TAP_SECONDS = 15


def _write(town: Town, phone: Phone, **content: Any) -> Message:
    if phone.state != "here":
        raise Refused(409, "The bot is blocked on this phone.")
    message = town.write(phone, by_bot=False, **content)
    town.updates.put("message", dict(message))
    return message


def say(town: Town, phone: Phone, body: Body) -> Message:
    """Type a text, perhaps in reply to the message `reply_to`."""
    text = str(body.get("text") or "").strip()
    if not text:
        raise bad("nothing was typed")
    command = text.split()[0] if text.startswith("/") else ""
    marked = {"type": "bot_command", "offset": 0, "length": len(command)}
    extra: Body = {"entities": [marked]} if command else {}
    replied = phone.messages.get(int(body.get("reply_to") or 0))
    if replied is not None:
        extra["reply_to_message"] = dict(replied)
    return _write(town, phone, text=text, **extra)


def start(town: Town, phone: Phone, body: Body) -> Message:
    """Press Start, perhaps after a deep link was opened."""
    payload = str(body.get("payload") or "")
    unblock(town, phone, body)
    return say(town, phone, {"text": f"/start {payload}".strip()})


def open_link(town: Town, phone: Phone, body: Body) -> Message:
    """Open https://t.me/<bot>?start=… as the application does."""
    link = urlsplit(str(body.get("url") or ""))
    payload = parse_qs(link.query).get("start", [""])[0]
    if link.netloc != "t.me" or link.path.strip("/") != town.config.name:
        raise bad(f"the link does not lead to {town.config.name}")
    return start(town, phone, {"payload": payload})


def tap(town: Town, phone: Phone, body: Body) -> Any:
    """Tap the button with this text: the newest inline one, else a key below."""
    text, wanted = str(body.get("text") or ""), body.get("message_id")
    for message, button in _buttons(phone):
        if button["text"] == text and wanted in {None, message["message_id"]}:
            return _tapped(town, phone, message, button)
    for row in (phone.keyboard or {}).get("keyboard", []):
        for key in row:
            if key["text"] == text:
                return _key(town, phone, key, body)
    raise bad(f"there is no button {text!r}")


def _buttons(phone: Phone) -> Iterator[tuple[Message, Body]]:
    for message in reversed(phone.messages.values()):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                yield message, button


def _tapped(town: Town, phone: Phone, message: Message, button: Body) -> Any:
    if "url" in button:
        return {"url": button["url"]}
    wanted = {"message_id": message["message_id"], "data": button["callback_data"]}
    return press(town, phone, wanted)


def _key(town: Town, phone: Phone, key: Body, body: Body) -> Message:
    if (phone.keyboard or {}).get("one_time_keyboard"):
        phone.keyboard = None
    return (
        locate(town, phone, body)
        if key.get("request_location")
        else say(town, phone, key)
    )


def press(town: Town, phone: Phone, body: Body) -> dict[str, Any]:
    """Send the data of a button, also such that no button has: clients can be forged."""
    if phone.state != "here":
        raise Refused(409, "The bot is blocked on this phone.")
    query_id = str(secrets.randbelow(10**18))
    town.callbacks[query_id] = phone.chat_id
    told = phone.messages.get(int(body.get("message_id") or 0))
    query = {
        "id": query_id,
        "from": phone.user(),
        "chat_instance": str(phone.chat_id * 7),
        "data": str(body.get("data") or ""),
    }
    town.updates.put(
        "callback_query", query | ({"message": dict(told)} if told else {})
    )
    return {"callback_query_id": query_id}


def photo(town: Town, phone: Phone, body: Body) -> Message:
    """Send a picture, given in base64."""
    try:
        content = base64.b64decode(str(body.get("content") or ""), validate=True)
    except (binascii.Error, ValueError):
        raise bad("the picture is not base64") from None
    caption = str(body.get("caption") or "").strip()
    shown = {"photo": [town.keep(content).photo()]}
    return _write(town, phone, **shown, **({"caption": caption} if caption else {}))


def _place(body: Body) -> dict[str, float]:
    try:
        return {name: float(body[name]) for name in ("latitude", "longitude")}
    except (KeyError, TypeError, ValueError):
        raise bad("latitude and longitude are needed") from None


def locate(town: Town, phone: Phone, body: Body) -> Message:
    """Share the location once, or go on sharing it for `live_period` seconds."""
    lasting = int(body.get("live_period") or 0)
    live = {"live_period": lasting, "horizontal_accuracy": 12.0} if lasting else {}
    message = _write(town, phone, location=_place(body) | live)
    if lasting:
        phone.live_id = message["message_id"]
    return message


def move(town: Town, phone: Phone, body: Body) -> Message:
    """Be somewhere else; who follows the location is told by an edited message."""
    message = phone.messages.get(phone.live_id or 0)
    if message is None or phone.state != "here":
        raise Refused(409, "No location is being shared.")
    message["location"] = {**message["location"], **_place(body)}
    return _edited(town, message)


def stop(town: Town, phone: Phone, _: Body) -> Message:
    """Share the location no longer."""
    message = phone.messages.get(phone.live_id or 0)
    if message is None:
        raise Refused(409, "No location is being shared.")
    phone.live_id = None
    place = message["location"]
    message["location"] = {name: place[name] for name in ("latitude", "longitude")}
    return _edited(town, message)


def _edited(town: Town, message: Message) -> Message:
    message["edit_date"] = int(time.time())
    town.updates.put("edited_message", dict(message))
    town.changes.note()
    return message


def block(town: Town, phone: Phone, _: Body) -> Any:
    if phone.state == "here":
        phone.state = "blocked"
        _member(town, phone, "member", "kicked")
    return {}


def unblock(town: Town, phone: Phone, _: Body) -> Any:
    if phone.state == "blocked":
        phone.state = "here"
        _member(town, phone, "kicked", "member")
    return {}


def vanish(town: Town, phone: Phone, _: Body) -> Any:
    """Delete the account."""
    phone.state = "gone"
    town.changes.note()
    return {}


def _member(town: Town, phone: Phone, old: str, new: str) -> None:
    town.changes.note()
    member = {
        status: {"user": town.bot(), "status": status}
        | ({"until_date": 0} if status == "kicked" else {})
        for status in (old, new)
    }
    told = {"chat": phone.chat(), "from": phone.user(), "date": int(time.time())}
    told |= {"old_chat_member": member[old], "new_chat_member": member[new]}
    town.updates.put("my_chat_member", told)


ACTS: dict[str, Act] = {
    "say": say,
    "start": start,
    "open": open_link,
    "tap": tap,
    "press": press,
    "photo": photo,
    "locate": locate,
    "move": move,
    "stop": stop,
    "block": block,
    "unblock": unblock,
    "vanish": vanish,
}
