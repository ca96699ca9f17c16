"""`python -m sandbox.seed`: a city with sixty days behind it, and one login a role.

Only a database of the demo profile is ever filled or emptied.
"""

import argparse
import asyncio
import json
import random
import secrets
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.progress import Progress

from models.booking_words import CallType
from models.role_grant import STAFF_ROLES, Role
from sandbox import (
    applications,
    clinics,
    consent_texts,
    loading,
    money_stories,
    past_money,
    past_notices,
    past_talk,
    phones,
)
from sandbox.cast import STAFF, City, Passwords, populate
from sandbox.history import Past
from sandbox.rhythm import moments
from sandbox.walk import HOURS, Walk, scripts
from services import bulk_loader, invariants, migrations, passwords
from services import settings as options
from services.actor import Actor, Via
from services.clock import now as present
from services.config import Profile, Settings, get_settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

SEED, DAYS, CALLS_A_DAY = 2026, 60, 300
DOCTORS, PATIENTS, WALKED = 200, 3000, 200
LOGINS, CROWD = "demo-logins.json", "demo-crowd.json"
YOOKASSA_STATE = "yookassa.sqlite"
KNOWN = "SELECT EXISTS (SELECT FROM app_user WHERE email = 'dispatcher@demo.example')"
EMPTY = "SELECT NOT EXISTS (SELECT FROM app_user)"


class SeedFailed(RuntimeError):
    """The demo data cannot be made; the text says why."""


@dataclass(frozen=True)
class Secrets:
    """One password for each role that signs in, told in the files of the demo."""

    staff: str
    doctors: str
    patients: str

    @classmethod
    def drawn(cls) -> "Secrets":
        """Draw new ones."""
        return cls(*(f"demo-{secrets.token_urlsafe(8)}" for _ in range(3)))

    async def hashed(self) -> Passwords:
        """Hash each once; all people of a kind share the hash."""
        return Passwords(
            await passwords.hash(self.staff),
            await passwords.hash(self.doctors),
            await passwords.hash(self.patients),
        )


async def seed(settings: Settings, *, reset: bool = False) -> None:
    """Fill the demo's database once; with `reset`, empty it before."""
    if settings.profile not in {Profile.DEMO, Profile.TEST}:
        raise SeedFailed("Demo data is made in the demo profile only (TOT_PROFILE).")
    if not settings.database_url:
        raise SeedFailed("DATABASE_URL is not set.")
    engine = make_engine(settings.database_url, settings)
    try:
        if reset:
            await _demand_own(make_sessions(engine))
            await asyncio.to_thread(_empty, settings)
            await engine.dispose()
        if not await _filled(make_sessions(engine), settings):
            await _fill(make_sessions(engine), settings)
    finally:
        await engine.dispose()


async def _demand_own(sessions: Sessions) -> None:
    """Refuse to empty a database that holds anything but a demo."""
    async with transaction(sessions) as session:
        known = await session.scalar(sa.text(KNOWN))
        empty = await session.scalar(sa.text(EMPTY))
    if not known and not empty:
        raise SeedFailed("DATABASE_URL holds other data than the demo's; not emptied.")


def _empty(settings: Settings) -> None:
    assert settings.database_url  # noqa: S101 - checked by the caller
    for name in (LOGINS, CROWD):
        (settings.data_dir / name).unlink(missing_ok=True)
    migrations.downgrade(settings.database_url, "base")
    migrations.upgrade(settings.database_url)


async def _filled(sessions: Sessions, settings: Settings) -> bool:
    """Tell whether the data is there; half-made or foreign data is an error."""
    async with transaction(sessions) as session:
        known = await session.scalar(sa.text(KNOWN))
        empty = await session.scalar(sa.text(EMPTY))
    if known and (settings.data_dir / LOGINS).exists():
        return True
    if empty:
        return False
    raise SeedFailed(
        "The database holds other data, or a demo that was not finished."
        " Start anew with RESET=1 (this empties the database)."
    )


async def _fill(sessions: Sessions, settings: Settings) -> None:
    chance, words = random.Random(SEED), Secrets.drawn()
    with Progress() as bars:
        people = bars.add_task("People and streets", total=1)
        city = populate(chance, await words.hashed(), DOCTORS, PATIENTS)
        phones.choose(city)
        consent_texts.agree(city)
        async with transaction(sessions) as session:
            now = await present(session)
            await loading.load_people(session, city)
            await consent_texts.publish(session, city.staff["admin"])
            await phones.prepare(session, city)
        bars.advance(people)
        await _applications(sessions, city, chance, bars)
        await _past(sessions, city, chance, now, bars)
        await _walk(sessions, city, chance, now, bars)
        await _money(sessions, city, settings, bars)
        await _check(sessions, bars)
    _write(settings.data_dir, city, words)


