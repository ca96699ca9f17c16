"""The card of a call: what it shows, and to whom."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel import col, select

from backoffice.booking_card import BookingCard
from models import AuditEvent
from models.booking import Status
from models.role_grant import Role
from services import assignments, bookings, clock
from services.database import Sessions
from services.edges import transaction
from services.errors import Unavailable
from tests import factories as make
from tests.backoffice.desk import Desk, again, at_desk, call_in, card, text_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNKNOWN = str(uuid.UUID(int=9))
NASTY = '<img src=x onerror="alert(1)">'


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Desk]:
    async with at_desk(app, sessions) as made:
        yield made


async def test_the_card_says_everything(sessions: Sessions, desk: Desk) -> None:
    booking, doctor = await call_in(sessions, desk, Status.ACCEPTED)
    page = await desk.get(card(booking))
    assert page.status_code == 200
    words = text_of(page)
    for each in (
        booking.label,
        "Температура 39, кашель",
        "Тверская улица, 12, flat 45",
        "entrance 2, floor 4, intercom 45К",
        "Пенициллин",
        "Астма",
        doctor.full_name,
        "Accepted",
        "Call taken",
        f"Doctor {doctor.short_name} assigned",
        "5 000",
    ):
        assert each in words.replace("\u202f", " ").replace("\xa0", " ").replace(
            "5,000", "5 000"
        )
    assert 'href="tel:+7916' in page.text


async def test_opening_is_journalled_once(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(sessions, desk)
    await desk.get(card(booking))
    await desk.get(card(booking))
    async with transaction(sessions) as session:
        query = select(AuditEvent.action).where(
            col(AuditEvent.object_id) == booking.id,
            col(AuditEvent.actor_id) == desk.user.id,
        )
        assert (await session.exec(query)).all() == ["read.card"]


@pytest.mark.parametrize("role", [Role.CURATOR, Role.FINANCE, Role.ADMIN])
async def test_nobody_but_dispatchers_opens_it(
    app: FastAPI, sessions: Sessions, desk: Desk, role: Role
) -> None:
    booking, _ = await call_in(sessions, desk)
    async with at_desk(app, sessions, role) as other:
        assert (await other.get(card(booking))).status_code == 403
        for verb in ("assign", "cancel", "edit", "flag", "join", "presence"):
            answer = await other.post(card(booking, verb), version=1)
            assert answer.status_code == 403
        assert (await other.get("/admin/calls/new")).status_code == 403
        for path in ("new", "lookup", "streets"):
            answer = await other.post(f"/admin/calls/{path}", phone="+79031184206")
            assert answer.status_code == 403
    assert (await again(sessions, booking)).version == 1


async def test_a_stranger_is_sent_to_sign_in(app: FastAPI, desk: Desk) -> None:
    desk.client.cookies.clear()
    answer = await desk.get(f"/admin/booking/{uuid.uuid4()}")
    assert answer.status_code in {302, 303}


@pytest.mark.parametrize("pk", ["nonsense", str(uuid.UUID(int=5))])
async def test_an_unknown_call_is_not_found(desk: Desk, pk: str) -> None:
    assert (await desk.get(f"/admin/booking/{pk}")).status_code == 404
    answer = await desk.post(f"/admin/booking/{pk}/presence")
    assert answer.status_code in {303, 404}


async def test_another_subject_hides_the_holders_facts(
    sessions: Sessions, desk: Desk
) -> None:
    booking, _ = await call_in(
        sessions,
        desk,
        subject={"name": "Громов Артём", "allergies": "Орехи", "sex": "male"},
    )
    words = text_of(await desk.get(card(booking)))
    assert "Громов Артём" in words
    assert "Орехи" in words
    assert "called by Петров" in words
    assert "Пенициллин" not in words
    assert "Астма" not in words


async def test_last_visits_are_those_of_the_same_person(
    sessions: Sessions, desk: Desk
) -> None:
    async with transaction(sessions) as session:
        holder, doctor = await make.patient(session), await make.doctor(session)
        past = await make.booking_in(
            session,
            Status.COMPLETED,
            doctor=doctor,
            dispatcher=desk.user,
            by=holder,
        )
        own = await make.booking(session, holder)
        child = await make.booking(session, holder, subject={"name": "Артём"})
    assert past.label in text_of(await desk.get(card(own)))
    assert past.label not in text_of(await desk.get(card(child)))


async def test_what_people_typed_is_only_text(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(
        sessions,
        desk,
        symptoms=NASTY,
        address=make.address(text=NASTY, notes=NASTY, flat="<b>flat"),
        subject={"name": NASTY, "allergies": NASTY},
    )
    await desk.post(card(booking, "join"), version=1, words=NASTY)
    page = await desk.get(card(booking))
    assert "<img src=x" not in page.text
    assert "<b>flat" not in page.text
    assert page.text.count("&lt;img") >= 5


async def test_take_back_is_offered_only_while_a_clinic_has_it(
    sessions: Sessions, desk: Desk
) -> None:
    booking, _ = await call_in(sessions, desk)
    assert card(booking, "take_back") not in (await desk.get(card(booking))).text
    async with transaction(sessions) as session:
        clinic = await make.clinic(session)
        await bookings.hand_to_clinic(session, desk.actor, booking.id, clinic.id, 1)
    page = await desk.get(card(booking))
    assert card(booking, "take_back") in page.text
    assert clinic.name in text_of(page)
    await desk.post(card(booking, "take_back"), version=2)
    words = text_of(await desk.get(card(booking)))
    assert f"Taken back from the clinic {clinic.name}" in words


async def test_an_outage_is_not_drawn_over(desk: Desk) -> None:
    request: Any = None
    with pytest.raises(Unavailable):
        await BookingCard().again(request, request, Unavailable())


async def test_an_arrival_behind_the_plan_is_said(
    sessions: Sessions, desk: Desk
) -> None:
    async with transaction(sessions) as session:
        await clock.shift(session, -3 * 3600)
        doctor, booking = await make.doctor(session), await make.booking(session)
        await assignments.assign(session, desk.actor, booking.id, doctor.id, 1)
    await desk.post(card(booking, "start"), version=2, reason="Звонил")
    assert "late" in text_of(await desk.get(card(booking)))


async def test_candidates_are_offered_and_looked_for_by_name(
    sessions: Sessions, desk: Desk
) -> None:
    booking, doctor = await call_in(sessions, desk)
    async with transaction(sessions) as session:
        await make.doctor(session, last_name="Зайцев", on_duty=False)
    page = await desk.get(card(booking))
    assert f'value="{doctor.id}"' in page.text
    named = await desk.get(card(booking) + "?doctor=зайц")
    assert "Зайцев" in text_of(named)
    assert "off duty" in text_of(named)


async def test_presence_tells_the_others(
    app: FastAPI, sessions: Sessions, desk: Desk
) -> None:
    booking, _ = await call_in(sessions, desk)
    async with at_desk(app, sessions, first_name="Олег") as other:
        await other.get(card(booking))
        beat = await desk.post(card(booking, "presence"), json=True)
        assert beat.json()["version"] == 1
        (line,) = beat.json()["watching"]
        assert line.startswith("Олег")
        assert line in text_of(await desk.get(card(booking)))
        await other.post(card(booking, "presence"), json=True, leaving="1")
    beat = await desk.post(card(booking, "presence"), json=True)
    assert beat.json()["watching"] == []


async def test_late_and_overdue_are_said(sessions: Sessions, desk: Desk) -> None:
    waiting, _ = await call_in(sessions, desk)
    assert "due in 15 min" in text_of(await desk.get(card(waiting)))
    async with transaction(sessions) as session:
        await clock.shift(session, -3 * 3600)
        doctor = await make.doctor(session, last_name="Ким")
        early = await make.booking(session)
        old = await make.booking(session)
        await assignments.assign(session, desk.actor, early.id, doctor.id, 1)
    assert "overdue by 2 h 4" in text_of(await desk.get(card(old)))
    assert "behind the plan" in text_of(await desk.get(card(early)))


async def test_the_card_speaks_russian(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(sessions, desk, Status.ACCEPTED)
    page = await desk.get(card(booking) + "?lang=ru")
    words = text_of(page)
    assert "Что можно сделать" in words
    assert "Назначен врач Орлов Д. И." in words
    assert "What can be done now" not in words
