"""Paying for a call. Beginning a payment is the one route of two transactions."""

import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Depends
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from api import idempotency, pages
from api.deps import (
    Credentials,
    PatientActor,
    SessionDep,
    SettingsDep,
    current_caller,
    token_of,
)
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.payments import PaymentAnswer, PaymentBody
from models import Payment
from models.role_grant import Role
from services import failpoints, payment_opening, payment_sending, payments, qr
from services import idempotency as kept
from services.gateways.yookassa import INTERACTIVE_SECONDS
from services.i18n import gettext
from services.idempotency import UNDER_WAY, Attempt

router = make_router("", "Payments")
JSON, SVG = "application/json", "image/svg+xml"
# A picture that somebody opens by itself runs nothing and loads nothing.
PICTURE_HEADERS = {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; sandbox",
}
OPEN_ALREADY: dict[int | str, dict[str, Any]] = {
    200: {"model": PaymentAnswer, "description": "This attempt is open already"}
}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {SVG: {"schema": {"type": "string"}}}}
}


@dataclass(frozen=True)
class _Begun:
    """A payment whose provider is to be asked, and the key its answer is kept under."""

    payment: Payment
    attempt: Attempt | None


@router.post(
    "/v1/bookings/{booking_id}/payments",
    status_code=201,
    response_model=PaymentAnswer,
    responses=problems(401, 403, 409, 429) | OPEN_ALREADY,
    dependencies=[Depends(token_of)],
)
async def pay(
    booking_id: uuid.UUID, body: PaymentBody, request: Request, credentials: Credentials
) -> Response:
    """Pay all that is owed for an own call: by card, by SBP or from the wallet.

    The provider is given eight seconds; if they do not do, the status is `unknown`
    and we go on asking.
    """
    sessions = request.app.state.sessions

    async def begin(own: AsyncSession) -> _Begun | Response:
        return await _begin(own, request, credentials, booking_id, body)

    begun = await failpoints.in_transaction(sessions, "payment_open", begin)
    if isinstance(begun, Response):
        return begun
    outcome = await payment_sending.ask(
        begun.payment, flow="payment", seconds=INTERACTIVE_SECONDS
    )

    async def end(own: AsyncSession) -> Response:
        payment = await payment_sending.keep(own, begun.payment.id, outcome, first=True)
        answer = _answer(request, payment, 201)
        if begun.attempt is not None:
            await _finish(own, begun.attempt, answer)
        return answer

    return await failpoints.in_transaction(sessions, "payment", end)


async def _begin(
    session: AsyncSession,
    request: Request,
    credentials: Credentials,
    booking_id: uuid.UUID,
    body: PaymentBody,
) -> _Begun | Response:
    """Check who asks and open the attempt; where no provider is needed, answer."""
    caller = await current_caller(request, session, credentials)
    attempt, mark = idempotency.take(request)
    actor = caller.acting_as(Role.PATIENT)
    if attempt is not None and mark is not None:
        # Whoever opened this one died; it has been followed up since.
        payment = await payments.own(session, actor, uuid.UUID(mark))
        answer = _answer(request, payment, 201)
        await _finish(session, attempt, answer)
        return answer
    opened = await payment_opening.begin(session, actor, booking_id, body.wish())
    if opened.to_be_sent:
        await _keep(session, attempt, UNDER_WAY, str(opened.payment.id))
        return _Begun(opened.payment, attempt)
    answer = _answer(request, opened.payment, 201 if opened.fresh else 200)
    await _keep(session, attempt, answer.status_code, bytes(answer.body).decode())
    return answer


async def _keep(
    session: AsyncSession, attempt: Attempt | None, status: int, body: str
) -> None:
    if attempt is not None and not await kept.keep(session, attempt, status, body):
        raise idempotency.Overtaken


async def _finish(session: AsyncSession, attempt: Attempt, answer: Response) -> None:
    body = bytes(answer.body).decode()
    if not await kept.finish(session, attempt, answer.status_code, body):
        raise idempotency.Overtaken


def _answer(request: Request, payment: Payment, status: int) -> Response:
    """Write the answer once, so that it can be given again to the byte."""
    base_url = request.app.state.settings.base_url
    body = PaymentAnswer.of(payment, base_url).model_dump_json()
    return Response(body, status, media_type=JSON)


@router.get("/v1/bookings/{booking_id}/payments", responses=problems(401, 403))
async def list_payments(
    booking_id: uuid.UUID,
    session: SessionDep,
    actor: PatientActor,
    settings: SettingsDep,
    wanted: WantedPage,
) -> Listing[PaymentAnswer]:
    """List the attempts at an own call, newest first."""
    page = await payments.of_booking(session, actor, booking_id, wanted)
    shape = partial(PaymentAnswer.of, base_url=settings.base_url or "")
    return pages.answer(page, shape)


@router.get("/v1/payments/{payment_id}", responses=problems(401, 403))
async def read(
    payment_id: uuid.UUID,
    session: SessionDep,
    actor: PatientActor,
    settings: SettingsDep,
) -> PaymentAnswer:
    """Show how an own payment stands."""
    payment = await payments.own(session, actor, payment_id)
    return PaymentAnswer.of(payment, settings.base_url or "")


@router.get(
    "/v1/payments/{payment_id}/qr.svg",
    response_class=Response,
    responses=problems(401, 403) | PICTURE,
)
async def picture(
    payment_id: uuid.UUID, session: SessionDep, actor: PatientActor
) -> Response:
    """Draw the QR code that a bank's app reads, while the payment may be made."""
    link = await payments.qr_link(session, actor, payment_id)
    drawn = qr.svg(link, gettext("QR code of the payment"))
    return Response(drawn, headers=PICTURE_HEADERS, media_type=SVG)
