"""Speaking to a provider of identities: OpenID Connect Core 1.0, the code flow."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.config import Settings
from services.gateways import Undelivered

SECONDS = 5.0
DISCOVERY = "/.well-known/openid-configuration"
# Never "none" and no shared secret: only what the provider's public keys can check.
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
LEEWAY_SECONDS = 60
PAIRS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Provider:
    """Where the provider says that its parts are."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


async def discover(settings: Settings) -> Provider:
    """Read the provider's own description; Undelivered when it makes no sense."""
    issuer = settings.oidc_issuer.rstrip("/")
    told = await _json("GET", issuer + DISCOVERY)
    if str(told.get("issuer", "")).rstrip("/") != issuer:
        raise Undelivered("OpenID provider: it calls itself otherwise")
    found = {name: told.get(name) for name in PAIRS}
    secure = issuer.startswith("https://")
    for address in found.values():
        scheme = "https://" if secure else ("http://", "https://")
        if not isinstance(address, str) or not address.startswith(scheme):
            raise Undelivered("OpenID provider: an address is missing or not secure")
    return Provider(**{name: str(each) for name, each in found.items()})


@dataclass(frozen=True)
class Answer:
    """What a browser brought back, with what we kept of the question."""

    code: str
    verifier: str
    nonce: str
    redirect: str


async def claims(
    settings: Settings, provider: Provider, answer: Answer
) -> Mapping[str, Any]:
    """Trade the code for an ID token and give what it says, checked.

    Raises Undelivered when the provider refuses or anything about the token is
    wrong: signature, algorithm, issuer, audience, times or nonce.
    """
    traded = await _json(
        "POST",
        provider.token_endpoint,
        data={
            "grant_type": "authorization_code",
            "code": answer.code,
            "redirect_uri": answer.redirect,
            "code_verifier": answer.verifier,
        },
        auth=(settings.oidc_client_id, settings.oidc_client_secret),
    )
    keys = await _json("GET", provider.jwks_uri)
    try:
        return _checked(settings, traded, keys, answer.nonce)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Undelivered(f"OpenID provider: {type(error).__name__}") from error


def _checked(
    settings: Settings, traded: Mapping[str, Any], keys: Mapping[str, Any], nonce: str
) -> Mapping[str, Any]:
    known = KeySet.import_key_set(keys)  # type: ignore[arg-type]
    token = jwt.decode(str(traded.get("id_token")), known, algorithms=ALGORITHMS)
    wanted = {
        "iss": {"essential": True, "value": settings.oidc_issuer},
        "aud": {"essential": True, "value": settings.oidc_client_id},
        "nonce": {"essential": True, "value": nonce},
    }
    asked = {"client_id": settings.oidc_client_id, "nonce": nonce}
    # The provider's times are those of the world, not of a demo's clock.
    CodeIDToken(token.claims, token.header, wanted, asked).validate(
        leeway=LEEWAY_SECONDS
    )
    return dict(token.claims)


async def _json(method: str, address: str, **options: Any) -> Mapping[str, Any]:
    """Ask for a JSON object; a redirect is no answer."""
    try:
        # httpx limits each read; a provider that drips is limited here.
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client,
        ):
            answer = await client.request(method, address, **options)
        body = answer.json() if answer.is_success else None
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Undelivered(f"OpenID provider: {type(error).__name__}") from error
    if not isinstance(body, dict):
        raise Undelivered(f"OpenID provider: HTTP {answer.status_code}")
    return body
