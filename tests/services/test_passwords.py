"""Passwords: what is refused, and what a check costs."""

import asyncio
import threading
import time

import pytest

from services import passwords
from services.config import get_settings
from services.errors import ValidationFailed

WELL_KNOWN = [
    "password",
    "password1",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyuiop",
    "qwerty123",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "starwars",
    "whatever",
    "michelle",
    "jennifer",
    "computer",
    "internet",
    "corvette",
    "mercedes",
    "samantha",
    "elizabeth",
    "11111111",
    "00000000",
    "88888888",
    "12341234",
    "87654321",
    "abcd1234",
    "1q2w3e4r",
    "1qaz2wsx",
    "asdfghjkl",
    "zxcvbnm123",
    "letmein1",
    "passw0rd",
    "PASSWORD",
    "Password1",
    "jordan23",
    "liverpool",
    "victoria",
    "benjamin",
    "danielle",
    "chocolate",
    "butterfly",
    "christian",
    "alexander",
    "maverick",
    "cocacola",
    "steelers",
]


@pytest.mark.parametrize("word", WELL_KNOWN)
def test_what_anybody_would_try_first_is_refused(word: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        passwords.demand_strong(word)
    assert refused.value.facts["errors"][0]["field"] == "password"


def test_the_list_is_long_and_holds_no_dead_weight() -> None:
    assert len(passwords.common()) > 3000
    assert min(map(len, passwords.common())) == passwords.SHORTEST


@pytest.mark.parametrize(
    "word", ["short12", "aaaaaaaa", "abababab", "lmnopqrstu", "x1y2" * 33]
)
def test_short_dull_and_endless_ones_are_refused(word: str) -> None:
    with pytest.raises(ValidationFailed):
        passwords.demand_strong(word)


def test_staff_need_more() -> None:
    passwords.demand_strong("elevenchars", 11)
    with pytest.raises(ValidationFailed):
        passwords.demand_strong("elevenchars", 12)


def test_ones_own_name_is_no_password() -> None:
    passwords.demand_strong("orlova-anna", unlike=("anna@example.com", None))
    with pytest.raises(ValidationFailed):
        passwords.demand_strong("Anna@Example.com", unlike=(None, "anna@example.com"))


async def test_the_hash_is_argon2id_as_configured() -> None:
    kept = await passwords.hash("correct horse battery")
    settings = get_settings()
    assert kept.startswith(f"$argon2id$v=19$m={settings.argon2_memory_kib},t=")
    assert await passwords.verify("correct horse battery", kept)
    assert not await passwords.verify("correct horse batterz", kept)
    assert not await passwords.verify("correct horse battery", None)
    assert not await passwords.verify("correct horse battery", "no hash at all")
    assert not await passwords.verify("x" * 2000, kept)


async def test_never_more_than_two_hash_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def slow(password: str, password_hash: str | None) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return True

    monkeypatch.setattr(passwords, "_verify", slow)
    await asyncio.gather(*(passwords.verify("x", None) for _ in range(12)))
    assert most == 2
