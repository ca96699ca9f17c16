"""`python -m sandbox.day`: a day of patients and doctors who only speak HTTP."""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from sandbox.assistant import Assistant
from sandbox.client import Account, World
from sandbox.doctor_life import DoctorLife
from sandbox.patient_life import live as live_as_patient
from sandbox.phone_doctor import PhoneDoctor
from sandbox.phone_patient import PhonePatient
from sandbox.pocket import Pocket, hand_out
from sandbox.rhythm import share
from sandbox.seed import CALLS_A_DAY, CROWD
from services.clock import MOSCOW

# The simulated day begins in the morning, whatever the time at the viewer's.
FIRST_HOUR = 9
NEWCOMERS = 0.1
WORKING = 0.7
TOLD_EVERY = 15.0
AFTER = 3.0
SHOWN = (
    "calls",
    "assigned",
    "accept",
    "decline",
    "start",
    "complete",
    "cancelled",
    "said",
)


@dataclass
class SimulatedDay:
    """Everybody who lives through the day, and how it goes."""

    world: World
    crowd: dict[str, Any]
    assistant: Assistant | None
    telegram: httpx.AsyncClient | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Let the day pass until cancelled."""
        for place, doctor in enumerate(self.crowd["doctors"]["people"][1:]):
            self._begin(self._doctor(doctor, place).live())
        if self.assistant is not None:
            self._begin(self.assistant.live())
        if self.telegram is not None:
            await self._phones(self.telegram)
        self._begin(self._tell())
        try:
            await self._patients()
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def _begin(self, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(life)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """One life that failed is told and does not end the others."""
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.world.told["failures"] += 1
            print(f"A life ended early: {error!r}", file=sys.stderr, flush=True)

    def _doctor(self, doctor: dict[str, Any], place: int) -> DoctorLife:
        account = Account(
            self.world, doctor["login"], self.crowd["doctors"]["password"]
        )
        point = (doctor["latitude"], doctor["longitude"])
        working = place % 10 < WORKING * 10
        return DoctorLife(self.world, account, point, working)

    async def _phones(self, telegram: httpx.AsyncClient) -> None:
        """Let the pair live that knows nothing but Telegram."""
        owners = self.crowd.get("phones", [])
        await hand_out(telegram, owners)
        alive = {each["role"]: each for each in owners if each["lives"]}
        if not alive:
            return
        doctor, patient = alive["doctor"], alive["patient"]
        home, door = _point(doctor), _point(patient)
        talker = PhoneDoctor(*self._owner(telegram, doctor), home, door)
        self._begin(talker.live())

        def ask_for_doctor(booking_id: str) -> None:
            if self.assistant is not None:
                self.assistant.wishes[booking_id] = doctor["id"]

        caller = self._owner(telegram, patient)
        self._begin(PhonePatient(*caller, patient["place"], ask_for_doctor).live())

    def _owner(
        self, telegram: httpx.AsyncClient, owner: dict[str, Any]
    ) -> tuple[World, Account, Pocket]:
        account = Account(self.world, owner["login"], owner["password"])
        return self.world, account, Pocket(self.world, telegram, owner["chat_id"])

    async def _patients(self) -> None:
        """Let patients call: few at night, many in the morning and after work."""
        people = self.crowd["patients"]
        chance, loop = self.world.chance, asyncio.get_running_loop()
        begun = loop.time()
        while True:
            hours = (loop.time() - begun) * self.world.speed / 3600
            rate = CALLS_A_DAY / 24 * share(int(FIRST_HOUR + hours))
            await asyncio.sleep(chance.expovariate(rate * self.world.speed / 3600))
            known = None if self.world.likely(NEWCOMERS) else people["logins"]
            login = chance.choice(known[1:]) if known else None
            self._begin(live_as_patient(self.world, login, people["password"]))

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TOLD_EVERY)
            told = self.world.told
            parts = [f"{name} {told[name]}" for name in SHOWN]
            parts += [f"{name} {told[name]}" for name in sorted(told.keys() - {*SHOWN})]
            now = datetime.now(MOSCOW).strftime("%H:%M:%S")
            line = f"{now}  " + "  ".join(parts)
            if sys.stdout.isatty():
                print(f"\r\033[K{line}", end="", flush=True)
            else:
                print(line, flush=True)


def _point(owner: dict[str, Any]) -> tuple[float, float]:
    return owner["place"]["latitude"], owner["place"]["longitude"]


@asynccontextmanager
async def people(
    options: argparse.Namespace, crowd: dict[str, Any]
) -> AsyncIterator[SimulatedDay]:
    """Everybody of the day, with connections for as long as the block lasts."""
    chance = random.Random(options.seed)
    async with AsyncExitStack() as lines:
        phones, desk = [
            await lines.enter_async_context(_client(options.base_url)) for _ in range(2)
        ]
        telegram = None
        if options.telegram_url:
            telegram = await lines.enter_async_context(_client(options.telegram_url))
        world, helper = World(phones, options.speed, chance), None
        if options.assistant_after > 0:
            own = World(desk, options.speed, chance, world.told)
            helper = Assistant(own, **crowd["assistant"], after=options.assistant_after)
        yield SimulatedDay(world, crowd, helper, telegram)


async def run(options: argparse.Namespace, crowd: dict[str, Any]) -> None:
    """Simulate until SIGINT or SIGTERM."""
    async with people(options, crowd) as simulated:
        day = asyncio.create_task(simulated.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, day.cancel)
        await asyncio.gather(day, return_exceptions=True)
        if not day.cancelled() and (error := day.exception()) is not None:
            raise error


def _client(base_url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
    timeout = httpx.Timeout(30, pool=None)
    return httpx.AsyncClient(base_url=base_url, timeout=timeout, limits=limits)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="sandbox.day", description=__doc__)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--speed", type=float, default=10.0, help="times real time")
    parser.add_argument(
        "--logins", type=Path, default=Path(".data/demo-logins.json"), help="a file"
    )
    parser.add_argument(
        "--telegram-url", default="", help="of the stand-in; empty: none"
    )
    parser.add_argument("--seed", type=int, default=1, help="of all chance")
    parser.add_argument(
        "--assistant-after",
        type=float,
        default=float(os.environ.get("TOT_DEMO_ASSISTANT", AFTER)),
        help="minutes a call waits before the simulated dispatcher assigns it;"
        " 0 leaves all to people (default: TOT_DEMO_ASSISTANT, else 3)",
    )
    options = parser.parse_args(arguments)
    if not options.speed > 0:
        parser.error("--speed must be more than 0")
    return options


def main() -> int:
    """Run the day; the exit code is 1 when its logins are missing."""
    options = parsed()
    crowd = options.logins.with_name(CROWD)
    if not crowd.exists():
        print(f"{crowd} is missing: run python -m sandbox.seed first", file=sys.stderr)
        return 1
    asyncio.run(run(options, json.loads(crowd.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
