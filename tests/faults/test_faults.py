"""Killed processes and a lost database: nothing acknowledged is lost."""

import os
import signal
import threading
import time
import uuid

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from services.embedded_postgres import EmbeddedPostgres
from tests.faults.conftest import CALL, App, register

KILLS = 200 if os.environ.get("TOT_PROVE") else 10


def numbers_in(server: EmbeddedPostgres) -> set[str]:
    url = make_url(server.url()).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as session:
        return {f"B-{row[0]}" for row in session.execute("SELECT number FROM booking")}


def invariants_hold(server: EmbeddedPostgres) -> bool:
    url = make_url(server.url()).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as session:
        orphans = session.execute(
            "SELECT count(*) FROM booking b WHERE NOT EXISTS (SELECT FROM booking_event e"
            " WHERE e.booking_id = b.id AND e.version = b.version)"
        ).fetchone()
        return orphans == (0,)


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def test_without_the_database_the_answer_is_503_within_2_s_and_it_heals(
    server: EmbeddedPostgres, apps: list[App]
) -> None:
    base = apps[0].base
    proof = register(base, 1)
    os.kill(postmaster(server), signal.SIGKILL)
    for path in ("/v1/me", "/v1/bookings"):
        began = time.monotonic()
        answer = httpx.get(f"{base}{path}", headers=proof, timeout=10)
        assert answer.status_code == 503, answer.text
        assert time.monotonic() - began < 2.5
        assert answer.json()["code"] == "unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    assert httpx.get(f"{base}/health/ready").status_code == 503
    assert "database" in httpx.get(f"{base}/health/ready").json()["down"]
    page = httpx.get(f"{base}/admin/login", timeout=10)
    assert page.status_code in {200, 503}
    server.start()
    deadline = time.monotonic() + 10
    while httpx.get(f"{base}/v1/me", headers=proof, timeout=10).status_code != 200:
        assert time.monotonic() < deadline, "it does not heal by itself"
        time.sleep(0.1)


def test_two_processes_behave_as_one(apps: list[App]) -> None:
    one, other = apps
    proof = register(one.base, 2)
    key = {"Idempotency-Key": "the-same-call", **proof}
    first = httpx.post(f"{one.base}/v1/bookings", json=CALL, headers=key, timeout=10)
    again = httpx.post(f"{other.base}/v1/bookings", json=CALL, headers=key, timeout=10)
    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    httpx.post(f"{other.base}/v1/auth/logout", headers=proof, timeout=10)
    assert httpx.get(f"{one.base}/v1/me", headers=proof, timeout=10).status_code == 401


def test_parallel_twins_of_one_key_on_two_processes_make_one_call(
    server: EmbeddedPostgres, apps: list[App]
) -> None:
    proof = register(apps[0].base, 3)
    key = {"Idempotency-Key": str(uuid.uuid4()), **proof}
    answers: list[httpx.Response] = []

    def call(base: str) -> None:
        answers.append(
            httpx.post(f"{base}/v1/bookings", json=CALL, headers=key, timeout=10)
        )

    rivals = [threading.Thread(target=call, args=(apps[n % 2].base,)) for n in range(8)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert len(numbers_in(server)) == 1


def write_until_killed(base: str, headers: dict[str, str], seen: set[str]) -> None:
    with httpx.Client(timeout=5) as client:
        for _ in range(1000):
            key = {"Idempotency-Key": str(uuid.uuid4()), **headers}
            try:
                answer = client.post(f"{base}/v1/bookings", json=CALL, headers=key)
                if answer.status_code != 201:
                    return
                seen.add(answer.json()["number"])
                client.post(
                    f"{base}/v1/bookings/{answer.json()['id']}/cancel",
                    json={"reason": "передумали"},
                    headers=headers,
                )
            except httpx.TransportError:
                return


@pytest.mark.race
def test_killing_the_application_loses_nothing_acknowledged(
    server: EmbeddedPostgres, apps: list[App]
) -> None:
    app = apps[0]
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        proof = register(app.base, 100 + kill)
        writer = threading.Thread(
            target=write_until_killed, args=(app.base, proof, acknowledged)
        )
        writer.start()
        time.sleep(0.15 + 0.02 * (kill % 7))
        app.stop(signal.SIGKILL)
        writer.join()
        app.start()
    assert acknowledged
    assert acknowledged <= numbers_in(server)
    assert invariants_hold(server)
