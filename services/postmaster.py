"""What the files of a running PostgreSQL tell about it."""

import os
from pathlib import Path


def socket_folder(data: Path) -> Path | None:
    """Find the socket folder of the server that runs on a data folder, if any."""
    forget_the_dead(data)
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        return Path(lines[4]) if lines[4] else None
    except (OSError, ValueError, IndexError):
        return None


def forget_the_dead(data: Path) -> None:
    """Remove the pid file of a server that is surely gone.

    A killed server that nobody buried still has its pid, and after a restart of the
    machine that pid may be anybody's; PostgreSQL would take both for living rivals.
    """
    note = data / "postmaster.pid"
    try:
        process = Path("/proc") / str(int(note.read_text().split()[0]))
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError, IndexError):
        return
    ours = "-D" in words and Path(words[words.index("-D") + 1]) == data
    if state in {"Z", "X"} or not ours:
        note.unlink(missing_ok=True)
