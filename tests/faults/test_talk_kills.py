"""Processes killed while people talk: each word stands there once, none is lost."""

import asyncio
import itertools
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.config import Settings
from services.embedded_postgres import EmbeddedPostgres
from tests.faults.money_house import broken
from tests.faults.talk_house import House, People, opened, settled
from tests.telegram_server import Phone, Telegram, served_telegram, telegram

__all__ = ["served_telegram", "telegram"]

KILLS = 100 if os.environ.get("TOT_PROVE") else 10
CONVERGES_SECONDS = 90
# At most twenty words in ten seconds are taken from one sender. What is typed while the
# bot is dead comes to it at once: ten of a second each, and these five, are no more.
BREATH, ON_THE_PHONE, UNDER_WAY = 0.55, 1.0, 5

SAID = "SELECT text, count(*) FROM message WHERE kind = 'text' GROUP BY text"
# A relay for each message to the other one in the call whom Telegram reaches.
UNRELAYED = """
SELECT m.text, l.chat_id FROM message m
  JOIN booking b ON b.id = m.booking_id
  JOIN assignment a ON a.booking_id = b.id
  JOIN telegram_link l ON l.user_id IN (b.patient_id, a.doctor_id)
       AND l.user_id <> m.sender_id
 WHERE m.kind = 'text' AND 1 <> (SELECT count(*) FROM notification n
   WHERE n.user_id = l.user_id AND n.kind = 'chat_message'
     AND n.facts ->> 'message_id' = CAST(m.id AS text))
"""
RELAYS = """
SELECT n.status, l.chat_id, m.text FROM notification n
  JOIN message m ON n.facts ->> 'message_id' = CAST(m.id AS text)
  JOIN telegram_link l ON l.user_id = n.user_id
 WHERE n.kind = 'chat_message'
"""
# What waits its turn; what somebody took who died waits for two minutes.
WAITING = """
SELECT count(*) FROM notification WHERE kind = 'chat_message' AND status = 'queued'
   AND next_try_at < app_now()
"""
LATE = """
SELECT n.status, n.attempts, n.last_error, app_now() - n.next_try_at,
       (SELECT json_agg(json_build_array(j.status, j.attempts))
          FROM jobs.procrastinate_jobs j
         WHERE j.args ->> 'notification_id' = CAST(n.id AS text))
  FROM notification n WHERE n.kind = 'chat_message' AND n.status = 'queued'
"""


@pytest.fixture
def house(
    server: EmbeddedPostgres, tmp_path: Path, telegram: Telegram
) -> Iterator[House]:
    with opened(server, tmp_path, telegram) as made:
        yield made


@dataclass
class Writer:
    """Says one thing after the other, whatever dies meanwhile."""

    name: str
    over: threading.Event
    said: list[str] = field(default_factory=list)
    breath = BREATH

    def live(self) -> None:
        for number in itertools.count():
            if self.over.is_set():
                return
            text = f"{self.name} {number}"
            if self.say(text, number):
                self.said.append(text)
            time.sleep(self.breath)

    def say(self, text: str, number: int) -> bool:
        raise NotImplementedError


@dataclass
class OverRest(Writer):
    """Repeats a message under its own name until somebody takes it."""

    house: House = field(kw_only=True)
    people: People = field(kw_only=True)
    errors: list[Any] = field(default_factory=list)

    def say(self, text: str, number: int) -> bool:
        body = {"text": text, "client_id": f"c{number}"}
        place = f"{self.house.base}/v1/bookings/{self.people.call}/messages"
        while True:
            try:
                answer = httpx.post(
                    place, json=body, headers=self.people.proof, timeout=12
                )
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.is_success:
                return True
            if answer.status_code not in {429, 503}:
                self.errors.append((answer.status_code, answer.text))
                return False
            time.sleep(0.5)


