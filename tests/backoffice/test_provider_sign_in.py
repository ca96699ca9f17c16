"""Sign-in by way of a provider of identities, spoken to over real HTTP."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlmodel import col
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from backoffice.app import create_app
from models import AuditEvent, Role, StaffSession, User
from sandbox.oidc_provider import OidcProvider
from services.config import Profile, Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import anonymous, signed_in
from tests.backoffice.test_second_factor import enrol
from tests.browser.stage import served

MAIL = "anna@example.org"
START, BACK = "/admin/login/provider", "/admin/login/provider/back"


@pytest_asyncio.fixture(loop_scope="session")
async def provider() -> AsyncIterator[tuple[OidcProvider, str]]:
    made = OidcProvider("tot", "shared secret", MAIL)
    async with served(Starlette(routes=made.routes())) as address:
        yield made, f"{address}/oidc"


@pytest_asyncio.fixture(loop_scope="session")
async def ours(
    provider: tuple[OidcProvider, str], settings: Settings, database_url: str
) -> AsyncIterator[FastAPI]:
    told = {
        "base_url": "http://testserver",
        "oidc_issuer": provider[1],
        "oidc_name": "Учётка клиники",
        "oidc_client_id": "tot",
        "oidc_client_secret": "shared secret",
        "oidc_allowed_emails": [MAIL, "kate@example.org"],
    }
    changed = settings.model_copy(update=told)
    use_settings(changed)
    app = create_app(changed, database_url)
    yield app
    use_settings(settings)
    await app.state.engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def anna(sessions: Sessions) -> User:
    async with transaction(sessions) as session:
        return await factories.person(session, Role.CURATOR, email=MAIL)


async def at_provider(client: AsyncClient, email: str = MAIL, onward: str = "") -> str:
    """Go to the provider, be somebody there, and give the address that leads back."""
    sent = await client.get(START, params={"next": onward})
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(sent.headers["location"])).status_code == 200
        back = await browser.post(sent.headers["location"], data={"email": email})
    assert back.status_code == 303
    address = back.headers["location"]
    assert address.startswith(f"http://testserver{BACK}")
    return str(address)


async def come(client: AsyncClient, **facts: Any) -> Response:
    return await client.get(await at_provider(client, **facts))


async def refused(client: AsyncClient, answer: Response) -> None:
    assert answer.status_code == 401
    assert "Войти через провайдера не удалось" in answer.text
    assert "tot_staff" not in client.cookies


async def test_whom_the_provider_vouches_for_comes_in_with_our_role(
    ours: FastAPI, anna: User, sessions: Sessions
) -> None:
    async with anonymous(ours) as client:
        assert "Войти через Учётка клиники" in (await client.get("/admin/login")).text
        answer = await come(client, onward="/admin/applications")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/admin/applications"
        assert (await client.get("/admin/applications")).status_code == 200
        assert (await client.get("/admin/users/list")).status_code == 403
    async with transaction(sessions) as session:
        kept = (await session.get_one(User, anna.id)).oidc_subject
        query = sa.select(col(AuditEvent.action))
        assert "staff.signed_in" in (await session.scalars(query)).all()
    assert kept is not None
    assert kept.endswith(f"user-{MAIL}")


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://other.example"},
        {"aud": "another client"},
        {"aud": ["tot", "another"], "azp": "another"},
        {"nonce": "of another question"},
        {"nonce": None},
        {"exp": 1_600_000_000},
        {"iat": 4_000_000_000, "nbf": 4_000_000_000},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "admin@example.org"},
        {"email": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 151},
        {"sub": "x\x00y"},
        {"email": "\u212aate@example.org"},
    ],
    ids=str,
)
@pytest.mark.usefixtures("anna")
async def test_a_provider_that_lies_lets_nobody_in(
    ours: FastAPI,
    sessions: Sessions,
    provider: tuple[OidcProvider, str],
    lie: dict[str, Any],
) -> None:
    provider[0].lies = lie
    async with anonymous(ours) as client:
        await refused(client, await come(client))
    async with transaction(sessions) as session:
        actions = (await session.scalars(sa.select(col(AuditEvent.action)))).all()
    assert "staff.sign_in_refused" in actions


@pytest.mark.usefixtures("anna")
async def test_a_token_signed_by_anybody_else_lets_nobody_in(
    ours: FastAPI, provider: tuple[OidcProvider, str]
) -> None:
    published = provider[0].key
    async with anonymous(ours) as client:
        address = await at_provider(client)
        provider[0].key = OidcProvider("", "", "").key
        provider[0].keys_shown = published
        await refused(client, await client.get(address))


async def test_a_name_given_to_somebody_else_later_does_not_open_the_account(
    ours: FastAPI, anna: User, provider: tuple[OidcProvider, str]
) -> None:
    async with anonymous(ours) as client:
        assert (await come(client)).status_code == 303
    provider[0].lies = {"sub": "a newcomer"}
    async with anonymous(ours) as client:
        await refused(client, await come(client))


async def test_one_name_at_the_provider_is_one_person_here(
    ours: FastAPI, anna: User, sessions: Sessions, provider: tuple[OidcProvider, str]
) -> None:
    async with transaction(sessions) as session:
        subject = f"{provider[1]} user-{MAIL}"
        await factories.person(session, Role.FINANCE, oidc_subject=subject)
    async with anonymous(ours) as client:
        await refused(client, await come(client))


@pytest.mark.parametrize("case", ["patient", "blocked", "unknown"])
async def test_only_our_staff_comes_in(
    ours: FastAPI, sessions: Sessions, case: str
) -> None:
    async with transaction(sessions) as session:
        role = Role.PATIENT if case == "patient" else Role.CURATOR
        user = await factories.person(session, role)
        user.email = None if case == "unknown" else MAIL
        if case == "blocked":
            user.blocked_at = user.created_at
    async with anonymous(ours) as client:
        await refused(client, await come(client))


@pytest.mark.usefixtures("anna")
async def test_an_answer_belongs_to_the_browser_that_asked_and_is_used_once(
    ours: FastAPI,
) -> None:
    async with anonymous(ours) as asking, anonymous(ours) as other:
        address = await at_provider(asking)
        await refused(other, await other.get(address))
        await at_provider(other)
        await refused(other, await other.get(address))
        forged = address.replace("state=", "state=x")
        await refused(asking, await asking.get(forged))
    async with anonymous(ours) as client:
        address = await at_provider(client)
        kept = client.cookies["tot_provider"]
        assert (await client.get(address)).status_code == 303
        assert "tot_provider" not in client.cookies
        client.cookies.clear()
        client.cookies.set("tot_provider", kept, domain="testserver.local", path=START)
        await refused(client, await client.get(address))


@pytest.mark.usefixtures("anna")
async def test_a_refusal_at_the_provider_and_a_broken_note_are_told_calmly(
    ours: FastAPI,
) -> None:
    async with anonymous(ours) as client:
        address = await at_provider(client)
        state = parse_qs(urlsplit(address).query)["state"][0]
        told = {"error": "access_denied", "state": state}
        await refused(client, await client.get(BACK, params=told))
        client.cookies.set("tot_provider", "x", domain="testserver.local", path=START)
        await refused(client, await client.get(address))


async def test_a_silent_provider_is_told_and_passwords_still_work(
    ours: FastAPI, settings: Settings
) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{found.getsockname()[1]}/oidc"
    ours.state.settings = ours.state.settings.model_copy(update={"oidc_issuer": nobody})
    async with anonymous(ours) as client:
        answer = await client.get(START)
        assert answer.status_code == 503
        assert "Провайдер не отвечает" in answer.text
        assert 'name="password"' in answer.text


async def test_a_provider_of_another_name_is_not_asked(
    ours: FastAPI, provider: tuple[OidcProvider, str]
) -> None:
    other = provider[1].replace("127.0.0.1", "localhost")
    ours.state.settings = ours.state.settings.model_copy(update={"oidc_issuer": other})
    async with anonymous(ours) as client:
        assert (await client.get(START)).status_code == 303
    for key, value in {"issuer": "http://x", "jwks_uri": None}.items():
        provider[0].told = {key: value}
        async with anonymous(ours) as client:
            assert (await client.get(START)).status_code == 503


async def test_the_second_factor_is_asked_all_the_same(
    ours: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(ours, sessions, Role.CURATOR, email=MAIL)
    await enrol(browser, sessions)
    async with anonymous(ours) as client:
        await come(client)
        page = await client.get("/admin/applications")
        assert page.headers["location"].startswith("/admin/me/second-factor")


async def test_whom_the_provider_knows_needs_no_password_of_ours(
    ours: FastAPI, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        facts = {"email": MAIL, "must_change_password": True}
        await factories.person(session, Role.ADMIN, **facts)
    async with anonymous(ours) as client:
        await come(client)
        assert (await client.get("/admin/users/list")).status_code == 200


async def test_without_a_provider_there_is_no_such_way(app: FastAPI) -> None:
    async with anonymous(app) as client:
        for path in (START, BACK):
            assert (await client.get(path)).status_code == 404
        assert "provider" not in (await client.get("/admin/login")).text


async def test_tries_from_one_address_are_limited(
    ours: FastAPI, settings: Settings, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        await session.execute(sa.text("DELETE FROM rate_limit"))
    use_settings(settings.model_copy(update={"address_limit_factor": 1}))
    async with anonymous(ours) as client:
        codes = [(await client.get(BACK)).status_code for _ in range(31)]
    assert codes == [401] * 30 + [429]


def test_a_provider_is_set_up_whole_and_over_https_in_production() -> None:
    with pytest.raises(ValueError, match="TOT_OIDC_CLIENT_ID"):
        Settings(oidc_issuer="https://id.example")
    whole = {"oidc_client_id": "tot", "oidc_allowed_emails": [" Anna@Example.org "]}
    made = Settings(oidc_issuer="https://id.example", **whole)
    assert made.oidc_allowed_emails == [MAIL]
    with pytest.raises(ValueError, match="https in production"):
        Settings(
            profile=Profile.PRODUCTION,
            secret_key="x" * 40,
            oidc_issuer="http://id.example",
            **whole,
        )


@pytest.mark.parametrize(
    ("said", "fresh"),
    [({}, True), ({"auth_time": 1_600_000_000}, False), ({"auth_time": None}, False)],
)
async def test_an_old_sign_in_at_the_provider_is_no_fresh_proof(
    ours: FastAPI,
    sessions: Sessions,
    provider: tuple[OidcProvider, str],
    said: dict[str, Any],
    fresh: bool,
) -> None:
    provider[0].lies = said
    async with transaction(sessions) as session:
        await factories.person(session, Role.ADMIN, email=MAIL)
    async with anonymous(ours) as client:
        await come(client)
        assert (await client.get("/admin/users/list")).status_code == 200
        async with transaction(sessions) as session:
            proved = sa.select(col(StaffSession.reauthenticated_at))
            assert (await session.scalar(proved) is not None) is fresh


async def test_a_provider_that_drips_does_not_keep_anybody_waiting(
    ours: FastAPI,
) -> None:
    async def drip(_: Request) -> StreamingResponse:
        async def slowly() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" "
                await asyncio.sleep(0.5)

        return StreamingResponse(slowly())

    route = Route("/oidc/.well-known/openid-configuration", drip)
    async with served(Starlette(routes=[route])) as address:
        told = {"oidc_issuer": f"{address}/oidc"}
        ours.state.settings = ours.state.settings.model_copy(update=told)
        begun = time.monotonic()
        async with anonymous(ours) as client:
            assert (await client.get(START)).status_code == 503
    assert time.monotonic() - begun < 8
