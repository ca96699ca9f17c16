"""Statements and journals: signs, order, pages, days, and nobody's name."""

from datetime import timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.base import uuid7
from models.booking import Status
from models.ledger import OWNED, AccountKind
from models.role_grant import Role
from services import clock, ledger, ledger_reads, ledger_words, postings
from services.actor import SYSTEM, SYSTEM_ID, Actor, Via
from services.errors import Forbidden, NotFound
from services.ledger import Account, Posting
from services.ledger_reads import Days, Statement
from services.pages import Wanted
from services.words import label
from tests import factories
from tests.services.test_postings import RECIPES

ALL = Wanted(100)
FINANCE = Actor(SYSTEM_ID, Role.FINANCE, Via.CONSOLE)


@pytest.fixture
async def patient(session: AsyncSession) -> User:
    return await factories.patient(session, phone="+79161234567", last_name="Тайнов")


@pytest.fixture
async def booking(session: AsyncSession, patient: User) -> Booking:
    return await factories.booking(session, patient)


async def post(session: AsyncSession, *recipes: Posting) -> None:
    for recipe in recipes:
        assert await ledger.post(session, SYSTEM, recipe)


async def statement(
    session: AsyncSession, account: Account, days: Days = Days(), wanted: Wanted = ALL
) -> Statement:
    found = await ledger_reads.found(session, FINANCE, account.code)
    assert [each.account.code for each in found] == [account.code]
    return await ledger_reads.statement(
        session, FINANCE, found[0].account.id, days, wanted
    )


def told(found: Statement) -> list[tuple[str, int, int | None]]:
    return [
        (each.entry.kind, each.kopecks, each.entry.balance_after_kopecks)
        for each in found.lines.items
    ]


async def test_a_wallet_newest_first_with_the_balance_after_each(
    session: AsyncSession, booking: Booking, patient: User
) -> None:
    wallet = postings.wallet(patient.id)
    await post(
        session,
        postings.compensated(uuid7(), booking.id, patient.id, 70_000),
        postings.paid(uuid7(), booking.id, wallet, 0, 45_000),
    )
    found = await statement(session, wallet)
    assert told(found) == [
        ("payment", -45_000, 25_000),
        ("compensation", 70_000, 70_000),
    ]
    assert found.held.kopecks == 25_000
    line = found.lines.items[0].entry
    assert (line.booking_label, line.acting_as, line.via) == (
        *(booking.label, Role.SYSTEM, "job"),
    )
    assert (line.ref_type, line.booking_id) == ("payment", booking.id)


async def test_what_comes_to_an_asset_is_positive(
    session: AsyncSession, booking: Booking
) -> None:
    before = await ledger.balance(session, postings.CLEARING)
    payment = uuid7()
    await post(
        session,
        postings.paid(payment, booking.id, postings.CLEARING, 0, 450_000),
        postings.fee(payment, booking.id, 15_750),
    )
    found = await statement(session, postings.CLEARING)
    assert told(found)[:2] == [("fee", -15_750, None), ("payment", 450_000, None)]
    assert found.held.kopecks == before + 434_250


async def test_a_statement_in_pages_and_by_days(
    session: AsyncSession, booking: Booking, patient: User
) -> None:
    wallet, start = postings.wallet(patient.id), await clock.now(session)
    for day in range(5):
        await clock.shift(session, day * 86_400)
        await post(
            session, postings.compensated(uuid7(), booking.id, patient.id, day + 1)
        )
    await clock.shift(session, 0)
    seen, wanted = [], Wanted(2)
    while True:
        page = await statement(session, wallet, Days(), wanted)
        seen += [line.kopecks for line in page.lines.items]
        if page.lines.next is None:
            break
        wanted = Wanted(2, page.lines.next)
    assert seen == [5, 4, 3, 2, 1]
    assert page.held.kopecks == 15

    async def between(first: int | None, last: int | None) -> list[int]:
        edges = [None if n is None else start + timedelta(n) for n in (first, last)]
        lines = (await statement(session, wallet, Days(*edges))).lines.items
        return [line.kopecks for line in lines]

    assert await between(1, 3) == [3, 2]
    assert await between(3, None) == [5, 4]
    assert await between(None, 1) == [1]


async def test_whose_an_account_is(
    session: AsyncSession, booking: Booking, patient: User
) -> None:
    """A patient by number and mask, whoever is paid by name."""
    doctor = await factories.doctor(session, last_name="Раевский")
    clinic = await factories.clinic(session)
    owned = {
        postings.wallet(patient.id): (None, "+7•••••••67", None, None),
        postings.prepaid(booking.id): (booking.label, "+7•••••••67", None, None),
        postings.receivable(booking.id): (booking.label, "+7•••••••67", None, None),
        postings.doctor(doctor.id): (None, None, "Раевский Денис Ильич", None),
        postings.clinic(clinic.id): (None, None, None, clinic.name),
        postings.BANK: (None, None, None, None),
    }
    for account, expected in owned.items():
        await ledger.open_account(session, account)
        found = (await statement(session, account)).held.account
        assert expected == (
            found.booking_label,
            found.payer_contact,
            found.doctor_name or None,
            found.clinic_name,
        )
        assert "Тайнов" not in str(vars(found))


