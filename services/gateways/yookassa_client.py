"""One call to the provider, over the official SDK's client.

The SDK's own `request` has no timeout, follows redirects, retries, obeys proxies
and `.netrc`, takes its login from a place global to the process, and turns a lost
connection into an AttributeError. Kept of it are its headers, its paths and its
request objects; over the wire goes the caller's own prepared body.
"""

import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import requests
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from yookassa.client import ApiClient
from yookassa.domain.common import UserAgent

from services.config import Settings
from services.gateways import NotConfigured
from services.gateways.yookassa_outcomes import Definite, Outcome, Unknown, judge

CONNECT_SECONDS = 5.0
# The provider itself gives up after 30 seconds and then answers 500.
READ_SECONDS = 35.0
LARGEST_ANSWER = 4_000_000
CHUNK = 65_536
NEVER_CONNECTED = (
    NewConnectionError,
    ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)


@dataclass(frozen=True)
class Shop:
    """One login at the provider; two of them live side by side in a process."""

    api_url: str
    shop_id: str
    secret_key: str = field(repr=False)


def shop_of(settings: Settings) -> Shop:
    """Give the shop of the settings; raises NotConfigured without one."""
    shop_id, secret_key = settings.yookassa_shop_id, settings.yookassa_secret_key
    if not (shop_id and secret_key):
        raise NotConfigured
    return Shop(settings.yookassa_api_url, shop_id, secret_key)


class Client(ApiClient):  # type: ignore[misc]
    """The SDK's client with a login, a patience and a connection of its own."""

    def __init__(self, shop: Shop, seconds: float) -> None:
        # Not super().__init__(): it reads the configuration of the whole process.
        self.endpoint = shop.api_url
        self.shop_id = shop.shop_id
        self.shop_password = shop.secret_key
        self.auth_token = None
        self.user_agent = _user_agent()
        self.seconds = seconds

    def request(
        self,
        method: str = "",
        path: str = "",
        query_params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Outcome:
        """Send exactly these bytes, once; blocks for the seconds given at most."""
        deadline = time.monotonic() + self.seconds
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    method,
                    self.endpoint + path,
                    params=query_params,
                    data=body,
                    headers=self.prepare_request_headers(headers),
                    timeout=self._patience(),
                    allow_redirects=False,
                    stream=True,
                )
                return _read(answer, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            return _unanswered(error)

    def _patience(self) -> Any:
        """The library takes urllib3's own limits, though its types do not say so."""
        return urllib3.Timeout(
            connect=CONNECT_SECONDS, read=READ_SECONDS, total=self.seconds
        )


@lru_cache
def _user_agent() -> UserAgent:
    """Learn once what this machine is; the SDK would look it up on every call."""
    return UserAgent()


def _read(answer: requests.Response, deadline: float) -> Outcome:
    """Take the body as it comes, so that neither size nor slowness has no end."""
    body = b""
    while part := answer.raw.read1(CHUNK, decode_content=False):
        body += part
        if len(body) > LARGEST_ANSWER:
            return Unknown("answer too large")
        if time.monotonic() > deadline:
            return Unknown("timeout")
    return judge(answer.status_code, body)


def _unanswered(error: Exception) -> Definite | Unknown:
    """Tell a connection that was never made from one that was lost."""
    causes = list(_causes(error))
    if any(isinstance(each, NEVER_CONNECTED) for each in causes):
        return Definite("not_sent", description=type(causes[-1]).__name__)
    slow = any(isinstance(each, requests.Timeout | TimeoutError) for each in causes)
    return Unknown("timeout" if slow else "connection lost")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it carries as its first argument or its reason."""
    inner: object = error
    while isinstance(inner, BaseException):
        yield inner
        inner = getattr(inner, "reason", None) or (inner.args or [None])[0]
