"""Where the payment provider tells us news.

It repeats for a day whatever is not answered with exactly 200, so news is stored and
answered at once and looked into later. The news itself is not believed.
"""

import secrets

import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.deps import ClientAddress, SettingsDep
from api.problems import problems
from api.routing import router as make_router
from services import failpoints, webhook_inbox
from services.errors import Forbidden, NotFound, TooLarge
from services.provider_addresses import is_provider

router = make_router("/webhooks", "Webhooks")
log = structlog.get_logger(__name__)


@router.post(
    "/yookassa/{path_secret}", response_class=Response, responses=problems(403)
)
async def yookassa(
    path_secret: str, request: Request, settings: SettingsDep, address: ClientAddress
) -> Response:
    """Take a notice of YooKassa; only its own addresses are heard."""
    ours = settings.yookassa_webhook_secret
    if not ours or not secrets.compare_digest(path_secret.encode(), ours.encode()):
        raise NotFound
    if not is_provider(address, settings.yookassa_webhook_networks):
        log.warning("webhook refused", address=address)
        raise Forbidden
    body = await request.body()
    if len(body) > webhook_inbox.LARGEST:
        raise TooLarge
    await failpoints.in_transaction(
        request.app.state.sessions,
        "webhook",
        lambda own: webhook_inbox.receive(own, body),
    )
    return Response(status_code=200)
