"""Money by days in the console: plots and tables say the same, files hold no formula."""

import asyncio
import csv
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncGenerator
from datetime import date, datetime, timedelta

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from backoffice import money_days, plots
from models import AuditEvent, ReconIssue, Role
from models.payment import PaymentMethod
from models.refund import RefundStatus
from services import clock, csv_export, ledger, money_export, postings
from services.actor import SYSTEM
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.i18n import use_locale
from services.ledger import Move, Posting
from services.money_days import Flow, Period, Summary, Sums
from tests import factories, money_rows
from tests.backoffice.browser import Browser, signed_in
from tests.backoffice.test_ledger import plain
from tests.paying import paid_through
from tests.yookassa_server import YooKassa

CANARY = "Канарейкин"
SBP, WALLET = PaymentMethod.SBP, PaymentMethod.WALLET


async def day_of(sessions: Sessions, ago: int) -> date:
    async with sessions() as session:
        return await clock.today(session) - timedelta(days=ago)


@pytest_asyncio.fixture(loop_scope="session")
async def days(sessions: Sessions) -> tuple[date, date]:
    """Two payments a second before midnight and one a second after, and a refund."""
    earlier, later = await day_of(sessions, 2), await day_of(sessions, 1)
    midnight = datetime(later.year, later.month, later.day, tzinfo=clock.MOSCOW)
    async with transaction(sessions) as session:
        patient = await factories.patient(
            session, last_name=CANARY, phone="+79161234567", email="canary@example.com"
        )
        booking = await factories.booking(session, patient)
        now = await clock.now(session)
        before = (midnight - timedelta(seconds=1) - now).total_seconds()
        await clock.shift(session, before)
        paid = await money_rows.payment(session, booking, 450_000, method_title="=2+2")
        await money_rows.payment(session, booking, 100_000, method=SBP)
        await clock.shift(session, before + 2)
        await money_rows.payment(session, booking, 50_000)
        await money_rows.refund(session, paid, 360_000, RefundStatus.SUCCEEDED)
    return earlier, later


def rows_of(page: str) -> list[str]:
    """The lines of the table of days."""
    table = page.partition("По дням</h2>")[2]
    return [plain(line) for line in re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]]


async def test_days_of_moscow_with_their_sums(
    finance: Browser, days: tuple[date, date]
) -> None:
    page = await finance.page(f"/money/days?from={days[0]}&to={days[1]}")
    words = plain(page)
    assert "Оплачено 6 000 ₽ 3 платежа" in words
    assert "Возвращено 3 600 ₽ 1 возврат" in words
    assert "Чистыми 2 389,50 ₽" in words
    assert "Сходятся" in words
    later, earlier = rows_of(page)
    assert earlier.split(" ", 3)[3].startswith("4 500 ₽ 1 000 ₽ — 5 500 ₽ —")
    assert later.split(" ", 3)[3].startswith("500 ₽ — — 500 ₽ 3 600 ₽ 3,50 ₽")
    assert "−3 100 ₽ −3 100 ₽" in later
    assert CANARY not in page


async def test_plots_are_drawn_with_words_for_those_who_do_not_see_them(
    finance: Browser, days: tuple[date, date]
) -> None:
    page = await finance.page(f"/money/days?from={days[0]}&to={days[1]}")
    drawn = re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)
    assert len(drawn) == 2
    for each in drawn:
        root = ET.fromstring(each)
        named = root.attrib["aria-labelledby"].split()
        assert [element.attrib["id"] for element in root[:2]] == named
        assert all(element.text for element in root[:2])
        assert len(root.findall("g")) == 2
    assert "оплачено 5 500 ₽, возвращено 0 ₽" in plain(drawn[0])
    assert "style=" not in page
    assert "<script>" not in page


async def test_one_day_has_figures_and_no_plot(
    finance: Browser, days: tuple[date, date]
) -> None:
    page = await finance.page(f"/money/days?from={days[1]}&to={days[1]}")
    assert "<svg viewBox" not in page
    assert "Оплачено 500 ₽ 1 платёж" in plain(page)
    today = await finance.page("/money/days?days=1")
    assert "Оплачено 0 ₽ 0 платежей" in plain(today)
    assert 'days=1" aria-current=page' in today


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 30), ("?days=7", 7), ("?days=400", 30), ("?from=x&to=0001-01-01", 30)],
)
async def test_presets(finance: Browser, query: str, count: int) -> None:
    assert len(rows_of(await finance.page(f"/money/days{query}"))) == count


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2026-01-02&to=2026-01-01", "Период кончается раньше"),
        ("to=2999-01-01", "Этот день ещё не наступил"),
        ("from=2020-01-01", "не больше года"),
    ],
)
async def test_a_period_that_makes_no_sense_is_explained(
    finance: Browser, query: str, words: str
) -> None:
    page = await finance.page(f"/money/days?{query}")
    assert words in page
    assert len(rows_of(page)) == 30
    answer = await finance.get(f"/money/export/payments.csv?{query}")
    assert answer.status_code == 422


