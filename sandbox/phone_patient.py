"""A patient who is told of everything by Telegram, and pays and talks there.

A call itself is made in the application: the bot has no such button.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from models.specialization import Specialization
from sandbox import phrases
from sandbox.chatter import paper
from sandbox.client import Account, World
from sandbox.complaints import complaint
from sandbox.patient_money import settle
from sandbox.pocket import Message, Pocket, Silent, button, buttons, short, text_of

TALKS, PAYS = 0.6, 0.5
OPEN = {"pending", "assigned", "accepted", "en_route", "in_progress"}


@dataclass
class PhonePatient:
    """One call after another, each watched on the phone."""

    world: World
    account: Account
    pocket: Pocket
    address: dict[str, Any]
    ask_for_doctor: Callable[[str], None]
    heard: int = 0
    stages: set[str] = field(default_factory=set)
    paid: bool = False

    async def live(self) -> None:
        """Call, live through the visit, be well for a while, call again."""
        await self.world.pass_minutes(0.5, 2)
        while True:
            try:
                await self._call()
            except (httpx.HTTPError, KeyError, ValueError) as error:
                self.world.told[f"telegram {type(error).__name__}"] += 1
            await self.world.pass_minutes(5, 20)

    async def _call(self) -> None:
        draft = {
            "call_type": "urgent",
            "specialization": Specialization.THERAPIST.value,
            "symptoms": complaint(self.world.chance, Specialization.THERAPIST),
            "address": self.address,
        }
        made = await self.account.call("POST", "/v1/bookings", draft, once=True)
        if made.status_code != 201:
            self.world.told["calls refused"] += 1
            return
        self.world.told["calls"] += 1
        self.stages, self.paid = set(), False
        booking_id = made.json()["id"]
        self.ask_for_doctor(booking_id)
        while await self._watch(booking_id):
            pass
        await settle(self.world, self.account, booking_id)

    async def _watch(self, booking_id: str) -> bool:
        """Look at the phone and at the call; tells whether it goes on."""
        answer = await self.account.call("GET", f"/v1/bookings/{booking_id}")
        stage = answer.json().get("status") if answer.is_success else None
        try:
            await self._live_through(booking_id, str(stage))
        except (httpx.HTTPError, Silent) as error:
            self.world.told[f"telegram {type(error).__name__}"] += 1
            await asyncio.sleep(5)
        return stage in OPEN

    async def _live_through(self, booking_id: str, stage: str) -> None:
        messages = await self.pocket.look(8)
        await self._hear(messages, booking_id)
        if stage in self.stages:
            await asyncio.sleep(2)
            return
        self.stages.add(stage)
        text = phrases.opening(self.world.chance, stage, "patient")
        if text is not None and self.world.likely(TALKS):
            await self.world.pass_minutes(0.3, 1.5)
            await self._talk(text, booking_id, messages)
        if stage == "accepted" and self.world.likely(PAYS):
            await self._pay(booking_id, messages)

    async def _hear(self, messages: list[Message], booking_id: str) -> None:
        for message in messages:
            if message["message_id"] <= self.heard or not message["from"]["is_bot"]:
                continue
            self.heard = message["message_id"]
            asked = phrases.asked_in(text_of(message), "patient")
            if asked is None:
                continue
            await self.world.pass_minutes(0.3, 1)
            await self._talk(phrases.REPLIES[asked][1], booking_id, messages)
            if "снимок" in asked:
                chance = self.world.chance.random()
                await self.pocket.show(paper(chance), phrases.PICTURE)

    async def _talk(self, text: str, booking_id: str, told: list[Message]) -> None:
        """Choose the call's conversation, and write."""
        opens = button(told, "chat", short(booking_id))
        if opens is not None:
            await self.pocket.tap(opens)
            await asyncio.sleep(1)
        await self.pocket.say(text)
        self.world.told["said"] += 1

    async def _pay(self, booking_id: str, messages: list[Message]) -> None:
        """Press the button, follow the link, pay on the provider's page."""
        asks = button(messages, "pay", short(booking_id))
        if asks is None or self.paid:
            return
        await self.pocket.tap(asks)
        known = {each.url for each in buttons(messages) if each.url}
        link = await self.pocket.wait(
            lambda told: next(
                (
                    each.url
                    for each in buttons(told)
                    if each.url not in known and "/pay/" in each.url
                ),
                None,
            )
        )
        await self.world.pass_minutes(0.3, 1)
        await self.world.send("POST", f"{link}/act", data={"action": "pay"})
        self.paid = True
        self.world.told["paid"] += 1
