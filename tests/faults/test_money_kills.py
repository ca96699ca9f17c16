"""Processes killed while money moves: in the end both sides have the same."""

import asyncio
import itertools
import os
import random
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from models import User
from services.config import Settings
from services.database import make_engine, make_sessions
from services.edges import transaction
from services.embedded_postgres import EmbeddedPostgres
from tests import paying
from tests.faults.conftest import CALL, register
from tests.faults.money_house import House, opened

KILLS = 100 if os.environ.get("TOT_PROVE") else 10
PATIENTS = 3
CONVERGES_SECONDS = 60
# What may be refused while everything goes on: the call was done with by the one
# that died, or the wallet is empty.
EXPECTED = {"nothing_to_pay", "insufficient_funds", "invalid_transition"}

OURS = """
SELECT (SELECT coalesce(sum(captured_kopecks), 0) FROM payment
         WHERE method <> 'wallet'),
       (SELECT coalesce(sum(amount_kopecks), 0) FROM refund
         WHERE status = 'succeeded' AND destination = 'original')
"""
CLEARING = """
SELECT -coalesce(sum(e.amount_kopecks), 0) FROM ledger_entry e
  JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'psp_clearing'
  JOIN ledger_journal j ON j.id = e.journal_id AND j.kind <> 'fee'
"""
UNDER_WAY = """
SELECT (SELECT count(*) FROM payment WHERE status IN ('created', 'unknown'))
     + (SELECT count(*) FROM refund WHERE status NOT IN
         ('succeeded', 'failed', 'rejected'))
     + (SELECT count(*) FROM webhook_inbox WHERE status IN ('new', 'waiting'))
"""
DOUBLED = """
SELECT ref_id FROM ledger_journal
 WHERE kind IN ('payment', 'refund_succeeded', 'refund_reserved')
 GROUP BY kind, ref_id HAVING count(*) > 1
"""


@pytest.fixture
def house(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[House]:
    with opened(server, tmp_path) as made:
        yield made


@dataclass
class Patient:
    """Pays and calls off, again and again, whatever dies meanwhile."""

    house: House
    proof: dict[str, str]
    chance: random.Random
    over: threading.Event
    paid: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def live(self) -> None:
        with httpx.Client(timeout=12) as client:
            while not self.over.is_set():
                self._one(client)

    def _one(self, client: httpx.Client) -> None:
        made = self._post(client, "/v1/bookings", CALL)
        if made is None:
            return
        path = f"/v1/bookings/{made['id']}"
        method = self.chance.choice(("card", "sbp", "wallet"))
        payment = self._post(client, f"{path}/payments", {"method": method})
        if payment is not None and (method == "wallet" or self._confirm(payment["id"])):
            self.paid.add(payment["id"])
        body = {"reason": "передумали"}
        if self._post(client, f"{path}/cancel", body) is not None:
            self.cancelled.add(made["id"])

    def _confirm(self, attempt_id: str) -> bool:
        """Pay on the provider's side, which knows an attempt by its metadata."""
        provider = self.house.provider
        try:
            for each in provider.listing("payments"):
                if each["metadata"].get("attempt_id") == attempt_id:
                    return bool(provider.pay(each["id"])["status"] == "succeeded")
        except httpx.TransportError:
            return False
        return False

    def _post(
        self, client: httpx.Client, path: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Repeat under one key until somebody answers."""
        headers = {"Idempotency-Key": str(uuid.uuid4()), **self.proof}
        while not self.over.is_set():
            try:
                answer = client.post(
                    f"{self.house.base}{path}", json=body, headers=headers
                )
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.is_success:
                made: dict[str, Any] = answer.json()
                return made
            code = answer.json()["code"]
            if code == "idempotency_in_progress":
                # Nobody waits a minute for the one that died: they press again.
                headers["Idempotency-Key"] = str(uuid.uuid4())
            elif code != "unavailable":
                self._note(code)
                return None
            time.sleep(0.3)
        return None

    def _note(self, code: str) -> None:
        if code not in EXPECTED:
            self.errors.append(code)


def kill_at_random(house: House, chance: random.Random, kill: int) -> None:
    """Kill one of them; the provider only early, as we back off from a dead one."""
    victims: list[Any] = [house.app, house.worker]
    if kill < KILLS // 2:
        victims.append(house.till)
    victim = victims[kill % len(victims)]
    time.sleep(chance.uniform(0.1, 1.5))
    victim.stop()
    victim.start()


def settle(house: House) -> float:
    """Wait until nothing is under way and both sides agree; give the seconds."""
    began = time.monotonic()
    while time.monotonic() - began < CONVERGES_SECONDS:
        totals = house.provider.totals()
        ours = house.ask(OURS)[0]
        theirs = (totals["captured"], totals["refunded"])
        if ours == theirs and house.ask(UNDER_WAY)[0][0] == 0:
            return time.monotonic() - began
        time.sleep(0.5)
    pytest.fail(f"ours {house.ask(OURS)[0]}, theirs {house.provider.totals()}")


async def fill_wallets(url: str) -> None:
    engine = make_engine(url, Settings(profile="test", database_url=url))
    async with transaction(make_sessions(engine)) as session:
        for user in await session.scalars(sa.select(User).where(User.email != "")):
            await paying.fill_wallet(session, user, 100_000_00)
    await engine.dispose()


def live_through(house: House) -> list[Patient]:
    """Let the patients pay and call off while one after another is killed."""
    over = threading.Event()
    patients = [
        Patient(house, register(house.base, n), random.Random(n), over)
        for n in range(PATIENTS)
    ]
    asyncio.run(fill_wallets(house.server.url()))
    threads = [threading.Thread(target=each.live, daemon=True) for each in patients]
    try:
        for thread in threads:
            thread.start()
        chance = random.Random(2026)
        for kill in range(KILLS):
            kill_at_random(house, chance, kill)
        time.sleep(1)
    finally:
        over.set()
    for thread in threads:
        thread.join(60)
    return patients


@pytest.mark.race
@pytest.mark.timeout(1800)
def test_killed_processes_neither_lose_nor_double_money(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    patients = live_through(house)
    seconds = settle(house)
    assert list(itertools.chain(*(each.errors for each in patients))) == []
    paid = set().union(*(each.paid for each in patients))
    rows = house.ask("SELECT id FROM payment WHERE status = 'succeeded'")
    known = {str(row[0]) for row in rows}
    assert paid
    assert paid <= known
    assert house.ask(DOUBLED) == []
    assert house.ask(CLEARING)[0][0] == (
        house.provider.totals()["captured"] - house.provider.totals()["refunded"]
    )
    assert house.check() == ""
    refunds = house.ask("SELECT count(*) FROM refund")[0][0]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills, {len(known)} paid, {refunds} refunds, {seconds:.1f} s\n"
        )
