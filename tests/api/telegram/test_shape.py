"""The bot's library stays where it belongs, and is loaded only where a bot runs."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ALLOWED = ("api/telegram/", "backoffice/bot.py")


def test_the_application_loads_without_the_library_of_the_bot() -> None:
    program = (
        "import sys, api.app, backoffice.app, backoffice.cli, services.worker\n"
        "sys.exit(any(n.split('.')[0] in {'aiogram', 'aiohttp'} for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_only_the_bot_knows_its_library() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("api", "backoffice", "services", "models", "sandbox")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(from|import) aiogram", path.read_text(), re.M)
    }
    assert found
    assert [each for each in found if not each.startswith(ALLOWED)] == []
