"""A doctor of the simulated day: answers offers, drives, visits, goes home."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import cos, hypot, radians
from typing import Any

from sandbox.chatter import Chatter, talks
from sandbox.client import Account, World
from sandbox.complaints import CONCLUSIONS, DECLINES

POLL_SECONDS = (6.0, 11.0)
STEP_SECONDS = 3.0
# As services.planning reckons: a way round the houses, at the city's pace.
DETOUR, KM_AN_HOUR = 1.4, 25.0
KM_A_DEGREE = 111.2
EARLY = timedelta(minutes=45)
EXTRAS = 0.25
RANK = {"in_progress": 0, "en_route": 1, "accepted": 2}

Point = tuple[float, float]


def kilometres(one: Point, other: Point) -> float:
    """The distance as the crow flies."""
    across = (one[1] - other[1]) * cos(radians(one[0]))
    return hypot(one[0] - other[0], across) * KM_A_DEGREE


@dataclass
class DoctorLife:
    """One doctor with a phone in the pocket; what to do is read from the server."""

    world: World
    account: Account
    point: Point
    working: bool
    offers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    current: tuple[str, asyncio.Task[None]] | None = None
    talks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def live(self) -> None:
        """Work in shifts as long as the day lasts."""
        try:
            await self._live()
        finally:
            current = [self.current[1]] if self.current else []
            for task in (*self.offers.values(), *self.talks.values(), *current):
                task.cancel()

    async def _live(self) -> None:
        chance = self.world.chance
        await self.world.pass_minutes(0, 5)
        shift = chance.uniform(2, 9) * 60
        while True:
            self.working = await self._set_duty(self.working)
            if self.working:
                await self._work(shift)
            else:
                await self.world.pass_minutes(shift, shift)
            self.working, shift = not self.working, chance.uniform(5, 10) * 60

    async def _set_duty(self, working: bool) -> bool:
        answer = await self.account.call("PUT", "/v1/me/duty", {"on_duty": working})
        if answer.status_code == 409:
            return True
        if working:
            await self._tell_position()
        return working

    async def _work(self, minutes: float) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + minutes * 60 / self.world.speed
        told = loop.time()
        visits: list[dict[str, Any]] = []
        while visits or loop.time() < ends:
            answer = await self.account.call("GET", "/v1/visits?limit=100")
            visits = answer.json()["items"] if answer.is_success else []
            visits = [visit for visit in visits if visit["status"] != "completed"]
            self._attend(visits)
            if loop.time() - told > 120 and self.current is None:
                await self._tell_position()
                told = loop.time()
            await asyncio.sleep(self.world.chance.uniform(*POLL_SECONDS))

    def _attend(self, visits: list[dict[str, Any]]) -> None:
        """Answer every offer; go on with, or begin, one visit at a time."""
        for visit in visits:
            if visit["status"] == "assigned" and visit["id"] not in self.offers:
                task = asyncio.create_task(self._answer(visit["id"]))
                self.offers[visit["id"]] = task
                task.add_done_callback(partial(self._answered, visit["id"]))
        self._talk(visits)
        known = {visit["id"] for visit in visits}
        if self.current is not None:
            visit_id, task = self.current
            if task.done() or visit_id not in known:
                task.cancel()
                self.current = None
        following = self._next(visits)
        if self.current is None and following is not None:
            task = asyncio.create_task(self._visit(following))
            self.current = (following["id"], task)

    def _talk(self, visits: list[dict[str, Any]]) -> None:
        """Be in the conversations of what was accepted; each ends by itself."""
        for visit in visits:
            if visit["status"] == "assigned" or not talks(visit["id"]):
                continue
            if visit["id"] not in self.talks:
                chatter = Chatter(self.world, self.account, visit["id"], "doctor")
                self.talks[visit["id"]] = asyncio.create_task(chatter.live())

    def _answered(self, visit_id: str, _: asyncio.Task[None]) -> None:
        self.offers.pop(visit_id, None)

    @staticmethod
    def _next(visits: list[dict[str, Any]]) -> dict[str, Any] | None:
        soon = datetime.now(UTC) + EARLY
        ready = [
            visit
            for visit in visits
            if visit["status"] in {"in_progress", "en_route"}
            or (visit["status"] == "accepted" and _planned(visit) <= soon)
        ]
        return min(
            ready,
            key=lambda visit: (RANK[visit["status"]], _planned(visit)),
            default=None,
        )

    async def _answer(self, visit_id: str) -> None:
        await self.world.pass_minutes(0.5, 4)
        if self.world.likely(0.05):
            reason = {"reason": self.world.chance.choice(DECLINES)}
            await self._do(visit_id, "decline", reason)
        else:
            await self._do(visit_id, "accept")

    async def _do(
        self, visit_id: str, verb: str, body: dict[str, Any] | None = None
    ) -> bool:
        answer = await self.account.call(
            "POST", f"/v1/visits/{visit_id}/{verb}", body or {}, once=True
        )
        self.world.told[verb if answer.is_success else "moves refused"] += 1
        return answer.is_success

    async def _visit(self, visit: dict[str, Any]) -> None:
        """Set out, arrive, treat, leave: from wherever the visit stands now."""
        visit_id, status = visit["id"], visit["status"]
        if status == "accepted":
            await self.world.pass_minutes(1, 6)
            if not await self._do(visit_id, "depart"):
                return
            status = "en_route"
        if status == "en_route":
            await self._drive(visit["address"])
            await self._arrive(visit_id)
            return
        await self._treat(visit_id)

    async def _arrive(self, visit_id: str) -> None:
        if self.world.likely(0.03):
            await self.world.pass_minutes(3, 8)
            reason = {"reason_code": "patient_absent", "reason": "Никто не открыл"}
            await self._do(visit_id, "cancel", reason)
        elif await self._do(visit_id, "start"):
            await self._treat(visit_id)

    async def _treat(self, visit_id: str) -> None:
        if self.world.likely(0.03):
            flag = self.world.chance.choice(
                ("needs_second_doctor", "hospital_transfer")
            )
            await self._do(visit_id, "flag", {"flag": flag})
        minutes = self.world.chance.randint(15, 45)
        await self.world.pass_minutes(minutes, minutes)
        said = {
            "actual_minutes": minutes,
            "conclusion": self.world.chance.choice(CONCLUSIONS),
            "items": await self._extras(),
        }
        await self._do(visit_id, "complete", said)

    async def _extras(self) -> list[dict[str, Any]]:
        """Now and then something from the price list is done besides."""
        if not self.world.likely(EXTRAS):
            return []
        answer = await self.account.call("GET", "/v1/price-list")
        extras = [each for each in answer.json()["items"] if each["kind"] == "extra"]
        chosen = self.world.chance.sample(extras, k=min(len(extras), 1))
        return [{"price_item_id": each["id"], "quantity": 1} for each in chosen]

    async def _drive(self, address: dict[str, Any]) -> None:
        """Move along the line to the door, telling the position on the way."""
        goal = (address.get("latitude"), address.get("longitude"))
        if goal[0] is None or goal[1] is None:
            await self.world.pass_minutes(15, 40)
            return
        start, way = self.point, kilometres(self.point, (goal[0], goal[1]))
        minutes = 3 + way * DETOUR / KM_AN_HOUR * 60
        steps = max(1, round(minutes * 60 / self.world.speed / STEP_SECONDS))
        for step in range(1, steps + 1):
            await asyncio.sleep(STEP_SECONDS)
            part = step / steps
            self.point = (
                start[0] + (goal[0] - start[0]) * part,
                start[1] + (goal[1] - start[1]) * part,
            )
            await self._tell_position()

    async def _tell_position(self) -> None:
        await self.account.call(
            "PUT",
            "/v1/me/position",
            {
                "latitude": round(self.point[0], 6),
                "longitude": round(self.point[1], 6),
                "accuracy_m": 12,
            },
        )


def _planned(visit: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(visit["planned_start"])
