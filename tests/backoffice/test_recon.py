"""Mismatches in the console: readable, taken by one, closed with words."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import recon_words
from models import Booking, ReconIssue, Role
from models.recon_issue import IssueKind
from services import clock, invariants, recon_issues, recon_marks
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import Browser, signed_in

K = IssueKind
# A finding of every kind as the services report it.
REPORTED: tuple[tuple[IssueKind, str, dict[str, Any], tuple[str, ...]], ...] = (
    (
        K.INVARIANT,
        "patients_have_wallets",
        {"count": 2, "offenders": ["01a2 (0)", "01a3 (0)"]},
        ("У каждого пациента есть кошелёк", "2 строки", "01a2 (0)"),
    ),
    (
        K.MISSING_HERE,
        "payment:2d8b",
        {"provider_id": "2d8b", "theirs": "succeeded", "their_amount_kopecks": 70_000},
        ("У провайдера есть, у нас нет", "Сумма — 700 ₽", "Статус — прошёл"),
    ),
    (
        K.STATUS_DIFFERS,
        "refund:01",
        {"ours": "failed", "theirs": "succeeded", "amount_kopecks": 5_050},
        ("У провайдера всё закончилось иначе", "Сумма 50,50 ₽ —", "Банк отказал"),
    ),
    (
        K.AMOUNT_DIFFERS,
        "payment:01",
        {"ours": "strange", "amount_kopecks": 450_000, "their_amount_kopecks": 70_000},
        ("Сумма 4 500 ₽ 700 ₽", "Статус strange —"),
    ),
    (
        K.QUARANTINED,
        "payment:02",
        {"unfit": "amount, account_id, odd"},
        ("Не сходится сумма, магазин, odd",),
    ),
    (
        K.REFUND_FAILED,
        "refund:02",
        {"amount_kopecks": 100, "code": "rejected_by_payee", "party": None},
        ("Банк отказал в возврате", "Сумма 1 ₽ Причина"),
    ),
    (
        K.RECEIPT_FAILED,
        "receipt:01",
        {"receipt_kind": "closing", "status": "canceled", "code": None},
        ("Чек не зарегистрирован", "Чек Зачёт предоплаты"),
    ),
    (
        K.DAY_DIFFERS,
        "2026-11-30",
        {"day": "2026-11-30", "here_came_kopecks": 100, "there_came_kopecks": 0},
        ("Суммы за день не сходятся", "Пришло 1 ₽ 0 ₽", "День 30 нояб. 2026"),
    ),
    (
        K.SETTLEMENT_DIFFERS,
        "payment:2d8c",
        {"problem": "not_in_registry", "day": "2026-12-01", "provider_id": "2d8c"},
        ("Что не так ещё не перечислено", "1 дек. 2026"),
    ),
    (
        K.INBOX_LEFT,
        "notice:01",
        {"event": "payment.succeeded", "object_id": "2d8d", "note": "timeout"},
        ("Уведомление payment.succeeded", "Номер у провайдера 2d8d"),
    ),
)


def plain(page: str) -> str:
    """The words of a page without its tags, with ordinary blanks."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.replace("\xa0", " ")).split())


@pytest_asyncio.fixture(loop_scope="session")
async def finance(app: FastAPI, sessions: Sessions) -> Browser:
    return await signed_in(
        app, sessions, Role.FINANCE, first_name="Ольга", last_name="Счётова"
    )


async def reported(
    sessions: Sessions, kind: IssueKind, subject: str, **facts: Any
) -> uuid.UUID:
    async with transaction(sessions) as session:
        await recon_issues.report(session, kind, subject, **facts)
        return await of(session, subject)


async def of(session: AsyncSession, subject: str) -> uuid.UUID:
    query = sa.select(col(ReconIssue.id)).where(col(ReconIssue.subject) == subject)
    found: uuid.UUID | None = await session.scalar(query)
    assert found is not None
    return found


async def call(sessions: Sessions) -> Booking:
    async with transaction(sessions) as session:
        named = {"last_name": "Тайнов", "phone": "+79161234567"}
        return await factories.booking(
            session, await factories.patient(session, **named)
        )


@pytest.mark.parametrize(
    ("kind", "subject", "facts", "expected"), REPORTED, ids=lambda each: str(each)[:20]
)
async def test_a_finding_reads_well(
    sessions: Sessions,
    finance: Browser,
    kind: IssueKind,
    subject: str,
    facts: dict[str, Any],
    expected: tuple[str, ...],
) -> None:
    await reported(sessions, kind, subject, **facts)
    words = plain(await finance.page("/mismatches"))
    for each in (subject, *expected):
        assert each in words


async def test_every_kind_has_its_words_and_every_rule_its_name() -> None:
    assert set(recon_words.KINDS) == set(IssueKind)
    assert set(recon_words.RULES) == {rule.name for rule in invariants.RULES}


