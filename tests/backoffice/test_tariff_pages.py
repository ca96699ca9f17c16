"""Tariffs in the console: what counts, and a new version in percent and roubles."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col

from models import Role, Tariff
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import Browser, signed_in
from tests.backoffice.test_ledger import plain


async def newest(sessions: Sessions) -> Tariff:
    async with sessions() as session:
        query = sa.select(Tariff).order_by(col(Tariff.created_at).desc()).limit(1)
        return (await session.scalars(query)).one()


async def test_the_first_version_with_its_example(finance: Browser) -> None:
    words = plain(await finance.page("/tariffs"))
    assert "Для всех действует 70 % —" in words
    assert "им 3 150 ₽, нам 1 350 ₽" in words


async def test_a_version_for_one_doctor_from_now_on(
    finance: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, last_name="Раевский")
    told = {"scope": "doctor", "doctor_id": str(doctor.id), "share": "72,5"}
    answer = await finance.post("/tariffs", **told, fixed="100,50")
    assert answer.status_code == 303
    made = await newest(sessions)
    assert (made.share_points, made.fixed_kopecks) == (7250, 10_050)
    assert (made.doctor_id, made.clinic_id) == (doctor.id, None)
    words = plain(await finance.page("/tariffs"))
    assert f"{doctor.full_name} действует 72,5 % 100,50 ₽" in words
    assert "Тариф добавлен: 72,5 %" in words
    assert finance.user.short_name in words


async def test_a_version_for_a_clinic_later(
    finance: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
    told = {"scope": "clinic", "clinic_id": str(clinic.id), "share": "65 %"}
    await finance.post("/tariffs", **told, valid_from="2999-01-01T09:00")
    made = await newest(sessions)
    assert made.clinic_id == clinic.id
    assert made.valid_from.isoformat() == "2999-01-01T06:00:00+00:00"
    assert "вступит в силу" in await finance.page("/tariffs")


async def test_a_new_one_for_all_replaces_the_old(
    finance: Browser, sessions: Sessions
) -> None:
    other = str(factories.nobody())
    await finance.post("/tariffs", scope="all", share="60", doctor_id=other)
    assert (await newest(sessions)).doctor_id is None
    words = plain(await finance.page("/tariffs"))
    assert "Для всех действует 60 %" in words
    assert "Для всех заменён новым 70 %" in words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"share": ""}, "Это поле нужно заполнить"),
        ({"share": "101"}, "Введите долю от 0 до 100"),
        ({"share": "-1"}, "Введите долю от 0 до 100"),
        ({"share": "NaN"}, "Введите долю от 0 до 100"),
        ({"share": "Infinity"}, "Введите долю от 0 до 100"),
        ({"share": "70,005"}, "Введите долю от 0 до 100"),
        ({"share": "много"}, "Введите долю от 0 до 100"),
        ({"share": "70", "fixed": "-5"}, "Введите рубли"),
        ({"share": "70", "fixed": "1000001"}, "Некоторые поля заполнены неверно"),
        ({"share": "70", "valid_from": "завтра"}, "Введите день и время"),
        ({"share": "70", "valid_from": "2020-01-01T00:00"}, "задним числом"),
        ({"share": "70", "scope": "doctor"}, "Это поле нужно заполнить"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_not_lost(
    finance: Browser, sessions: Sessions, fields: dict[str, str], words: str
) -> None:
    before = (await newest(sessions)).id
    answer = await finance.post("/tariffs", **{"scope": "all"} | fields)
    assert answer.status_code == 422
    assert words in plain(answer.text)
    assert f'value="{fields["share"]}"' in answer.text
    assert (await newest(sessions)).id == before


async def test_a_doctor_who_is_none_is_not_found(
    finance: Browser, sessions: Sessions
) -> None:
    stranger = str(factories.nobody())
    told = {"scope": "doctor", "doctor_id": stranger, "share": "70"}
    assert (await finance.post("/tariffs", **told)).status_code == 404


async def test_nobody_else_sets_them(app: FastAPI, sessions: Sessions) -> None:
    for role in (Role.DISPATCHER, Role.CURATOR, Role.ADMIN):
        browser = await signed_in(app, sessions, role)
        assert (await browser.get("/tariffs")).status_code == 403
        assert (await browser.post("/tariffs", share="1")).status_code == 403
