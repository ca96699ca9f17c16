"""The API as a part of the application: its routes, its door and its document."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from api import (
    accounts,
    addresses,
    auth,
    bookings,
    chat,
    chat_socket,
    clinic,
    consents,
    contacts,
    doctor_application,
    doctor_profile,
    doctors,
    documents,
    duty,
    earnings,
    extra_consent,
    health,
    notifications,
    password_reset,
    payments,
    price_list,
    problems,
    refund_requests,
    rights,
    sign_ins,
    telegram_link,
    uploads,
    verifications,
    visits,
    wallet,
    webhooks,
    withdrawals,
    working_plan,
)
from api.front import Front
from api.idempotency import KEY_PATTERN
from api.telegram import webhook as telegram_webhook
from services import tokens
from services.config import Settings
from services.errors import DomainError

# Every noun adds its router here.
ROUTERS: Sequence[APIRouter] = (
    health.router,
    auth.router,
    accounts.router,
    addresses.router,
    bookings.router,
    chat.router,
    visits.router,
    duty.router,
    doctors.router,
    price_list.router,
    clinic.router,
    documents.router,
    consents.router,
    rights.router,
    verifications.router,
    password_reset.router,
    contacts.router,
    sign_ins.router,
    doctor_application.router,
    doctor_profile.router,
    working_plan.router,
    wallet.router,
    earnings.router,
    extra_consent.router,
    payments.router,
    webhooks.router,
    refund_requests.router,
    withdrawals.router,
    notifications.router,
    telegram_link.router,
    telegram_webhook.router,
)
LARGER = re.compile(f"POST ({re.escape(documents.PREFIX)}|{chat.LARGER})")
CORS_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "Accept-Language"]


def install_api(app: FastAPI, settings: Settings) -> None:
    """Add the API to the application, inside the layers it has already."""
    for router in ROUTERS:
        # Included as they are: FastAPI walks included routers anew at each request.
        app.router.routes.extend(router.routes)
    app.router.routes.append(chat_socket.route)
    for kind in (DomainError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, problems.handle)
    app.user_middleware += _middleware(settings)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]


def _middleware(settings: Settings) -> list[Middleware]:
    front = Middleware(
        Front,
        max_body_bytes=settings.max_body_bytes,
        larger=LARGER,
        # A file and the parts around it; every other body stays small.
        most_of_larger=settings.max_upload_bytes + uploads.AROUND,
        signed=partial(_signed, settings),
    )
    layers = [front]
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=CORS_HEADERS,
            expose_headers=["Idempotency-Replayed", "Retry-After", "X-Request-ID"],
        )
        layers.insert(0, cors)
    return layers


def _signed(settings: Settings, headers: Headers) -> bool:
    """Tell whether a token of ours came along; whose it is, the route finds out."""
    try:
        kind, _, token = headers.get("authorization", "").partition(" ")
        tokens.verify(settings, token)
    except DomainError:
        return False
    return kind.lower() == "bearer"


def _document(app: FastAPI) -> dict[str, Any]:
    """Describe the API, with the one shape that all its errors have."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="TOT", version="1", summary="Doctor house calls", routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = problems.Problem.model_json_schema()
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        for path in document["paths"].values():
            if "security" in path.get("post", {}):
                _declare_key(path["post"])
        app.openapi_schema = document
    return app.openapi_schema


def _declare_key(operation: dict[str, Any]) -> None:
    """Every POST of somebody known takes an idempotency key, and may be its twin."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key and body get the first answer again, for 24 hours.",
        "schema": {"type": "string", "pattern": KEY_PATTERN},
    }
    operation.setdefault("parameters", []).append(key)
    for status, declared in problems.problems(409).items():
        operation["responses"].setdefault(str(status), declared)
