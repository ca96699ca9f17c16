"""Registers in the console: drafted, approved by another person, exported, paid."""

import csv
import io

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI

from models import Payout, Role, User
from models.payout import PayoutStatus
from services import ledger, postings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import Browser, signed_in
from tests.backoffice.test_confirmation import age
from tests.backoffice.test_ledger import plain
from tests.services.test_payouts import earned

S = PayoutStatus


@pytest_asyncio.fixture(loop_scope="session")
async def other(app: FastAPI, sessions: Sessions) -> Browser:
    """A second person of finance."""
    return await signed_in(app, sessions, Role.FINANCE, last_name="Второв")


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(sessions: Sessions) -> User:
    """Is owed 3,000.50 ₽; a clinic is owed 500 ₽, and another doctor owes 70 ₽."""
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, last_name="=Раевский")
        await earned(session, postings.doctor(doctor.id), 300_050)
        clinic = await factories.clinic(session)
        await earned(session, postings.clinic(clinic.id), 50_000)
        debtor = await factories.doctor(session, last_name="Должников")
        await earned(session, postings.doctor(debtor.id), -7_000)
    return doctor


async def payout(sessions: Sessions) -> Payout:
    async with sessions() as session:
        query = sa.select(Payout).order_by(Payout.created_at.desc()).limit(1)
        return (await session.scalars(query)).one()


async def act(
    browser: Browser, sessions: Sessions, verb: str, **fields: str
) -> PayoutStatus:
    """Do something with the newest register as it stands; give how it stands then."""
    made = await payout(sessions)
    here = f"/payouts/{made.id}"
    told = {"version": str(made.version), "next": f"/admin{here}"} | fields
    answer = await browser.post(f"{here}/{verb}", **told)
    assert answer.status_code == 303, answer.text[-500:]
    return (await payout(sessions)).status


async def test_what_is_owed_and_the_debts(finance: Browser, doctor: User) -> None:
    words = plain(await finance.page("/payouts"))
    assert "3 500,50 ₽ должны врачам и клиникам" in words
    assert f"{doctor.full_name} 3 000,50 ₽" in words
    debts = words.split("Должны нам")[1]
    assert "Должников" in debts
    assert "70 ₽" in debts
    assert "Реестров пока нет" in words


async def test_nobody_is_owed_anything(finance: Browser) -> None:
    page = await finance.page("/payouts")
    assert "Никому ничего не должны" in page
    assert "Составить реестр" not in page
    await finance.post("/payouts")
    assert 'class="toast is-error"' in await finance.page("/payouts")


async def test_the_whole_way_by_two_people(
    finance: Browser, other: Browser, sessions: Sessions, doctor: User
) -> None:
    answer = await finance.post("/payouts")
    made = await payout(sessions)
    here = f"/payouts/{made.id}"
    assert answer.headers["location"] == f"/admin{here}"
    own = await finance.page(here)
    words = plain(own)
    assert "3 500,50 ₽ — 2 получателям" in words
    assert "Кто составил реестр, тот его не утверждает" in words
    assert f"{here}/approve" not in own
    assert f"=Раевский {doctor.first_name}" in words
    assert 'href="/admin/ledger/accounts/' in own
    assert (await finance.get(f"{here}/register.csv")).status_code == 409

    assert f"{here}/approve" in await other.page(here)
    assert await act(other, sessions, "approve") is S.APPROVED
    assert "Второв" in await finance.page(here)
    assert await act(finance, sessions, "export") is S.EXPORTED
    file = await finance.get(f"{here}/register.csv")
    assert file.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(file.text[1:]), delimiter=";"))
    assert {(row[1][:2], row[4]) for row in rows[1:]} >= {("'=", "3000,50")}

    assert await act(finance, sessions, "pay", document="ПП-17") is S.PAID
    assert "документ ПП-17" in await finance.page(here)
    payee = postings.doctor(doctor.id)
    async with sessions() as session:
        assert await ledger.balance(session, payee) == 0
    reason = "Неверные реквизиты"
    assert await act(other, sessions, "reverse", reason=reason) is S.REVERSED
    assert "Деньги вернулись" in await finance.page(here)
    async with sessions() as session:
        assert await ledger.balance(session, payee) == 300_050


async def test_nobody_approves_their_own(
    finance: Browser, sessions: Sessions, doctor: User
) -> None:
    await finance.post("/payouts")
    made = await payout(sessions)
    answer = await finance.post(f"/payouts/{made.id}/approve", version="1")
    assert answer.status_code == 403
    assert (await payout(sessions)).status is S.DRAFT


async def test_approving_needs_a_fresh_proof(
    finance: Browser, other: Browser, sessions: Sessions, doctor: User
) -> None:
    await finance.post("/payouts")
    made = await payout(sessions)
    await age(sessions, other)
    for verb in ("approve", "reverse"):
        answer = await other.post(f"/payouts/{made.id}/{verb}", version="1")
        assert "own_password" in answer.text
    assert (await payout(sessions)).status is S.DRAFT


async def test_an_old_tab_changes_nothing(
    finance: Browser, other: Browser, sessions: Sessions, doctor: User
) -> None:
    await finance.post("/payouts")
    assert await act(other, sessions, "approve", version="7") is S.DRAFT
    assert "изменил" in await other.page("/payouts")


async def test_one_register_at_a_time_and_it_can_be_dropped(
    finance: Browser, sessions: Sessions, doctor: User
) -> None:
    await finance.post("/payouts")
    first = await payout(sessions)
    page = await finance.page("/payouts")
    assert f"Открыт реестр {first.label}" in plain(page)
    assert "Составить реестр" not in page
    await finance.post("/payouts")
    assert (await payout(sessions)).id == first.id
    assert await act(finance, sessions, "discard") is S.DISCARDED
    assert "Отменён" in await finance.page(f"/payouts/{first.id}")
    assert "Составить реестр" in await finance.page("/payouts")


@pytest.mark.parametrize(
    ("until", "made"),
    [
        ("2020-01-01T00:00", False),
        ("2999-01-01T00:00", False),
        ("вчера", False),
        ("", True),
    ],
)
async def test_up_to_a_moment(
    finance: Browser, sessions: Sessions, doctor: User, until: str, made: bool
) -> None:
    answer = await finance.post("/payouts", until=until)
    assert answer.status_code == 303
    async with sessions() as session:
        count = await session.scalar(sa.select(sa.func.count()).select_from(Payout))
    assert bool(count) is made


async def test_paying_needs_its_document(
    finance: Browser, other: Browser, sessions: Sessions, doctor: User
) -> None:
    await finance.post("/payouts")
    await act(other, sessions, "approve")
    await act(finance, sessions, "export")
    assert await act(finance, sessions, "pay", document=" ") is S.EXPORTED
    assert "Документ: Это поле нужно заполнить." in plain(
        await finance.page("/payouts")
    )
    assert await act(finance, sessions, "pay", document="7" * 201) is S.EXPORTED
    assert "Документ: Слишком длинное значение." in plain(
        await finance.page("/payouts")
    )


async def test_nobody_else_sees_registers(app: FastAPI, sessions: Sessions) -> None:
    for role in (Role.DISPATCHER, Role.CURATOR, Role.ADMIN):
        browser = await signed_in(app, sessions, role)
        for path in ("/payouts", f"/payouts/{factories.nobody()}"):
            assert (await browser.get(path)).status_code == 403
        assert (await browser.post("/payouts")).status_code == 403
