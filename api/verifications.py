"""Codes that prove one's e-mail address and phone number.

Tries have transactions of their own: what they count has to outlive the refusal.
"""

from starlette.requests import Request

from api.deps import ClientAddress, CurrentUser
from api.problems import problems
from api.routing import router as make_router
from api.schemas.accounts import UserAnswer
from api.schemas.verifications import ChannelBody, ConfirmationBody
from services import codes, rate_limits, verifications
from services.edges import in_transaction

router = make_router("/v1/auth/verifications", "Accounts")


@router.post("", status_code=202, responses=problems(401, 429))
async def send_code(
    body: ChannelBody, request: Request, caller: CurrentUser, address: ClientAddress
) -> None:
    """Send a code to one's own contact; a proven one gets none."""
    await in_transaction(
        request.app.state.sessions,
        lambda own: verifications.send(own, caller, body.channel, address),
    )


@router.post("/confirm", responses=problems(401, 409, 429))
async def confirm_code(
    body: ConfirmationBody, request: Request, caller: CurrentUser
) -> UserAnswer:
    """Prove the contact; five wrong codes burn the one that was sent."""
    sessions = request.app.state.sessions
    await in_transaction(
        sessions, lambda own: rate_limits.code_try(own, caller.user_id)
    )
    card = await in_transaction(
        sessions,
        lambda own: verifications.confirm(own, caller, body.channel, body.code),
    )
    if card is None:
        raise codes.refused()
    return UserAnswer.of(card)
