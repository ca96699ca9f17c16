"""Long tables of money: the right lines, nobody's name, no formula, flat memory."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, LedgerEntry, Payment, Role
from models.payment import PaymentStatus, Surplus
from models.refund import Destination, RefundStatus
from services import clock, csv_export, money_export
from services.actor import SYSTEM_ID, Actor, Via
from services.errors import Forbidden
from services.i18n import use_locale
from services.money_days import Period
from services.money_export import Part
from tests import factories, money_rows

FINANCE = Actor(SYSTEM_ID, Role.FINANCE, Via.CONSOLE)
NOON = datetime(2031, 3, 9, 9, 0, tzinfo=UTC)
NINTH, TENTH = date(2031, 3, 9), date(2031, 3, 10)
DAY = Period(NINTH, NINTH)
CANARY = "Канарейкин"


async def read(
    session: AsyncSession, part: Part, period: Period = DAY, locale: str = "ru"
) -> list[list[str]]:
    await session.flush()
    with use_locale(locale):
        pieces = [each async for each in money_export.lines(session, part, period)]
    text = "".join(pieces)
    assert text.startswith(csv_export.MARK)
    return list(csv.reader(io.StringIO(text[1:]), delimiter=";"))


async def told(
    session: AsyncSession, moment: datetime = NOON, **facts: object
) -> tuple[Booking, Payment]:
    """A payment of somebody whose name, words and address must not leave."""
    patient = await factories.patient(
        session, last_name=CANARY, phone="+79161234567", email="canary@example.com"
    )
    booking = await factories.booking(session, patient)
    booking.symptoms = f"{CANARY} кашляет"
    await clock.shift(session, 0)
    ahead = moment - await clock.now(session)
    await clock.shift(session, ahead.total_seconds())
    payment = await money_rows.payment(session, booking, 450_050, **facts)
    return booking, payment


async def test_payments_with_sums_and_words(session: AsyncSession) -> None:
    booking, payment = await told(session, method_title="•••• 4444")
    payment.surplus = Surplus.DOUBLE
    head, line = await read(session, Part.PAYMENTS)
    assert head[:5] == [
        "Оплачено (Москва)",
        "Вызов",
        "Способ",
        "Карта или банк",
        "Сумма, ₽",
    ]
    assert line == [
        "2031-03-09 12:00:00",
        booking.label,
        "Карта",
        "•••• 4444",
        "4500,50",
        "3,50",
        "0,00",
        "Оплачено дважды",
        "'+7•••••••67",
        payment.provider_id,
        str(payment.id),
    ]
    english, same = await read(session, Part.PAYMENTS, locale="en")
    assert (english[1], same[2]) == ("Call", "Bank card")


async def test_only_what_went_through_on_these_days(session: AsyncSession) -> None:
    booking, _ = await told(session)
    for status in (PaymentStatus.CANCELED, PaymentStatus.FAILED):
        await money_rows.payment(session, booking, 100, status)
    assert len(await read(session, Part.PAYMENTS)) == 2
    assert len(await read(session, Part.PAYMENTS, Period(TENTH, TENTH))) == 1


async def test_refunds_with_where_they_went(session: AsyncSession) -> None:
    booking, payment = await told(session)
    done = RefundStatus.SUCCEEDED
    manual = Destination.MANUAL
    await money_rows.refund(session, payment, 5, done, manual, document="=1+1")
    await money_rows.refund(session, payment, 100_000, RefundStatus.REJECTED)
    _, line = await read(session, Part.REFUNDS)
    assert line[:9] == [
        "2031-03-09 12:00:00",
        booking.label,
        "Карта",
        "Банковским переводом",
        "0,05",
        "По правилам возврата",
        "Вызов отменён",
        "'=1+1",
        "'+7•••••••67",
    ]
    assert line[-1] == str(payment.id)


async def test_postings_by_sides_which_agree(session: AsyncSession) -> None:
    booking, payment = await told(session)
    head, *lines = await read(session, Part.ENTRIES)
    assert head[-3:] == ["Дебет, ₽", "Кредит, ₽", "Номер проводки"]
    assert len(lines) == 4
    assert {line[1] for line in lines} == {booking.label}
    assert [line[2] for line in lines].count("Поступил платёж") == 2
    sides = [[line[at] for line in lines] for at in (5, 6)]
    assert [sorted(each) for each in sides] == [["0,00", "0,00", "3,50", "4500,50"]] * 2
    assert f"visit_prepaid:{booking.id}" in {line[4] for line in lines}
    assert payment.fee_kopecks == 350


async def test_a_fee_that_is_not_known_is_empty_and_no_nothing(
    session: AsyncSession,
) -> None:
    await told(session, fee_kopecks=None, provider_id=None)
    _, line = await read(session, Part.PAYMENTS)
    assert (line[5], line[9]) == ("", "")


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+7", "-1", "@x", " =1", "\t=1"])
async def test_no_cell_runs(session: AsyncSession, title: str) -> None:
    await told(session, method_title=title)
    _, line = await read(session, Part.PAYMENTS)
    assert line[3] == f"'{title}"


@pytest.mark.parametrize("part", list(Part))
async def test_nothing_of_the_patient_leaves(session: AsyncSession, part: Part) -> None:
    _, payment = await told(session)
    await money_rows.refund(session, payment, 5_000, RefundStatus.SUCCEEDED)
    rows = await read(session, part)
    assert len(rows) > 1
    text = str(rows)
    for secret in (CANARY, "9161234567", "canary@", "кашляет", str(payment.payer_id)):
        assert secret not in text


async def test_who_took_what_is_kept(session: AsyncSession) -> None:
    await money_export.begin(session, FINANCE, Part.REFUNDS, Period(NINTH, TENTH))
    query = sa.select(AuditEvent).where(col(AuditEvent.action) == "money.exported")
    row = (await session.scalars(query)).one()
    assert (row.object_type, row.acting_as) == ("refunds", Role.FINANCE)
    assert row.data == {"first": "2031-03-09", "last": "2031-03-10"}


@pytest.mark.parametrize("part", list(Part))
async def test_only_finance_takes_them(session: AsyncSession, part: Part) -> None:
    for role in (Role.DISPATCHER, Role.ADMIN, Role.CURATOR):
        other = Actor(SYSTEM_ID, role, Via.CONSOLE)
        with pytest.raises(Forbidden):
            await money_export.begin(session, other, part, DAY)


async def test_many_rows_stay_with_the_server(session: AsyncSession) -> None:
    await told(session)
    many = 5 * money_export.ROWS + 7
    await session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    account = sa.select(col(LedgerEntry.account_id)).limit(1)
    await session.execute(
        sa.text(
            "INSERT INTO ledger_entry"
            " (id, created_at, journal_id, account_id, amount_kopecks)"
            " SELECT gen_random_uuid(), app_now(), :journal, :account, n"
            " FROM generate_series(1, :many) n"
        ),
        {
            "many": many,
            "account": await session.scalar(account),
            "journal": await session.scalar(sa.select(col(LedgerEntry.journal_id))),
        },
    )
    await session.flush()
    counts, cursors = [], 0
    async for piece in money_export.lines(session, Part.ENTRIES, DAY):
        counts.append(piece.count("\n"))
        open_now = sa.text(
            "SELECT count(*) FROM pg_cursors WHERE name = 'money_export'"
        )
        cursors = max(cursors, await session.scalar(open_now) or 0)
    assert counts == [1, *[money_export.ROWS] * 5, 7 + 4]
    assert cursors == 1
    assert await session.scalar(open_now) == 0
