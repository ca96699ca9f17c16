"""Every change made in the console goes through `command`.

A page with a command looks like this (a living one: backoffice/preferences.py):

    class BookingCard(Page):
        name = Lazy("Call card")
        icon = "ti ti-file-text"
        needs = {"list": Permission.BOOKING_READ}      # who may open the pages
        in_menu = False

        @page("/calls/{pk}")                           # url_for('admin:view-card', pk=…)
        async def card(self, request: Request) -> Response:
            return await self.render(request, "booking_card.html", {...})

        @command("/calls/{pk}/cancel", Permission.BOOKING_CANCEL)
        async def cancel(self, session: AsyncSession, call: Call) -> Done:
            booking = await bookings.cancel(
                session, call.actor, call.id("pk"), call.text("reason_code"),
                version=call.integer("version"),
            )
            return Done(gettext("Call {number} is cancelled.", number=booking.label))

The wrapper checks the permission, opens one transaction (rivals retried twice),
runs the method and commits. A browser's form gets a flash and 303 to `Done.to` (or
back to the page it came from); a script that sends `Accept: application/json` gets
`{"ok": true, "message": …, **Done.data}` or problem+json. Forms carry
`{{ csrf_field() }}` and may carry `next`; scripts send the header X-CSRF-Token with
the content of `<meta name="csrf-token">`. Sessions and forgery are checked before, in
backoffice/guard.py. With `again="form"` a refused form is drawn anew by
`async def form(self, request, call=None, error=None)`, so that no typed text is lost.
"""

import functools
import inspect
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.encoders import jsonable_encoder
from sqladmin import expose
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from backoffice import problems
from backoffice.authorization import do
from backoffice.pages import local_path, readable, staff_of
from services import staff_sessions
from services.actor import Actor
from services.edges import in_transaction
from services.errors import DomainError, Forbidden, NotFound, ValidationFailed
from services.i18n import gettext
from services.permissions import Permission
from services.staff_sessions import Staff


@dataclass(frozen=True)
class Done:
    """What a command says when it worked.

    `show` is a template drawn at once instead of a redirect, for what must be seen
    once and never again, such as a one-time password.
    """

    text: str
    to: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "success"
    show: tuple[str, Mapping[str, Any]] | None = None


