"""The simulated day lives on the real application, through a restart, and stays sound."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from sandbox import day, seed
from sandbox.day import parsed
from services import invariants
from services.config import Settings
from services.database import Sessions, make_engine, make_sessions
from services.embedded_postgres import EmbeddedPostgres
from tests.faults.conftest import App, server  # noqa: F401 - a fixture

FAST, PATIENCE = 400.0, 90
WANTED = {"calls", "assigned", "accept", "depart", "start", "complete", "said"}


@pytest.fixture
async def city(
    server: EmbeddedPostgres,  # noqa: F811
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    for name, value in (("DAYS", 1), ("DOCTORS", 60), ("PATIENTS", 60), ("WALKED", 45)):
        monkeypatch.setattr(seed, name, value)
    made = settings.model_copy(
        update={"database_url": server.url(), "data_dir": tmp_path}
    )
    await seed.seed(made)
    return made


async def _sound(url: str, settings: Settings) -> None:
    engine = make_engine(url, settings)
    sessions: Sessions = make_sessions(engine)
    async with sessions() as session:
        assert await invariants.check(session) == []
    await engine.dispose()


async def _until(told: Counter[str], wanted: set[str]) -> None:
    for _ in range(PATIENCE * 4):
        if all(told[name] for name in wanted):
            return
        await asyncio.sleep(0.25)
    pytest.fail(f"Not everything happened: {told}")


@pytest.mark.timeout(240)
async def test_a_day_passes_and_outlives_a_restart(
    city: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.assistant.EVERY_SECONDS", 1.0)
    monkeypatch.setattr("sandbox.doctor_life.POLL_SECONDS", (0.5, 1.0))
    monkeypatch.setattr("sandbox.doctor_life.STEP_SECONDS", 0.5)
    assert city.database_url
    app = App(city.database_url, tmp_path)
    await asyncio.to_thread(app.start)
    crowd = json.loads((tmp_path / seed.CROWD).read_text())
    arguments = ["--base-url", app.base, "--speed", str(FAST)]
    options = parsed([*arguments, "--assistant-after", "0.01"])
    async with day.people(options, crowd) as simulated:
        living = asyncio.create_task(simulated.run())
        await _until(simulated.world.told, WANTED)
        await asyncio.to_thread(app.stop)
        simulated.world.told.clear()
        await asyncio.to_thread(app.start)
        await _until(simulated.world.told, {"outages", "calls", "assigned"})
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        assert simulated.world.told["failures"] == 0
    await asyncio.to_thread(app.stop)
    await _sound(city.database_url, city)


def test_the_assistant_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOT_DEMO_ASSISTANT", "0")
    assert parsed([]).assistant_after == 0


def test_time_cannot_stand_still() -> None:
    with pytest.raises(SystemExit):
        parsed(["--speed", "0"])
