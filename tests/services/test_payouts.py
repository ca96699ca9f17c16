"""Registers of payouts: two people, one at a time, every kopeck once."""

import asyncio
import csv
import io
import uuid
from datetime import timedelta

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Payout, PayoutLine, Role, User
from models.payout import PayoutStatus
from models.refund import RefundStatus, Split
from services import clock, csv_export, ledger, payout_reads, payouts, postings
from services.actor import SYSTEM, Actor
from services.database import Sessions
from services.edges import transaction
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    NothingToPay,
    StaleVersion,
    ValidationFailed,
)
from services.i18n import use_locale
from services.ledger import Account, Move, Posting
from tests import earning, factories, money_rows
from tests.conftest import settle
from tests.earning import held
from tests.factories import as_staff

S = PayoutStatus


async def finance(session: AsyncSession) -> Actor:
    return as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)


async def earned(session: AsyncSession, account: Account, kopecks: int) -> None:
    """Let somebody be owed so much, or owe it."""
    source, target = (postings.REVENUE, account)
    if kopecks < 0:
        source, target = target, source
    move = Move(source, target, abs(kopecks))
    posting = Posting(f"test:{uuid.uuid4()}", "earned", "test", None, None, [move])
    await ledger.post(session, SYSTEM, posting)


async def owed(session: AsyncSession, kopecks: int) -> tuple[User, Account]:
    """Give a doctor who is owed so much, with the account."""
    doctor = await factories.doctor(session)
    account = postings.doctor(doctor.id)
    await earned(session, account, kopecks)
    return doctor, account


async def lines(session: AsyncSession, payout: Payout) -> list[int]:
    query = select(PayoutLine.amount_kopecks).where(
        col(PayoutLine.payout_id) == payout.id
    )
    return sorted((await session.exec(query)).all())


class TestDraft:
    """What a register holds."""

    async def test_a_line_for_everybody_who_is_owed(
        self, session: AsyncSession
    ) -> None:
        _, one = await owed(session, 300)
        clinic = postings.clinic((await factories.clinic(session)).id)
        await earned(session, clinic, 200)
        _, debtor = await owed(session, -100)
        _, nobody = await owed(session, 50)
        await earned(session, nobody, -50)
        made = await payouts.draft(session, await finance(session))
        await settle(session)
        assert await lines(session, made) == [200, 300]
        assert (made.total_kopecks, made.status) == (500, S.DRAFT)
        assert made.label.startswith("R-")
        assert await held(session, one, clinic, debtor) == [300, 200, -100]

    async def test_only_what_was_earned_up_to_the_moment(
        self, session: AsyncSession
    ) -> None:
        _, account = await owed(session, 300)
        until = await clock.now(session)
        await earned(session, account, 1000)
        made = await payouts.draft(session, await finance(session), until)
        assert await lines(session, made) == [300]

    async def test_less_all_that_was_taken_since(self, session: AsyncSession) -> None:
        _, account = await owed(session, 300)
        until = await clock.now(session)
        await earned(session, account, 1000)
        await earned(session, account, -120)
        made = await payouts.draft(session, await finance(session), until)
        assert await lines(session, made) == [180]

    async def test_what_was_paid_out_after_the_moment_is_not_paid_again(
        self, session: AsyncSession
    ) -> None:
        await owed(session, 300)
        until = await clock.now(session)
        await earning.paid_out(session)
        with pytest.raises(NothingToPay):
            await payouts.draft(session, await finance(session), until)

    async def test_a_debt_is_netted_by_the_next_register(
        self, session: AsyncSession
    ) -> None:
        _, account = await owed(session, -100)
        actor = await finance(session)
        with pytest.raises(NothingToPay):
            await payouts.draft(session, actor)
        await earned(session, account, 150)
        assert await lines(session, await payouts.draft(session, actor)) == [50]

    async def test_the_future_has_not_been_earned(self, session: AsyncSession) -> None:
        await owed(session, 300)
        ahead = await clock.now(session) + timedelta(minutes=1)
        with pytest.raises(ValidationFailed):
            await payouts.draft(session, await finance(session), ahead)

    async def test_one_register_at_a_time(self, sessions: Sessions) -> None:
        async with transaction(sessions) as session:
            await owed(session, 300)
            actor = await finance(session)

        async def begin() -> object:
            async with transaction(sessions) as session:
                return await payouts.draft(session, actor)

        ends = await asyncio.gather(
            *(begin() for _ in range(4)), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in ends) == [
            "Conflict",
            "Conflict",
            "Conflict",
            "Payout",
        ]
        assert {Conflict} == {type(e) for e in ends if isinstance(e, Exception)}


