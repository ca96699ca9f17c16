"""The page behind an invitation's link: a password, and one is aboard.

It stands outside the console's door, since whoever is invited has no session. The
link's secret is the proof, so a foreign page could only send what it knows itself.
"""

from typing import Any

import sqladmin.i18n
from starlette.requests import Request
from starlette.responses import Response

from backoffice import problems
from backoffice.headers import console_policy
from services import clinic_invitations, i18n, passwords
from services.edges import in_transaction
from services.errors import DomainError, ValidationFailed
from services.i18n import gettext

LONGEST_TOKEN = 1000


async def invitation(request: Request) -> Response:
    """Show the form, or take the password that was typed."""
    asked = request.query_params.get("lang") or request.cookies.get("tot_lang")
    i18n.set_locale(asked if asked in i18n.LOCALES else i18n.DEFAULT_LOCALE)
    # The words of templates are sqladmin's affair.
    sqladmin.i18n.set_locale(i18n.current_locale())
    if request.method != "POST":
        return await _form(request, request.query_params.get("token", ""))
    form = await request.form(max_files=0, max_fields=10)
    typed = {name: str(form.get(name, "")) for name in ("token", "new_password")}
    try:
        if typed["new_password"] != form.get("repeated"):
            raise _wrong("repeated", gettext("The two passwords differ."))
        if len(typed["new_password"]) > passwords.LONGEST:
            raise _wrong("new_password", gettext("This value is too long."))
        await in_transaction(
            request.app.state.sessions,
            lambda session: clinic_invitations.accept(
                session, typed["token"][:LONGEST_TOKEN], typed["new_password"]
            ),
        )
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return await _form(request, typed["token"], problems.understand(error))
    return await _draw(request, {"done": True})


async def _form(
    request: Request, token: str, error: DomainError | None = None
) -> Response:
    wrong = error.facts.get("errors", []) if error else []
    context: dict[str, Any] = {
        "token": token[:LONGEST_TOKEN],
        "wrong": {each["field"]: each["message"] for each in wrong},
        "error": error.message if error and not wrong else None,
        "shortest": passwords.SHORTEST,
    }
    status = error.status if error else 200
    try:
        found, clinic = await in_transaction(
            request.app.state.sessions,
            lambda session: clinic_invitations.look(session, context["token"]),
        )
    except DomainError as over:
        return await _draw(request, {"over": over.message}, over.status)
    context |= {"clinic": clinic.name, "person": found.user.full_name}
    return await _draw(request, context | {"login": found.code.address}, status)


async def _draw(
    request: Request, context: dict[str, Any], status: int = 200
) -> Response:
    app = request.app
    response: Response = await app.state.console.templates.TemplateResponse(
        request, "invitation.html", context, status_code=status
    )
    policy = console_policy(app.state.settings.tile_url)
    response.headers["content-security-policy"] = policy
    return response


def _wrong(field: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[{"field": field, "message": message}])