class Call:
    """One use of a command: who, with which fields, on which row."""

    def __init__(
        self,
        request: Request,
        fields: Mapping[str, Any],
        lists: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.request = request
        self.fields = fields
        self.lists = lists or {}
        self.staff: Staff = staff_of(request)

    @property
    def actor(self) -> Actor:
        """The actor for the service."""
        return self.staff.actor

    @classmethod
    async def read(cls, request: Request) -> "Call":
        """Take the fields from a form or from a JSON object."""
        kind = request.headers.get("content-type", "")
        if kind.startswith("application/json"):
            call = cls(request, await _json_object(request))
        else:
            form = await request.form(max_files=0, max_fields=300)
            lists = {name: [str(v) for v in form.getlist(name)] for name in form}
            call = cls(request, dict(form), lists)
        if any("\x00" in text for text in _texts([*call.fields.values(), call.lists])):
            raise problems.Refused
        return call

    def id(self, name: str) -> uuid.UUID:
        """An identifier from the path or the fields; a malformed one is not found."""
        raw = self.request.path_params.get(name, self.fields.get(name, ""))
        try:
            return uuid.UUID(str(raw))
        except ValueError:
            raise NotFound from None

    def optional_id(self, name: str) -> uuid.UUID | None:
        """An identifier that may be left out."""
        return self.id(name) if self.text(name) else None

    def text(self, name: str) -> str:
        """A field without the blanks around it; an absent one is empty."""
        value = self.fields.get(name)
        return "" if value is None else str(value).strip()

    def many(self, name: str) -> list[str]:
        """All values of a field that may be given several times."""
        value = self.fields.get(name)
        if isinstance(value, list):
            return [str(each).strip() for each in value]
        return [each.strip() for each in self.lists.get(name, []) if each.strip()]

    def words(self, name: str, most: int = 500) -> str:
        """A field that must be filled in and be no longer than that."""
        value = self.text(name)
        if not value:
            raise self.wrong(name, gettext("This field is required."))
        if len(value) > most:
            raise self.wrong(name, gettext("This value is too long."))
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, or None where the field is empty."""
        raw = self.text(name)
        if not raw:
            return None
        if not raw.removeprefix("-").isascii() or not raw.removeprefix("-").isdigit():
            raise self.wrong(name, gettext("Enter a whole number."))
        if len(raw) > 10:
            raise self.wrong(name, gettext("This value does not fit."))
        return int(raw)

    def checked(self, name: str) -> bool:
        """A box that is ticked."""
        return self.text(name).lower() in {"1", "on", "true", "yes"}

    def wrong(self, name: str, message: str) -> ValidationFailed:
        """Make the error that points at one field."""
        return ValidationFailed(errors=[{"field": name, "message": message}])

    def back(self) -> str:
        """Where the form was: its `next` field, else the page it was sent from."""
        here = self.request
        wanted = (self.text("next"), here.headers.get("referer"))
        found = (readable(here, local_path(here, each)) for each in wanted)
        return next(filter(None, found), "/admin/")


Work = Callable[[Any, AsyncSession, Call], Awaitable[Done]]


def command(
    path: str, permission: Permission, *, again: str = ""
) -> Callable[..., Any]:
    """Serve a POST that changes something; see the head of this module."""

    def wrap(work: Work) -> Any:
        @functools.wraps(work)
        async def endpoint(self: Any, request: Request) -> Response:
            return await _run(self, request, work, permission, again)

        endpoint.permission = permission  # type: ignore[attr-defined]
        return expose(path, methods=["POST"])(endpoint)

    return wrap


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise problems.Refused from None
    if not isinstance(body, dict):
        raise problems.Refused
    return body


async def _run(
    view: Any, request: Request, work: Work, permission: Permission, again: str
) -> Response:
    if not view.has_permission(request, do(permission)):
        return await problems.respond(request, Forbidden())
    call = None
    try:
        call = await Call.read(request)
        done = await _carry_out(view, call, work)
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return await _refuse(view, request, call, problems.understand(error), again)
    return await _answer(view, call, done)


async def _carry_out(view: Any, call: Call, work: Work) -> Done:
    async def attempt(session: AsyncSession) -> Done:
        done = await work(view, session, call)
        if done.text and done.show is None and not problems.wants_json(call.request):
            await staff_sessions.flash(
                session, call.staff.session_id, done.kind, done.text
            )
        return done

    return await in_transaction(call.request.app.state.sessions, attempt)


async def _answer(view: Any, call: Call, done: Done) -> Response:
    if problems.wants_json(call.request):
        body = {"ok": True, "message": done.text, **done.data}
        return JSONResponse(jsonable_encoder(body))
    if done.show is not None:
        template, context = done.show
        return await draw(view, call.request, template, context)
    return RedirectResponse(done.to or call.back(), 303)


async def draw(
    view: Any, request: Request, template: str, context: Mapping[str, Any]
) -> Response:
    """Draw a template for a view of either kind."""
    response: Response = await view.templates.TemplateResponse(
        request, template, {"view": view, "staff": staff_of(request), **context}
    )
    return response


async def _refuse(
    view: Any, request: Request, call: Call | None, error: DomainError, again: str
) -> Response:
    if call is None or problems.wants_json(request):
        return await problems.respond(request, error)
    if again:
        drawn = getattr(view, again)(request, call=call, error=error)
        response: Response = await drawn if inspect.isawaitable(drawn) else drawn
        response.status_code = error.status
        return response
    if error.status in {403, 404, 503}:
        return await problems.respond(request, error)
    text = sentence(error)

    async def leave(session: AsyncSession) -> None:
        await staff_sessions.flash(session, call.staff.session_id, "error", text)

    await in_transaction(request.app.state.sessions, leave)
    return RedirectResponse(call.back(), 303)


def sentence(error: DomainError) -> str:
    """The error's message with what is wrong about each field."""
    wrong = error.facts.get("errors", [])
    return " ".join([error.message, *(each["message"] for each in wrong)])
