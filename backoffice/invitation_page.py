"""The page behind an invitation's link: a password, and one is aboard."""

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
from services import clinic_invitations
from services.edges import in_transaction
from services.errors import DomainError

TEMPLATE = "invitation.html"


async def invitation(request: Request) -> Response:
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
            lambda own: clinic_invitations.accept(own, token, typed),
        )
        return await draw(request, TEMPLATE, {"done": True})
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return await _form(request, token, problems.understand(error))


async def _form(
    request: Request, token: str, error: DomainError | None = None
) -> Response:
    wrong = error.facts.get("errors", []) if error else []
    context: dict[str, Any] = {
        "token": token,
        "wrong": {each["field"]: each["message"] for each in wrong},
        "error": error.message if error and not wrong else None,
    }
    status = error.status if error else 200
    try:
        found, clinic = await in_transaction(
            request.app.state.sessions,
            lambda session: clinic_invitations.look(session, token),
        )
    except DomainError as over:
        return await draw(request, TEMPLATE, {"over": over.message}, over.status)
    context |= {"clinic": clinic.name, "person": found.user.full_name}
    return await draw(
        request, TEMPLATE, context | {"login": found.code.address}, status
    )
