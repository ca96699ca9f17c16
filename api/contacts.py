"""Changing one's own e-mail address and phone number."""

from starlette.requests import Request

from api.deps import ClientAddress, CurrentUser
from api.problems import problems
from api.routing import router as make_router
from api.schemas.accounts import UserAnswer
from api.schemas.verifications import CodeBody, EmailBody, PhoneBody
from models.verification_code import Channel
from services import codes, contact_changes, rate_limits
from services.callers import Caller
from services.edges import in_transaction

router = make_router("/v1/me", "Accounts")


@router.put("/email", status_code=202, responses=problems(401, 429))
async def change_email(
    body: EmailBody, request: Request, caller: CurrentUser, address: ClientAddress
) -> None:
    """Send a code to the new address; it becomes one's own with the code."""
    asked = (Channel.EMAIL, body.email, body.current_password)
    await _ask(request, caller, address, *asked)


@router.put("/phone", status_code=202, responses=problems(401, 429))
async def change_phone(
    body: PhoneBody, request: Request, caller: CurrentUser, address: ClientAddress
) -> None:
    """Send a code to the new number; it becomes one's own with the code."""
    asked = (Channel.PHONE, body.phone, body.current_password)
    await _ask(request, caller, address, *asked)


@router.post("/email/confirm", responses=problems(401, 409, 429))
async def confirm_email(
    body: CodeBody, request: Request, caller: CurrentUser
) -> UserAnswer:
    """Put the new address in place; the old one is told."""
    return await _confirm(request, caller, Channel.EMAIL, body.code)


@router.post("/phone/confirm", responses=problems(401, 409, 429))
async def confirm_phone(
    body: CodeBody, request: Request, caller: CurrentUser
) -> UserAnswer:
    """Put the new number in place; the old one is told."""
    return await _confirm(request, caller, Channel.PHONE, body.code)


async def _ask(
    request: Request,
    caller: Caller,
    address: str,
    channel: Channel,
    contact: str,
    password: str,
) -> None:
    sessions = request.app.state.sessions
    await in_transaction(
        sessions, lambda own: rate_limits.password_check(own, caller.user_id, address)
    )
    asked = (channel, contact, password, address)
    await in_transaction(sessions, lambda own: contact_changes.ask(own, caller, *asked))


async def _confirm(
    request: Request, caller: Caller, channel: Channel, code: str
) -> UserAnswer:
    sessions = request.app.state.sessions
    await in_transaction(
        sessions, lambda own: rate_limits.code_try(own, caller.user_id)
    )
    card = await in_transaction(
        sessions, lambda own: contact_changes.confirm(own, caller, channel, code)
    )
    if card is None:
        raise codes.refused()
    return UserAnswer.of(card)
