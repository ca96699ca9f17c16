"""Patients' wallets: made with the account, filled by refunds and compensations only."""

import uuid

from sqlmodel.ext.asyncio.session import AsyncSession

from services import ledger, postings
from services.account_lines import AccountLine, lines
from services.actor import Actor
from services.pages import Page, Wanted
from services.permissions import Permission, demand


async def make(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Open the wallet of a new patient; it is empty."""
    await ledger.open_account(session, postings.wallet(user_id))


async def make_missing(session: AsyncSession) -> None:
    """Open the wallets of patients who were loaded in bulk."""
    await ledger.open_wallets(session)


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