async def _applications(
    sessions: Sessions, city: City, chance: random.Random, bars: Progress
) -> None:
    bar = bars.add_task("Applications of doctors", total=1)
    scanned = await applications.scans()
    async with transaction(sessions) as session:
        await applications.apply(session, chance, city.staff, scanned)
    bars.advance(bar)


async def _past(
    sessions: Sessions, city: City, chance: random.Random, now: datetime, bars: Progress
) -> None:
    count = DAYS * CALLS_A_DAY
    bar = bars.add_task(f"{DAYS} days of calls", total=count)
    until = now - timedelta(hours=HOURS + 4)
    async with transaction(sessions) as session:
        first = await bulk_loader.take_numbers(session, count)
        await loading.load_past(
            session,
            Past(city.cast(), chance, first),
            moments(chance, until, DAYS, count),
            progress=lambda done: bars.advance(bar, done),
        )
        await past_talk.load(session, city.staff["dispatcher"])


async def _walk(
    sessions: Sessions, city: City, chance: random.Random, now: datetime, bars: Progress
) -> None:
    walk = Walk(sessions, city, chance, now.timestamp())
    for script in bars.track(
        scripts(chance, now, WALKED), description="The last hours, step by step"
    ):
        await walk.run(script)
    async with transaction(sessions) as session:
        await clinics.hand_over(session, walk.dispatcher, city.clinics[0])
        await past_notices.arrive(session)
        await phones.link(session, city)


async def _money(
    sessions: Sessions, city: City, settings: Settings, bars: Progress
) -> None:
    bar = bars.add_task("What visits earned, and who paid", total=1)
    admin = Actor(city.staff["admin"], Role.ADMIN, Via.CONSOLE)
    state = settings.data_dir / YOOKASSA_STATE
    async with transaction(sessions) as session:
        ahead = options.prepay_key(CallType.CONSULTATION)
        await options.put(session, admin, ahead, 1)
        # They are whole days, and the last of them ended some hours ago.
        await past_money.load(session, DAYS + 2)
    await money_stories.tell(sessions, city)
    async with transaction(sessions) as session:
        await past_money.tell_provider(session, state, settings.profile.value)
    bars.advance(bar)


async def _check(sessions: Sessions, bars: Progress) -> None:
    bar = bars.add_task("Checking that all of it is sound", total=1)
    async with transaction(sessions) as session:
        found = await invariants.check(session)
    bars.advance(bar)
    if found:
        raise SeedFailed("\n".join(map(str, found)))


def _write(folder: Path, city: City, words: Secrets) -> None:
    """Tell one login for each role, and beside it those of the simulated crowd."""
    by_role = _by_role(words)
    staff = {name for name, role, *_ in STAFF if role in STAFF_ROLES} | {"clinic"}
    desks = ("dispatcher", "curator", "finance", "finance2", "admin", "clinic")
    logins = {
        name: {
            "login": city.logins[name],
            "password": words.staff if name in staff else by_role[name.rstrip("2")],
        }
        for name in (*desks, *sorted(phones.CHATS))
    }
    _write_private(folder / CROWD, _crowd(city, words))
    _write_private(folder / LOGINS, logins)


def _by_role(words: Secrets) -> dict[str, str]:
    return {"doctor": words.doctors, "patient": words.patients}


def _crowd(city: City, words: Secrets) -> dict[str, Any]:
    people = {row["id"]: row["email"] for row in city.rows["app_user"]}
    owners, by_role = phones.owners(city), _by_role(words)
    # Who lives by the bot does nothing else.
    apart = {each.user_id for each in owners if each.lives}
    doctors = [
        {
            "login": people[row["user_id"]],
            "latitude": row["home_latitude"],
            "longitude": row["home_longitude"],
        }
        for row in city.rows["doctor_profile"]
        if row["user_id"] not in apart
    ]
    patients = [
        people[row["user_id"]]
        for row in city.rows["patient_profile"]
        if row["user_id"] not in apart
    ]
    return {
        "assistant": {"login": city.logins["assistant"], "password": words.staff},
        "doctors": {"password": words.doctors, "people": doctors},
        "patients": {"password": words.patients, "logins": patients},
        "phones": [each.told(by_role[each.role.value]) for each in owners],
    }


def _write_private(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def main() -> int:
    """Read the command line; the exit code is 1 when the data cannot be made."""
    parser = argparse.ArgumentParser(prog="sandbox.seed", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="empty the database first")
    options = parser.parse_args()
    try:
        asyncio.run(seed(get_settings(), reset=options.reset))
    except SeedFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
