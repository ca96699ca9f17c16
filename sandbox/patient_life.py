"""A patient of the simulated day: signs in or registers, calls, waits, may cancel."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from models.specialization import Specialization
from sandbox.chatter import talking
from sandbox.city import door
from sandbox.client import Account, World
from sandbox.complaints import CANCELS, complaint, specialization
from sandbox.patient_money import pay, settle
from sandbox.people import person

CONSENTS = [{"kind": "personal_data", "version": "1"}]
TELEGRAM = {"kind": "telegram_content", "version": "1"}
OPEN = {"pending", "assigned", "accepted", "en_route", "in_progress"}
WATCHED_HOURS = 3
PAYS_EARLY = 0.5


async def live(world: World, login: str | None, password: str) -> None:
    """One call of one patient, from picking up the phone to the end of the visit."""
    account = Account(world, login, password) if login else await _register(world)
    draft = await _draft(world)
    made = await account.call("POST", "/v1/bookings", draft, once=True)
    if made.status_code != 201:
        world.told["calls refused"] += 1
        return
    world.told["calls"] += 1
    booking_id = made.json()["id"]
    # A consultation is paid in advance, or the doctor does not set out.
    if draft["call_type"] == "consultation" or world.likely(PAYS_EARLY):
        await pay(world, account, booking_id)
    if world.likely(0.05):
        await _change_mind(world, account, booking_id)
    async with talking(world, account, booking_id, "patient"):
        await _watch(world, account, booking_id)
    await settle(world, account, booking_id)
    await account.sign_out()


async def _register(world: World) -> Account:
    """Open an account the way a new patient does."""
    human = person(
        world.chance, 20_000_000 + secrets.randbelow(10**7), datetime.now(UTC).date()
    )
    account = Account(world, human.email, secrets.token_urlsafe(12))
    answer = await world.send(
        "POST",
        "/v1/auth/register",
        json={
            "email": human.email,
            "phone": human.phone,
            "password": account.password,
            "first_name": human.first_name,
            "last_name": human.last_name,
            "middle_name": human.middle_name,
            "consents": CONSENTS + [TELEGRAM] * world.likely(0.5),
        },
    )
    answer.raise_for_status()
    account.tokens = answer.json()
    world.told["new patients"] += 1
    return account


async def _draft(world: World) -> dict[str, Any]:
    kind = specialization(world.chance)
    home = door(world.chance)
    draft: dict[str, Any] = {
        "call_type": world.chance.choices(
            ("urgent", "scheduled", "consultation"), (74, 14, 12)
        )[0],
        "specialization": kind.value,
        "symptoms": complaint(world.chance, kind),
        "address": {
            name: value for name, value in vars(home).items() if name != "district"
        },
    }
    if draft["call_type"] == "scheduled":
        draft |= _window(world)
    if kind is Specialization.PEDIATRICIAN:
        child = person(world.chance, 0, datetime.now(UTC).date(), (0, 13))
        draft["subject"] = {
            "name": child.full_name,
            "birth_date": str(child.birth_date),
        }
    return draft


def _window(world: World) -> dict[str, str]:
    hours = world.chance.uniform(1, 8) / world.speed
    starts = datetime.now(UTC) + timedelta(minutes=20, hours=hours)
    ends = starts + timedelta(hours=2)
    return {"wanted_from": starts.isoformat(), "wanted_to": ends.isoformat()}


async def _change_mind(world: World, account: Account, booking_id: str) -> None:
    await world.pass_minutes(2, 25)
    answer = await account.call(
        "POST",
        f"/v1/bookings/{booking_id}/cancel",
        {"reason": world.chance.choice(CANCELS), "reason_code": "patient_changed_mind"},
        once=True,
    )
    world.told["cancelled"] += answer.is_success


async def _watch(world: World, account: Account, booking_id: str) -> None:
    """Look now and then how far the doctor is, until the visit is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WATCHED_HOURS * 3600
    while loop.time() < deadline:
        await asyncio.sleep(world.chance.uniform(25, 60))
        answer = await account.call("GET", f"/v1/bookings/{booking_id}")
        status = answer.json().get("status") if answer.is_success else None
        if status == "en_route":
            await account.call("GET", f"/v1/bookings/{booking_id}/doctor-position")
        elif status not in OPEN:
            return
