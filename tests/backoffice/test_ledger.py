"""The books in the console: what finance reads, page by page, and no patient's name."""

import re
import uuid

import pytest
import pytest_asyncio
import sqlalchemy as sa

from models import Booking, User
from models.base import uuid7
from services import clock, ledger, postings
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.ledger import Account
from tests import factories
from tests.backoffice.browser import Browser

DAY = 86_400
MASK = "+7•••••••67"


@pytest_asyncio.fixture(loop_scope="session")
async def booking(sessions: Sessions) -> Booking:
    """A call of somebody called Tainov, prepaid, completed, with a compensation."""
    async with transaction(sessions) as session:
        named = {"last_name": "Тайнов", "phone": "+79161234567"}
        patient = await factories.patient(session, **named)
        return await factories.booking(session, patient)


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(sessions: Sessions, booking: Booking) -> User:
    """Has earned the call."""
    payment = uuid7()
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, last_name="Раевский")
        payee = postings.doctor(doctor.id)
        for recipe in (
            postings.paid(payment, booking.id, postings.CLEARING, 0, 450_000),
            postings.fee(payment, booking.id, 15_750),
            postings.earned("done", booking.id, payee, 315_000, 135_000, 450_000),
            postings.compensated(uuid7(), booking.id, booking.patient_id, 50_050),
        ):
            await ledger.post(session, SYSTEM, recipe)
    return doctor


async def account_id(sessions: Sessions, account: Account) -> uuid.UUID:
    query = sa.text("SELECT id FROM ledger_account WHERE code = :code")
    async with sessions() as session:
        found: uuid.UUID = await session.scalar(query, {"code": account.code})
    return found