async def test_the_call_leads_to_its_money_and_nobody_is_named(
    sessions: Sessions, finance: Browser
) -> None:
    booking = await call(sessions)
    await reported(sessions, K.DAY_DIFFERS, "a", booking_id=booking.id)
    page = await finance.page("/mismatches")
    assert f'href="/admin/payments/call/{booking.id}">{booking.label}</a>' in page
    assert "Тайнов" not in page
    assert "1234567" not in page


async def test_somebody_takes_it_and_somebody_else_sees_who(
    app: FastAPI, sessions: Sessions, finance: Browser
) -> None:
    other = await signed_in(app, sessions, Role.FINANCE)
    issue_id = await reported(sessions, K.DAY_DIFFERS, "a")
    assert "Никто не занимается" in await other.page("/mismatches")
    taken = await finance.post(f"/mismatches/{issue_id}/take")
    assert taken.headers["location"] == f"/admin/mismatches#f-{issue_id}"
    assert "Занимаетесь вы" in await finance.page("/mismatches")
    seen = await other.page("/mismatches")
    assert "Занимается Счётова О. И." in seen
    assert "Забрать себе" in seen
    await other.post(f"/mismatches/{issue_id}/take")
    assert "тем временем взял" in await other.page("/mismatches")
    await other.post(f"/mismatches/{issue_id}/take", holder=str(finance.user.id))
    assert "Занимаетесь вы" in await other.page("/mismatches")


async def test_it_is_closed_with_words_that_stay_below(
    sessions: Sessions, finance: Browser
) -> None:
    issue_id = await reported(sessions, K.DAY_DIFFERS, "a")
    await reported(sessions, K.DAY_DIFFERS, "b")
    async with transaction(sessions) as session:
        await recon_issues.settle(session, K.DAY_DIFFERS, "b")
    refused = await finance.post(f"/mismatches/{issue_id}/resolve", words=" ")
    assert refused.status_code == 303
    assert "Недавно закрытые" in await finance.page("/mismatches")
    await finance.post(f"/mismatches/{issue_id}/resolve", words="Банк ошибся.")
    page = await finance.page("/mismatches")
    assert "Расхождение закрыто." in page
    words = plain(page)
    assert "Всё сходится" in words
    assert "Счётова О. И. Банк ошибся." in words
    assert "закрылось само Больше не подтверждается." in words


async def test_a_deadline_that_has_passed_is_red(
    sessions: Sessions, finance: Browser
) -> None:
    await reported(sessions, K.DAY_DIFFERS, "late", due_in_hours=-3)
    await reported(sessions, K.DAY_DIFFERS, "soon")
    page = await finance.page("/mismatches")
    assert page.count("rc-find is-late") == 1
    assert page.index("late</code>") < page.index("soon</code>")
    assert "срок был" in page


async def test_the_checks_tell_how_they_run(
    sessions: Sessions, finance: Browser
) -> None:
    async with transaction(sessions) as session:
        now = await clock.now(session)
        await recon_marks.note(session, "invariants", None, 2)
        await recon_marks.note(session, "provider_hourly", now, 0)
        await recon_marks.note(session, "leftovers", None, 0)
        old = sa.text("UPDATE recon_mark SET ran_at = ran_at - :by WHERE name = :name")
        values = {"by": timedelta(hours=2), "name": "leftovers"}
        await session.execute(old, values)
    words = plain(await finance.page("/mismatches"))
    assert "2 расхождения" in words
    assert "сверено до" in words
    assert "молчит слишком долго" in words
    assert "ещё не запускалась" in words


async def test_an_administrator_sees_the_data_and_no_money(
    app: FastAPI, sessions: Sessions
) -> None:
    admin = await signed_in(app, sessions, Role.ADMIN)
    booking = await call(sessions)
    money = await reported(sessions, K.DAY_DIFFERS, "money")
    rule = "patients_have_wallets"
    broken = await reported(sessions, K.INVARIANT, rule, booking_id=booking.id)
    page = await admin.page("/mismatches")
    assert "money</code>" not in page
    assert f"{rule}</code>" in page
    assert booking.label in page
    assert "/admin/payments/call/" not in page
    assert "rc-check" not in page
    assert (await admin.post(f"/mismatches/{money}/take")).status_code == 404
    assert (await admin.post(f"/mismatches/{broken}/take")).status_code == 303


async def test_the_first_page_says_in_red_what_waits(
    app: FastAPI, sessions: Sessions, finance: Browser
) -> None:
    assert "home-alert" not in await finance.page("/")
    for number in range(3):
        await reported(sessions, K.DAY_DIFFERS, f"{number}")
    async with transaction(sessions) as session:
        await session.execute(
            sa.update(ReconIssue).values(
                created_at=col(ReconIssue.created_at) - timedelta(hours=2, minutes=5)
            )
        )
    page = await finance.page("/")
    assert "Ждут 3 расхождения, самое старое — 2 ч назад" in page
    assert 'href="/admin/mismatches" role="alert"' in page
    for role in (Role.ADMIN, Role.DISPATCHER, Role.CURATOR):
        assert "home-alert" not in await (await signed_in(app, sessions, role)).page(
            "/"
        )
