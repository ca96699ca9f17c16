"""Patients' wallets: made with the account, filled by refunds and compensations only."""

import uuid

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import ledger, postings
from services.account_lines import AccountLine, lines
from services.actor import Actor
from services.pages import Page, Wanted
from services.permissions import Permission, demand

_MISSING = """
INSERT INTO ledger_account
  (id, code, kind, nature, owner_id, currency, guarded, balance_kopecks, version)
SELECT gen_random_uuid(), 'wallet:' || p.user_id, 'wallet', 'liability', p.user_id,
       'RUB', true, 0, 0
  FROM patient_profile p
ON CONFLICT (code) DO NOTHING
"""


async def make(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Open the wallet of a new patient; it is empty."""
    await ledger.open_account(session, postings.wallet(user_id))


async def make_missing(session: AsyncSession) -> None:
    """Open the wallets of patients who were loaded in bulk."""
    await session.execute(sa.text(_MISSING))


async def own_balance(session: AsyncSession, actor: Actor) -> int:
    """Tell a patient what is in their wallet, in kopecks."""
    demand(actor, Permission.WALLET_OWN)
    return await ledger.balance(session, postings.wallet(actor.user_id))


async def own_entries(
    session: AsyncSession, actor: Actor, wanted: Wanted
) -> Page[AccountLine]:
    """Give the statement of a patient's own wallet, newest first."""
    demand(actor, Permission.WALLET_OWN)
    return await lines(session, postings.wallet(actor.user_id), wanted)
