"""Access tokens: signed by one of our two keys and checked in one place."""

import hashlib
import hmac
import secrets
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from services.config import Settings
from services.errors import Unauthenticated

ALGORITHMS = ["HS256"]
TYPE, ISSUER, AUDIENCE = "at+jwt", "tot", "tot-api"
LEEWAY = 60
LONGEST = 2048


@dataclass(frozen=True)
class Claims:
    """What a valid token says: the person, the sign-in, the version of both."""

    user_id: uuid.UUID
    family_id: uuid.UUID
    version: int
    valid_from: int
    expires_at: int


@lru_cache
def _key(secret: str) -> tuple[str, OctKey]:
    """Derive the signing key and its name, so that no other use shares the key."""
    derived = hmac.digest(secret.encode(), b"tot access token", "sha256")
    return hashlib.sha256(derived).hexdigest()[:12], OctKey.import_key(derived)


def issue(
    settings: Settings, user_id: uuid.UUID, family_id: uuid.UUID, version: int
) -> str:
    """Sign a token for one person and one sign-in, valid for ten minutes."""
    kid, key = _key(settings.secret_key)
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "sid": str(family_id),
        "ver": version,
        "jti": secrets.token_hex(8),
        "iat": now,
        "nbf": now,
        "exp": now + settings.access_token_seconds,
    }
    header = {"alg": ALGORITHMS[0], "typ": TYPE, "kid": kid}
    return jwt.encode(header, claims, key, algorithms=ALGORITHMS)


def verify(settings: Settings, token: str) -> Claims:
    """Check everything about a token; Unauthenticated if anything is amiss."""
    claims = _verified(settings.secret_key, settings.secret_key_previous, token)
    now = time.time()
    if claims is None:
        raise Unauthenticated
    if not claims.valid_from - LEEWAY <= now <= claims.expires_at + LEEWAY:
        raise Unauthenticated
    return claims


@lru_cache(maxsize=2048)
def _verified(secret: str, previous: str, token: str) -> Claims | None:
    """Check what never changes about a token; a signature is dear to check twice."""
    if len(token) > LONGEST or not token.isascii():
        return None
    keys = dict(_key(each) for each in (secret, previous) if each)
    try:
        decoded = jwt.decode(
            token, lambda given: _own_key(given, keys), algorithms=ALGORITHMS
        )
        return _claims(decoded.header, decoded.claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _own_key(given: Any, keys: dict[str, OctKey]) -> OctKey:
    kid = given.headers().get("kid")
    if not isinstance(kid, str) or kid not in keys:
        raise ValueError("a key that is not ours")
    return keys[kid]


def _claims(header: dict[str, Any], claims: dict[str, Any]) -> Claims:
    fixed = (header.get("typ"), claims["iss"], claims["aud"])
    moments = (claims["exp"], claims["nbf"], claims["iat"], claims["ver"])
    if fixed != (TYPE, ISSUER, AUDIENCE) or any(
        type(each) is not int for each in moments
    ):
        raise ValueError("not a token for us")
    return Claims(
        uuid.UUID(str(claims["sub"])),
        uuid.UUID(str(claims["sid"])),
        claims["ver"],
        claims["nbf"],
        claims["exp"],
    )
