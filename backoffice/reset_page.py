"""The page behind the link of a forgotten password."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from backoffice import problems
from backoffice.link_pages import (
    LONGEST_TOKEN,
    choose_language,
    count_try,
    draw,
    password_in,
)
from services import password_reset
from services.edges import in_transaction
from services.errors import DomainError, ValidationFailed

TEMPLATE = "reset_password.html"


async def reset(request: Request) -> Response:
    """Show the form, or take the password that was typed."""
    choose_language(request)
    token = request.query_params.get("token", "")[:LONGEST_TOKEN]
    try:
        await count_try(request)
        if request.method != "POST":
            return await _form(request, token)
        form = await request.form(max_files=0, max_fields=10)
        token = str(form.get("token", ""))[:LONGEST_TOKEN]
        typed = password_in(form)
        await in_transaction(
            request.app.state.sessions,
            lambda own: password_reset.confirm(own, token, typed),
        )
        return await draw(request, TEMPLATE, {"done": True})
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return await _form(request, token, problems.understand(error))


async def _form(
    request: Request, token: str, error: DomainError | None = None
) -> Response:
    """Draw the form again with what was wrong, or say that the link is spent."""
    wrong_fields = error.facts.get("errors", []) if error else []
    found: dict[str, str] = {each["field"]: each["message"] for each in wrong_fields}
    context: dict[str, Any] = {
        "token": token,
        "wrong": found,
        "error": error.message if error and not found else None,
    }
    status = error.status if error else 200
    if error is None or isinstance(error, ValidationFailed):
        try:
            user = await in_transaction(
                request.app.state.sessions,
                lambda own: password_reset.look(own, token),
            )
            context["login"] = user.email or user.phone
        except ValidationFailed as over:
            context["over"] = over.facts["errors"][0]["message"]
            status = over.status
        except DomainError as down:
            context["error"], status = down.message, down.status
    return await draw(request, TEMPLATE, context, status)
