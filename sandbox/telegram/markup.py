"""Keyboards: what the API takes, and its refusals."""

from typing import Any
from urllib.parse import urlsplit

from sandbox.telegram.refusals import bad

LONGEST_DATA = 64
PLAIN = {"remove_keyboard", "force_reply"}


def checked(markup: Any) -> dict[str, Any] | None:
    """Give the markup as it will be shown, or refuse it."""
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad("object expected as reply markup")
    if "inline_keyboard" in markup:
        rows = [
            [_inline(each) for each in row] for row in _rows(markup, "inline_keyboard")
        ]
        return {"inline_keyboard": rows}
    if "keyboard" in markup:
        rows = [[_key(each) for each in row] for row in _rows(markup, "keyboard")]
        return {**markup, "keyboard": rows}
    if PLAIN & markup.keys():
        return markup
    raise bad("can't parse reply markup")


def _rows(markup: dict[str, Any], name: str) -> list[list[Any]]:
    rows = markup[name]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad(f'field "{name}" of the {name} must be an Array of Arrays')
    return [row for row in rows if row]


def _inline(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict) or not str(button.get("text") or "").strip():
        raise bad("can't parse inline keyboard button: text is empty")
    known = {key: value for key, value in button.items() if value is not None}
    data, url = known.get("callback_data"), known.get("url")
    if (data is None) == (url is None):
        raise bad("text buttons are unallowed in the inline keyboard")
    if data is not None and not 1 <= len(str(data).encode()) <= LONGEST_DATA:
        raise bad("BUTTON_DATA_INVALID")
    if url is not None and urlsplit(str(url)).scheme not in {"http", "https", "tg"}:
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return known


def _key(button: Any) -> dict[str, Any]:
    known = {"text": button} if isinstance(button, str) else button
    if not isinstance(known, dict) or not str(known.get("text") or "").strip():
        raise bad("can't parse keyboard button: text is empty")
    return known
