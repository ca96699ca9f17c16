"""A doctor who works by Telegram alone: buttons, a dialogue, the live location."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from sandbox import phrases
from sandbox.client import Account, World
from sandbox.complaints import CONCLUSIONS
from sandbox.doctor_life import EARLY, Point
from sandbox.pocket import (
    Button,
    Message,
    Pocket,
    Silent,
    button,
    buttons,
    link,
    long,
    text_of,
)
from services.clock import MOSCOW

# What is nearest to its end comes first.
WORDS = ("complete", "start", "depart", "accept")
WHEN = re.compile(r"(\d\d)\.(\d\d) (\d\d):(\d\d)")
STEPS, TALKS, EXTRAS = 8, 0.5, 0.3
TRIES = 5
LIVE_SECONDS = 12 * 3600


@dataclass
class PhoneDoctor:
    """What to do next is read from the buttons that the bot shows."""

    world: World
    account: Account
    pocket: Pocket
    home: Point
    door: Point
    done: set[tuple[int, str]] = field(default_factory=set)
    heard: int = 0

    async def live(self) -> None:
        """Go on duty and do what the cards ask for, as long as the day lasts."""
        self.heard = max((each["message_id"] for each in await self._look()), default=0)
        await self._go_on_duty()
        while True:
            try:
                await self._round()
            except (httpx.HTTPError, Silent, KeyError, ValueError) as error:
                self.world.told[f"telegram {type(error).__name__}"] += 1
                await asyncio.sleep(5)

    async def _look(self) -> list[Message]:
        try:
            return await self.pocket.look(0)
        except httpx.HTTPError:
            return []

    async def _go_on_duty(self) -> None:
        for _ in range(TRIES):
            try:
                await self._begin_work()
            except (httpx.HTTPError, Silent):
                await asyncio.sleep(5)
            else:
                return

    async def _begin_work(self) -> None:
        """Ask for the menu, press "on duty" if it is there, and be on the map."""
        asked = await self.pocket.say("/menu")
        menu = await self.pocket.wait(lambda told: _bot_said(told, asked))
        if (begins := button([menu], "on")) is not None:
            await self.pocket.tap(begins)
        await self._locate(self.home)
        await self._recall(button([menu], "visits"))

    async def _recall(self, visits: Button | None) -> None:
        """Let the bot show the visits that were under way before this phone."""
        if visits is None:
            return
        await self.pocket.tap(visits)
        with suppress(Silent):  # There were none.
            await self.pocket.wait(lambda told: button(told, "card"))
        listed = {each.call for each in buttons(await self.pocket.look(0))}
        for call in listed - {""}:
            # A list turns into the card that was chosen from it.
            await self.pocket.tap(visits)
            await asyncio.sleep(2)
            chosen = button(await self.pocket.look(0), "card", call)
            if chosen is not None:
                await self.pocket.tap(chosen)

    async def _locate(self, point: Point) -> None:
        latitude, longitude = point
        place = {"latitude": round(latitude, 6), "longitude": round(longitude, 6)}
        told = await self.pocket.do("move", **place)
        if told.get("ok") is False:
            await self.pocket.do("locate", **place, live_period=LIVE_SECONDS)

    async def _round(self) -> None:
        messages = await self.pocket.look()
        await self._hear(messages)
        await self._act(messages, WORDS)

    async def _act(self, messages: list[Message], words: tuple[str, ...]) -> None:
        following = self._next(messages, words)
        if following is None:
            return
        self.done.add((following.message_id, following.data))
        await _ACTS[following.word](self, following, messages)

    async def _pass(self, least: float, most: float) -> None:
        """Let minutes pass with an eye on the phone: talk, and take new calls."""
        loop = asyncio.get_running_loop()
        minutes = self.world.chance.uniform(least, most)
        ends = loop.time() + minutes * 60 / self.world.speed
        while (left := ends - loop.time()) > 0:
            messages = await self.pocket.look(min(left, 5))
            await self._hear(messages)
            await self._act(messages, ("accept",))
            await asyncio.sleep(min(1, max(0, ends - loop.time())))

    def _next(self, messages: list[Message], words: tuple[str, ...]) -> Button | None:
        """The button to press, of the newest card of each call."""
        newest: dict[str, int] = {}
        found: list[Button] = []
        texts = {each["message_id"]: text_of(each) for each in messages}
        for each in buttons(messages):
            if each.word not in WORDS:
                continue
            # Whatever is pressed, only the newest card counts.
            newest.setdefault(each.call, each.message_id)
            fresh = newest[each.call] == each.message_id
            known = (each.message_id, each.data) in self.done
            if fresh and not known and each.word in words:
                found.append(each)
        # The steps in their order: nobody is on scene before setting out.
        earlier = {
            each.message_id
            for each in buttons(messages)
            if each.word in {"accept", "depart"}
        }
        ready = [
            each
            for each in found
            if each.word != "start" or each.message_id not in earlier
            if each.word != "depart" or _is_soon(texts[each.message_id])
        ]
        return min(ready, key=lambda each: WORDS.index(each.word), default=None)

    async def _hear(self, messages: list[Message]) -> None:
        """Answer what was relayed since the last look."""
        for message in messages:
            if message["message_id"] <= self.heard or not message["from"]["is_bot"]:
                continue
            self.heard = message["message_id"]
            asked = phrases.asked_in(text_of(message), "doctor")
            opens = button([message], "chat")
            if asked is None or opens is None:
                continue
            await self.world.pass_minutes(0.3, 1.5)
            await self._talk(opens, phrases.REPLIES[asked][1])

    async def _talk(self, opens: Button, text: str) -> None:
        await self.pocket.tap(opens)
        await asyncio.sleep(1)
        await self.pocket.say(text)
        await asyncio.sleep(1)
        await self.pocket.say("/cancel")
        self.world.told["said"] += 1

    async def _begin_talk(self, stage: str, call: str, told: list[Message]) -> None:
        text = phrases.opening(self.world.chance, stage, "doctor")
        opens = button(told, "chat", call)
        if text and opens and self.world.likely(TALKS):
            await self._talk(opens, text)

    async def _accept(self, pressed: Button, messages: list[Message]) -> None:
        await self.world.pass_minutes(0.5, 3)
        await self.pocket.tap(pressed)
        await self._begin_talk("accepted", pressed.call, messages)

    async def _depart(self, pressed: Button, messages: list[Message]) -> None:
        await self.world.pass_minutes(1, 5)
        await self.pocket.tap(pressed)
        await self._begin_talk("en_route", pressed.call, messages)

    async def _start(self, pressed: Button, _: list[Message]) -> None:
        """Drive to the door with the location on the air, and be on scene."""
        for step in range(1, STEPS + 1):
            await self._pass(1, 2)
            part = step / STEPS
            await self._locate(
                (
                    self.home[0] + (self.door[0] - self.home[0]) * part,
                    self.home[1] + (self.door[1] - self.home[1]) * part,
                )
            )
        await self.pocket.tap(pressed)

    async def _complete(self, pressed: Button, messages: list[Message]) -> None:
        """Answer the bot's questions: minutes, conclusion, items, yes."""
        minutes = self.world.chance.randint(15, 45)
        await self._pass(minutes, minutes)
        last = messages[-1]["message_id"]
        await self.pocket.tap(pressed)
        call, conclusion = pressed.call, self.world.chance.choice(CONCLUSIONS)
        asked = await self.pocket.wait(
            lambda told: button(told, "min", call) or link(told, last)
        )
        if asked.url:
            await self._in_the_app(call, minutes, conclusion)
        else:
            await self._answer(call, minutes, conclusion)
        self.world.told["telegram visits"] += 1
        await self._pass(5, 10)
        await self._locate(self.home)

    async def _in_the_app(self, call: str, minutes: int, conclusion: str) -> None:
        """A patient who has not agreed to Telegram: the end is written elsewhere."""
        said = {"actual_minutes": minutes, "conclusion": conclusion}
        path = f"/v1/visits/{long(call)}/complete"
        await self.account.call("POST", path, said, once=True)

    async def _answer(self, call: str, minutes: int, conclusion: str) -> None:
        said = await self.pocket.say(str(minutes))
        await self.pocket.wait(lambda told: _bot_said(told, said))
        await self.pocket.say(conclusion)
        onwards = await self.pocket.wait(lambda told: button(told, "goon", call))
        extra = button(await self.pocket.look(0), "add", call)
        if extra is not None and self.world.likely(EXTRAS):
            await self.pocket.tap(extra)
            await asyncio.sleep(2)
        await self.pocket.tap(onwards)
        await self.pocket.tap(
            await self.pocket.wait(lambda told: button(told, "yes", call))
        )


_ACTS: dict[str, Any] = {
    "accept": PhoneDoctor._accept,
    "depart": PhoneDoctor._depart,
    "start": PhoneDoctor._start,
    "complete": PhoneDoctor._complete,
}


def _bot_said(messages: list[Message], after: int) -> Message | None:
    return next(
        (
            each
            for each in messages
            if each["from"]["is_bot"] and each["message_id"] > after
        ),
        None,
    )


def _is_soon(card: str) -> bool:
    """Tell from the card whether it is time to set out."""
    found = WHEN.search(card)
    if found is None:
        return True
    day, month, hour, minute = map(int, found.groups())
    now = datetime.now(MOSCOW)
    planned = now.replace(month=month, day=day, hour=hour, minute=minute)
    return planned - now < EARLY or planned - now > timedelta(days=300)
