"""A provider of identities for the demo and for tests: OpenID Connect on the loopback.

Whoever types an e-mail is that person. It speaks the code flow with PKCE and checks
what a real one checks, so that a client that forgets something does not get in.
"""

import base64
import secrets
import time
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CODE_SECONDS = 60
PAGE = """<!doctype html><html lang="ru"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Вход — демо</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem;
color-scheme:light dark}}input,button{{font:inherit;padding:.5rem;width:100%;
box-sizing:border-box;margin:.25rem 0}}</style></head><body><h1>Провайдер входа</h1>
<p>Демо: кто назвал почту, тот и есть. Например: {example}</p>
<form method="post"><input name="email" type="email" value="{example}" required
autofocus><button>Войти</button></form></body></html>"""


@dataclass(frozen=True)
class Grant:
    """What a code stands for, until it is traded in."""

    email: str
    asked: dict[str, str]
    until: float


class OidcProvider:
    """The provider's pages.

    `lies` replace true claims and `told` true addresses; `keys_shown` are published,
    whatever it signs with: a client can so be tested against a bad provider.
    """

    def __init__(self, client_id: str, client_secret: str, example: str) -> None:
        self.client_id, self.client_secret = client_id, client_secret
        self.example = example
        self.key = RSAKey.generate_key(2048, {"kid": "demo"}, private=True)
        self.keys_shown = self.key
        self.told: dict[str, Any] = {}
        self.codes: dict[str, Grant] = {}
        self.lies: dict[str, Any] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/oidc/.well-known/openid-configuration", self.describe),
            Route("/oidc/authorize", self.authorize, methods=["GET", "POST"]),
            Route("/oidc/token", self.token, methods=["POST"]),
            Route("/oidc/keys", self.keys),
        ]

    async def describe(self, request: Request) -> Response:
        issuer = _issuer(request)
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
                **self.told,
            }
        )

    async def keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.keys_shown.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        """Ask who it is, then send the browser back with a code of one use."""
        asked = dict(request.query_params)
        right = (
            asked.get("client_id") == self.client_id
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and {"state", "nonce", "code_challenge", "redirect_uri"} <= set(asked)
        )
        if not right:
            return JSONResponse({"error": "invalid_request"}, 400)
        if request.method == "GET":
            return HTMLResponse(PAGE.format(example=escape(self.example)))
        email = str((await request.form()).get("email", ""))
        code = secrets.token_urlsafe(24)
        self.codes[code] = Grant(email, asked, time.time() + CODE_SECONDS)
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

    async def token(self, request: Request) -> Response:
        """Trade a code for an ID token, once and only with its verifier."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or not self._client_known(request) or not _fits(grant, form):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": _issuer(request),
            "aud": self.client_id,
            "sub": f"user-{grant.email}",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": grant.asked["nonce"],
            "email": grant.email,
            "email_verified": True,
        }
        header = {"alg": "RS256", "kid": "demo"}
        signed = jwt.encode(header, claims | self.lies, self.key)
        return JSONResponse(
            {"access_token": "none", "token_type": "Bearer", "id_token": signed}
        )

    def _client_known(self, request: Request) -> bool:
        pair = f"{self.client_id}:{self.client_secret}".encode()
        wanted = f"Basic {base64.b64encode(pair).decode()}"
        return secrets.compare_digest(request.headers.get("authorization", ""), wanted)


def _fits(grant: Grant, form: dict[str, str]) -> bool:
    return (
        grant.until > time.time()
        and form.get("grant_type") == "authorization_code"
        and form.get("redirect_uri") == grant.asked["redirect_uri"]
        and create_s256_code_challenge(form.get("code_verifier", ""))
        == grant.asked["code_challenge"]
    )


def _issuer(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/oidc"
