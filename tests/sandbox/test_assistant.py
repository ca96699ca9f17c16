"""The simulated dispatcher leaves clinics their calls, and answers what it is asked."""

import random

from fastapi import FastAPI

from models import Role
from sandbox import phrases
from sandbox.assistant import CLINIC, TALKS_EVERY, Assistant
from sandbox.client import World
from services import bookings, chat, chat_reads
from services.actor import Actor, Via
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import signed_in


async def test_the_sign_of_a_clinic_is_on_its_calls_alone(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.DISPATCHER)
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        free, handed = [await factories.booking(session) for _ in range(2)]
        staff = factories.as_staff(browser.user)
        await bookings.hand_to_clinic(session, staff, handed.id, clinic.id, 1)
    board = (await browser.get("/board/snapshot")).json()
    signs = {call["id"]: CLINIC in call["html"] for call in board["calls"]}
    assert signs == {str(free.id): False, str(handed.id): True}


async def test_the_desk_answers_a_patient_and_reads_what_others_say(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.DISPATCHER)
    asked = phrases.STAGES["pending"][0]
    async with transaction(sessions) as session:
        calls = [await factories.booking(session) for _ in range(2)]
        for call, text in zip(calls, (asked.text, "Просто к сведению"), strict=True):
            patient = Actor(call.patient_id, Role.PATIENT, Via.API)
            await chat.send(session, patient, call.id, text)
    world = World(browser.client, 1, random.Random(1))
    helper = Assistant(world, "", "", after=0, token=browser.csrf)
    for _ in range(TALKS_EVERY * 2):
        await helper._talk()
    desk = Actor(browser.user.id, Role.DISPATCHER, Via.CONSOLE)
    async with transaction(sessions) as session:
        first, second = [
            [each.text for each in await chat_reads.history(session, desk, call.id)]
            for call in calls
        ]
        assert first == [asked.text, asked.reply]
        assert second == ["Просто к сведению"]
        for call in calls:
            assert (await chat_reads.unread(session, desk, call.id)).unread == 0


async def test_a_patient_gets_the_doctor_they_asked_for(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.DISPATCHER)
    async with transaction(sessions) as session:
        call = await factories.booking(session)
        doctors = [await factories.doctor(session) for _ in range(3)]
    world = World(browser.client, 1, random.Random(1))
    helper = Assistant(world, "", "", after=0, token=browser.csrf)
    wish = str(doctors[-1].id)
    helper.wishes[str(call.id)] = wish
    board = (await browser.get("/board/snapshot")).json()
    await helper._assign(next(each for each in board["calls"]))
    board = (await browser.get("/board/snapshot")).json()
    (shown,) = board["calls"]
    assert world.told["assigned"] == 1
    assert shown["doctor"] == wish
