"""The small page behind a link of the bot: a call's talk, for one person, for minutes.

Looking at the link uses nothing up, since messengers look at links by themselves: its
page has a button, and only the button opens. What is opened lives in a cookie of this
host and is asked for anew at each request; forms bring a token of that page as well.
"""

import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from backoffice import problems, talk_form
from backoffice.guard import same_origin
from backoffice.link_pages import choose_language, count_try, draw
from services import chat, file_names, talk_links, talk_pages, visits
from services.edges import in_transaction
from services.errors import DomainError, Forbidden, Unavailable
from services.talk_links import Page

LINK = talk_links.PATH + "/{token}"
PLACE = "/talk/{call:uuid}"
COMPLETE = PLACE + "/complete"
PICTURE = PLACE + "/pictures/{message:uuid}"
SECONDS = talk_links.MINUTES * 60
NOTHING: Mapping[str, Any] = {}
Act = Callable[[Page, FormData], Awaitable[None]]


async def link(request: Request) -> Response:
    """Offer the button behind a link, or open what it leads to."""
    choose_language(request)
    token = request.path_params["token"]
    sessions = request.app.state.sessions
    try:
        await count_try(request)
        if request.method == "POST":
            _demand_own_page(request)
            page = await in_transaction(
                sessions, lambda own: talk_links.use(own, token)
            )
            return _opened(request, page)
        locale = await in_transaction(sessions, lambda own: talk_links.look(own, token))
        choose_language(request, locale)
        return await draw(request, "talk/link.html", {})
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return await _over(request, problems.understand(error))


async def talk(request: Request) -> Response:
    """Show the talk, or say something in it."""
    if request.method != "POST":
        return await _answer(request, None)

    async def say(page: Page, form: FormData) -> None:
        said = talk_form.words(form)
        await in_transaction(
            request.app.state.sessions,
            lambda own: chat.send(
                own, page.actor, page.booking_id, said.text, said.client_id
            ),
        )

    return await _answer(request, say)


async def complete(request: Request) -> Response:
    """Finish the doctor's visit with what was found."""

    async def finish(page: Page, form: FormData) -> None:
        told = talk_form.ending(form)
        await in_transaction(
            request.app.state.sessions,
            lambda own: visits.complete(
                own,
                page.actor,
                page.booking_id,
                told.actual_minutes,
                told.conclusion,
                told.items,
            ),
        )

    return await _answer(request, finish)


async def picture(request: Request) -> Response:
    """Give a picture of the talk to whoever has its page open."""
    try:
        page = await _page(request)
        message_id = request.path_params["message"]
        stored = await in_transaction(
            request.app.state.sessions,
            lambda own: chat.picture(own, page.actor, page.booking_id, message_id),
        )
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return Response(status_code=problems.understand(error).status)
    headers = file_names.download_headers(stored.file_name)
    return Response(stored.content, headers=headers, media_type=stored.media_type)


async def _answer(request: Request, act: Act | None) -> Response:
    """Show the page; with something to do, do it and lead back to the page."""
    choose_language(request)
    page, form = None, None
    try:
        page = await _page(request)
        choose_language(request, page.locale)
        if act is None:
            return await _drawn(request, page)
        form = await _form(request, page)
        await act(page, form)
        return RedirectResponse(f"{_address(page)}#end", 303)
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        known = problems.understand(error)
    if page is None or form is None:
        return await _over(request, known)
    try:
        return await _drawn(request, page, form, known)
    except DomainError as lost:
        return await _over(request, lost)


async def _page(request: Request) -> Page:
    secret = request.cookies.get(_cookie(request), "")
    call_id = request.path_params["call"]
    return await in_transaction(
        request.app.state.sessions, lambda own: talk_links.find(own, secret, call_id)
    )


async def _form(request: Request, page: Page) -> FormData:
    """Take a form of this very page; Forbidden for one of any other."""
    _demand_own_page(request)
    form = await request.form(max_files=0, max_fields=100)
    given = str(form.get("form_token", ""))
    if not secrets.compare_digest(given.encode(), page.form_token.encode()):
        raise Forbidden
    return form


def _demand_own_page(request: Request) -> None:
    if not same_origin(request):
        raise Forbidden


async def _drawn(
    request: Request,
    page: Page,
    typed: Mapping[str, Any] = NOTHING,
    error: DomainError | None = None,
) -> Response:
    shown = await in_transaction(
        request.app.state.sessions, lambda own: talk_pages.show(own, page)
    )
    context = {
        "shown": shown,
        "mine": page.actor.user_id,
        "place": _address(page),
        "form_token": page.form_token,
        "client_id": _name_of_message(typed, error),
        "typed": typed,
        "wrong": {each["field"]: each["message"] for each in _wrong(error)},
        "error": error.message if error else None,
    }
    status = error.status if error else 200
    return await draw(request, "talk/page.html", context, status)


def _name_of_message(typed: Mapping[str, Any], error: DomainError | None) -> str:
    """Nobody knows whether a message was kept in an outage: its name says it once."""
    known = typed.get("client_id") if isinstance(error, Unavailable) else None
    return str(known or uuid.uuid4().hex)


def _wrong(error: DomainError | None) -> list[dict[str, str]]:
    return error.facts.get("errors", []) if error else []


async def _over(request: Request, error: DomainError) -> Response:
    """Say that there is nothing to see.

    The cookie stays, for a foreign link must not close a page that is open; once its
    page is over, it opens nothing.
    """
    return await draw(request, "talk/over.html", {"error": error.message}, error.status)


def _opened(request: Request, page: Page) -> Response:
    response = RedirectResponse(_address(page), 303)
    response.set_cookie(
        _cookie(request),
        page.secret,
        max_age=SECONDS,
        secure=_secure(request),
        httponly=True,
        samesite="strict",
        path="/",
    )
    return response


def _address(page: Page) -> str:
    return PLACE.replace("{call:uuid}", str(page.booking_id))


def _secure(request: Request) -> bool:
    return bool(request.app.state.settings.secure)


def _cookie(request: Request) -> str:
    """The __Host- prefix binds the cookie to this host; browsers ask https for it."""
    return "__Host-tot_talk" if _secure(request) else "tot_talk"


ROUTES = (
    Route(LINK, link, methods=["GET", "POST"]),
    Route(PLACE, talk, methods=["GET", "POST"]),
    Route(COMPLETE, complete, methods=["POST"]),
    Route(PICTURE, picture),
)
