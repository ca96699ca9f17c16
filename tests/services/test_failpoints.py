"""Failpoints: they fail where they are told to, and nowhere but in tests."""

import os
import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa

from services import failpoints
from services.config import Profile, Settings
from services.database import Sessions
from services.failpoints import FailpointReached
from tests import factories


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    def at(name: str) -> None:
        monkeypatch.setenv(failpoints.VARIABLE, f"{name}:raise")

    return at


def test_a_point_that_nobody_named_does_nothing(raising) -> None:
    failpoints.reach("payment.before_call")
    raising("payment.after_call")
    failpoints.reach("payment.before_call")


def test_a_named_point_raises(raising) -> None:
    raising("payment.before_call")
    with pytest.raises(FailpointReached):
        failpoints.reach("payment.before_call")


def test_a_named_point_does_nothing_in_production(
    raising, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising("payment.before_call")
    monkeypatch.setattr(settings, "profile", Profile.PRODUCTION)
    failpoints.reach("payment.before_call")


def test_a_named_point_kills_the_process() -> None:
    script = "from services import failpoints; failpoints.reach('x.before_call')"
    told = {failpoints.VARIABLE: "x.before_call:kill", "TOT_PROFILE": "test"}
    secret = {"TOT_SECRET_KEY": "a secret of tests that is long enough"}
    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, env=os.environ | told | secret
    )
    assert ended.returncode == -signal.SIGKILL


def test_it_is_killed_past_all_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(os, "kill", lambda *how: sent.append(how))
    monkeypatch.setenv(failpoints.VARIABLE, "x.before_call:kill")
    with pytest.raises(FailpointReached):
        failpoints.reach("x.before_call")
    assert sent == [(os.getpid(), signal.SIGKILL)]


async def test_before_the_commit_nothing_is_kept_and_after_it_everything(
    sessions: Sessions, raising
) -> None:
    async def work(session) -> str:
        return str((await factories.patient(session)).id)

    async def count() -> int:
        async with sessions() as session:
            return await session.scalar(sa.text("SELECT count(*) FROM app_user"))

    raising("flow.before_commit")
    with pytest.raises(FailpointReached):
        await failpoints.in_transaction(sessions, "flow", work)
    assert await count() == 0
    raising("flow.after_commit")
    with pytest.raises(FailpointReached):
        await failpoints.in_transaction(sessions, "flow", work)
    assert await count() == 1
    raising("other.after_commit")
    assert await failpoints.in_transaction(sessions, "flow", work)


async def test_points_stand_on_either_side_of_a_call(raising) -> None:
    asked = []

    async def question() -> str:
        asked.append(1)
        return "answer"

    raising("flow.before_call")
    with pytest.raises(FailpointReached):
        await failpoints.call("flow", question)
    assert asked == []
    raising("flow.after_call")
    with pytest.raises(FailpointReached):
        await failpoints.call("flow", question)
    assert asked == [1]
    raising("none")
    assert await failpoints.call("flow", question) == "answer"