class TestTheWay:
    """Draft, approved by a second person, exported, paid; perhaps reversed."""

    async def test_every_line_is_posted_when_it_is_paid(
        self, session: AsyncSession
    ) -> None:
        _, one = await owed(session, 300)
        _, two = await owed(session, 200)
        bank = await held(session, postings.BANK)
        maker, other = await finance(session), await finance(session)
        made = await payouts.draft(session, maker)
        await payouts.approve(session, other, made.id, 1)
        assert (made.approved_by, made.version) == (other.user_id, 2)
        await payouts.export(session, maker, made.id, 2)
        assert await held(session, one, two) == [300, 200]
        await payouts.pay(session, maker, made.id, 3, "  ПП  17 ")
        await settle(session)
        assert await held(session, one, two) == [0, 0]
        assert (await held(session, postings.BANK))[0] == bank[0] - 500
        assert (made.status, made.document) == (S.PAID, "ПП 17")
        assert made.paid_at is not None
        query = select(AuditEvent.action).where(col(AuditEvent.object_id) == made.id)
        actions = (await session.exec(query.order_by(col(AuditEvent.id)))).all()
        assert actions == [
            "payout.drafted",
            "payout.approved",
            "payout.exported",
            "payout.paid",
        ]

    async def test_reversing_gives_every_line_back(self, session: AsyncSession) -> None:
        _, account = await owed(session, 300)
        await earning.paid_out(session)
        made = (await session.exec(select(Payout))).one()
        actor = await finance(session)
        for reason in ("", " ", "x" * 201):
            with pytest.raises(ValidationFailed):
                await payouts.reverse(session, actor, made.id, 4, reason)
        await payouts.reverse(session, actor, made.id, 4, "Банк вернул")
        await settle(session)
        assert await held(session, account) == [300]
        assert made.status is S.REVERSED
        assert await lines(session, await payouts.draft(session, actor)) == [300]

    async def test_a_refund_after_the_approval_becomes_a_debt(
        self, session: AsyncSession
    ) -> None:
        booking, doctor = await earning.visit(session)
        paid = await money_rows.payment(session, booking, earning.PRICE)
        await earning.complete(session, booking)
        maker, other = await finance(session), await finance(session)
        made = await payouts.draft(session, maker)
        await payouts.approve(session, other, made.id, 1)
        await payouts.export(session, maker, made.id, 2)
        account = postings.doctor(doctor.id)
        await money_rows.refund(
            session,
            paid,
            100_000,
            RefundStatus.SUCCEEDED,
            unwound=(account, 100_000, 0),
            split=Split.DOCTOR,
        )
        await payouts.pay(session, maker, made.id, 3, "ПП-1")
        await settle(session)
        assert await held(session, account) == [-100_000]
        await earned(session, account, 150_000)
        assert await lines(session, await payouts.draft(session, maker)) == [50_000]

    @pytest.mark.parametrize("steps", [0, 1, 2])
    async def test_what_is_discarded_is_owed_as_before(
        self, session: AsyncSession, steps: int
    ) -> None:
        _, account = await owed(session, 300)
        maker, other = await finance(session), await finance(session)
        made = await payouts.draft(session, maker)
        if steps > 0:
            await payouts.approve(session, other, made.id, 1)
        if steps > 1:
            await payouts.export(session, maker, made.id, 2)
        await payouts.discard(session, maker, made.id, made.version)
        await settle(session)
        assert made.status is S.DISCARDED
        assert await held(session, account) == [300]
        assert await lines(session, await payouts.draft(session, maker)) == [300]

    async def test_nothing_leaves_the_way(self, session: AsyncSession) -> None:
        await owed(session, 300)
        maker, other = await finance(session), await finance(session)
        made = await payouts.draft(session, maker)
        with pytest.raises(IllegalTransition):
            await payouts.export(session, maker, made.id, 1)
        with pytest.raises(IllegalTransition):
            await payouts.pay(session, maker, made.id, 1, "ПП-1")
        with pytest.raises(IllegalTransition):
            await payouts.reverse(session, other, made.id, 1, "x")
        await payouts.approve(session, other, made.id, 1)
        with pytest.raises(IllegalTransition):
            await payouts.approve(session, other, made.id, 2)

    async def test_nobody_works_on_what_they_did_not_see(
        self, session: AsyncSession
    ) -> None:
        await owed(session, 300)
        maker, other = await finance(session), await finance(session)
        made = await payouts.draft(session, maker)
        with pytest.raises(StaleVersion) as stale:
            await payouts.approve(session, other, made.id, 2)
        assert stale.value.public_facts == {"current_version": 1}
        with pytest.raises(NotFound):
            await payouts.discard(session, maker, factories.nobody(), 1)

    async def test_one_payment_of_two_at_once(self, sessions: Sessions) -> None:
        async with transaction(sessions) as session:
            _, account = await owed(session, 300)
            maker, other = await finance(session), await finance(session)
            made = await payouts.draft(session, maker)
            await payouts.approve(session, other, made.id, 1)
            await payouts.export(session, maker, made.id, 2)

        async def pay() -> object:
            async with transaction(sessions) as session:
                return await payouts.pay(session, maker, made.id, 3, "ПП-1")

        ends = await asyncio.gather(pay(), pay(), return_exceptions=True)
        assert sorted(type(each).__name__ for each in ends) == [
            "Payout",
            "StaleVersion",
        ]
        async with transaction(sessions) as session:
            assert await held(session, account) == [0]


