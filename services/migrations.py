"""Bringing a database to the newest schema, and telling whether it is there."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlmodel.ext.asyncio.session import AsyncSession

ROOT = Path(__file__).resolve().parent.parent


def config(url: str | None = None) -> Config:
    """Alembic's configuration, wherever the process was started from."""
    made = Config(ROOT / "alembic.ini")
    if url:
        made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


class UnknownSchema(RuntimeError):
    """The database was migrated by newer code than this."""


def missing(url: str) -> int:
    """Count the migrations that the database lacks.

    Raises UnknownSchema when it has one that this code does not.
    """
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    revisions = ScriptDirectory.from_config(config())
    try:
        return len(list(revisions.iterate_revisions("head", current or "base")))
    except (CommandError, RevisionError) as error:
        raise UnknownSchema(
            f"The database has the schema {current}, which this code does not know."
        ) from error


def upgrade(url: str, step: Callable[[], object] = lambda: None) -> None:
    """Run all migrations that the database lacks; `step` is called after each."""
    told = config(url)
    told.attributes["step"] = step
    command.upgrade(told, "head")


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
