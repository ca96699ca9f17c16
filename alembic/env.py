"""How alembic reaches the database: one migration at a time, never waiting long."""

from typing import Any

import sqlalchemy as sa
from alembic import context

from models import metadata
from services.config import get_settings

MIGRATION_LOCK = 7_240_001


def include_object(
    item: Any, name: str, kind: str, reflected: bool, other: Any
) -> bool:
    """Leave the job queue's tables to their own library."""
    return getattr(item, "schema", None) != "jobs"


def url() -> str:
    """The database given by the caller, else by the settings."""
    given = context.config.get_main_option("sqlalchemy.url") or context.get_x_argument(
        as_dictionary=True
    ).get("url")
    chosen = given or get_settings().database_url
    if not chosen:
        raise SystemExit("Set DATABASE_URL, or use: python -m backoffice migrate")
    return chosen


def tell_step(**_: Any) -> None:
    """Let whoever runs the migrations show how far they are."""
    context.config.attributes.get("step", lambda: None)()


def run() -> None:
    """Upgrade under an advisory lock, so that two deployments take turns."""
    engine = sa.create_engine(url(), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        # A rival deployment is waited for; a busy table is not, or all its users
        # would stand in line behind us.
        connection.execute(
            sa.text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK}
        )
        connection.execute(sa.text("SET lock_timeout = '5s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_object=include_object,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
            on_version_apply=tell_step,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
