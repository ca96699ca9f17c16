"""Files of people: told by their content, cleaned apart, kept under random names.

`take` cleans and has to be called outside any transaction; `keep` writes just before
the row that points to the file. A file whose row never came is swept away later.
"""

import asyncio
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from services import file_kinds, file_names
from services.config import get_settings
from services.errors import FileRefused, NotFound, TooLarge, Unavailable

Result = TypeVar("Result")

MOST_PIXELS, MOST_SIDE, MOST_PAGES = 50_000_000, 20_000, 20
SECONDS = 30
LARGEST_RESULT = 64_000_000
LIMITS: Mapping[str, int] = {
    "RLIMIT_AS": 1_500_000_000,
    "RLIMIT_CPU": 20,
    "RLIMIT_FSIZE": LARGEST_RESULT,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}
PROGRAM = Path(__file__).with_name("file_cleaning.py")
_NAME = re.compile("[0-9a-f]{48}", re.ASCII)
# Each job may take a core and hundreds of megabytes, and each that waits for its
# turn holds a whole file. Reading and writing never stands in this line, because a
# transaction is open meanwhile.
AT_ONCE, MOST_IN_LINE = 2, 24
_workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="files")
_line: set[object] = set()


@dataclass(frozen=True)
class Taken:
    """A file that has been checked and cleaned, and where it will lie."""

    media_type: str
    size_bytes: int
    pages: int
    sha256: str
    storage_name: str
    file_name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredFile:
    """A file as it leaves the house."""

    file_name: str
    media_type: str
    pages: int
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Picture:
    """One page to look at."""

    media_type: str
    content: bytes = field(repr=False)


async def take(data: bytes, claimed_name: str) -> Taken:
    """Check and clean a stranger's file; FileRefused or TooLarge unless it is sound."""
    if len(data) > get_settings().max_upload_bytes:
        raise TooLarge
    job: dict[str, Any] = {
        **file_kinds.job_for(data),
        "most_pixels": MOST_PIXELS,
        "most_side": MOST_SIDE,
        "most_pages": MOST_PAGES,
    }
    told, content = await _apart(job, data)
    return Taken(
        media_type=told["media_type"],
        size_bytes=len(content),
        pages=told["pages"],
        sha256=hashlib.sha256(content).hexdigest(),
        storage_name=secrets.token_hex(24),
        file_name=file_names.cleaned(claimed_name, told["media_type"]),
        content=content,
    )


async def preview(stored: StoredFile, page: int) -> Picture:
    """Draw one page of a kept file, outside any transaction."""
    if not 1 <= page <= stored.pages:
        raise NotFound
    if stored.media_type != "application/pdf":
        return Picture(stored.media_type, stored.content)
    told, content = await _apart({"work": "page", "page": page}, stored.content)
    return Picture(told["media_type"], content)


async def _apart(job: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    told, content = await _in_line(lambda: run_apart(job, data))
    if "refused" in told:
        most = {"pixels": MOST_PIXELS // 1_000_000, "pages": MOST_PAGES}
        raise FileRefused(reason=told["refused"], most=most.get(told["refused"], 0))
    return told, content


def run_apart(
    job: Mapping[str, Any],
    data: bytes,
    limits: Mapping[str, int] = LIMITS,
    seconds: float = SECONDS,
) -> tuple[dict[str, Any], bytes]:
    """Run one job in a process without our secrets, memory or time to spare."""
    argument = json.dumps({**job, "limits": dict(limits)})
    # The answer goes to a file, for the system bounds its size and not a pipe's.
    with tempfile.TemporaryFile() as answer:
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                [sys.executable, "-I", str(PROGRAM), argument],
                input=data,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env={},
                timeout=seconds,
                check=False,
            )
        except (subprocess.TimeoutExpired, BrokenPipeError):
            return {"refused": "heavy"}, b""
        if done.returncode != 0:
            return {"refused": "heavy"}, b""
        answer.seek(0)
        told: dict[str, Any] = json.loads(answer.readline())
        return told, answer.read()


async def keep(taken: Taken) -> None:
    """Write a cleaned file for good; its row is to be committed after this."""
    await asyncio.to_thread(_write, path_of(taken.storage_name), taken.content)


async def open_file(storage_name: str | None) -> bytes:
    """Read a kept file; NotFound for one that is gone."""
    if storage_name is None:
        raise NotFound
    try:
        return await asyncio.to_thread(path_of(storage_name).read_bytes)
    except FileNotFoundError:
        raise NotFound from None


async def remove(storage_name: str) -> None:
    """Delete a kept file that no row points to any more."""
    await asyncio.to_thread(path_of(storage_name).unlink, missing_ok=True)


def path_of(storage_name: str) -> Path:
    """Find the place of a name of ours; any other name leads nowhere."""
    if not _NAME.fullmatch(storage_name):
        raise NotFound
    return get_settings().files_dir / storage_name[:2] / storage_name


def _write(path: Path, content: bytes) -> None:
    root = path.parent.parent
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    # Never over another file and never through a link somebody laid there.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    for folder in (path.parent, root):
        _settle(folder)


def _settle(folder: Path) -> None:
    """Bring the folder itself to the disk, or a power cut forgets the new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _in_line(work: Callable[[], Result]) -> Result:
    """Wait for a turn; Unavailable where too many wait already."""
    if len(_line) >= MOST_IN_LINE:
        raise Unavailable
    ticket = object()
    _line.add(ticket)
    try:
        return await asyncio.get_running_loop().run_in_executor(_workers, work)
    finally:
        _line.discard(ticket)
