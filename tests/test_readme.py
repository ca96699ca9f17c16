"""The README names what an operator can set and call."""

import subprocess
from pathlib import Path

import pytest

from services.config import Settings

ROOT = Path(__file__).resolve().parents[1]
TARGETS = (
    "help",
    "setup",
    "demo",
    "serve",
    "worker",
    "test",
    "prove",
    "lint",
    "bench",
    "migrate",
    "lock",
)


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_every_setting_is_in_the_configuration_table(readme: str) -> None:
    text = (ROOT / readme).read_text()
    names = {f"TOT_{name.upper()}" for name in Settings.model_fields}
    names = names - {"TOT_DATABASE_URL"} | {"DATABASE_URL"}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_both_readmes_show_the_same_two_commands() -> None:
    for name in ("README.md", "README.ru.md"):
        assert "make demo\nmake test\n" in (ROOT / name).read_text()


def test_every_make_target_explains_itself() -> None:
    told = subprocess.run(
        ["make", "help"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    for target in TARGETS:
        assert f"make {target} " in told