async def test_a_day_that_is_apart_is_seen_at_once(
    finance: Browser, sessions: Sessions, days: tuple[date, date]
) -> None:
    async with transaction(sessions) as session:
        move = Move(postings.CLEARING, postings.SUSPENSE, 12_300)
        odd = Posting("test:odd", "payment", "test", None, None, [move])
        await ledger.post(session, SYSTEM, odd)
    page = await finance.page("/money/days")
    assert "Расходятся на 123 ₽" in plain(page)
    assert page.count("is-apart") == 2
    async with transaction(sessions) as session:
        back = Move(postings.SUSPENSE, postings.CLEARING, 12_300)
        await clock.shift(session, -86_400)
        odd = Posting("test:back", "payment", "test", None, None, [back])
        await ledger.post(session, SYSTEM, odd)
    assert "2 дня расходятся" in plain(await finance.page("/money/days"))


class TestFiles:
    """What is taken away."""

    async def test_a_file_with_its_line_in_the_journal(
        self, finance: Browser, sessions: Sessions, days: tuple[date, date]
    ) -> None:
        path = f"/money/export/payments.csv?from={days[0]}&to={days[1]}"
        answer = await finance.get(path)
        name = f"payments-{days[0]}-{days[1]}.csv"
        told = answer.headers["content-disposition"]
        assert told == f'attachment; filename="{name}"'
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        text = answer.content.decode()
        assert text.startswith(csv_export.MARK)
        rows = list(csv.reader(io.StringIO(text[1:]), delimiter=";"))
        assert [row[4] for row in rows[1:]] == ["4500,00", "1000,00", "500,00"]
        assert rows[1][3] == "'=2+2"
        async with sessions() as session:
            query = sa.select(AuditEvent).where(
                col(AuditEvent.action) == "money.exported"
            )
            row = (await session.scalars(query)).one()
        assert row.actor_id == finance.user.id
        assert row.data == {"first": str(days[0]), "last": str(days[1])}

    @pytest.mark.parametrize("part", list(money_export.Part))
    async def test_nothing_of_the_patient_is_in_it(
        self, finance: Browser, days: tuple[date, date], part: str
    ) -> None:
        text = (await finance.get(f"/money/export/{part}.csv?days=7")).text
        assert text.count("\n") > 1
        for secret in (CANARY, "9161234567", "canary@example.com"):
            assert secret not in text

    async def test_another_file_is_not_found(self, finance: Browser) -> None:
        assert (await finance.get("/money/export/users.csv")).status_code == 404

    async def test_the_line_is_there_before_the_first_byte(
        self, finance: Browser, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A download that breaks has been journalled all the same."""

        async def broken(*_: object) -> AsyncGenerator[str, None]:
            raise ConnectionError
            yield ""

        monkeypatch.setattr(money_export, "lines", broken)
        with pytest.raises(ConnectionError):
            await finance.get("/money/export/payments.csv")
        async with sessions() as session:
            query = sa.select(sa.func.count(col(AuditEvent.id))).where(
                col(AuditEvent.action) == "money.exported"
            )
            assert await session.scalar(query) == 1

    async def test_a_reader_who_leaves_takes_the_connection_along(
        self, sessions: Sessions, days: tuple[date, date], engine: AsyncEngine
    ) -> None:
        pieces = money_days._pieces(sessions, money_export.Part.ENTRIES, Period(*days))
        await anext(pieces)
        await anext(pieces)
        assert engine.pool.checkedout() == 1
        await pieces.aclose()
        assert engine.pool.checkedout() == 0

    @pytest.mark.parametrize("role", [Role.DISPATCHER, Role.CURATOR, Role.ADMIN])
    async def test_nobody_else_takes_it(
        self, app: FastAPI, sessions: Sessions, role: Role
    ) -> None:
        browser = await signed_in(app, sessions, role)
        for path in ("/money/days", "/money/export/payments.csv"):
            assert (await browser.get(path)).status_code == 403
        assert (await browser.post("/money/shop")).status_code == 403


class TestShop:
    """The button that asks the provider who we are."""

    async def test_it_fits(
        self, finance: Browser, app: FastAPI, provider: YooKassa
    ) -> None:
        answer = await finance.post("/money/shop")
        assert answer.status_code == 303
        assert "ЮKassa отвечает, магазин наш" in await finance.page("/money/days")

    async def test_a_refused_login_stands_on_the_first_page(
        self,
        finance: Browser,
        sessions: Sessions,
        provider: YooKassa,
        settings: Settings,
    ) -> None:
        with paid_through(provider, settings, yookassa_secret_key="test_wrong"):
            await finance.post("/money/shop")
        assert "не принимает наш логин" in await finance.page("/money/days")
        async with sessions() as session:
            [found] = (await session.scalars(sa.select(ReconIssue))).all()
        assert found.facts == {"problem": "login_refused"}
        assert 'href="/admin/mismatches" role="alert"' in await finance.page("/")

    async def test_nothing_waits_in_a_transaction_meanwhile(
        self,
        finance: Browser,
        sessions: Sessions,
        provider: YooKassa,
        settings: Settings,
    ) -> None:
        provider.faults("hang_before", s=2)
        asked = asyncio.create_task(finance.post("/money/shop"))
        await asyncio.sleep(0.7)
        idle = sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with sessions() as session:
            assert await session.scalar(idle) == 0
        assert (await asked).status_code == 303


def summary(*sums: Sums) -> Summary:
    first = date(2031, 3, 9)
    period = Period(first, first + timedelta(days=len(sums) - 1))
    return Summary(period, dict(zip(period.days, sums, strict=True)), Sums(), 0)


class TestPlots:
    """Heights that can be checked by hand."""

    def test_boxes_stand_on_each_other(self) -> None:
        day = Sums()
        day.paid[PaymentMethod.CARD] = Flow(1, 30_000)
        day.paid[WALLET] = Flow(1, 10_000)
        day.refunded[SBP] = Flow(1, 40_000)
        made = plots.flows(summary(day, Sums()))
        card, wallet, back = made.slots[0].bars
        whole = plots.BOTTOM - plots.TOP
        assert made.zero == plots.TOP + whole / 2
        assert card.y + card.height == made.zero
        assert wallet.y + wallet.height == card.y
        assert back.y == made.zero
        assert back.height == card.height + wallet.height == whole / 2
        assert back.kind == "sbp is-back"
        assert made.slots[1].bars == []
        ticks = [words.replace("\xa0", " ") for _, words in made.ticks]
        assert ticks == ["−400 ₽", "−200 ₽", "0 ₽", "200 ₽", "400 ₽"]

    def test_a_line_goes_through_what_the_books_say(self) -> None:
        made = plots.clearing(summary(Sums(told=10_000, posted=20_000), Sums()))
        bar = made.slots[0].bars[0]
        assert (bar.y, bar.y + bar.height) == (
            (plots.TOP + plots.BOTTOM) / 2,
            plots.BOTTOM,
        )
        assert made.points[0][1] == plots.TOP
        assert made.slots[0].differs
        assert not made.slots[1].differs
        assert made.line == " ".join(f"{x},{y}" for x, y in made.points)

    def test_days_without_money_have_a_scale_too(self) -> None:
        made = plots.flows(summary(Sums(), Sums()))
        assert made.zero == plots.BOTTOM
        assert len(made.ticks) >= 2

    def test_a_year_is_labelled_sparsely_and_at_its_end(self) -> None:
        with use_locale("en"):
            made = plots.flows(summary(*(Sums() for _ in range(365))))
        labels = [slot.label for slot in made.slots]
        assert 5 <= len([each for each in labels if each]) <= plots.LABELS
        assert labels[-1] == "Mar 7"

    def test_the_scale_is_round_and_short(self) -> None:
        for top in (1, 99, 100, 12_345, 99_999_999, 123_456_789_000):
            day = Sums(told=top, posted=top)
            made = plots.clearing(summary(day, Sums()))
            assert 2 <= len(made.ticks) <= plots.TICKS + 2
            assert made.slots[0].bars[0].y >= plots.TOP


async def test_the_page_of_an_empty_house_in_english(
    sessions: Sessions, app: FastAPI
) -> None:
    browser = await signed_in(app, sessions, Role.FINANCE)
    browser.client.cookies.set("tot_lang", "en", domain="testserver.local")
    page = await browser.page("/money/days")
    assert "Money by days" in page
    assert "They agree" in page
