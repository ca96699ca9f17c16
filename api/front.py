"""The door of the API: language, size and sanity of a body, before any route.

One plain ASGI layer, because every layer costs each request.
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from services import i18n
from services.errors import DomainError, NotFound, TooLarge, ValidationFailed
from services.i18n import gettext

OTHER_DOORS = ("/admin", "/static/")
# Notices are kept as they come, whatever they say; their routes read them.
TAKEN_AS_IT_IS = ("/webhooks/",)
LOCALE_ASKED = "tot.locale_asked"
DEEPEST = 32
# A string that nobody closes is taken to the end at once: to look for its end from
# each of its quotes again would take minutes.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NUL = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")


class Front:
    """Refuse what no endpoint could want, and hand the body on."""

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        larger: re.Pattern[str] | None = None,
        most_of_larger: int = 0,
        signed: Callable[[Headers], bool] = lambda _: False,
    ) -> None:
        self.app = app
        self.most = max_body_bytes
        # The few routes that take a file, and so more, from those signed in.
        self.larger, self.most_of_larger = larger, most_of_larger
        self.signed = signed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let requests for other parts of the application through untouched."""
        if scope["type"] != "http" or scope["path"].startswith(OTHER_DOORS):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope[LOCALE_ASKED] = _speak(headers.get("accept-language"))
        try:
            _check_address(scope)
            body = await _read(headers, receive, self._most(scope, headers))
            if not scope["path"].startswith(TAKEN_AS_IT_IS):
                _check_body(headers, body)
            replay = _replay(body, receive)
            del body
        except DomainError as error:
            await problems.render(error)(scope, receive, send)
            return
        await self.app(scope, replay, send)

    def _most(self, scope: Scope, headers: Headers) -> int:
        place = f"{scope.get('method')} {scope['path']}"
        if self.larger is None or not self.larger.fullmatch(place):
            return self.most
        parts = headers.get("content-type", "").lower().startswith("multipart/")
        return self.most_of_larger if parts and self.signed(headers) else self.most


async def _read(headers: Headers, receive: Receive, most: int) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        raise TooLarge
    if length == "0" and "transfer-encoding" not in headers:
        return b""
    parts: list[bytes] = []
    read, more = 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        more = message.get("more_body", False)
        read += len(part)
        if read > most:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _speak(accepted: str | None) -> bool:
    """Speak the first language that is both asked for and known."""
    locale = first_known(accepted) if accepted else None
    i18n.set_locale(locale or i18n.DEFAULT_LOCALE)
    return locale is not None


def first_known(accepted: str) -> str | None:
    """Name the language that is wished for most among those that are known."""
    wishes: list[tuple[float, str]] = []
    for each in accepted[:200].split(","):
        tag, _, weight = each.strip().partition(";q=")
        language = tag.split("-")[0].lower()
        if language in i18n.LOCALES:
            wishes.append((_weight(weight), language))
    return max(wishes, key=_first, default=(0.0, None))[1]


def _first(wish: tuple[float, str | None]) -> float:
    return wish[0]


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


def _check_address(scope: Scope) -> None:
    if "\x00" in scope["path"]:
        raise NotFound
    if b"%00" in scope.get("query_string", b""):
        raise ValidationFailed(errors=[_about("query", "This value does not fit.")])


def _check_body(headers: Headers, body: bytes) -> None:
    if not body or "json" not in headers.get("content-type", ""):
        return
    if _NUL.search(body):
        raise ValidationFailed(errors=[_about("body", "This value does not fit.")])
    # A body with few brackets cannot be deep; only others are looked at closely.
    if body.count(b"[") + body.count(b"{") > DEEPEST and _is_deep(body):
        raise ValidationFailed(errors=[_about("body", "This is nested too deeply.")])


def _is_deep(body: bytes) -> bool:
    """Take the innermost brackets away as often as a body may be deep."""
    left = _STRINGS.sub(b"", body).translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        left = left.replace(b"[]", b"").replace(b"{}", b"")
    return bool(left)


def _about(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": gettext(message)}


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once; after it, only the client's leaving is news."""
    # Taken out of here once it is given, for it may be large and the work long.
    kept = [body]

    async def next_message() -> Message:
        if not kept:
            return await receive()
        return {"type": "http.request", "body": kept.pop(), "more_body": False}

    return next_message
