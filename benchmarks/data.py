"""The databases of the benchmarks, loaded once and kept for the next run."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from rich.progress import Progress
from sqlalchemy.engine import make_url

from sandbox import loading
from sandbox.cast import FIRST_DOCTOR, FIRST_PATIENT, Passwords, populate
from sandbox.history import Past
from sandbox.rhythm import moments
from services import bulk_loader, clock, migrations, passwords
from services.config import get_settings
from services.database import make_engine, make_sessions
from services.edges import transaction

PASSWORD = "a password of the benchmarks"
DISPATCHER = "dispatcher@demo.example"
YEARS = 2


@dataclass(frozen=True)
class Size:
    """How much a database holds."""

    name: str
    bookings: int
    waiting: int
    doctors: int
    patients: int

    @property
    def database(self) -> str:
        """Its name; another size is another database."""
        return f"bench_{self.name}_{self.bookings}_{self.doctors}"


def sizes(rows: int) -> dict[str, Size]:
    """The three databases: many calls, few calls, many doctors."""
    return {
        "big": Size("big", rows, 300, 200, max(1000, rows // 10)),
        "small": Size("small", 10_000, 300, 200, 3000),
        "doctors": Size("doctors", 20_000, 300, 10_000, 3000),
    }


def ready(server: str, size: Size, told: Progress) -> str:
    """Give the URL of a database of this size, made if it is not there yet."""
    return once(server, size.database, lambda url: asyncio.run(_load(url, size, told)))


def once(server: str, name: str, load: Callable[[str], None]) -> str:
    """Give the URL of a database, migrated, and loaded if it is not there yet."""
    url = make_url(server).set(database=name)
    text = url.render_as_string(hide_password=False)
    plain = make_url(server).set(drivername="postgresql", database="postgres")
    admin_url = plain.render_as_string(hide_password=False)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        found = admin.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if found:
            migrations.upgrade(text)
            return text
        half = f"{name}_half"
        admin.execute(f"DROP DATABASE IF EXISTS {half}")
        admin.execute(f"CREATE DATABASE {half}")
        made = url.set(database=half).render_as_string(hide_password=False)
        migrations.upgrade(made)
        load(made)
        # Only a load that came to its end bears the name.
        admin.execute(f"ALTER DATABASE {half} RENAME TO {name}")
    return text


def copied(server: str, size: Size, why: str = "copy") -> str:
    """Make a throw-away copy: a bench that writes finds the same data each time."""
    name = f"{size.database}_{why}"
    plain = make_url(server).set(drivername="postgresql", database="postgres")
    admin_url = plain.render_as_string(hide_password=False)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {size.database}")
    url = make_url(server).set(database=name)
    return url.render_as_string(hide_password=False)


async def _load(url: str, size: Size, told: Progress) -> None:
    engine, chance = make_engine(url, get_settings()), random.Random(size.bookings)
    bar = told.add_task(
        f"{size.bookings:,} calls, {size.doctors:,} doctors", total=size.bookings
    )
    shared = await passwords.hash(PASSWORD)
    try:
        city = populate(
            chance, Passwords(shared, shared, shared), size.doctors, size.patients
        )
        async with transaction(make_sessions(engine)) as session:
            await loading.load_people(session, city)
            now = await clock.now(session)
            drawn = moments(chance, now, YEARS * 365, size.bookings - size.waiting)
            # The open calls came in during the last hour.
            drawn += sorted(
                int(now.timestamp() - chance.uniform(1, 3600))
                for _ in range(size.waiting)
            )
            first = await bulk_loader.take_numbers(session, len(drawn))
            await loading.load_past(
                session,
                Past(city.cast(), chance, first),
                drawn,
                size.waiting,
                progress=lambda done: told.advance(bar, done),
            )
    finally:
        await engine.dispose()


def patient_login(place: int) -> str:
    """The login of the so-manieth patient (not the first, who has another)."""
    return f"person{FIRST_PATIENT + 1 + place}@demo.example"


def doctor_login(place: int) -> str:
    """The login of the so-manieth doctor after the first."""
    return f"person{FIRST_DOCTOR + place}@demo.example"
