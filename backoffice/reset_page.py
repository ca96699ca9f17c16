"""The page behind the link of a forgotten password.

It stands outside the console's door, since who forgot the password has no session.
The link's secret is the proof, so a foreign page could only send what it knows.
"""

from typing import Any

import sqladmin.i18n
from starlette.requests import Request
from starlette.responses import Response

from backoffice import problems
from backoffice.headers import console_policy
from backoffice.sign_in import client_of
from services import i18n, password_reset, passwords, rate_limits
from services.edges import in_transaction
from services.errors import DomainError, ValidationFailed
from services.i18n import gettext
from services.inputs import wrong

LONGEST_TOKEN = 500


async def reset(request: Request) -> Response:
    """Show the form, or take the password that was typed."""
    asked = request.query_params.get("lang") or request.cookies.get("tot_lang")
    i18n.set_locale(asked if asked in i18n.LOCALES else i18n.DEFAULT_LOCALE)
    # The words of templates are sqladmin's affair.
    sqladmin.i18n.set_locale(i18n.current_locale())
    token = request.query_params.get("token", "")[:LONGEST_TOKEN]
    try:
        await in_transaction(
            request.app.state.sessions,
            lambda own: rate_limits.refresh(own, client_of(request).address or ""),
        )
        if request.method == "POST":
            form = await request.form(max_files=0, max_fields=10)
            token = str(form.get("token", ""))[:LONGEST_TOKEN]
            await _take(request, token, form)
            return await _draw(request, {"done": True})
        return await _form(request, token)
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        return await _form(request, token, problems.understand(error))


async def _take(request: Request, token: str, form: Any) -> None:
    typed = str(form.get("new_password", ""))
    if typed != form.get("repeated"):
        raise wrong("repeated", gettext("The two passwords differ."))
    if len(typed) > passwords.LONGEST:
        raise wrong("new_password", gettext("This value is too long."))
    await in_transaction(
        request.app.state.sessions,
        lambda own: password_reset.confirm(own, token, typed),
    )


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
        "shortest": passwords.SHORTEST,
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
    return await _draw(request, context, status)


async def _draw(
    request: Request, context: dict[str, Any], status: int = 200
) -> Response:
    app = request.app
    response: Response = await app.state.console.templates.TemplateResponse(
        request, "reset_password.html", context, status_code=status
    )
    policy = console_policy(app.state.settings.tile_url)
    response.headers["content-security-policy"] = policy
    return response