def plain(page: str) -> str:
    """The words of a page without its tags, with ordinary blanks."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.replace("\xa0", " ")).split())


async def test_the_house_stands_above_and_wallets_below(
    finance: Browser, doctor: User
) -> None:
    page = await finance.page("/ledger")
    words = plain(page)
    for sums in (
        "У платёжного провайдера 4 342,50 ₽",
        "Выручка за визиты 1 350 ₽",
        "Комиссия провайдера 157,50 ₽",
        "Компенсации 500,50 ₽",
        "Невыясненные суммы 0 ₽",
    ):
        assert sums in words
    assert f"Пациент {MASK}" in words
    assert "Тайнов" not in page


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("doctor_payable", "Раевский Денис Ильич"),
        ("visit_prepaid", MASK),
        ("clinic_payable", "Таких счетов пока нет"),
        ("no_such_kind", MASK),
        ("bank", MASK),
    ],
)
async def test_accounts_by_kind(
    finance: Browser, doctor: User, kind: str, words: str
) -> None:
    assert words in plain(await finance.page(f"/ledger?kind={kind}"))


async def test_accounts_are_found_by_the_call(
    finance: Browser, booking: Booking, doctor: User
) -> None:
    words = plain(await finance.page(f"/ledger?search={booking.label}"))
    assert f"{booking.label} Пациент {MASK} Предоплата визита" in words
    assert f"{booking.label} Пациент {MASK} Долг за визит" not in words
    assert "Такого счёта нет" in await finance.page("/ledger?search=Тайнов")


async def test_a_list_goes_on_to_older_accounts(
    finance: Browser, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoffice.ledger.ROWS", 2)
    async with transaction(sessions) as session:
        for _ in range(3):
            owner = (await factories.doctor(session)).id
            await ledger.open_account(session, postings.doctor(owner))
    page = await finance.page("/ledger?kind=doctor_payable")
    assert page.count("row-link") == 2
    assert "К новым" not in page
    rest = await finance.page(next_of(page))
    assert rest.count("row-link") == 1
    assert "К новым" in rest
    assert "Раньше" not in rest


def next_of(page: str) -> str:
    """Where the link to older lines leads."""
    found = re.search(r'rel="next" href="[^"]*?/admin([^"]*)"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


async def test_a_statement_day_by_day(
    finance: Browser, sessions: Sessions, booking: Booking
) -> None:
    wallet = postings.wallet(booking.patient_id)
    async with transaction(sessions) as session:
        start = await clock.now(session)
        for day in range(3):
            await clock.shift(session, day * DAY)
            made = postings.compensated(
                uuid7(), booking.id, booking.patient_id, 100 * 10**day
            )
            await ledger.post(session, SYSTEM, made)
        spent = postings.paid(uuid7(), booking.id, wallet, 0, 5_000)
        await ledger.post(session, SYSTEM, spent)
    here = f"/ledger/accounts/{await account_id(sessions, wallet)}"
    words = plain(await finance.page(here))
    assert "Остаток сейчас 61 ₽" in words
    line = f"Поступил платёж {booking.label} Система −50 ₽ 61 ₽"
    assert line in words
    assert f"Компенсация {booking.label} Система +1 ₽ 1 ₽" in words
    assert words.count("Компенсация") == 3

    first = start.astimezone(clock.MOSCOW).date()
    one = plain(await finance.page(f"{here}?from={first}&to={first}"))
    assert one.count("Компенсация") == 1
    later = plain(await finance.page(f"{here}?from={first}&to=9999-12-31"))
    assert later.count("Компенсация") == 3
    until = plain(await finance.page(f"{here}?to={first}&from=nonsense"))
    assert until.count("Компенсация") == 1
    none = await finance.page(f"{here}?to=1999-01-01")
    assert "За эти дни проводок нет" in none


async def test_a_statement_in_pages(
    finance: Browser,
    sessions: Sessions,
    booking: Booking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backoffice.ledger.ROWS", 2)
    async with transaction(sessions) as session:
        for kopecks in (100, 200, 300):
            made = postings.compensated(
                uuid7(), booking.id, booking.patient_id, kopecks
            )
            await ledger.post(session, SYSTEM, made)
    wallet = await account_id(sessions, postings.wallet(booking.patient_id))
    page = await finance.page(f"/ledger/accounts/{wallet}?from=2020-01-01")
    assert "+3 ₽" in plain(page)
    assert "+1 ₽" not in plain(page)
    rest = await finance.page(next_of(page))
    assert "+1 ₽" in plain(rest)
    assert 'value="2020-01-01"' in rest
    assert f'href="http://testserver/admin/ledger/accounts/{wallet}?from' in rest


async def test_a_journal_shows_both_sides(
    finance: Browser, sessions: Sessions, booking: Booking, doctor: User
) -> None:
    payee = await account_id(sessions, postings.doctor(doctor.id))
    statement = await finance.page(f"/ledger/accounts/{payee}")
    link = re.search(r'href="/admin(/ledger/journals/[^"]+)"', statement)
    assert link is not None
    page = await finance.page(link[1])
    words = plain(page)
    assert f"Предоплата визита {booking.label} Пациент {MASK} 4 500 ₽" in words
    assert "Долг перед врачом Раевский Денис Ильич 3 150 ₽" in words
    assert "Выручка за визиты Сервис 1 350 ₽" in words
    assert "Итого 4 500 ₽ 4 500 ₽" in words
    assert "Система, автоматически" in words
    assert f"booking:{booking.id}:done" in words
    assert "Тайнов" not in page


async def test_an_account_without_lines_and_a_house_account(
    finance: Browser, sessions: Sessions
) -> None:
    suspense = await account_id(sessions, postings.SUSPENSE)
    words = plain(await finance.page(f"/ledger/accounts/{suspense}"))
    assert "Проводок пока нет" in words
    assert "Чей Сервис" in words
    assert "Остаток после" not in words


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ledger/accounts/nonsense", 404),
        ("/ledger/journals/nonsense", 404),
        (f"/ledger/accounts/{uuid.UUID(int=7)}", 404),
        (f"/ledger/journals/{uuid.UUID(int=7)}", 404),
        ("/ledger?after=nonsense", 422),
    ],
)
async def test_addresses_that_lead_nowhere(
    finance: Browser, path: str, status: int
) -> None:
    assert (await finance.get(path)).status_code == status


async def test_the_words_are_english_too(finance: Browser, doctor: User) -> None:
    finance.client.cookies.set("tot_lang", "en", domain="testserver.local")
    words = plain(await finance.page("/ledger"))
    for each in ("At the payment provider 4,342.50 ₽", "Wallets", f"Patient {MASK}"):
        assert each in words
