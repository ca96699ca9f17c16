"""`python -m benchmarks [name …]`: measure, print one table, append to RESULTS.md."""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks import (
    candidates,
    chat,
    console,
    create,
    data,
    export,
    live,
    money,
    statement,
)
from benchmarks.servers import application, floor
from benchmarks.table import Line, keep, show
from services.config import get_settings
from services.embedded_postgres import EmbeddedPostgres

NAMES = (
    "loader",
    "create",
    "lists",
    "board",
    "live",
    "candidates",
    "money",
    "statement",
    "export",
    "chat",
    "memory",
)
MEMORY_MB = 250.0
LOAD_SECONDS = 120.0


class Bench:
    """One run: the databases, the servers, and the lines of the table."""

    def __init__(self, folder: Path, rows: int, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.sizes = data.sizes(rows)
        self.server = stack.enter_context(EmbeddedPostgres(folder / "postgres")).url()
        self.lines: list[Line] = []
        self.out = Console()

    def database(self, name: str, progress: Progress) -> str:
        """Make a database sure, timing the load of the big one."""
        begun = time.monotonic()
        url = data.ready(self.server, self.sizes[name], progress)
        taken = time.monotonic() - begun
        if name == "big" and taken > 1:
            self.lines.append(
                Line(
                    f"loader: {self.sizes[name].bookings:,} calls with their history",
                    f"{taken:.0f} s",
                    f"≤ {LOAD_SECONDS:.0f} s",
                    taken <= LOAD_SECONDS,
                )
            )
        return url

    def run(self, names: Sequence[str]) -> None:
        """Measure what is asked for."""
        with Progress() as progress:
            urls = {
                name: self.database(name, progress)
                for name in self.sizes
                if _needs(name, names)
            }
        if "candidates" in names:
            self._tell(asyncio.run(candidates.measure(urls["doctors"])))
        if "money" in names:
            copy = data.copied(self.server, self.sizes["small"])
            self._tell(asyncio.run(money.measure(copy)))
        if "statement" in names:
            url = data.once(self.server, statement.NAME, statement.load)
            self._tell(asyncio.run(statement.measure(url)))
        if "export" in names:
            self._export()
        if "chat" in names:
            self._chat()
        if "big" in urls:
            self._on_servers(urls, names)

    def _export(self) -> None:
        copy = data.copied(self.server, self.sizes["small"], "export")
        export.load(copy)
        with application(copy, self.folder) as app:
            self._tell(asyncio.run(export.measure(app)))

    def _chat(self) -> None:
        copy = data.copied(self.server, self.sizes["small"], "chat")
        with (
            application(copy, self.folder) as app,
            floor(copy, self.folder, "benchmarks.chat_floor") as bare,
        ):
            self._tell(asyncio.run(chat.measure(app, bare, copy)))

    def _on_servers(self, urls: dict[str, str], names: Sequence[str]) -> None:
        enter = self.stack.enter_context
        # Copied first: a database that somebody is connected to has no copies.
        copy = data.copied(self.server, self.sizes["small"])
        big = enter(application(urls["big"], self.folder))
        small = enter(application(urls["small"], self.folder))
        written = enter(application(copy, self.folder))
        if "lists" in names:
            self._tell(asyncio.run(console.lists(big, small)))
        if "board" in names:
            self._tell(asyncio.run(console.board(big)))
        if "live" in names:
            self._tell(asyncio.run(live.measure(big, secrets.randbelow(50))))
        if "create" in names:
            plain = enter(floor(copy, self.folder))
            self._tell(asyncio.run(create.measure(written, plain)))
        if "memory" in names:
            self._memory(max(each.memory() for each in (big, small, written)))

    def _tell(self, lines: list[Line]) -> None:
        """Keep figures for the table, and say them at once."""
        self.lines += lines
        for line in lines:
            self.out.print(f"{line.what}: {line.figure}", highlight=False)

    def _memory(self, taken: float) -> None:
        self.lines.append(
            Line(
                "memory of one app process after the bench",
                f"{taken:.0f} MB",
                f"≤ {MEMORY_MB:.0f} MB",
                taken <= MEMORY_MB,
            )
        )


def _needs(database: str, names: Sequence[str]) -> bool:
    if database == "doctors":
        return "candidates" in names
    if database == "small" and {"money", "export", "chat"} & set(names):
        return True
    served = {"create", "lists", "board", "live", "memory", "loader"}
    return bool(served & set(names))


def main() -> int:
    """Read the command line and run; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; default all")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the big one")
    parser.add_argument("--fresh", action="store_true", help="load the data anew")
    parser.add_argument("--dry", action="store_true", help="leave RESULTS.md alone")
    options = parser.parse_args()
    names = options.names or list(NAMES)
    unknown = set(names) - set(NAMES)
    if unknown:
        parser.error(f"there is no benchmark called {', '.join(sorted(unknown))}")
    folder = get_settings().data_dir.resolve() / "bench"
    if options.fresh or "loader" in options.names:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TOT_LOG_LEVEL"] = "WARNING"
    with ExitStack() as stack:
        bench = Bench(folder, options.rows, stack)
        bench.run(names)
    show(bench.lines)
    if not options.dry:
        keep(bench.lines, f"{options.rows:,} calls")
    return 0 if all(line.good for line in bench.lines) else 1


if __name__ == "__main__":
    sys.exit(main())
