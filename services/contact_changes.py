"""A new e-mail address or phone number: proved first, and the old one is told."""

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.verification_code import Channel, Purpose
from services import accounts, audit, claims, clock, codes, passwords, rate_limits
from services.accounts import Card
from services.callers import Caller
from services.errors import AccountExists
from services.i18n import gettext
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand
from services.verifications import WAYS, address_of, locked


async def ask(
    session: AsyncSession,
    caller: Caller,
    channel: Channel,
    address: str,
    current_password: str,
    client_address: str,
) -> None:
    """Send a code to the new contact; whether it is taken shows to its owner only.

    A wrong password spends nothing of what may be sent to the contact.
    """
    actor = caller.actor
    demand(actor, Permission.ACCOUNT_OWN)
    user = await locked(session, caller)
    if not await passwords.verify(current_password, user.password_hash):
        raise wrong("current_password", gettext("The present password is wrong."))
    await rate_limits.code(session, user.id, address, client_address)
    purpose = Purpose.CONTACT_CHANGE
    code = await codes.issue(session, user.id, purpose, channel, address)
    notice = Notice("contact_change_code", user.id, WAYS[channel], address, secret=code)
    await notify(session, actor, notice)
    data = {"channel": channel.value}
    audit.record(session, actor, "account.contact_asked", "user", user.id, **data)


async def confirm(
    session: AsyncSession, caller: Caller, channel: Channel, code: str
) -> Card | None:
    """Put the proven contact in place of the old one, which is told.

    None when the code was wrong; the caller commits either way. Raises
    AccountExists when the contact belongs to another account.
    """
    actor = caller.actor
    demand(actor, Permission.ACCOUNT_OWN)
    user = await locked(session, caller)
    purpose = Purpose.CONTACT_CHANGE
    address = await codes.spend(session, user.id, purpose, channel, code)
    if address is None:
        audit.record(session, actor, "account.code_refused", "user", user.id)
        return None
    before = address_of(user, channel)
    now = await clock.now(session)
    if channel is Channel.EMAIL:
        if await _taken(session, user, address):
            raise AccountExists
        user.email, user.email_verified_at = address, now
    else:
        # A number that a dispatcher made an account for brings its calls along.
        await claims.take_over(session, actor, user, address)
        user.phone_verified_at = now
    if before is not None and before != address:
        notice = Notice("contact_changed", user.id, WAYS[channel], before)
        await notify(session, actor, notice)
    data = {"channel": channel.value}
    audit.record(session, actor, "account.contact_changed", "user", user.id, **data)
    await session.flush()
    return await accounts.card(session, caller)


async def _taken(session: AsyncSession, user: User, address: str) -> bool:
    same = sa.func.lower(col(User.email)) == address
    query = sa.select(sa.exists().where(same, col(User.id) != user.id))
    return await session.scalar(query) or False
