"""The plan of a doctor in the console: typed as people write hours."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from models import DoctorProfile, User
from services import clock, shifts
from services.database import Sessions
from services.edges import transaction
from services.shifts import Plan
from tests import factories
from tests.backoffice.browser import Browser


async def a_doctor(sessions: Sessions) -> User:
    async with transaction(sessions) as session:
        return await factories.doctor(session)


async def plan_of(sessions: Sessions, doctor: User) -> Plan:
    async with transaction(sessions) as session:
        return await shifts.plan(session, factories.as_doctor(doctor))


async def mark(sessions: Sessions, doctor: User) -> str:
    return (await plan_of(sessions, doctor)).mark


async def test_a_week_is_typed_as_hours_and_shown_again(
    sessions: Sessions, curator: Browser
) -> None:
    doctor = await a_doctor(sessions)
    here = f"/doctors/{doctor.id}/plan"
    assert "Понедельник" in await curator.page(here)
    answer = await curator.post(
        here,
        seen=await mark(sessions, doctor),
        day0="9-17, 20:00–2:00",
        day4=" 16.30 — 24 ; 8:00-12:15",
        follows="1",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin{here}")
    page = await curator.page(here)
    assert 'value="09:00–17:00, 20:00–02:00"' in page
    assert 'value="08:00–12:15, 16:30–00:00"' in page
    assert "checked" in page
    plan = await plan_of(sessions, doctor)
    assert [row.minutes for row in plan.week] == [480, 360, 255, 450]
    assert plan.follows
    await curator.post(here, seen=plan.mark)
    assert (await plan_of(sessions, doctor)).week == []


@pytest.mark.parametrize(
    "typed", ["утром", "9", "9-25", "25-9", "9:70-10", "9-17 18-20", "-", "9-", "24-5"]
)
async def test_what_is_no_hours_is_told_at_its_day_and_nothing_is_lost(
    sessions: Sessions, curator: Browser, typed: str
) -> None:
    doctor = await a_doctor(sessions)
    here = f"/doctors/{doctor.id}/plan"
    seen = await mark(sessions, doctor)
    answer = await curator.post(here, seen=seen, day1=typed, day2="10-12")
    assert answer.status_code == 422
    assert "Часы вида" in answer.text
    assert f'value="{typed}"' in answer.text
    assert 'value="10-12"' in answer.text
    assert (await plan_of(sessions, doctor)).week == []


async def test_overlaps_and_stale_forms_are_refused(
    sessions: Sessions, curator: Browser, dispatcher: Browser
) -> None:
    doctor = await a_doctor(sessions)
    here, seen = f"/doctors/{doctor.id}/plan", await mark(sessions, doctor)
    overlap = await curator.post(here, seen=seen, day1="9-12, 11-14")
    assert overlap.status_code == 422
    assert "Две смены пересекаются" in overlap.text
    assert (await dispatcher.post(here, seen=seen, day1="9-12")).status_code == 303
    stale = await curator.post(here, seen=seen, day1="10-12")
    assert stale.status_code == 409
    assert len((await plan_of(sessions, doctor)).week) == 1


async def test_single_days_are_set_and_removed(
    sessions: Sessions, dispatcher: Browser
) -> None:
    doctor = await a_doctor(sessions)
    here = f"/doctors/{doctor.id}/plan"
    async with transaction(sessions) as session:
        day = (await clock.today(session) + timedelta(days=3)).isoformat()
    await dispatcher.post(f"{here}/days", day=day, hours="20-8", comment="замена")
    page = await dispatcher.page(here)
    assert "20:00–08:00" in page
    assert "замена" in page
    await dispatcher.post(f"{here}/days", day=day, hours="")
    assert "выходной" in await dispatcher.page(here)
    for wrong in (
        {"day": "2020-01-01"},
        {"day": "завтра"},
        {"day": day, "hours": "9-12, 13-14"},
        {"day": day, "hours": "9", "comment": "не потерять"},
        {"day": day, "comment": "x" * 201},
    ):
        refused = await dispatcher.post(f"{here}/days", **wrong)
        assert refused.status_code == 422, wrong
    await dispatcher.post(f"{here}/days/remove", day=day)
    assert (await plan_of(sessions, doctor)).exceptions == []


async def test_nobodys_plan_is_not_found(curator: Browser) -> None:
    for key in (factories.nobody(), curator.user.id, "x"):
        assert (await curator.get(f"/doctors/{key}/plan")).status_code == 404


async def test_holidays_are_kept_by_curators(
    sessions: Sessions, curator: Browser, app: FastAPI
) -> None:
    async with transaction(sessions) as session:
        day = (await clock.today(session) + timedelta(days=5)).isoformat()
    await curator.post("/holidays", day=day, title="День врача")
    assert "День врача" in await curator.page("/holidays")
    twice = await curator.post("/holidays", day=day, title="Ещё раз")
    assert twice.status_code == 409
    assert 'value="Ещё раз"' in twice.text
    assert (await curator.post("/holidays", day="", title="x")).status_code == 422
    doctor = await a_doctor(sessions)
    async with transaction(sessions) as session:
        await shifts.set_plan(session, factories.as_doctor(doctor), [])
    assert "День врача" in await curator.page(f"/doctors/{doctor.id}/plan")
    key = (await curator.page("/holidays")).split("/admin/holidays/")[1].split("/")[0]
    await curator.post(f"/holidays/{key}/remove")
    assert "День врача" not in await curator.page("/holidays")


async def test_the_plan_is_linked_from_the_doctors_page(
    sessions: Sessions, dispatcher: Browser, admin: Browser
) -> None:
    doctor = await a_doctor(sessions)
    here = f"/doctors/details/{doctor.id}"
    assert f"/admin/doctors/{doctor.id}/plan" in await dispatcher.page(here)
    assert f"/admin/doctors/{doctor.id}/plan" not in await admin.page(here)
    async with transaction(sessions) as session:
        follows = await session.scalar(sa.select(DoctorProfile.duty_by_plan))
    assert follows is False
