"""The pages about people, doctors, clinics, prices and settings, used as staff do."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import Response
from sqlmodel import col

from models import (
    AuditEvent,
    ClinicProfile,
    DoctorProfile,
    PriceItem,
    Role,
    RoleGrant,
    User,
)
from models.booking import Status
from models.price_item import PriceKind
from models.specialization import Specialization
from services import passwords, roles, settings, telegram_content
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import SCRIPT, Browser, signed_in

WHY = {"reason": "Так надо"}


async def one(sessions: Sessions, statement: Any) -> Any:
    async with transaction(sessions) as session:
        return await session.scalar(statement)


async def held(sessions: Sessions, user: User) -> set[Role]:
    async with transaction(sessions) as session:
        return set(await roles.roles_of(session, user.id))


def secret_in(answer: Response) -> str:
    found = re.search(r"data-secret>([a-z0-9-]+)<", answer.text)
    assert found is not None
    return found[1]


async def test_a_member_of_staff_is_created_with_a_password_shown_once(
    admin: Browser, sessions: Sessions
) -> None:
    fields = {
        "first_name": "Ирина",
        "last_name": "Петрова",
        "email": "irina@example.org",
        "role": "dispatcher",
    } | WHY
    answer = await admin.post("/staff", **fields)
    secret = secret_in(answer)
    assert answer.headers["cache-control"] == "no-store"
    user = await one(sessions, sa.select(User).where(col(User.last_name) == "Петрова"))
    assert await passwords.verify(secret, user.password_hash)
    page = await admin.page(f"/users/details/{user.id}")
    assert secret not in page
    assert "Должен сменить пароль" in page
    again = await admin.post("/staff", **fields)
    assert again.status_code == 409
    assert 'value="irina@example.org"' in again.text
    wrong = await admin.post("/staff", **(fields | {"role": "patient", "email": "x"}))
    assert wrong.status_code == 422
    no_login = await admin.post("/staff", **(fields | {"email": ""}))
    assert "Укажите почту или телефон" in no_login.text


async def test_a_dispatcher_becomes_a_senior_one_and_no_longer(
    admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.dispatcher(session)
    here, card = f"/users/{user.id}/senior", f"/users/details/{user.id}"
    assert "Сделать старшим" in await admin.page(card)
    await admin.post(here, senior="1", **WHY)
    page = await admin.page(card)
    assert "Теперь это старший диспетчер." in page
    assert ">старший</span>" in page
    assert "Больше не старший" in page
    assert (await admin.post(here, senior="0", _headers=SCRIPT)).status_code == 422
    await admin.post(here, senior="0", **WHY)
    page = await admin.page(card)
    assert "Диспетчер больше не старший." in page
    assert ">старший</span>" not in page


async def test_roles_are_given_and_taken_with_a_reason(
    admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.person(session)
    here = f"/users/{user.id}"
    back = {"_headers": {"referer": f"http://testserver/admin/users/details/{user.id}"}}
    given = await admin.post(here + "/grant", role="dispatcher", **WHY, **back)
    assert given.headers["location"] == f"/admin/users/details/{user.id}"
    assert await held(sessions, user) == {Role.DISPATCHER}
    page = await admin.page(f"/users/details/{user.id}")
    assert "Роль дана." in page
    assert "Так надо" in page
    both = await admin.post(here + "/grant", role="finance", **WHY)
    assert both.status_code == 303
    assert "нельзя совместить" in await admin.page("/")
    for bad in ({"role": "finance"}, {"role": "king"} | WHY, {"role": "x" * 20} | WHY):
        script = await admin.post(here + "/grant", **bad, _headers=SCRIPT)
        assert script.status_code == 422
    long = await admin.post(
        here + "/revoke", role="dispatcher", reason="x" * 501, _headers=SCRIPT
    )
    assert long.status_code == 422
    taken = await admin.post(here + "/revoke", role="dispatcher", **WHY)
    assert taken.status_code == 303
    assert await held(sessions, user) == set()
    gone = await admin.post("/users/nonsense/revoke", role="dispatcher", **WHY)
    assert gone.status_code == 404


async def test_a_person_is_blocked_let_in_and_given_a_new_password(
    admin: Browser, sessions: Sessions, dispatcher: Browser
) -> None:
    here = f"/users/{dispatcher.user.id}"
    await admin.post(here + "/block", **WHY)
    assert (await dispatcher.get("/")).status_code == 302
    assert "Заблокирован" in await admin.page("/users/list?state=blocked")
    await admin.post(here + "/unblock", **WHY)
    secret = secret_in(await admin.post(here + "/password"))
    user = await one(
        sessions, sa.select(User).where(col(User.id) == dispatcher.user.id)
    )
    assert (user.blocked_at, user.must_change_password) == (None, True)
    assert await passwords.verify(secret, user.password_hash)


async def test_a_command_never_leads_to_an_address_that_cannot_be_opened(
    admin: Browser,
) -> None:
    """The page with a one-time password is the answer to a POST."""
    here = "http://testserver/admin"
    for referer, reached in (
        (f"{here}/journal/list?action=x", "/admin/journal/list?action=x"),
        (f"{here}/staff", "/admin/"),
        (f"{here}/users/{admin.user.id}/password", "/admin/"),
        (f"{here}/logout", "/admin/"),
        ("http://evil.example/admin/me", "/admin/"),
    ):
        answer = await admin.post(
            "/me/theme", theme="dark", _headers={"referer": referer}
        )
        assert answer.headers["location"] == reached
    wanted = await admin.post("/me/theme", theme="dark", next="/admin/me")
    assert wanted.headers["location"] == "/admin/me"


async def test_looking_at_a_patient_is_journalled_once(
    admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        patient, clerk = (
            await factories.patient(session),
            await factories.person(session),
        )
    for _ in range(2):
        for user in (patient, clerk):
            await admin.page(f"/users/details/{user.id}")
    query = sa.select(col(AuditEvent.object_id)).where(
        col(AuditEvent.action) == "read.patient"
    )
    async with transaction(sessions) as session:
        assert (await session.scalars(query)).all() == [patient.id]


async def test_one_does_not_find_buttons_against_oneself(admin: Browser) -> None:
    page = await admin.page(f"/users/details/{admin.user.id}")
    assert "/block" not in page
    assert "/grant" not in page


@pytest.mark.parametrize(
    "term",
    ["Зимина", "зим", "+7 999 000-11-22", "89990001122", "0001122", "Zima@example.org"],
)
async def test_people_are_found_by_name_phone_and_e_mail(
    admin: Browser, sessions: Sessions, term: str
) -> None:
    async with transaction(sessions) as session:
        await factories.person(
            session, last_name="Зимина", phone="+79990001122", email="zima@example.org"
        )
        await factories.person(session, last_name="Летов")
    page = (await admin.get("/users/list", params={"search": term})).text
    assert "Зимина" in page
    assert "Летов" not in page
    assert "+79990001122" not in page


async def test_lists_are_filtered_by_role(admin: Browser, dispatcher: Browser) -> None:
    page = await admin.page("/users/list?role=dispatcher&state=active")
    assert dispatcher.user.last_name in page
    assert f">{admin.user.last_name} " not in page.split("<tbody>")[1]
    assert "Ничего не найдено" in await admin.page("/users/list?role=clinic")
    assert "Ничего не найдено" not in await admin.page("/users/list?role=king")


def doctor_form(**changes: Any) -> dict[str, Any]:
    return {
        "first_name": "Дмитрий",
        "last_name": "Орлов",
        "phone": "8 916 123-45-67",
        "specialization": "cardiologist",
        "also": ["therapist", "cardiologist"],
        "languages": ["ru", "en"],
        "licence_number": "ЛО-77-01",
        "licence_expires_on": "2030-05-01",
        "experience_years": "12",
        "home_district": "Арбат",
    } | changes


async def test_a_curator_brings_a_doctor_aboard_and_edits(
    curator: Browser, sessions: Sessions, dispatcher: Browser
) -> None:
    wrong = await curator.post("/doctors", **doctor_form(licence_expires_on="soon"))
    assert wrong.status_code == 422
    assert 'value="Орлов"' in wrong.text
    assert '<option value="cardiologist" selected' in wrong.text
    secret_in(await curator.post("/doctors", **doctor_form()))
    profile = await one(sessions, sa.select(DoctorProfile))
    assert profile.specializations == ["cardiologist", "therapist"]
    here = f"/doctors/{profile.user_id}"
    form = await curator.page(here + "/edit")
    seen = re.search(r'name="seen" value="([^"]+)"', form)
    assert seen is not None
    assert 'value="12"' in form
    edited = doctor_form(experience_years="13", seen=seen[1])
    saved = await curator.post(here + "/edit", **edited)
    assert saved.headers["location"] == f"/admin/doctors/details/{profile.user_id}"
    late = await curator.post(here + "/edit", **edited)
    assert late.status_code == 409
    assert "изменил кто-то другой" in late.text
    half = doctor_form(home_latitude="55.7")
    assert (await curator.post(here + "/edit", **half)).status_code == 422
    page = await curator.page(f"/doctors/details/{profile.user_id}")
    assert "13" in page
    assert "+7 916 123-45-67" in page
    assert "/block" not in await dispatcher.page(f"/doctors/details/{profile.user_id}")
    assert (await curator.get("/doctors/nonsense/edit")).status_code == 404
    nobody = f"/doctors/{factories.nobody()}/edit"
    assert (await curator.get(nobody)).status_code == 404


async def test_blocking_a_doctor_names_the_calls_that_wait_again(
    curator: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, last_name="Белов")
        anna = await factories.dispatcher(session)
        call = await factories.assigned(session, doctor, anna)
    told = await curator.post(f"/doctors/{doctor.id}/block", **WHY, _headers=SCRIPT)
    assert told.json()["unassigned"] == [call.label]
    assert call.label in told.json()["message"]
    assert "Белов" in await curator.page("/doctors/list?state=blocked")
    await curator.post(f"/doctors/{doctor.id}/unblock", **WHY)
    assert "Ничего не найдено" in await curator.page("/doctors/list?state=blocked")


async def test_doctors_are_found_and_their_documents_watched(
    curator: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        moment = await session.scalar(sa.text("SELECT app_now()::date"))
        dates = {"Вчера": -1, "Скоро": 10, "Нескоро": 400}
        for name, days in dates.items():
            expires = await session.scalar(
                sa.text("SELECT :day + :days"), {"day": moment, "days": days}
            )
            await factories.doctor(
                session,
                last_name=name,
                on_duty=False,
                profile={"licence_expires_on": expires, "licence_number": name},
            )
    assert "истекли" in await curator.page("/doctors/list?state=expired")
    ending = await curator.page("/doctors/list?state=ending")
    assert ("Скоро" in ending, "Нескоро" in ending) == (True, False)
    for query, found in (
        ("search=Нескоро", True),
        ("search=скоро", True),
        ("specialization=therapist", True),
        ("specialization=surgeon", False),
        ("specialization=wizard", True),
        ("state=duty", False),
    ):
        page = await curator.page(f"/doctors/list?{query}")
        assert (">Нескоро " in page) is found, query


async def test_a_clinic_is_saved_with_its_manager(
    curator: Browser, sessions: Sessions
) -> None:
    fields = {
        "name": "Здоровье",
        "tax_number": "7707083893",
        "phone": "8 495 123-45-67",
        "active": "y",
    }
    for wrong in ({"tax_number": "77"}, {"phone": "none"}, {"name": ""}):
        answer = await curator.post("/clinics/create", **(fields | wrong))
        assert answer.status_code == 400, wrong
        assert 'class="why"' in answer.text
    assert (await curator.post("/clinics/create", **fields)).status_code == 302
    clinic = await one(sessions, sa.select(ClinicProfile))
    assert (clinic.phone, clinic.active) == ("+74951234567", True)
    manager = {"first_name": "Анна", "last_name": "Ким", "email": "kim@example.org"}
    secret_in(await curator.post(f"/clinics/{clinic.id}/managers", **manager))
    assert "Ким Анна" in await curator.page(f"/clinics/details/{clinic.id}")
    assert "Здоровье" in await curator.page("/clinics/list?search=здор&active=yes")
    assert "Ничего не найдено" in await curator.page("/clinics/list?active=no")


def price_form(**changes: str) -> dict[str, str]:
    return {
        "kind": "visit",
        "call_type": "urgent",
        "title_ru": "Вызов",
        "title_en": "Visit",
        "specialization": "",
        "price_kopecks": "4 500,50",
        "starts": "08:00",
        "ends": "20:00",
        "active": "y",
    } | changes


async def test_prices_are_typed_in_roubles_and_kept_in_kopecks(
    finance: Browser, sessions: Sessions
) -> None:
    assert (await finance.post("/prices/create", **price_form())).status_code == 302
    row = await one(sessions, sa.select(PriceItem))
    assert (row.price_kopecks, row.kind, row.specialization) == (
        450_050,
        PriceKind.VISIT,
        None,
    )
    page = await finance.page("/prices/list")
    assert "4\u00a0500,50\u00a0₽" in page
    assert "08:00–20:00" in page
    assert 'value="4500,50"' in await finance.page(f"/prices/edit/{row.id}")
    events = await one(
        sessions, sa.select(AuditEvent).order_by(col(AuditEvent.id).desc())
    )
    assert events.action == "price_item.created"
    assert events.actor_id == finance.user.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_kopecks": value}
        for value in ("-1", "NaN", "1e3", "1,234", "١٢", "99999999999", "", "x", "inf")
    ]
    + [
        {"call_type": ""},
        {"kind": "extra"},
        {"kind": "gift"},
        {"title_ru": ""},
        {"title_en": "x" * 201},
        {"starts": "25:00"},
        {"specialization": "wizard"},
        {"vat_code": "0"},
        {"vat_code": "13"},
        {"vat_code": "x"},
    ],
    ids=str,
)
async def test_prices_that_make_no_sense_are_explained(
    finance: Browser, sessions: Sessions, wrong: dict[str, str]
) -> None:
    answer = await finance.post("/prices/create", **price_form(**wrong))
    assert answer.status_code == 400
    assert 'class="why"' in answer.text
    assert await one(sessions, sa.select(sa.func.count(col(PriceItem.id)))) == 0


async def test_a_line_has_a_rate_of_vat(finance: Browser, sessions: Sessions) -> None:
    await finance.post("/prices/create", **price_form(vat_code="11"))
    row = await one(sessions, sa.select(PriceItem))
    assert row.vat_code == 11
    assert "22 %" in await finance.page("/prices/list")
    form = await finance.page(f"/prices/edit/{row.id}")
    assert '<option selected value="11">22 %</option>' in form
    saved = await finance.post(f"/prices/edit/{row.id}", **price_form(vat_code="1"))
    assert saved.status_code == 302
    assert "Без НДС" in await finance.page("/prices/list")


async def test_an_untouched_save_changes_nothing(
    finance: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        row = await factories.price(
            session, specialization=Specialization.SURGEON, price_kopecks=450_001
        )
    form = await finance.page(f"/prices/edit/{row.id}")
    fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', form))
    for name in ("kind", "call_type", "specialization"):
        options = form.split(f'name="{name}"')[1].split("</select>")[0]
        chosen = re.search(r'<option selected value="(\w*)"', options)
        fields[name] = chosen[1] if chosen else ""
    fields.pop("csrf_token")
    saved = await finance.post(f"/prices/edit/{row.id}", **fields)
    assert saved.status_code == 302, saved.text
    count = sa.select(sa.func.count(col(AuditEvent.id))).where(
        col(AuditEvent.action) == "price_item.changed"
    )
    assert await one(sessions, count) == 0
    stale = fields | {"seen": "2020-01-01T00:00:00+00:00", "title_ru": "Другое"}
    late = await finance.post(f"/prices/edit/{row.id}", **stale)
    assert late.status_code == 400
    assert "изменил кто-то другой" in late.text


async def test_settings_act_at_once_and_stay_in_bounds(
    admin: Browser, sessions: Sessions
) -> None:
    assert (
        await admin.post("/settings", key="sla.high.red", value="25")
    ).status_code == 303
    async with transaction(sessions) as session:
        assert await settings.get(session, "sla.high.red") == 25
    page = await admin.page("/settings")
    assert "Тихие часы уведомлений" in page
    heads = re.findall(r'card-head"><h2>([^<]+)<', page)
    assert not {each for each in heads if each.isascii()} - {"Telegram"}
    assert "по умолчанию 15" in page
    assert "Сохранено." in page
    for wrong in ("", "0", "99999", "x", "1.5", "9" * 12, "١٢"):
        answer = await admin.post(
            "/settings", key="sla.high.red", value=wrong, _headers=SCRIPT
        )
        assert answer.status_code == 422, wrong
    unknown = await admin.post("/settings", key="x", value="1", _headers=SCRIPT)
    assert unknown.status_code == 404


async def test_telegram_carries_content_for_a_reason_only(
    admin: Browser, sessions: Sessions
) -> None:
    page = await admin.page("/settings")
    assert "только номер вызова, район и время" in page
    silent = await admin.post("/settings/telegram", on="1", reason="", _headers=SCRIPT)
    assert silent.status_code == 422
    answer = await admin.post("/settings/telegram", on="1", reason="Решение юриста")
    assert answer.headers["location"] == "/admin/settings#telegram"
    page = await admin.page("/settings")
    assert 'id="telegram"' in page
    assert "Telegram: содержание включено." in page
    assert "имена, адреса, жалобы" in page
    async with transaction(sessions) as session:
        assert await telegram_content.is_on(session)
    await admin.post("/settings/telegram", on="0", reason="Отозвано")
    assert "Telegram: содержание выключено." in await admin.page("/settings")
    async with transaction(sessions) as session:
        assert not await telegram_content.is_on(session)


async def test_the_journal_is_narrowed_by_who_what_and_when(
    admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        anna, doctor = (
            await factories.dispatcher(session),
            await factories.doctor(session),
        )
        call = await factories.booking_in(
            session, Status.COMPLETED, doctor=doctor, dispatcher=anna
        )
    for query, found in (
        (f"object={call.id}", "booking.complete"),
        (f"actor={doctor.id}&action=booking", "booking.accept"),
        ("action=booking.assign&from=2020-01-01&to=2099-01-01", "booking.assign"),
        ("from=nonsense", "booking.start"),
    ):
        assert found in await admin.page(f"/journal/list?{query}"), query
    for query in ("object=nonsense", "to=2020-01-01", "from=9999-12-31", "action=zzz"):
        assert "Ничего не найдено" in await admin.page(f"/journal/list?{query}"), query
    first = re.search(
        r"/admin/journal/details/([\w-]+)", await admin.page("/journal/list")
    )
    assert first is not None
    assert "Запрос" in await admin.page(f"/journal/details/{first[1]}")


async def test_the_first_page_counts_what_the_role_may_see(
    app: FastAPI, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        anna, doctor = (
            await factories.dispatcher(session),
            await factories.doctor(session),
        )
        for status in (Status.PENDING, Status.COMPLETED):
            await factories.booking_in(session, status, doctor=doctor, dispatcher=anna)
    words = {
        Role.ADMIN: ("Сотрудники", "Врачи"),
        Role.CURATOR: ("Клиники", "На смене"),
        Role.DISPATCHER: ("Завершено сегодня", "На месте"),
        Role.FINANCE: ("Названо за завершённые", "₽"),
    }
    for role, expected in words.items():
        page = await (await signed_in(app, sessions, role)).page("/")
        assert all(word in page for word in expected), role
        assert ("₽" in page) is (role is Role.FINANCE)


async def test_a_grant_row_shows_in_the_history_when_taken(
    admin: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.dispatcher(session)
    await admin.post(f"/users/{user.id}/revoke", role="dispatcher", **WHY)
    assert "снята" in await admin.page(f"/users/details/{user.id}")
    assert await one(sessions, sa.select(sa.func.count(col(RoleGrant.id)))) == 2
