"""One's own Telegram chat: offered as a link, claimed by the bot, confirmed here."""

from starlette.requests import Request

from api import idempotency
from api.deps import CurrentUser, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.telegram_link import LinkAnswer, OfferAnswer
from services import telegram_links
from services.edges import in_transaction
from services.telegram_links import Offer, State

router = make_router("/v1/me/telegram-link", "Telegram")


@router.post(
    "",
    status_code=201,
    response_model=OfferAnswer,
    responses=problems(401, 403, 429, 503),
)
async def offer(request: Request, session: SessionDep, caller: CurrentUser) -> Offer:
    """Make the link that opens the bot; the one before is worth nothing then."""
    # The code is kept nowhere, so no answer with it is either.
    idempotency.take(request)
    await in_transaction(
        request.app.state.sessions,
        lambda own: telegram_links.limit(own, caller.user_id),
    )
    return await telegram_links.offer(session, caller.actor)


@router.get("", response_model=LinkAnswer, responses=problems(401, 403))
async def read(session: SessionDep, caller: CurrentUser) -> State:
    """Tell which chat waits for a yes, and which is linked."""
    return await telegram_links.state(session, caller.actor)


@router.post("/confirm", response_model=LinkAnswer, responses=problems(401, 403, 409))
async def confirm(session: SessionDep, caller: CurrentUser) -> State:
    """Say yes to the chat that has shown the code."""
    return await telegram_links.confirm(session, caller.actor)


@router.delete("", status_code=204, responses=problems(401, 403))
async def unlink(session: SessionDep, caller: CurrentUser) -> None:
    """Part from the chat; the bot tells it nothing more."""
    await telegram_links.unlink(session, caller.actor)
