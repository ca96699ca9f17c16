"""What most tests of the API need: people with tokens, and what an error looks like."""

import itertools
import uuid
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient, Response

from api.app import install_api
from models import User
from services import refresh_tokens, tokens
from services.config import Settings, get_settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

PASSWORD = "correct horse battery"
_count = itertools.count(1)


def registration(**changes: Any) -> dict[str, Any]:
    """Give a body that registers somebody new."""
    number = next(_count)
    return {
        "email": f"patient{number}@example.com",
        "phone": f"+7926{number:07d}",
        "password": PASSWORD,
        "first_name": "Анна",
        "last_name": "Орлова",
        "consents": [{"kind": "personal_data", "version": "1"}],
    } | changes


async def registered(client: AsyncClient, **changes: Any) -> dict[str, Any]:
    """Register somebody new; give the token answer."""
    answer = await client.post("/v1/auth/register", json=registration(**changes))
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


def bearer(token: dict[str, Any] | str) -> dict[str, str]:
    """Give the header that carries an access token."""
    value = token if isinstance(token, str) else token["access_token"]
    return {"authorization": f"Bearer {value}"}


async def signed_in(sessions: Sessions, user: User) -> dict[str, str]:
    """Sign a person in past the password; give the header."""
    async with transaction(sessions) as session:
        link = await refresh_tokens.begin(session, user.id)
    return bearer(
        tokens.issue(get_settings(), user.id, link.family_id, user.auth_version)
    )


def is_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is the problem that it should be; give its body."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), (
        answer.text
    )
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"]
    assert body["title"]
    assert body["detail"]
    return body


def wrong_fields(answer: Response) -> set[str]:
    """Name the fields that a 422 complains about."""
    return {
        each["field"] for each in is_problem(answer, 422, "validation_error")["errors"]
    }


def key() -> dict[str, str]:
    """Give a fresh idempotency key."""
    return {"idempotency-key": uuid.uuid4().hex}


def api_alone(settings: Settings, database_url: str, **pool: Any) -> FastAPI:
    """Give one more process, so to speak: the API without the console.

    sqladmin keeps its application on the view classes, so a second whole one would
    take them from the first.
    """
    app = FastAPI()
    app.state.settings = settings
    app.state.engine = make_engine(database_url, settings, **pool)
    app.state.sessions = make_sessions(app.state.engine)
    install_api(app, settings)
    return app
