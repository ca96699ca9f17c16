"""The command line: thin commands over services and the running of processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track
from sqlalchemy.exc import OperationalError
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import bot
from backoffice import demo as demo_day
from backoffice.checks import check_catalogs, check_migrations
from backoffice.running import (
    PortTaken,
    demand_free_port,
    ready_database,
    serve,
    work,
)
from services import amounts, invariants, settlements, shop_check, staff, streets
from services.actor import SYSTEM
from services.config import Profile, Settings, get_settings
from services.database import make_engine, make_sessions
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import use_locale
from services.migrations import UnknownSchema
from services.postgres_home import PostgresFailed
from services.shop_check import Verdict

Result = TypeVar("Result")

commands = typer.Typer(
    help="TOT: the back office of a doctor house-call service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FORESEEN = (
    PostgresFailed,
    PortTaken,
    UnknownSchema,
    demo_day.DemoFailed,
    bot.NoBot,
)
out = Console()
err = Console(stderr=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong and leave with a code that scripts can test."""
    err.print(message, style="red", markup=False)
    raise typer.Exit(code)


def settings_or_fail() -> Settings:
    """Read the settings; wrong ones are named one by one."""
    try:
        return get_settings()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        fail("Wrong settings: " + "; ".join(lines), 2)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what can be foreseen into one line of English and an exit code."""
    try:
        yield
    except DomainError as error:
        with use_locale("en"):
            fail(error.message)
    except FORESEEN as error:
        fail(str(error))
    except OperationalError as error:
        fail(f"The database is out of reach: {error.orig}")


def on_database(
    work_on: Callable[[AsyncSession], Awaitable[Result]],
) -> Result:
    """Run a piece of work in one transaction on the settings' database."""
    settings = settings_or_fail()

    async def run(url: str) -> Result:
        engine = make_engine(url, settings, pool_size=1)
        try:
            return await in_transaction(make_sessions(engine), work_on)
        finally:
            await engine.dispose()

    with clear_errors(), ready_database(settings) as url:
        return asyncio.run(run(url))


def lines_of(file: Path) -> list[str]:
    """Read a text line by line; one that is no text ends the command."""
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        fail(f"{file} is not a text in UTF-8.")


def end_in_order() -> None:
    """Turn SIGTERM into an ordinary exit, so that children are stopped too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


@commands.command("serve")
def serve_command(
    port: Annotated[int | None, typer.Option(help="TOT_PORT")] = None,
) -> None:
    """Run the application, with a worker beside it unless WORKER=0."""
    end_in_order()
    if port is not None:
        os.environ["TOT_PORT"] = str(port)
    settings = settings_or_fail()
    worker = os.environ.get("WORKER", "1") != "0"
    code = 0
    try:
        with clear_errors():
            demand_free_port(settings)
            with ready_database(settings):
                out.print(f"Console: {settings.base_url}/admin/", highlight=False)
                code = serve(settings, worker=worker)
    except KeyboardInterrupt:
        out.print("Stopped.")
    raise typer.Exit(code)


@commands.command()
def worker() -> None:
    """Run a worker by itself."""
    settings = settings_or_fail()
    with clear_errors(), ready_database(settings) as url:
        work(settings, url)


@commands.command("bot")
def bot_command() -> None:
    """Run the Telegram bot; where a webhook is set up, tell Telegram where it is."""
    settings = settings_or_fail()
    with clear_errors(), ready_database(settings) as url:
        out.print(bot.run(settings, url))


@commands.command()
def demo(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="TOT_PORT")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=100)] = 10,
    reset: Annotated[bool, typer.Option("--reset", help="Start anew.")] = False,
) -> None:
    """Show a live day with simulated patients and doctors."""
    end_in_order()
    os.environ["TOT_PROFILE"] = Profile.DEMO.value
    if port is not None:
        os.environ["TOT_PORT"] = str(port)
    try:
        with clear_errors():
            demo_day.run(settings_or_fail(), speed=speed, reset=reset)
    except KeyboardInterrupt:
        out.print("Stopped.")


@commands.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    with clear_errors(), ready_database(settings_or_fail()):
        out.print("The database is up to date.")


@commands.command()
def create_admin(
    email: Annotated[str, typer.Option(prompt=True)],
    first_name: Annotated[str, typer.Option(prompt=True)],
    last_name: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, envvar="TOT_ADMIN_PASSWORD")
    ],
) -> None:
    """Make the first administrator."""
    facts: dict[str, Any] = {
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
        "password": password,
    }
    on_database(lambda session: staff.create_admin(session, SYSTEM, **facts))
    out.print(f"Administrator {email} can sign in.", highlight=False)


@commands.command()
def load_streets(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Load streets from a CSV file: name,district,latitude,longitude."""
    lines = lines_of(file)
    shown = track(lines, description="Reading streets", console=err, transient=True)
    count = on_database(lambda session: streets.load_streets(session, SYSTEM, shown))
    out.print(f"{count} streets loaded.")


@commands.command()
def import_settlement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Post what the provider transferred: CSV of type;id;amount;fee;date."""
    lines = lines_of(file)
    done = on_database(lambda session: settlements.take_in(session, SYSTEM, lines))
    with use_locale("en"):
        for day, kopecks in done.by_day.items():
            out.print(f"{day}: {amounts.roubles(kopecks)}", highlight=False)
        held = amounts.roubles(done.held_kopecks)
    told = f"{done.posted} lines posted; the provider still holds {held}."
    out.print(told, highlight=False)
    if done.found:
        fail(f"{done.found} findings wait for finance.")


@commands.command("check-invariants")
def check_invariants_command() -> None:
    """Look for rows that contradict each other; exit code 1 if there are any."""
    found = on_database(invariants.check)
    for violation in found:
        err.print(str(violation), style="red", markup=False)
    if found:
        raise typer.Exit(1)
    out.print("All invariants hold.")


@commands.command("check-shop")
def check_shop_command() -> None:
    """Ask YooKassa who we are to it; exit code 1 unless the settings mean that shop."""
    settings = settings_or_fail()

    async def run(url: str) -> Verdict:
        engine = make_engine(url, settings, pool_size=1)
        try:
            return await shop_check.check(make_sessions(engine))
        finally:
            await engine.dispose()

    with clear_errors(), ready_database(settings) as url:
        verdict = asyncio.run(run(url))
    if verdict is not Verdict.FITS:
        fail(f"The shop: {verdict.value}.")
    out.print("The shop is ours, and it answers.")


@commands.command("check-migrations")
def check_migrations_command() -> None:
    """Fail if the models say something that the migrations do not make."""
    check_migrations()
    out.print("Models and migrations agree.")


@commands.command("check-catalogs")
def check_catalogs_command() -> None:
    """Fail if a sentence has no Russian."""
    missing = check_catalogs()
    for line in missing:
        err.print(line, style="red", markup=False)
    if missing:
        raise typer.Exit(1)
    out.print("Every sentence is translated.")