async def test_an_erased_patient_has_no_contact(
    session: AsyncSession, patient: User
) -> None:
    wallet = postings.wallet(patient.id)
    await ledger.open_account(session, wallet)
    patient.phone = None
    await session.flush()
    found = await statement(session, wallet)
    assert found.held.account.payer_contact is None


async def test_the_house_comes_in_the_order_of_the_chart(
    session: AsyncSession, booking: Booking
) -> None:
    before = {
        each.account.kind: each.kopecks
        for each in await ledger_reads.house(session, FINANCE)
    }
    await post(
        session,
        postings.paid(uuid7(), booking.id, postings.CLEARING, 0, 300),
        postings.kept("x", booking.id, 300),
    )
    after = await ledger_reads.house(session, FINANCE)
    assert [each.account.kind for each in after] == [
        kind for kind in AccountKind if kind not in OWNED
    ]
    moved = {
        each.account.kind: each.kopecks - before[each.account.kind] for each in after
    }
    assert {kind: kop for kind, kop in moved.items() if kop} == {
        AccountKind.PSP_CLEARING: 300,
        AccountKind.REVENUE_CANCELLATION: 300,
    }


async def test_accounts_of_a_kind_newest_first_in_pages(session: AsyncSession) -> None:
    made = [postings.doctor(uuid7()) for _ in range(5)]
    for account in made:
        await ledger.open_account(session, account)
    seen, wanted = [], Wanted(2)
    for _ in range(3):
        page = await ledger_reads.accounts(
            session, FINANCE, AccountKind.DOCTOR_PAYABLE, wanted
        )
        seen += [each.account.code for each in page.items]
        wanted = Wanted(2, page.next)
    assert seen[:5] == [account.code for account in reversed(made)]


async def test_accounts_are_found_by_number_owner_and_code(
    session: AsyncSession, booking: Booking, patient: User
) -> None:
    wallet = postings.wallet(patient.id)
    await post(
        session,
        postings.paid(uuid7(), booking.id, postings.CLEARING, 100, 200),
        postings.compensated(uuid7(), booking.id, patient.id, 7),
    )
    visit = {
        postings.prepaid(booking.id).code: 200,
        # More came than was owed: what the visit owes is below nothing.
        postings.receivable(booking.id).code: -100,
    }

    async def found(words: str) -> dict[str, int]:
        rows = await ledger_reads.found(session, FINANCE, words)
        return {each.account.code: each.kopecks for each in rows}

    for words in (f"B-{booking.number}", f" b-{booking.number} ", f"{booking.number}"):
        assert await found(words) == visit
    assert await found(str(booking.id)) == visit
    assert await found(str(patient.id).upper()) == {wallet.code: 7}
    assert await found(wallet.code.upper()) == {wallet.code: 7}
    for words in ("", "B-", "Тайнов", "12345678901", "9999999999", "²", "%"):
        assert await found(words) == {}


async def test_a_journal_with_all_its_legs(
    session: AsyncSession, booking: Booking
) -> None:
    doctor = await factories.doctor(session)
    earned = postings.earned(
        "completed", booking.id, postings.doctor(doctor.id), 70, 30, 0
    )
    await post(session, earned)
    line = (await statement(session, postings.doctor(doctor.id))).lines.items[0]
    legs = await ledger_reads.journal(session, FINANCE, line.entry.journal_id)
    assert [(leg.account.kind, leg.entry.amount_kopecks) for leg in legs] == [
        (AccountKind.VISIT_RECEIVABLE, -100),
        (AccountKind.REVENUE_SERVICE, 30),
        (AccountKind.DOCTOR_PAYABLE, 70),
    ]
    assert {leg.entry.idem_key for leg in legs} == {earned.key}


async def test_what_is_not_there(session: AsyncSession) -> None:
    with pytest.raises(NotFound):
        await ledger_reads.statement(session, FINANCE, uuid7(), Days(), ALL)
    with pytest.raises(NotFound):
        await ledger_reads.journal(session, FINANCE, uuid7())


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.FINANCE])
async def test_the_books_are_for_finance_alone(
    session: AsyncSession, role: Role
) -> None:
    actor = Actor(uuid7(), role, Via.CONSOLE)
    for read in (
        ledger_reads.house(session, actor),
        ledger_reads.accounts(session, actor, AccountKind.WALLET, ALL),
        ledger_reads.found(session, actor, "B-1"),
        ledger_reads.statement(session, actor, uuid7(), Days(), ALL),
        ledger_reads.journal(session, actor, uuid7()),
    ):
        with pytest.raises(Forbidden):
            await read


def test_everything_that_is_posted_has_its_words() -> None:
    recipes = [posting for posting, _, _ in RECIPES.values()]
    assert {each.kind for each in recipes} == set(ledger_words.HAPPENED)
    assert {each.ref_type for each in recipes} == set(ledger_words.ABOUT)
    assert all(label(kind) for kind in AccountKind)


async def test_a_cancelled_call_still_has_its_number(
    session: AsyncSession, patient: User
) -> None:
    booking = await factories.booking_in(
        session,
        Status.CANCELLED,
        doctor=await factories.doctor(session),
        dispatcher=await factories.dispatcher(session),
        by=patient,
    )
    await ledger.open_account(session, postings.prepaid(booking.id))
    found = await statement(session, postings.prepaid(booking.id))
    assert found.held.account.booking_label == booking.label
