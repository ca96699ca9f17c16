"""The page to which the provider's page leads back.

Whoever opens it proves nothing and learns one word: how far the payment is, as we know
it. It asks anew by itself until that is settled.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from backoffice import problems
from backoffice.link_pages import choose_language, draw
from models.payment import OPEN, PaymentStatus
from services import payment_opening, payments
from services.edges import in_transaction

PATH = payment_opening.RETURN_PAGE.replace("}", ":uuid}")
TEMPLATE = "payment_return.html"
AGAIN_SECONDS = 4


async def show(request: Request) -> Response:
    """Say whether the payment has arrived."""
    choose_language(request)
    payment_id = request.path_params["payment_id"]
    try:
        seen = await in_transaction(
            request.app.state.sessions, lambda own: payments.progress(own, payment_id)
        )
    except Exception as error:  # noqa: BLE001 - understand() logs what it cannot name
        known = problems.understand(error)
        again = AGAIN_SECONDS if known.status == 503 else None
        told: dict[str, Any] = {"error": known.message, "again": again}
        return await draw(request, TEMPLATE, told, known.status)
    waits = seen.status in OPEN
    told = {"waits": waits, "arrived": seen.status is PaymentStatus.SUCCEEDED}
    told["surplus"] = seen.surplus
    told["again"] = AGAIN_SECONDS if waits else None
    return await draw(request, TEMPLATE, told)
