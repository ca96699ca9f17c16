"""Asking again for the password, in the middle of a command and without losing it."""

from collections.abc import Iterator
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from backoffice import problems
from backoffice.command_calls import Call
from backoffice.guard import TOKEN_FIELD
from backoffice.pages import draw
from backoffice.sign_in import client_of
from services import reauthentication
from services.edges import in_transaction
from services.errors import DomainError, ReauthenticationNeeded
from services.reauthentication import WrongProof

PASSWORD, CODE = "own_password", "own_code"
OURS = frozenset({PASSWORD, CODE, TOKEN_FIELD, "next"})


async def question(view: Any, call: Call) -> Response | None:
    """Draw the question, unless the proof is fresh or came with this very form."""
    if call.staff.fresh:
        return None
    error: DomainError = ReauthenticationNeeded()
    if call.fields.get(PASSWORD):
        try:
            await _prove(call)
            return None
        except DomainError as refused:
            error = refused
    if problems.wants_json(call.request):
        return problems.as_json(error)
    response = await draw(view, call.request, "confirm.html", _context(call, error))
    response.status_code = error.status
    response.headers.update(problems.headers_of(error))
    return response


async def _prove(call: Call) -> None:
    """Count the try, check it, and keep the refusal: each in its own transaction."""
    sessions, staff = call.request.app.state.sessions, call.staff
    password = str(call.fields[PASSWORD])
    code = str(call.fields.get(CODE, ""))
    await count_try(call)

    async def check(session: AsyncSession) -> bool:
        return await reauthentication.confirm(session, staff, password, code)

    if not await in_transaction(sessions, check):
        await keep_refusal(call)
        raise WrongProof


async def count_try(call: Call) -> None:
    """Count a try at the password by itself, before it is judged."""
    address = client_of(call.request).address or ""
    await in_transaction(
        call.request.app.state.sessions,
        lambda own: reauthentication.limit(own, call.staff, address),
    )


def is_refusal(error: Exception) -> bool:
    """Tell whether the present password of a form was wrong."""
    facts = error.facts if isinstance(error, DomainError) else {}
    return any(each["field"] == "current_password" for each in facts.get("errors", ()))


async def keep_refusal(call: Call) -> None:
    """Put a failed proof into the journal, whatever became of the command."""
    await in_transaction(
        call.request.app.state.sessions,
        lambda own: reauthentication.refused(own, call.staff),
    )


def _context(call: Call, error: DomainError) -> dict[str, Any]:
    asked_again = isinstance(error, ReauthenticationNeeded)
    provider = call.request.app.state.settings.oidc_issuer
    return {
        "path": call.request.url.path,
        "typed": list(_typed(call)),
        "next": call.back(),
        "error": None if asked_again else error.message,
        "provider": provider and call.request.app.state.settings.oidc_name,
    }


def _typed(call: Call) -> Iterator[tuple[str, str]]:
    for name, values in call.lists.items():
        if name not in OURS:
            yield from ((name, value) for value in values)
