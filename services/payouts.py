"""Registers that pay doctors and clinics: drafted, approved by a second person,
exported, paid; and taken back, if the bank does."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicMember, LedgerAccount, Payout, PayoutLine
from models.ledger import AccountKind
from models.payout import EDGES, PayoutStatus
from services import audit, clock, ledger, postings
from services.actor import Actor
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    NothingToPay,
    StaleVersion,
)
from services.i18n import Lazy, gettext
from services.inputs import wrong
from services.ledger import Account
from services.permissions import Permission, demand

LONGEST_DOCUMENT = 200
OWN_REGISTER = Lazy("Whoever made a register does not approve it.")
# What was earned up to the moment, less all that was taken since: a payout that was
# made after it, or a refund, is not paid out a second time.
_OWED = """
SELECT a.id, CAST(sum(e.amount_kopecks) AS bigint) AS owed
  FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.id
 WHERE a.kind IN ('doctor_payable', 'clinic_payable')
   AND (e.created_at <= :until OR e.amount_kopecks < 0)
 GROUP BY a.id HAVING sum(e.amount_kopecks) > 0
 ORDER BY a.id
"""


async def draft(
    session: AsyncSession, actor: Actor, until: datetime | None = None
) -> Payout:
    """Begin a register of all that was earned up to a moment, or up to now.

    Whoever owes us has no line: the debt waits for their next earnings. Raises
    Conflict while another register is open, NothingToPay when nobody is owed anything.
    """
    demand(actor, Permission.PAYOUT_MAKE)
    now = await clock.now(session)
    until = until or now
    if until > now:
        raise wrong("until", gettext("This moment has not come yet."))
    owed = (await session.execute(sa.text(_OWED), {"until": until})).all()
    if not owed:
        raise NothingToPay("Nobody is owed anything up to that moment.")
    total = sum(row.owed for row in owed)
    payout = Payout(earned_until=until, total_kopecks=total, made_by=actor.user_id)
    session.add(payout)
    await _flush(session)
    for account_id, kopecks in owed:
        line = {"account_id": account_id, "amount_kopecks": kopecks}
        session.add(PayoutLine(payout_id=payout.id, **line))
    await session.flush()
    await _demand_not_own(session, actor, payout.id)
    _record(session, actor, payout, "drafted", lines=len(owed))
    return payout


async def approve(
    session: AsyncSession, actor: Actor, payout_id: uuid.UUID, version: int
) -> Payout:
    """A second person agrees to every line as it stands."""
    demand(actor, Permission.PAYOUT_APPROVE)
    payout = await _locked(session, actor, payout_id, version)
    if payout.made_by == actor.user_id:
        raise Forbidden(OWN_REGISTER)
    now = await _move(session, payout, PayoutStatus.APPROVED)
    payout.approved_by, payout.approved_at = actor.user_id, now
    return await _finish(session, actor, payout)


async def export(
    session: AsyncSession, actor: Actor, payout_id: uuid.UUID, version: int
) -> Payout:
    """The register goes to the bank or the payroll; from now on it is on its way."""
    demand(actor, Permission.PAYOUT_MAKE)
    payout = await _locked(session, actor, payout_id, version)
    payout.exported_at = await _move(session, payout, PayoutStatus.EXPORTED)
    return await _finish(session, actor, payout)


async def pay(
    session: AsyncSession,
    actor: Actor,
    payout_id: uuid.UUID,
    version: int,
    document: str,
) -> Payout:
    """The money has left, by this document: every line is posted as it was approved.

    Whoever is owed less by now owes the difference, which their next line is less by.
    """
    demand(actor, Permission.PAYOUT_MAKE)
    payout = await _locked(session, actor, payout_id, version)
    payout.document = _words("document", document)
    payout.paid_at = await _move(session, payout, PayoutStatus.PAID)
    await _finish(session, actor, payout, document=payout.document)
    for line, payee in await _payees(session, payout_id):
        posting = postings.paid_out(line.id, payout_id, payee, line.amount_kopecks)
        await ledger.post(session, actor, posting)
    return payout


async def reverse(
    session: AsyncSession,
    actor: Actor,
    payout_id: uuid.UUID,
    version: int,
    reason: str,
) -> Payout:
    """The money came back: everybody on the register is owed it again."""
    demand(actor, Permission.PAYOUT_APPROVE)
    payout = await _locked(session, actor, payout_id, version)
    said = _words("reason", reason)
    payout.ended_at = await _move(session, payout, PayoutStatus.REVERSED)
    await _finish(session, actor, payout, reason=said)
    for line, payee in await _payees(session, payout_id):
        kopecks = line.amount_kopecks
        posting = postings.payout_reversed(line.id, payout_id, payee, kopecks)
        await ledger.post(session, actor, posting)
    return payout


async def discard(
    session: AsyncSession, actor: Actor, payout_id: uuid.UUID, version: int
) -> Payout:
    """Drop a register that was not paid; what it held is owed as before."""
    demand(actor, Permission.PAYOUT_MAKE)
    payout = await _locked(session, actor, payout_id, version)
    payout.ended_at = await _move(session, payout, PayoutStatus.DISCARDED)
    return await _finish(session, actor, payout)


async def obstacle(
    session: AsyncSession, actor: Actor, payout: Payout
) -> Forbidden | None:
    """Say why somebody may not approve a register; None if they may."""
    try:
        await _demand_not_own(session, actor, payout.id)
    except Forbidden as error:
        return error
    return Forbidden(OWN_REGISTER) if payout.made_by == actor.user_id else None


async def _locked(
    session: AsyncSession, actor: Actor, payout_id: uuid.UUID, version: int
) -> Payout:
    query = select(Payout).where(col(Payout.id) == payout_id).with_for_update()
    found = await session.exec(query.execution_options(populate_existing=True))
    payout = found.one_or_none()
    if payout is None:
        raise NotFound
    await _demand_not_own(session, actor, payout_id)
    if payout.version != version:
        raise StaleVersion(
            "The register has changed meanwhile. Nothing was overwritten.",
            current_version=payout.version,
        )
    return payout


async def _move(
    session: AsyncSession, payout: Payout, target: PayoutStatus
) -> datetime:
    if target not in EDGES[payout.status]:
        raise IllegalTransition("This cannot be done with a register in this state.")
    now = await clock.now(session)
    payout.status = target
    payout.version += 1
    return now


async def _finish(
    session: AsyncSession, actor: Actor, payout: Payout, **facts: Any
) -> Payout:
    _record(session, actor, payout, payout.status.value, **facts)
    await session.flush()
    return payout


def _record(
    session: AsyncSession, actor: Actor, payout: Payout, verb: str, **facts: Any
) -> None:
    facts["total_kopecks"] = payout.total_kopecks
    audit.record(session, actor, f"payout.{verb}", "payout", payout.id, **facts)


def _words(field: str, said: str) -> str:
    words = " ".join(said.split())
    if not 1 <= len(words) <= LONGEST_DOCUMENT:
        raise wrong(field)
    return words


async def _payees(
    session: AsyncSession, payout_id: uuid.UUID
) -> list[tuple[PayoutLine, Account]]:
    query = (
        select(PayoutLine, LedgerAccount)
        .join(LedgerAccount, col(LedgerAccount.id) == col(PayoutLine.account_id))
        .where(col(PayoutLine.payout_id) == payout_id)
        .order_by(col(PayoutLine.account_id))
    )
    rows = (await session.exec(query)).all()
    return [(line, Account(each.kind, each.owner_id)) for line, each in rows]


async def _demand_not_own(
    session: AsyncSession, actor: Actor, payout_id: uuid.UUID
) -> None:
    """Refuse whoever has a line on the register, by themselves or by their clinic."""
    clinics = select(ClinicMember.clinic_id).where(
        col(ClinicMember.user_id) == actor.user_id
    )
    mine = sa.or_(
        sa.and_(
            col(LedgerAccount.kind) == AccountKind.DOCTOR_PAYABLE,
            col(LedgerAccount.owner_id) == actor.user_id,
        ),
        sa.and_(
            col(LedgerAccount.kind) == AccountKind.CLINIC_PAYABLE,
            col(LedgerAccount.owner_id).in_(clinics),
        ),
    )
    query = sa.exists().where(
        col(PayoutLine.payout_id) == payout_id,
        col(PayoutLine.account_id) == col(LedgerAccount.id),
        mine,
    )
    if await session.scalar(sa.select(query)):
        raise Forbidden("Nobody decides on money of their own.")


async def _flush(session: AsyncSession) -> None:
    """Write the register, unless another one is open."""
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict("Another register is open. Finish it first.") from error
