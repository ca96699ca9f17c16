"""Every way to forge an access token, each refused."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from services import tokens
from services.config import Profile, Settings
from services.errors import Unauthenticated

USER, FAMILY = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    return Settings(
        profile=Profile.TEST,
        data_dir=tmp_path,
        secret_key="the present key, at least 32 bytes long",
        secret_key_previous="the key before, also 32 bytes or more",
    )


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return result


def key_of(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"tot access token", "sha256")


def signed(header: Any, claims: Any, key: bytes, digest: Any = hashlib.sha256) -> str:
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.new(key, text.encode(), digest).digest())}"


class Forge:
    """A genuine token taken apart, with the key that a real thief lacks."""

    def __init__(self, settings: Settings) -> None:
        self.genuine = tokens.issue(settings, USER, FAMILY, 3)
        header, claims, self.signature = self.genuine.split(".")
        self.header, self.claims = decoded(header), decoded(claims)
        self.key = key_of(settings.secret_key)

    def __call__(
        self, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None
    ) -> str:
        return signed(
            self.header | (header or {}), self.claims | (claims or {}), self.key
        )

    def without(self, name: str) -> str:
        rest = {key: value for key, value in self.claims.items() if key != name}
        return signed(self.header, rest, self.key)

    def unsigned(self, algorithm: str) -> str:
        header = self.header | {"alg": algorithm}
        return f"{encoded(header)}.{encoded(self.claims)}."


def test_a_genuine_token_says_who(settings: Settings) -> None:
    forge = Forge(settings)
    claims = tokens.verify(settings, forge.genuine)
    assert (claims.user_id, claims.family_id, claims.version) == (USER, FAMILY, 3)
    assert tokens.verify(settings, forge()) == claims


NOW = int(time.time())
FORGERIES: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda f: f.unsigned("none"),
    "alg None": lambda f: f.unsigned("None"),
    "alg nOnE": lambda f: f.unsigned("nOnE"),
    "alg absent": lambda f: signed({"typ": "at+jwt"}, f.claims, f.key),
    "alg HS512": lambda f: signed(
        f.header | {"alg": "HS512"}, f.claims, f.key, hashlib.sha512
    ),
    "alg RS256 over HS256": lambda f: f({"alg": "RS256"}),
    "typ JWT": lambda f: f({"typ": "JWT"}),
    "typ absent": lambda f: signed(
        {"alg": "HS256", "kid": f.header["kid"]}, f.claims, f.key
    ),
    "kid unknown": lambda f: f({"kid": "0" * 12}),
    "kid path": lambda f: f({"kid": "../../dev/null"}),
    "kid SQL": lambda f: f({"kid": "x' UNION SELECT 'k"}),
    "kid number": lambda f: f({"kid": 1}),
    "kid absent": lambda f: signed({"alg": "HS256", "typ": "at+jwt"}, f.claims, f.key),
    "jwk header with own key": lambda f: signed(
        f.header | {"jwk": {"kty": "oct", "k": encoded(b"k" * 32)}}, f.claims, b"k" * 32
    ),
    "jku header": lambda f: signed(
        f.header | {"jku": "https://evil.example/keys"}, f.claims, b"k" * 32
    ),
    "x5u header": lambda f: signed(
        f.header | {"x5u": "https://evil.example/c"}, f.claims, b"k" * 32
    ),
    "crit unknown": lambda f: f({"crit": ["exp"]}),
    "signature empty": lambda f: f.genuine.rsplit(".", 1)[0] + ".",
    "signature absent": lambda f: f.genuine.rsplit(".", 1)[0],
    "signature of another": lambda f: signed(f.header, f.claims, b"x" * 32),
    "signature cut": lambda f: f.genuine[:-4],
    "claims changed": lambda f: (
        f"{encoded(f.header)}.{encoded(f.claims | {'sub': str(uuid.uuid4())})}"
        f".{f.signature}"
    ),
    "secret itself as the key": lambda f: signed(
        f.header, f.claims, b"the present key, at least 32 bytes long"
    ),
    "exp absent": lambda f: f.without("exp"),
    "exp past": lambda f: f(claims={"exp": NOW - 3600}),
    "exp text": lambda f: f(claims={"exp": str(NOW + 600)}),
    "exp true": lambda f: f(claims={"exp": True}),
    "exp float": lambda f: f(claims={"exp": NOW + 600.5}),
    "exp infinite": lambda f: f(claims={"exp": float("inf")}),
    "exp nan": lambda f: f(claims={"exp": float("nan")}),
    "exp null": lambda f: f(claims={"exp": None}),
    "nbf absent": lambda f: f.without("nbf"),
    "nbf future": lambda f: f(claims={"nbf": NOW + 3600}),
    "iss wrong": lambda f: f(claims={"iss": "someone"}),
    "iss absent": lambda f: f.without("iss"),
    "aud wrong": lambda f: f(claims={"aud": "tot-console"}),
    "aud list": lambda f: f(claims={"aud": ["tot-api", "x"]}),
    "aud absent": lambda f: f.without("aud"),
    "sub absent": lambda f: f.without("sub"),
    "sub no id": lambda f: f(claims={"sub": "1"}),
    "sub list": lambda f: f(claims={"sub": [str(USER)]}),
    "sid absent": lambda f: f.without("sid"),
    "ver text": lambda f: f(claims={"ver": "3"}),
    "ver absent": lambda f: f.without("ver"),
    "claims a list": lambda f: signed(f.header, [1, 2], f.key),
    "claims no JSON": lambda f: signed(f.header, b"x", f.key),
    "header no JSON": lambda f: "x." + f.genuine.split(".", 1)[1],
    "header deep": lambda f: encoded(b"[" * 500) + "." + f.genuine.split(".", 1)[1],
    "2.6 MB": lambda f: f(claims={"pad": "x" * 2_000_000}),
    "empty": lambda f: "",
    "five parts": lambda f: "a.b.c.d.e",
    "not ASCII": lambda f: f.genuine + "é",
    "refresh token": lambda f: "q" * 43,
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_tokens_are_refused(settings: Settings, name: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(settings, FORGERIES[name](Forge(settings)))


def test_duplicate_keys_cannot_smuggle_a_claim(settings: Settings) -> None:
    forge = Forge(settings)
    claims = json.dumps(forge.claims)[:-1] + ', "iss": "someone"}'
    with pytest.raises(Unauthenticated):
        tokens.verify(settings, signed(forge.header, claims.encode(), forge.key))


def test_another_environments_key_is_no_key(settings: Settings) -> None:
    other = settings.model_copy(
        update={"secret_key": "another environment's key, 32 bytes"}
    )
    with pytest.raises(Unauthenticated):
        tokens.verify(settings, tokens.issue(other, USER, FAMILY, 1))


def test_keys_rotate_by_their_name(settings: Settings) -> None:
    old = tokens.issue(settings, USER, FAMILY, 1)
    rotated = settings.model_copy(
        update={
            "secret_key": "the next key, which is long enough too",
            "secret_key_previous": settings.secret_key,
        }
    )
    assert tokens.verify(rotated, old).user_id == USER
    forgotten = rotated.model_copy(update={"secret_key_previous": ""})
    with pytest.raises(Unauthenticated):
        tokens.verify(forgotten, old)


@pytest.mark.parametrize(("after", "valid"), [(599, True), (659, True), (662, False)])
def test_a_token_lives_ten_minutes_and_a_minute_of_grace(
    settings: Settings, after: int, valid: bool
) -> None:
    with time_machine.travel(NOW, tick=False):
        token = tokens.issue(settings, USER, FAMILY, 1)
        tokens.verify(settings, token)
    with time_machine.travel(NOW + after, tick=False):
        if valid:
            tokens.verify(settings, token)
        else:
            with pytest.raises(Unauthenticated):
                tokens.verify(settings, token)
