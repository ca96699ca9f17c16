"""Sign-in of staff by way of an OpenID Connect provider.

The provider only says who it is. Whether that person may come in, and as what, is
decided here: an allow-list of e-mails, our accounts and our roles.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from services import roles, sealing, staff_sessions
from services.config import Settings
from services.errors import DomainError, Unavailable
from services.gateways import Undelivered, oidc
from services.staff_sessions import FRESH, Candidate

CALLBACK = "/admin/login/provider/back"
SECONDS_TO_RETURN = 600
SCOPE = "openid email"
LONGEST_SUBJECT = 150


class ProviderRefused(DomainError):
    """The provider, the allow-list or our accounts do not let this person in."""

    code, status = "provider_refused", 401
    text = "Signing in through the provider did not work."


class ProviderSilent(Unavailable):
    """The provider does not answer, or not as the standard says."""

    code = "provider_unavailable"
    text = "The provider does not answer. Sign in with your password, or try later."


@dataclass(frozen=True)
class Attempt:
    """One way to the provider and back; the browser carries it, sealed."""

    state: str
    nonce: str
    verifier: str
    onward: str

    def sealed(self) -> str:
        """What the browser keeps until it comes back."""
        return sealing.seal(json.dumps(asdict(self)))


@dataclass(frozen=True)
class Identity:
    """Whom the provider vouches for; `fresh`: who proved themselves there just now."""

    subject: str
    email: str
    fresh: bool


async def begin(settings: Settings, onward: str) -> tuple[Attempt, str]:
    """Give the attempt and the provider's address to send the browser to."""
    provider = await _discovered(settings)
    attempt = Attempt(
        state=generate_token(43),
        nonce=generate_token(43),
        verifier=generate_token(64),
        onward=onward,
    )
    asked = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": _redirect(settings),
        "scope": SCOPE,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": create_s256_code_challenge(attempt.verifier),
        "code_challenge_method": "S256",
        # Asks the provider to say when the person last proved who they are.
        "max_age": str(int(FRESH.total_seconds())),
    }
    return attempt, add_params_to_uri(provider.authorization_endpoint, [*asked.items()])


def opened(sealed: str | None, state: str) -> Attempt:
    """Find the attempt that a browser comes back from; ProviderRefused if it is none.

    Another browser's answer, an old one and one we never asked for all end here.
    """
    try:
        attempt = Attempt(**json.loads(sealing.unseal(sealed or "", SECONDS_TO_RETURN)))
    except (sealing.BrokenSeal, ValueError, TypeError) as error:
        raise ProviderRefused from error
    if not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise ProviderRefused
    return attempt


async def identity(settings: Settings, attempt: Attempt, code: str) -> Identity:
    """Ask the provider who came, and demand an e-mail that is proven and allowed."""
    provider = await _discovered(settings)
    answer = oidc.Answer(code, attempt.verifier, attempt.nonce, _redirect(settings))
    try:
        claims = await oidc.claims(settings, provider, answer)
    except Undelivered as error:
        raise ProviderRefused from error
    return _allowed(settings, claims)


def _allowed(settings: Settings, claims: Mapping[str, Any]) -> Identity:
    email = str(claims.get("email", ""))
    # Letters of other alphabets may become ASCII ones when they are made small.
    email = email.lower() if email.isascii() else ""
    proven = claims.get("email_verified") is True
    subject = claims["sub"]
    # The standard's longest subject is 255 characters; ours has the issuer before it.
    named = (
        isinstance(subject, str)
        and 0 < len(subject) <= LONGEST_SUBJECT
        and subject.isprintable()
    )
    if not (proven and named and email in settings.oidc_allowed_emails):
        raise ProviderRefused
    return Identity(f"{settings.oidc_issuer} {subject}", email, _fresh(claims))


def _fresh(claims: Mapping[str, Any]) -> bool:
    """Whether the provider says that the person proved themselves just now."""
    proved, told = claims.get("auth_time"), claims["iat"]
    return isinstance(proved, int) and 0 <= told - proved <= FRESH.total_seconds()


async def candidate(session: AsyncSession, who: Identity) -> Candidate | None:
    """Find our member of staff; the first time pins the provider's name for them.

    An e-mail that the provider gave to somebody else later does not open the account.
    """
    found = await staff_sessions.candidate(session, who.email)
    if found is None:
        return None
    user = await roles.lock_user(session, found.user.id)
    if user.oidc_subject is None:
        taken = sa.exists().where(col(User.oidc_subject) == who.subject)
        if await session.scalar(sa.select(taken)):
            return None
        user.oidc_subject = who.subject
    return found if user.oidc_subject == who.subject else None


async def _discovered(settings: Settings) -> oidc.Provider:
    try:
        return await oidc.discover(settings)
    except Undelivered as error:
        raise ProviderSilent from error


def _redirect(settings: Settings) -> str:
    return f"{settings.base_url}{CALLBACK}"
