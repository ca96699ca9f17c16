"""Wallets: made with the account, filled by refunds and compensations only."""

import asyncio
import uuid

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, LedgerAccount, Notification, Role, User
from models.booking import Status
from models.payment import PaymentMethod
from services import (
    clock,
    compensations,
    phone_patients,
    postings,
    roles,
    settings,
    wallets,
)
from services.actor import Actor
from services.booking_drafts import CallerInput
from services.compensations import DayLimit
from services.database import Sessions
from services.edges import transaction
from services.errors import (
    Conflict,
    Forbidden,
    LedgerConflict,
    NotFound,
    ValidationFailed,
)
from services.pages import Wanted
from tests import earning, factories, money_rows
from tests.conftest import settle
from tests.earning import held
from tests.factories import as_doctor, as_patient, as_staff


async def finance(session: AsyncSession) -> Actor:
    return as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)


async def limit(session: AsyncSession, key: str, value: int) -> None:
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    await settings.put(session, admin, key, value)


async def call(session: AsyncSession) -> tuple[Booking, User]:
    booking, _ = await earning.visit(session, Status.PENDING)
    return booking, await session.get_one(User, booking.patient_id)


async def owners(session: AsyncSession) -> set[uuid.UUID | None]:
    query = select(LedgerAccount.owner_id).where(col(LedgerAccount.kind) == "wallet")
    return set((await session.exec(query)).all())


class TestOpening:
    """Everybody who may call a doctor has one, from the start."""

    async def test_a_caller_by_phone_gets_one(self, session: AsyncSession) -> None:
        staff = as_staff(await factories.dispatcher(session))
        caller = CallerInput(
            phone="+79162223344", first_name="Нина", last_name="Ковалёва"
        )
        made = await phone_patients.find_or_make(session, staff, caller)
        assert made in await owners(session)

    async def test_whoever_is_granted_the_role_gets_one(
        self, session: AsyncSession
    ) -> None:
        admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
        user = await factories.person(session)
        for _ in range(2):
            await roles.grant(session, admin, user.id, Role.PATIENT, "просит")
            await roles.revoke(session, admin, user.id, Role.PATIENT, "просит")
        assert user.id in await owners(session)

    async def test_patients_loaded_in_bulk_get_theirs(
        self, session: AsyncSession
    ) -> None:
        user = await factories.person(session)
        await session.execute(
            sa.text(
                "INSERT INTO patient_profile (id, user_id)"
                " VALUES (gen_random_uuid(), :id)"
            ),
            {"id": user.id},
        )
        for _ in range(2):
            await wallets.make_missing(session)
        assert user.id in await owners(session)


class TestTheStatement:
    """A patient reads the balance and what made it up."""

    async def test_lines_newest_first_with_the_balance_after_each(
        self, session: AsyncSession
    ) -> None:
        booking, patient = await call(session)
        actor, reader = await finance(session), as_patient(patient)
        await compensations.credit(
            session, actor, booking.id, 500_000, "Опоздали", uuid.uuid4()
        )
        await money_rows.payment(
            session, booking, earning.PRICE, method=PaymentMethod.WALLET
        )
        await settle(session)
        assert await wallets.own_balance(session, reader) == 50_000
        page = await wallets.own_entries(session, reader, Wanted(1))
        assert [
            (each.kind, each.amount_kopecks, each.balance_after_kopecks)
            for each in page.items
        ] == [("payment", -450_000, 50_000)]
        rest = await wallets.own_entries(session, reader, Wanted(1, page.next))
        assert [
            (each.kind, each.amount_kopecks, each.booking_number) for each in rest.items
        ] == [("compensation", 500_000, booking.label)]
        assert rest.next is None

    async def test_nobody_elses(self, session: AsyncSession) -> None:
        booking, patient = await call(session)
        await compensations.credit(
            session, await finance(session), booking.id, 100, "x", uuid.uuid4()
        )
        stranger = as_patient(await factories.patient(session))
        assert await wallets.own_balance(session, stranger) == 0
        assert (await wallets.own_entries(session, stranger, Wanted())).items == []
        for actor in (as_doctor(patient), as_staff(patient)):
            with pytest.raises(Forbidden):
                await wallets.own_balance(session, actor)
            with pytest.raises(Forbidden):
                await wallets.own_entries(session, actor, Wanted())