class TestFourEyes:
    """Nobody approves what they made, nor acts on money of their own."""

    async def test_whoever_made_it_does_not_approve_it(
        self, session: AsyncSession
    ) -> None:
        await owed(session, 300)
        maker = await finance(session)
        made = await payouts.draft(session, maker)
        with pytest.raises(Forbidden):
            await payouts.approve(session, maker, made.id, 1)

    async def test_a_payee_touches_no_register_with_a_line_of_theirs(
        self, session: AsyncSession
    ) -> None:
        doctor, _ = await owed(session, 300)
        clinic = await factories.clinic(session)
        manager = await factories.clinic_manager(session, clinic)
        await earned(session, postings.clinic(clinic.id), 100)
        maker = await finance(session)
        made = await payouts.draft(session, maker)
        for payee in (doctor, manager):
            own = as_staff(payee, Role.FINANCE)
            with pytest.raises(Forbidden):
                await payouts.approve(session, own, made.id, 1)
            with pytest.raises(Forbidden):
                await payouts.discard(session, own, made.id, 1)
        await payouts.discard(session, maker, made.id, 1)
        with pytest.raises(Forbidden):
            await payouts.draft(session, as_staff(doctor, Role.FINANCE))

    @pytest.mark.parametrize("role", [Role.DISPATCHER, Role.CURATOR, Role.ADMIN])
    async def test_only_finance(self, session: AsyncSession, role: Role) -> None:
        actor = as_staff(await factories.person(session, role), role)
        some = factories.nobody()
        with pytest.raises(Forbidden):
            await payouts.draft(session, actor)
        for verb in (payouts.approve, payouts.export, payouts.discard):
            with pytest.raises(Forbidden):
                await verb(session, actor, some, 1)
        for verb in (payouts.pay, payouts.reverse):
            with pytest.raises(Forbidden):
                await verb(session, actor, some, 1, "x")
        with pytest.raises(Forbidden):
            await payout_reads.register(session, actor, some)


class TestTheTable:
    """A register as the bank gets it."""

    async def test_payees_by_name_with_their_sums(self, session: AsyncSession) -> None:
        doctor, _ = await owed(session, 30_050)
        clinic = await factories.clinic(session)
        clinic.name, clinic.tax_number = "=Аптека", "7701234567"
        await earned(session, postings.clinic(clinic.id), 5)
        gone = postings.doctor(factories.nobody())
        await earned(session, gone, 7)
        maker, other = await finance(session), await finance(session)
        made = await payouts.draft(session, maker)
        with pytest.raises(IllegalTransition):
            await payout_reads.table(session, maker, made.id)
        await payouts.approve(session, other, made.id, 1)
        await payouts.export(session, maker, made.id, 2)
        with use_locale("ru"):
            text = await payout_reads.table(session, maker, made.id)
        assert text.startswith(csv_export.MARK)
        rows = list(csv.reader(io.StringIO(text[1:]), delimiter=";"))
        assert rows[0] == ["Реестр", "Получатель", "ИНН", "Строка", "Сумма, ₽"]
        assert [(row[1], row[2], row[4]) for row in rows[1:]] == [
            ("", "", "0,07"),
            ("'=Аптека", "7701234567", "0,05"),
            (doctor.full_name, "", "300,50"),
        ]
        with pytest.raises(NotFound):
            await payout_reads.table(session, maker, factories.nobody())
