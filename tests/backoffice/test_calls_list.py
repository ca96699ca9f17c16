"""The list of calls: found by anything, filtered, and telling no more than it may."""

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import col, select

from backoffice.call_words import age
from models import Booking, DoctorProfile
from models.base import metadata
from models.booking import Status
from models.booking_finance import BookingFinance
from services import assignments
from services.booking_drafts import SubjectInput
from services.database import Sessions
from services.edges import transaction
from tests import factories, money_rows
from tests.backoffice.browser import Browser


@pytest_asyncio.fixture(loop_scope="session")
async def calls(sessions: Sessions) -> dict[str, Booking]:
    """Two calls that differ in everything."""
    async with transaction(sessions) as session:
        anna = await factories.dispatcher(session)
        orlov = await factories.doctor(session, last_name="Орлов")
        nina = await factories.patient(
            session, last_name="Ковалёва", first_name="Нина", phone="+79162041837"
        )
        oleg = await factories.patient(
            session, last_name="Сидоров", phone="+79035550011"
        )
        first = await factories.booking(
            session,
            nina,
            symptoms="Давление 180/110, головокружение, одышка с утра, принимает каптоприл",
            address=factories.address(text="Комсомольский проспект, 38"),
        )
        second = await factories.booking_in(
            session,
            Status.COMPLETED,
            doctor=orlov,
            dispatcher=anna,
            by=oleg,
            address=factories.address(text="Тверская улица, 12"),
        )
    return {"first": first, "second": second, "doctor": orlov}  # type: ignore[dict-item]


@pytest.mark.parametrize("paper", ["licence_expires_on", "documents_valid_until"])
async def test_a_visit_that_the_papers_do_not_reach_is_red(
    dispatcher: Browser, sessions: Sessions, paper: str
) -> None:
    async with transaction(sessions) as session:
        staff = await factories.dispatcher(session)
        sound = await factories.doctor(session, last_name="Годный")
        late = await factories.doctor(session, last_name="Просроченный")
        start = await factories.tomorrow(session)
        for doctor in (sound, late):
            made = await factories.booking(session)
            await assignments.assign(
                session, factories.as_staff(staff), made.id, doctor.id, 1, start
            )
        done = await factories.booking_in(
            session, Status.COMPLETED, doctor=late, dispatcher=staff
        )
        query = select(DoctorProfile).where(col(DoctorProfile.user_id) == late.id)
        profile = (await session.exec(query)).one()
        setattr(profile, paper, start.date() - timedelta(days=1))
    page = await dispatcher.page("/calls/list")
    rows = page.split("<tr>")
    marked = [row for row in rows if 'title="лицензия истекла"' in row]
    assert len(marked) == 1
    assert "Просроченный" in marked[0]
    # A visit that took place was sound when it did.
    assert f">{done.label}<" not in marked[0]


async def shown(browser: Browser, calls: dict[str, Any], **query: str) -> set[str]:
    page = (await browser.get("/calls/list", params=query)).text
    return {name for name in ("first", "second") if f">{calls[name].label}<" in page}


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("{number}", {"first"}),
        ("B-{number}", {"first"}),
        ("в{number}", {"first"}),
        ("Б - {number}", {"first"}),
        ("+7 916 204-18-37", {"first"}),
        ("89162041837", {"first"}),
        ("204-18-37", {"first"}),
        ("2041837", {"first"}),
        ("ковалёва", {"first"}),
        ("Ковалёва Нина", {"first"}),
        ("комсомольский", {"first"}),
        ("Тверская улица, 12", {"second"}),
        ("тверская 12", {"second"}),
        ("ул. Тверская, д. 12", {"second"}),
        ("улица", {"second"}),
        ("Нина Ковалёва", {"first"}),
        ("Ковалёва Олег", set()),
        (",", set()),
        ("сид", {"second"}),
        ("си", set()),
        ("%%%", set()),
        ("___", set()),
        ("999999999", set()),
        ("12-3", set()),
        ("99999999999999999999", set()),
        ("", {"first", "second"}),
        ("\x00", {"first", "second"}),
    ],
)
async def test_calls_are_found_by_number_phone_name_and_address(
    dispatcher: Browser, calls: dict[str, Booking], term: str, found: set[str]
) -> None:
    term = term.replace("{number}", str(calls["first"].number))
    assert await shown(dispatcher, calls, search=term) == found


