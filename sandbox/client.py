"""A patient HTTP client: it outlives restarts, limits and expired tokens."""

import asyncio
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

LONGEST_PAUSE = 15.0
# Refusals that no waiting mends.
FINAL = frozenset({"too_many_bookings", "idempotency_key_reused"})


@dataclass
class World:
    """What everybody in the simulated day shares."""

    http: httpx.AsyncClient
    speed: float
    chance: random.Random
    told: Counter[str] = field(default_factory=Counter)

    async def pass_minutes(self, least: float, most: float) -> None:
        """Let some simulated minutes pass."""
        minutes = self.chance.uniform(least, most)
        await asyncio.sleep(minutes * 60 / self.speed)

    def likely(self, share: float) -> bool:
        """Throw the dice."""
        return self.chance.random() < share

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send until somebody answers: an outage is waited out, a limit obeyed."""
        pause = 0.5
        while True:
            try:
                answer = await self.http.request(method, path, **options)
            except httpx.TransportError:
                self.told["outages"] += 1
                wait = pause
            else:
                if not _try_again(answer):
                    return answer
                self.told[f"refused {answer.status_code}"] += 1
                wait = max(pause, _asked_pause(answer))
            await asyncio.sleep(
                min(wait, LONGEST_PAUSE) * self.chance.uniform(0.8, 1.4)
            )
            pause = min(pause * 2, LONGEST_PAUSE)


def _try_again(answer: httpx.Response) -> bool:
    if answer.status_code == 429:
        return code_of(answer) not in FINAL
    return answer.status_code in {502, 503, 504} or (
        code_of(answer) == "idempotency_in_progress"
    )


def _asked_pause(answer: httpx.Response) -> float:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return 0.0


def code_of(answer: httpx.Response) -> str | None:
    """The stable code of a refusal."""
    if "problem+json" not in answer.headers.get("content-type", ""):
        return None
    code = answer.json().get("code")
    return code if isinstance(code, str) else None


@dataclass
class Account:
    """Somebody who signs in to the REST API and stays signed in."""

    world: World
    login: str
    password: str
    tokens: dict[str, Any] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        once: bool = False,
        **form: Any,
    ) -> httpx.Response:
        """Call a route as this person; `once` makes a repetition harmless.

        `form` are `data` and `files` of a form in the place of a body.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())} if once else {}
        for _ in range(3):
            if not self.tokens:
                await self.sign_in()
            bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
            answer = await self.world.send(
                method, path, json=body, headers=headers | bearer, **form
            )
            if answer.status_code != 401:
                break
            await self._go_on()
        return answer

    async def sign_in(self) -> None:
        """Sign in with the password."""
        answer = await self.world.send(
            "POST",
            "/v1/auth/login",
            json={"login": self.login, "password": self.password},
        )
        answer.raise_for_status()
        self.tokens = answer.json()

    async def _go_on(self) -> None:
        """Swap the refresh token for a new pair; else sign in anew at the next call."""
        body = {"refresh_token": self.tokens["refresh_token"]}
        answer = await self.world.send("POST", "/v1/auth/refresh", json=body)
        self.tokens = answer.json() if answer.is_success else {}

    async def sign_out(self) -> None:
        """End this sign-in."""
        if self.tokens:
            await self.call("POST", "/v1/auth/logout")
            self.tokens = {}