@dataclass
class OnThePhone(Writer):
    """Types a message; Telegram keeps it until the bot has taken it."""

    house: House = field(kw_only=True)
    phone: Phone = field(kw_only=True)
    breath = ON_THE_PHONE

    def say(self, text: str, number: int) -> bool:
        if len(self.said) - self._arrived() >= UNDER_WAY:
            return False
        self.phone.say(text)
        return True

    def _arrived(self) -> int:
        query = f"SELECT count(*) FROM message WHERE text LIKE '{self.name} %'"
        return int(self.house.ask(query)[0][0])


@dataclass
class Screens:
    """All that the phones have ever shown; they keep the last few hundred alone."""

    phones: tuple[Phone, ...]
    seen: dict[int, set[str]] = field(default_factory=dict)

    def look(self) -> None:
        """Remember what is on the screens."""
        for phone in self.phones:
            self.seen.setdefault(phone.chat_id, set()).update(phone.texts)

    def show(self, chat_id: int, text: str) -> bool:
        """Tell whether somebody else's words stood on this phone."""
        return any(each.endswith(f":\n{text}") for each in self.seen[chat_id])


def live_through(house: House, people: People, screens: Screens) -> list[Writer]:
    """Let everybody write while one process after another is killed."""
    over = threading.Event()
    writers: list[Writer] = [
        OverRest("приложение", over, house=house, people=people),
        OnThePhone("врач", over, house=house, phone=people.doctor),
        OnThePhone("пациентка", over, house=house, phone=people.patient),
        OnThePhone("её врач", over, house=house, phone=people.her_doctor),
    ]
    threads = [threading.Thread(target=each.live, daemon=True) for each in writers]
    chance = random.Random(2026)
    try:
        for thread in threads:
            thread.start()
        for kill in range(KILLS):
            victim = (house.app, house.worker, house.bot)[kill % 3]
            time.sleep(chance.uniform(0.1, 1.5))
            victim.stop()
            victim.start()
            screens.look()
        time.sleep(1)
    finally:
        over.set()
    for thread in threads:
        thread.join(60)
    return writers


def converge(house: House, writers: list[Writer]) -> float:
    """Wait until every word has arrived and nothing waits; give the seconds."""
    began = time.monotonic()
    wanted = set(itertools.chain(*(each.said for each in writers)))
    while time.monotonic() - began < CONVERGES_SECONDS:
        arrived = wanted <= {text for text, _ in house.ask(SAID)}
        if arrived and house.ask(WAITING)[0][0] == 0:
            return time.monotonic() - began
        time.sleep(0.5)
    missing = wanted - {text for text, _ in house.ask(SAID)}
    told = [
        text
        for each in writers
        if isinstance(each, OnThePhone)
        for text in each.phone.texts
        if text.startswith("Слишком")
    ]
    pytest.fail(f"missing {sorted(missing)}, refused {told}, {house.ask(LATE)}")


@pytest.mark.race
@pytest.mark.timeout(1800)
def test_killed_processes_neither_lose_nor_double_a_word(
    house: House, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    people = asyncio.run(settled(house, settings))
    screens = Screens((people.doctor, people.patient, people.her_doctor))
    writers = live_through(house, people, screens)
    seconds = converge(house, writers)
    assert [each.errors for each in writers if isinstance(each, OverRest)] == [[]]
    assert all(len(each.said) > KILLS // 4 for each in writers)
    said = dict(house.ask(SAID))
    assert {text: times for text, times in said.items() if times != 1} == {}
    # Each is relayed once, and either arrived or stands in the list.
    assert house.ask(UNRELAYED) == []
    states: Counter[str] = Counter()
    screens.look()
    for status, chat_id, text in house.ask(RELAYS):
        states[status] += 1
        assert status in {"delivered", "queued", "dead"}, (status, text)
        if status == "delivered":
            assert screens.show(chat_id, text), (chat_id, text)
    assert states["delivered"] > states["queued"] + states["dead"]
    # Telegram repeats what nobody confirmed; each update was handled once.
    doubled = "SELECT update_id FROM telegram_update GROUP BY 1 HAVING count(*) > 1"
    assert house.ask(doubled) == []
    assert broken(house.app.app) == ""
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills, {len(said)} messages, relays {dict(states)},"
            f" {seconds:.1f} s\n"
        )
