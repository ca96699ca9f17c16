"""The one table: printed, and appended to RESULTS.md with its day and commit."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Line:
    """One figure with what it should be."""

    what: str
    figure: str
    target: str
    good: bool

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        return "yes" if self.good else "NO"


def show(lines: list[Line]) -> None:
    """Print the table."""
    table = Table("what", "measured", "target", "met", title="Benchmarks")
    for line in lines:
        style = "green" if line.good else "red"
        table.add_row(line.what, line.figure, line.target, f"[{style}]{line.verdict}")
    Console(width=130).print(table)


def keep(lines: list[Line], note: str) -> None:
    """Append the table to RESULTS.md."""
    if not RESULTS.exists():
        RESULTS.write_text("# Results of `make bench`, newest last\n")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    busy = f"load {os.getloadavg()[1]:.1f}"
    machine = f"{os.cpu_count()} cores, {busy}, Python {platform.python_version()}"
    rows = [
        f"| {line.what} | {line.figure} | {line.target} | {line.verdict} |"
        for line in lines
    ]
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    text = "\n".join(
        [
            f"\n## {day} UTC · {commit or 'no commit'} · {machine} · {note}\n",
            "| what | measured | target | met |",
            "|---|---|---|---|",
            *rows,
        ]
    )
    with RESULTS.open("a") as target:
        target.write(text + "\n")
