"""Pages behind the links of letters, where somebody sets a password.

They stand outside the console's door, since who follows such a link has no session.
The link's secret is the proof, so a foreign page could only send what it knows.
"""

from typing import Any

import sqladmin.i18n
from starlette.requests import Request
from starlette.responses import Response

from backoffice.headers import console_policy
from backoffice.sign_in import client_of
from services import i18n, passwords, rate_limits
from services.edges import in_transaction
from services.i18n import gettext
from services.inputs import wrong

LONGEST_TOKEN = 1000


def choose_language(request: Request, otherwise: str = i18n.DEFAULT_LOCALE) -> None:
    """Speak the language that the reader asked for or chose before."""
    asked = request.query_params.get("lang") or request.cookies.get("tot_lang")
    i18n.set_locale(asked if asked in i18n.LOCALES else otherwise)
    # The words of templates are sqladmin's affair.
    sqladmin.i18n.set_locale(i18n.current_locale())


async def count_try(request: Request) -> None:
    """Count a look at a link or a use of it, for the address that it comes from."""
    await in_transaction(
        request.app.state.sessions,
        lambda own: rate_limits.link(own, client_of(request).address or ""),
    )


def password_in(form: Any) -> str:
    """The password that was typed twice alike; ValidationFailed if it was not."""
    typed = str(form.get("new_password", ""))
    if typed != form.get("repeated"):
        raise wrong("repeated", gettext("The two passwords differ."))
    if len(typed) > passwords.LONGEST:
        raise wrong("new_password", gettext("This value is too long."))
    return typed


async def draw(
    request: Request, template: str, context: dict[str, Any], status: int = 200
) -> Response:
    """Draw the page under the console's policy."""
    app = request.app
    response: Response = await app.state.console.templates.TemplateResponse(
        request,
        template,
        {"shortest": passwords.SHORTEST, **context},
        status_code=status,
    )
    policy = console_policy(app.state.settings.tile_url)
    response.headers["content-security-policy"] = policy
    return response
