"""Proving that an e-mail address or a phone number is one's own."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.notification import NotificationChannel
from models.verification_code import Channel, Purpose
from services import accounts, audit, claims, clock, codes, rate_limits
from services.accounts import Card
from services.callers import Caller
from services.notifications import Notice, notify
from services.permissions import Permission, demand

WAYS = {
    Channel.EMAIL: NotificationChannel.EMAIL,
    Channel.PHONE: NotificationChannel.SMS,
}


def address_of(user: User, channel: Channel) -> str | None:
    """Where a code of this channel goes; a claimed number counts as one's phone."""
    if channel is Channel.EMAIL:
        return user.email
    return user.phone or user.claimed_phone


def _purpose(user: User, channel: Channel) -> Purpose:
    claimed = channel is Channel.PHONE and user.phone is None
    return Purpose.CLAIM if claimed else Purpose.VERIFICATION


def _proven(user: User, channel: Channel) -> bool:
    stamp = (
        user.email_verified_at if channel is Channel.EMAIL else user.phone_verified_at
    )
    return stamp is not None


async def send(
    session: AsyncSession, caller: Caller, channel: Channel, client_address: str
) -> None:
    """Send a code to one's own contact; a proven or absent one gets none."""
    actor = caller.actor
    demand(actor, Permission.ACCOUNT_OWN)
    user = await locked(session, caller)
    address = address_of(user, channel)
    if address is None or _proven(user, channel):
        return
    await rate_limits.code(session, user.id, address, client_address)
    purpose = _purpose(user, channel)
    code = await codes.issue(session, user.id, purpose, channel, address)
    notice = Notice(
        "claim_code" if purpose is Purpose.CLAIM else "verification_code",
        user.id,
        WAYS[channel],
        address,
        secret=code,
    )
    await notify(session, actor, notice)


async def confirm(
    session: AsyncSession, caller: Caller, channel: Channel, code: str
) -> Card | None:
    """Prove the contact with the code; None when the code was wrong.

    The caller commits either way. A proven claim brings the account that a
    dispatcher made for the number, with its calls.
    """
    actor = caller.actor
    demand(actor, Permission.ACCOUNT_OWN)
    user = await locked(session, caller)
    purpose = _purpose(user, channel)
    address = await codes.spend(session, user.id, purpose, channel, code)
    if address is None or address != address_of(user, channel):
        audit.record(session, actor, "account.code_refused", "user", user.id)
        return None
    if purpose is Purpose.CLAIM:
        await claims.take_over(session, actor, user, address)
    now = await clock.now(session)
    if channel is Channel.EMAIL:
        user.email_verified_at = now
    else:
        user.phone_verified_at = now
    audit.record(
        session, actor, "account.verified", "user", user.id, channel=channel.value
    )
    await session.flush()
    return await accounts.card(session, caller)


async def locked(session: AsyncSession, caller: Caller) -> User:
    """One's own row, so that codes, claims and changes of contacts take turns."""
    query = select(User).where(col(User.id) == caller.user_id).with_for_update()
    return (await session.exec(query)).one()