class TestCompensations:
    """Finance credits, within limits, once for a form, and never themselves."""

    async def test_it_is_credited_journalled_and_told(
        self, session: AsyncSession
    ) -> None:
        booking, patient = await call(session)
        actor, token = await finance(session), uuid.uuid4()
        before = await held(session, postings.COMPENSATION)
        assert await compensations.credit(
            session, actor, booking.id, 100_050, "Опоздали", token
        )
        await settle(session)
        assert await held(session, postings.wallet(patient.id)) == [100_050]
        assert (await held(session, postings.COMPENSATION))[0] == before[0] + 100_050
        query = select(AuditEvent).where(col(AuditEvent.action) == "wallet.compensated")
        line = (await session.exec(query)).one()
        assert (line.object_id, line.data["amount_kopecks"]) == (booking.id, 100_050)
        notice = (await session.exec(select(Notification))).one()
        assert notice.user_id == patient.id
        assert notice.facts["call"] == booking.label
        assert notice.facts["amount"] == "1\u00a0000,50\u00a0₽"

    async def test_a_second_click_is_the_same_compensation(
        self, session: AsyncSession
    ) -> None:
        booking, patient = await call(session)
        actor, token = await finance(session), uuid.uuid4()
        await limit(session, settings.COMPENSATION_DAY, 100)
        once = await compensations.credit(session, actor, booking.id, 100, "x", token)
        again = await compensations.credit(session, actor, booking.id, 100, "x", token)
        assert (once, again) == (True, False)
        assert await held(session, postings.wallet(patient.id)) == [100]
        with pytest.raises(LedgerConflict):
            await compensations.credit(session, actor, booking.id, 99, "x", token)

    @pytest.mark.parametrize("kopecks", [-1, 0, 500_001])
    async def test_a_sum_is_within_the_limit(
        self, session: AsyncSession, kopecks: int
    ) -> None:
        booking, _ = await call(session)
        actor = await finance(session)
        with pytest.raises(ValidationFailed):
            await compensations.credit(
                session, actor, booking.id, kopecks, "x", uuid.uuid4()
            )
        await compensations.credit(
            session, actor, booking.id, 500_000, "x", uuid.uuid4()
        )

    async def test_it_needs_words(self, session: AsyncSession) -> None:
        booking, _ = await call(session)
        actor = await finance(session)
        with pytest.raises(ValidationFailed):
            await compensations.credit(
                session, actor, booking.id, 1, "  ", uuid.uuid4()
            )

    async def test_a_day_has_a_limit_for_each_person(self, sessions: Sessions) -> None:
        async with transaction(sessions) as session:
            booking, patient = await call(session)
            one, other = await finance(session), await finance(session)
            await limit(session, settings.COMPENSATION_DAY, 300)

        async def credit(actor: Actor) -> object:
            async with transaction(sessions) as session:
                return await compensations.credit(
                    session, actor, booking.id, 100, "x", uuid.uuid4()
                )

        ends = await asyncio.gather(
            *(credit(one) for _ in range(6)), return_exceptions=True
        )
        assert [isinstance(each, DayLimit) for each in ends].count(True) == 3
        assert await credit(other) is True
        async with transaction(sessions) as session:
            assert await held(session, postings.wallet(patient.id)) == [400]
            await clock.shift(session, 24 * 3600)
            tomorrow = await compensations.credit(
                session, one, booking.id, 100, "x", uuid.uuid4()
            )
            assert tomorrow

    async def test_nobody_credits_themselves(self, session: AsyncSession) -> None:
        booking, patient = await call(session)
        own = as_staff(patient, Role.FINANCE)
        with pytest.raises(Forbidden):
            await compensations.credit(session, own, booking.id, 1, "x", uuid.uuid4())

    async def test_only_finance_and_only_for_a_call(
        self, session: AsyncSession
    ) -> None:
        booking, patient = await call(session)
        dispatcher = as_staff(await factories.dispatcher(session))
        for actor in (as_patient(patient), dispatcher):
            with pytest.raises(Forbidden):
                await compensations.credit(
                    session, actor, booking.id, 1, "x", uuid.uuid4()
                )
        actor, nothing = await finance(session), factories.nobody()
        with pytest.raises(NotFound):
            await compensations.credit(session, actor, nothing, 1, "x", uuid.uuid4())

    async def test_an_erased_account_gets_nothing(self, session: AsyncSession) -> None:
        booking, patient = await call(session)
        patient.erased_at = await clock.now(session)
        await session.flush()
        actor = await finance(session)
        with pytest.raises(Conflict):
            await compensations.credit(session, actor, booking.id, 1, "x", uuid.uuid4())
        assert await held(session, postings.wallet(patient.id)) == [0]
