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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.encoders import jsonable_encoder
from sqladmin import expose
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from backoffice import confirmation, problems
from backoffice.authorization import do
from backoffice.command_calls import Call
from backoffice.pages import draw
from services import flashes
from services.edges import in_transaction
from services.errors import DomainError, Forbidden
from services.permissions import Permission


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


Work = Callable[[Any, AsyncSession, Call], Awaitable[Done]]
Preparation = Callable[[Call], Awaitable[None]]


@dataclass(frozen=True)
class Way:
    """How a command is served; see `command`."""

    permission: Permission
    again: str
    fresh: bool
    proves: bool
    first: Preparation | None


def command(
    path: str,
    permission: Permission,
    *,
    again: str = "",
    fresh: bool = False,
    proves: bool = False,
    first: Preparation | None = None,
) -> Callable[..., Any]:
    """Serve a POST that changes something; see the head of this module.

    `fresh`: only for whoever proved within the last 30 minutes who they are; others
    are asked for their password first, and nothing they typed is lost. `proves`: the
    form carries the password itself, so its tries are counted and refusals kept.
    `first` is done before the transaction; such a form may carry one file.
    """

    def wrap(work: Work) -> Any:
        @functools.wraps(work)
        async def endpoint(self: Any, request: Request) -> Response:
            way = Way(permission, again, fresh, proves, first)
            return await _run(self, request, work, way)

        endpoint.permission = permission  # type: ignore[attr-defined]
        endpoint.fresh = fresh  # type: ignore[attr-defined]
        return expose(path, methods=["POST"])(endpoint)

    return wrap


async def _run(view: Any, request: Request, work: Work, way: Way) -> Response:
    if not view.has_permission(request, do(way.permission)):
        return await problems.respond(request, Forbidden())
    call = None
    try:
        call = await Call.read(request, files=1 if way.first else 0)
        if way.fresh and (question := await confirmation.question(view, call)):
            return question
        if way.proves:
            await confirmation.count_try(call)
        if way.first:
            await way.first(call)
        done = await _carry_out(view, call, work)
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        if way.proves and call is not None and confirmation.is_refusal(error):
            await confirmation.keep_refusal(call)
        known = problems.understand(error)
        return await _refuse(view, request, call, known, way.again)
    finally:
        await request.close()
    return await _answer(view, call, done)


async def _carry_out(view: Any, call: Call, work: Work) -> Done:
    async def attempt(session: AsyncSession) -> Done:
        done = await work(view, session, call)
        if done.text and done.show is None and not problems.wants_json(call.request):
            await flashes.leave(session, call.staff.session_id, done.kind, done.text)
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
        await flashes.leave(session, call.staff.session_id, "error", text)

    await in_transaction(request.app.state.sessions, leave)
    return RedirectResponse(call.back(), 303)


def sentence(error: DomainError) -> str:
    """The error's message with what is wrong about each field."""
    wrong = error.facts.get("errors", [])
    return " ".join([error.message, *(each["message"] for each in wrong)])
