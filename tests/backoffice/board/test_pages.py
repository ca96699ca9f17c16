"""The screen, its snapshot and its pieces, as far as HTTP shows them."""

import json
import re

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from backoffice.board import reading
from models import AuditEvent
from models.role_grant import Role
from services import bookings
from services.database import Sessions
from services.edges import transaction
from tests import factories, money_rows
from tests.backoffice.board.conftest import City
from tests.backoffice.browser import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
CALL_KEYS = {
    "unread", "danger",
    "id", "seq", "at", "version", "number", "status", "priority", "type", "spec",
    "district", "created", "sla", "lat", "lon", "doctor", "start", "payment", "html",
}  # fmt: skip
DOCTOR_KEYS = {
    "id", "seq", "at", "name", "initials", "specs", "duty", "kind", "calls", "lat",
    "lon", "html",
}  # fmt: skip


async def test_the_page_is_complete_without_script(
    dispatcher: Browser, city: City
) -> None:
    page = await dispatcher.page("/board")
    assert f'id="c-{city.waiting.id}"' in page
    assert "Орлов Д. И." in page
    assert "Очередь <b" in page
    assert 'href="?call=' + str(city.under_way.id) in page
    assert "<style" not in page
    assert "onclick" not in page
    assert not re.search(r"<[^>]+ style=", page)


async def test_a_call_in_the_address_brings_forms_that_need_no_script(
    dispatcher: Browser, city: City
) -> None:
    page = await dispatcher.page(f"/board?call={city.waiting.id}")
    path = f"/board/calls/{city.waiting.id}/assign"
    assert f'action="/admin{path}"' in page
    answer = await dispatcher.post(
        path, doctor_id=str(city.orlov.id), version=str(city.waiting.version)
    )
    assert answer.status_code == 303
    assert (await city.read(city.waiting.id)).status == "assigned"


async def test_rows_hold_no_name_phone_or_street(
    dispatcher: Browser, city: City
) -> None:
    snapshot = (await dispatcher.get("/board/snapshot")).json()
    assert {frozenset(row) for row in snapshot["calls"]} == {frozenset(CALL_KEYS)}
    assert {frozenset(row) for row in snapshot["doctors"]} == {frozenset(DOCTOR_KEYS)}
    said = json.dumps(snapshot["calls"], ensure_ascii=False)
    for secret in ("Тверская", "Петров", "+7", "Пенициллин"):
        assert secret not in said
    assert len(snapshot["calls"]) == 3


async def test_a_later_reading_has_the_larger_number(
    dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    before = (await dispatcher.get("/board/snapshot")).json()
    await dispatcher.post(
        f"/board/calls/{city.waiting.id}/flag",
        flag="resuscitation",
        version=str(city.waiting.version),
    )
    async with transaction(sessions) as session:
        (row,) = await reading.calls(session, [city.waiting.id])
    assert row["seq"] > max(each["seq"] for each in before["calls"])
    assert row["flags"] == ["resuscitation"]


async def test_another_day_shows_its_own_window(
    dispatcher: Browser, city: City
) -> None:
    today = (await dispatcher.get("/board/snapshot")).json()
    other = (await dispatcher.get("/board/snapshot?day=2030-01-15")).json()
    assert other["day"] != today["day"]
    assert other["origin"] - other["day"] == 8 * 3600
    nonsense = await dispatcher.get("/board/snapshot?day=yesterday")
    assert nonsense.json()["day"] == today["day"]


async def test_opening_a_card_is_written_into_the_journal(
    dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    answer = await dispatcher.get(f"/board/calls/{city.waiting.id}/card")
    card = answer.json()
    assert "Тверская улица, 12" in card["facts"]
    assert 'data-dialog="cancel"' in card["acts"]
    async with transaction(sessions) as session:
        query = sa.select(sa.func.count()).where(
            AuditEvent.action == "read.card",  # type: ignore[arg-type]
            AuditEvent.object_id == city.waiting.id,  # type: ignore[arg-type]
        )
        assert await session.scalar(query) == 1


async def test_candidates_come_with_plans_reasons_and_refusals(
    dispatcher: Browser, city: City
) -> None:
    path = f"/board/calls/{city.waiting.id}/candidates"
    found = (await dispatcher.get(path)).json()
    assert [each["rank"] for each in found["items"]] == [1, 2]
    assert found["items"][0]["name"] == "Орлов Д. И."
    assert found["version"] == city.waiting.version
    leave, start, end = found["items"][0]["plan"]
    assert leave <= start < end
    assert "Ким" in found["refused"]
    assert 'data-verb="assign"' in found["html"]
    named = (await dispatcher.get(path + "?name=Лебед")).json()
    assert named["items"]


async def test_a_clinics_call_says_whose_doctors_can_come(
    dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        staff = factories.as_staff(await factories.dispatcher(session))
        waiting = city.waiting
        await bookings.hand_to_clinic(
            session, staff, waiting.id, clinic.id, waiting.version
        )
    path = f"/board/calls/{city.waiting.id}/candidates"
    found = (await dispatcher.get(path)).json()
    assert found["items"] == []
    assert "никто из её врачей приехать не может" in found["html"]
    assert "не из клиники, у которой сейчас вызов" in found["refused"]


async def test_dialogs_ask_before_what_cannot_be_undone(
    dispatcher: Browser, city: City
) -> None:
    path = f"/board/calls/{city.under_way.id}/dialog"
    cancel = (await dispatcher.get(path + "?verb=cancel")).json()["html"]
    assert cancel.count('data-verb="cancel"') == 8
    unassign = (await dispatcher.get(path + "?verb=unassign")).json()["html"]
    assert "required" in unassign
    reassign = await dispatcher.get(f"{path}?verb=reassign&doctor={city.orlov.id}")
    assert "Орлов" in reassign.json()["html"]
    assert (await dispatcher.get(path + "?verb=edit")).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["row", "card", "candidates", "dialog?verb=cancel"],
)
async def test_unknown_and_malformed_calls_are_not_found(
    dispatcher: Browser, path: str
) -> None:
    for key in ("00000000-0000-7000-8000-000000000000", "nonsense"):
        answer = await dispatcher.get(
            f"/board/calls/{key}/{path}", headers={"accept": "application/json"}
        )
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


async def test_the_board_speaks_both_languages(
    app: FastAPI, sessions: Sessions, city: City
) -> None:
    browser = await signed_in(app, sessions, Role.DISPATCHER, locale="en")
    page = await browser.page("/board")
    assert "Candidates first" in page
    assert "Высокий приоритет" not in page
    row = (await browser.get(f"/board/calls/{city.waiting.id}/row")).json()["row"]
    assert "Therapist" in row["html"]


async def test_what_is_large_travels_compressed(
    dispatcher: Browser, city: City
) -> None:
    plain = await dispatcher.get("/board", headers={"accept-encoding": "identity"})
    packed = await dispatcher.get("/board", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text[:200] == plain.text[:200]


async def test_the_board_says_in_one_word_how_a_call_is_paid(
    dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    call = city.waiting
    before = (await dispatcher.get("/board/snapshot")).json()
    assert {row["payment"] for row in before["calls"]} == {"unpaid"}
    async with transaction(sessions) as session:
        await money_rows.payment(session, call, call.price_kopecks)
        (row,) = await reading.calls(session, [call.id])
    assert row["payment"] == "paid"
    card = (await dispatcher.get(f"/board/calls/{call.id}/card")).json()
    assert '<span class="pill good">Оплачен</span>' in card["facts"]
    brief = await dispatcher.page(f"/board?call={call.id}")
    assert '<span class="pill good">Оплачен</span>' in brief