async def test_filters_narrow_together_and_live_in_the_address(
    dispatcher: Browser, calls: dict[str, Booking]
) -> None:
    doctor = str(calls["doctor"].id)
    for query, found in (
        ({"status": "pending"}, {"first"}),
        ({"status": "completed", "doctor": "орл"}, {"second"}),
        ({"doctor": doctor}, {"second"}),
        ({"doctor": str(uuid.uuid4())}, set()),
        ({"doctor": "ор"}, set()),
        ({"status": "pending", "doctor": "Орлов"}, set()),
        ({"type": "urgent", "specialization": "therapist"}, {"first", "second"}),
        ({"type": "scheduled"}, set()),
        ({"from": "2020-01-01", "to": "2099-01-01"}, {"first", "second"}),
        ({"to": "2020-01-01"}, set()),
        ({"status": "nonsense", "from": "nonsense"}, {"first", "second"}),
        ({"sortBy": "created_at", "sort": "asc"}, {"first", "second"}),
        ({"pageSize": "1"}, {"second"}),
        ({"pageSize": "1", "page": "2"}, {"first"}),
    ):
        assert await shown(dispatcher, calls, **query) == found, query
    page = await dispatcher.page("/calls/list?status=pending&doctor=x&from=2020-01-01")
    assert '<option value="pending" selected>' in page
    assert 'value="2020-01-01"' in page
    for wrong in ("page=x", "pageSize=0", "pageSize=-1", "sortBy=symptoms"):
        assert (await dispatcher.get(f"/calls/list?{wrong}")).status_code == 400
    assert (await dispatcher.get("/calls/list?page=99999999")).status_code == 302


async def test_the_list_tells_no_name_no_phone_and_no_street(
    dispatcher: Browser, calls: dict[str, Booking]
) -> None:
    page = await dispatcher.page("/calls/list")
    for secret in ("Ковалёва", "Сидоров", "2041837", "Комсомольский", "Тверская"):
        assert secret not in page
    assert "Давление 180/110, головокружение, одышка с утра, принимает к…" in page
    assert "каптоприл" not in page
    assert "Орлов" in page
    assert f'href="/admin/booking/{calls["first"].id}"' in page


async def test_another_persons_call_does_not_show_the_holders_age(
    dispatcher: Browser, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        child = SubjectInput(name="Миша", birth_date="2024-01-01")
        await factories.booking(session, subject=child)
    page = await dispatcher.page("/calls/list")
    assert "46 лет" not in page
    assert "2 года" in page


async def test_a_short_search_says_what_is_missing(dispatcher: Browser) -> None:
    page = await dispatcher.page("/calls/list?search=ив")
    assert "Введите не меньше 3 символов" in page


async def test_finance_sees_no_name_address_or_word_of_a_person(
    finance: Browser, calls: dict[str, Booking]
) -> None:
    second = calls["second"]
    pages = [
        await finance.page("/calls-finance/list"),
        await finance.page(f"/calls-finance/details/{second.id}"),
        await finance.page(f"/calls-finance/list?search={second.number}"),
    ]
    for page in pages:
        for secret in (
            "Сидоров",
            "5550011",
            "Тверская",
            "Температура",
            "ОРВИ",
            "Орлов",
        ):
            assert secret not in page
        assert second.label in page
        assert "+7•••••••11" in page
        assert "₽" in page
    for query in (
        "search=Сидоров",
        "search=5550011",
        "search=99999999999",
        "reason=other",
    ):
        assert "Ничего не найдено" in await finance.page(f"/calls-finance/list?{query}")
    by_filter = "/calls-finance/list?status=completed&type=urgent&from=2020-01-01"
    assert second.label in await finance.page(by_filter)


def test_the_view_of_finance_has_no_medical_or_free_text_column() -> None:
    columns = set(BookingFinance.__table__.columns.keys())
    booking = set(metadata.tables["booking"].columns.keys())
    beside = {each for each in columns - booking if not each.endswith("_kopecks")}
    assert beside == {"payer_contact", "payment_state"}
    forbidden = {"symptoms", "conclusion", "address_text", "subject_name", "flags"}
    assert not columns & forbidden
    assert not {name for name in columns if "comment" in name or "notes" in name}


def test_years_are_counted_from_the_birthday_and_infants_in_months() -> None:
    assert age(date(2000, 5, 17), date(2026, 5, 16)) == "25 лет"
    assert age(date(2000, 5, 17), date(2026, 5, 17)) == "26 лет"
    assert age(date(2026, 2, 17), date(2026, 5, 16)) == "2 месяца"
    assert age(date(2027, 1, 1), date(2026, 5, 17)) == "0 месяцев"


async def test_dispatchers_see_the_quote_and_one_word_about_the_money(
    dispatcher: Browser, calls: dict[str, Booking], sessions: Sessions
) -> None:
    first = calls["first"]
    async with transaction(sessions) as session:
        await money_rows.payment(session, first, first.price_kopecks)
    page = await dispatcher.page("/calls/list?status=pending")
    assert '<span class="pill good">Оплачен</span>' in page
    assert "5\u00a0000\u00a0₽" in page
    assert "Не оплачен" in await dispatcher.page("/calls/list?status=completed")
    card = await dispatcher.page(f"/booking/{first.id}")
    assert "5\u00a0000\u00a0₽" in card
    assert '<span class="pill good">Оплачен</span>' in card
