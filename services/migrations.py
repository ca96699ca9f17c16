"""Bringing a database to the newest schema, and telling whether it is there."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlmodel.ext.asyncio.session import AsyncSession

ROOT = Path(__file__).resolve().parent.parent


def config(url: str | None = None) -> Config:
    """Alembic's configuration, wherever the process was started from."""
    made = Config(ROOT / "alembic.ini")
    if url:
        made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """Run all migrations that the database lacks."""
    command.upgrade(config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Go back to an earlier revision."""
    command.downgrade(config(url), revision)


@cache
def newest() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(config()).get_current_head()


async def pending(session: AsyncSession) -> bool:
    """Tell whether the database lacks a migration."""
    found = await session.scalar(sa.text("SELECT to_regclass('alembic_version')"))
    if found is None:
        return True
    current = await session.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return bool(current != newest())
