"""Health, outages and foreign origins."""

import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient

from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import (
    api_alone,
    is_problem,
)


async def test_health_says_what_is_down(
    client: AsyncClient, sessions: Sessions
) -> None:
    live = await client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "2")
    assert ready.json() == {"status": "down", "down": ["worker"]}
    async with transaction(sessions) as session:
        await session.execute(
            sa.text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        )
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "down": []})


async def test_without_a_database_everything_is_503_soon(settings: Settings) -> None:
    app = api_alone(settings, "postgresql+psycopg://nobody@/x?host=/nowhere")
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://testserver") as client:
        ready = await client.get("/health/ready")
        assert ready.json() == {"status": "down", "down": ["database"]}
        assert (await client.get("/health/live")).status_code == 200
        login = {"login": "a@example.com", "password": "x"}
        answer = await client.post("/v1/auth/login", json=login)
        is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "2"


async def test_only_listed_origins_may_read_answers(
    settings: Settings, database_url: str
) -> None:
    ours = "https://app.example.com"
    for origins, allowed in (([], None), ([ours], ours)):
        app = api_alone(
            settings.model_copy(update={"cors_origins": origins}), database_url
        )
        transport = ASGITransport(app)
        async with AsyncClient(
            transport=transport, base_url="http://testserver"
        ) as client:
            for origin in (ours, "https://evil.example"):
                answer = await client.get("/health/live", headers={"origin": origin})
                expected = allowed if origin == ours else None
                assert answer.headers.get("access-control-allow-origin") == expected
