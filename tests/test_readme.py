"""The README names what an operator can set and call."""

from pathlib import Path

from services.config import Settings

ROOT = Path(__file__).resolve().parents[1]


def test_every_setting_is_in_the_configuration_table() -> None:
    text = (ROOT / "README.md").read_text()
    names = {f"TOT_{name.upper()}" for name in Settings.model_fields}
    names = names - {"TOT_DATABASE_URL"} | {"DATABASE_URL"}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_both_readmes_show_the_same_two_commands() -> None:
    for name in ("README.md", "README.ru.md"):
        assert "make demo\nmake test\n" in (ROOT / name).read_text()
