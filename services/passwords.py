"""Passwords: hashed with argon2id beside the event loop, never two many at once."""

import asyncio
import importlib.util
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

from pwdlib.hashers.argon2 import Argon2Hasher

from services.config import get_settings
from services.errors import ValidationFailed
from services.i18n import gettext

SHORTEST, LONGEST = 8, 128
SHORTEST_OF_STAFF = 12
# Each hash takes 19 MiB and a core; more at once would starve the requests. Threads
# of their own, because the memory stays with every thread that ever hashed.
AT_ONCE = 2
_workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")


@cache
def _hasher(memory_kib: int, time_cost: int, parallelism: int) -> Argon2Hasher:
    return Argon2Hasher(
        time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism
    )


def _configured() -> Argon2Hasher:
    settings = get_settings()
    return _hasher(
        settings.argon2_memory_kib, settings.argon2_time, settings.argon2_parallelism
    )


@cache
def _dummy(hasher: Argon2Hasher) -> str:
    """A hash that costs as much to check as a real one and fits no password."""
    return hasher.hash("no password is like this\n")


def _spelled(password: str) -> str:
    """Give one of the spellings that Unicode has for the same letters."""
    return unicodedata.normalize("NFC", password)


async def hash(password: str) -> str:
    """Hash a password in a worker thread."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_workers, _configured().hash, _spelled(password))


async def verify(password: str, password_hash: str | None) -> bool:
    """Check a password; an absent hash takes as long as a wrong password."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_workers, _verify, password, password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    hasher = _configured()
    known = password_hash or _dummy(hasher)
    fits = len(password) <= LONGEST and hasher.verify(_spelled(password), known)
    return fits and password_hash is not None


def demand_strong(
    password: str,
    shortest: int = SHORTEST,
    *,
    unlike: tuple[str | None, ...] = (),
    field: str = "password",
) -> None:
    """Refuse a password that is short, long, common, or the login itself."""
    lowered = password.lower()
    if not shortest <= len(password) <= LONGEST:
        text = gettext(
            "The password needs {shortest} to {longest} characters.",
            shortest=shortest,
            longest=LONGEST,
        )
    elif lowered in common() or _is_pattern(lowered):
        text = gettext("This password is among the first that anybody would try.")
    elif any(lowered == str(each).lower() for each in unlike if each):
        text = gettext(
            "The password must not be your e-mail, phone number, name or present password."
        )
    else:
        return
    raise ValidationFailed(errors=[{"field": field, "message": text}])


def _is_pattern(word: str) -> bool:
    """Tell a word made of one short piece, of two letters, or of steps of one."""
    steps = {ord(after) - ord(before) for before, after in pairwise(word)}
    repeats = (word + word).find(word, 1) < len(word)
    return repeats or len(set(word)) < 3 or steps in ({1}, {-1})


@cache
def common() -> frozenset[str]:
    """The words and passwords that leaks hold most often, if they are long enough.

    The lists ship with zxcvbn (MIT). Only its data file is run, because the
    package itself would keep dictionaries of names and films in memory for ever.
    """
    package = importlib.util.find_spec("zxcvbn")
    if package is None or package.origin is None:  # pragma: no cover - installed
        raise ImportError("zxcvbn")
    place = Path(package.origin).with_name("frequency_lists.py")
    spec = importlib.util.spec_from_file_location("tot_frequency_lists", place)
    if spec is None or spec.loader is None:  # pragma: no cover - a plain file
        raise ImportError("zxcvbn.frequency_lists")
    lists = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lists)
    # A word stands in one list only, where it is most frequent: all are needed.
    words = chain.from_iterable(lists.FREQUENCY_LISTS.values())
    return frozenset(word.lower() for word in words if len(word) >= SHORTEST)
