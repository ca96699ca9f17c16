"""Registers as finance reads them: who is owed, who owes, who may approve."""

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Role
from services import payout_reads, payouts, postings
from services.actor import Actor, Via
from services.errors import Forbidden
from tests import factories
from tests.services.test_payouts import earned, finance, owed

OWN_WORK = "Whoever made a register does not approve it."


async def test_what_is_owed_and_who_owes(session: AsyncSession) -> None:
    actor = await finance(session)
    small, _ = await owed(session, 300)
    large, _ = await owed(session, 1_000)
    debtor, _ = await owed(session, -50)
    worse, _ = await owed(session, -70)
    _, even = await owed(session, 40)
    await earned(session, even, -40)
    clinic = await factories.clinic(session)
    await earned(session, postings.clinic(clinic.id), 500)
    seen = await payout_reads.desk(session, actor)
    assert [(each.account.owner_id, each.kopecks) for each in seen.owed] == [
        (large.id, 1_000),
        (clinic.id, 500),
        (small.id, 300),
    ]
    assert [(each.account.owner_id, each.kopecks) for each in seen.debts] == [
        (worse.id, -70),
        (debtor.id, -50),
    ]
    assert seen.owed[0].account.doctor_name == large.full_name
    assert (seen.registers, seen.open) == ([], None)


async def test_registers_newest_first_and_the_one_that_is_open(
    session: AsyncSession,
) -> None:
    maker, other = await finance(session), await finance(session)
    await owed(session, 300)
    dropped = await payouts.draft(session, maker)
    await payouts.discard(session, maker, dropped.id, 1)
    made = await payouts.draft(session, maker)
    seen = await payout_reads.desk(session, maker)
    assert [each.id for each in seen.registers] == [made.id, dropped.id]
    assert seen.open is made
    assert set(seen.names) == {maker.user_id}
    await payouts.approve(session, other, made.id, 1)
    seen = await payout_reads.desk(session, maker)
    assert set(seen.names) == {maker.user_id, other.user_id}
    assert seen.open is made


async def test_why_one_may_not_approve(session: AsyncSession) -> None:
    maker, other = await finance(session), await finance(session)
    clinic = await factories.clinic(session)
    await earned(session, postings.clinic(clinic.id), 500)
    made = await payouts.draft(session, maker)
    own = await payout_reads.register(session, maker, made.id)
    assert own.obstacle is not None
    assert str.__str__(own.obstacle.message_id) == OWN_WORK
    free = await payout_reads.register(session, other, made.id)
    assert free.obstacle is None
    assert free.lines[0].account_id is not None
    manager = await factories.clinic_manager(session, clinic)
    payee = Actor(manager.id, Role.FINANCE, Via.CONSOLE)
    seen = await payout_reads.register(session, payee, made.id)
    assert seen.obstacle is not None
    assert seen.obstacle.message_id == "Nobody decides on money of their own."


async def test_taking_the_table_is_kept(session: AsyncSession) -> None:
    maker, other = await finance(session), await finance(session)
    await owed(session, 300)
    made = await payouts.draft(session, maker)
    await payouts.approve(session, other, made.id, 1)
    await payouts.export(session, maker, made.id, 2)
    await payout_reads.table(session, maker, made.id)
    query = sa.select(AuditEvent.object_id).where(
        col(AuditEvent.action) == "read.register",
        col(AuditEvent.actor_id) == maker.user_id,
    )
    assert (await session.scalars(query)).all() == [made.id]


async def test_only_finance_reads_them(session: AsyncSession) -> None:
    for role in (Role.ADMIN, Role.DISPATCHER, Role.CURATOR):
        other = Actor(factories.nobody(), role, Via.CONSOLE)
        with pytest.raises(Forbidden):
            await payout_reads.desk(session, other)
