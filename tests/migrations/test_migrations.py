"""The migrations make what the models say, and can be gone back on."""

import os

import psycopg
import pytest
from alembic import command
from sqlalchemy.engine import make_url
from sqlmodel.ext.asyncio.session import AsyncSession

from services import migrations
from tests.conftest import SERVER


@pytest.fixture
def empty_url() -> str:
    server = make_url(os.environ[SERVER])
    name = "tot_migrations_" + os.environ.get("PYTEST_XDIST_WORKER", "main")
    admin_url = server.set(drivername="postgresql", database="postgres")
    with psycopg.connect(
        admin_url.render_as_string(hide_password=False), autocommit=True
    ) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
        yield server.set(database=name).render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_up_down_up_and_the_models_agree(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    migrations.downgrade(empty_url, "base")
    migrations.upgrade(empty_url)
    command.check(migrations.config(empty_url))


def test_each_step_is_told_and_a_schema_from_the_future_is_refused(
    empty_url: str,
) -> None:
    steps: list[None] = []
    expected = migrations.missing(empty_url)
    migrations.upgrade(empty_url, lambda: steps.append(None))
    assert len(steps) == expected > 0
    assert migrations.missing(empty_url) == 0
    plain = make_url(empty_url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False)) as session:
        session.execute("UPDATE alembic_version SET version_num = '9999'")
        session.commit()
    with pytest.raises(migrations.UnknownSchema, match="9999"):
        migrations.missing(empty_url)


async def test_a_missing_migration_is_noticed(session: AsyncSession) -> None:
    assert not await migrations.pending(session)
    connection = await session.connection()
    await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert await migrations.pending(session)
    await connection.exec_driver_sql("DROP TABLE alembic_version")
    assert await migrations.pending(session)
