"""One migrated PostgreSQL for the whole run, one database for each worker."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.app import create_app
from services import migrations
from services.config import Profile, Settings, use_settings
from services.database import Sessions, make_engine, make_sessions
from services.embedded_postgres import EmbeddedPostgres
from tests.paying import paid_through
from tests.telegram_server import served_telegram, telegram  # noqa: F401
from tests.yookassa_server import YooKassa, yookassa

ROOT = Path(__file__).parent
TEMPLATE = "tot_template"
SERVER = "TOT_TEST_SERVER"


def _plain(url: str, database: str) -> str:
    made = make_url(url).set(drivername="postgresql", database=database)
    return made.render_as_string(hide_password=False)


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process starts the server and migrates the template once."""
    if SERVER in os.environ:
        return
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to stop"))
    folder = Path(tempfile.mkdtemp(prefix="tot-test-"))
    folder.chmod(0o711)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    # Clusters of tests that run as root stay out of the machine's own folders.
    os.environ["TOT_SHELTER"] = str(folder / "shelter")
    url = os.environ.get("DATABASE_URL")
    if not url:
        server = EmbeddedPostgres(folder / "server", durable=False)
        url = server.start()
        config.add_cleanup(server.stop)
    with psycopg.connect(_plain(url, "postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
        admin.execute(f"CREATE DATABASE {TEMPLATE}")
    template = make_url(url).set(database=TEMPLATE)
    migrations.upgrade(template.render_as_string(hide_password=False))
    os.environ[SERVER] = url
    config.add_cleanup(lambda: os.environ.pop(SERVER, None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lives in tests/browser opens a browser."""
    for item in items:
        if "browser" in item.path.relative_to(ROOT).parts[:-1]:
            item.add_marker("browser")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Browser tests need Chromium; the check of a new machine insists on them."""
    if item.get_closest_marker("browser") and shutil.which("chromium") is None:
        reason = "Chromium is missing (Debian: apt-get install chromium)"
        if os.environ.get("TOT_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A migrated database for this worker alone."""
    server = os.environ[SERVER]
    name = "tot_test_" + os.environ.get("PYTEST_XDIST_WORKER", "main")
    with psycopg.connect(_plain(server, "postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of tests: a cheap password hash, a folder of their own."""
    made = Settings(
        profile=Profile.TEST,
        database_url=database_url,
        data_dir=tmp_path_factory.mktemp("data"),
        secret_key="a secret of tests that is long enough",
        argon2_memory_kib=8,
        argon2_time=1,
        allowed_hosts=["127.0.0.1", "localhost", "testserver"],
        address_limit_factor=1000,
    )
    use_settings(made)
    return made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(database_url: str, settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The pool that tests share."""
    made = make_engine(database_url, settings)
    yield made
    await made.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session whose work is undone after the test, commits included."""
    async with engine.connect() as connection:
        outer = await connection.begin()
        async with AsyncSession(
            bind=connection,
            join_transaction_mode="create_savepoint",
            expire_on_commit=False,
        ) as made:
            yield made
        await outer.rollback()


async def settle(session: AsyncSession) -> None:
    """Do what a commit would do: flush, and fire the deferred constraints."""
    await session.flush()
    await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    await session.execute(text("SET CONSTRAINTS ALL DEFERRED"))


@pytest.fixture(scope="session")
def served_provider() -> Iterator[YooKassa]:
    """The local YooKassa, served for the whole run."""
    with yookassa(strict_qr=True) as handle:
        yield handle


@pytest.fixture
def provider(served_provider: YooKassa, settings: Settings) -> Iterator[YooKassa]:
    """A local YooKassa that knows nothing yet, and settings that lead to it."""
    served_provider.reset()
    served_provider.clear_faults()
    served_provider.webhook("")
    with paid_through(served_provider, settings):
        yield served_provider


# What the migrations put into the tables, which an emptied database has too.
FIRST_ROWS = {
    "ledger_account": "owner_id IS NULL",
    "tariff": "doctor_id IS NULL AND clinic_id IS NULL AND valid_from < '2021-01-01'",
    "refund_policy": "version = 1",
}


async def empty(engine: AsyncEngine) -> None:
    """Empty every table; replica mode keeps the append-only triggers asleep."""
    async with engine.begin() as connection:
        tables = await connection.scalar(
            text(
                "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ')"
                " FROM pg_tables WHERE schemaname IN ('public', 'jobs')"
                " AND tablename <> 'alembic_version'"
            )
        )
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table, first in FIRST_ROWS.items():
            await connection.execute(
                text(
                    f"CREATE TEMP TABLE first_{table} ON COMMIT DROP AS"
                    f" SELECT * FROM {table} WHERE {first}"
                )
            )
        await connection.execute(text(f"TRUNCATE {tables} CASCADE"))
        for table in FIRST_ROWS:
            await connection.execute(
                text(f"INSERT INTO {table} SELECT * FROM first_{table}")
            )


@pytest_asyncio.fixture(loop_scope="session")
async def sessions(engine: AsyncEngine) -> AsyncIterator[Sessions]:
    """Real sessions with real commits; the tables are emptied afterwards."""
    yield make_sessions(engine)
    try:
        await empty(engine)
    except OperationalError:
        # The last read of a server that has just stopped may still hold a table.
        await empty(engine)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(settings: Settings, database_url: str) -> AsyncIterator[FastAPI]:
    """The whole application on the database of this worker.

    One for all tests: sqladmin keeps an application on its view classes, so a
    second one would take the views away from the first.
    """
    made = create_app(settings, database_url)
    yield made
    await made.state.engine.dispose()
