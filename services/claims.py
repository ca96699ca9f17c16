"""Claims: an account that a dispatcher made by phone becomes its owner's.

The one who registers is somebody new until a code sent to the number proves them;
then the calls, money, doors and medical facts of the old account become theirs, and
the old account points to theirs.
"""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Address,
    Assignment,
    Booking,
    BookingEvent,
    PatientProfile,
    Payment,
    RoleGrant,
    User,
)
from services import audit, ledger, live, postings, telegram_ending
from services.actor import Actor
from services.errors import AccountExists, OpenObligations

FACTS = (
    "birth_date",
    "sex",
    "blood_type",
    "insurance_number",
    "allergies",
    "chronic_conditions",
    "emergency_contact",
)


def claimable(phone: str) -> sa.ColumnElement[bool]:
    """The condition on people that an unclaimed account of this number meets."""
    return sa.and_(
        col(User.phone) == phone,
        col(User.password_hash).is_(None),
        col(User.email).is_(None),
        col(User.blocked_at).is_(None),
    )


async def can_be_claimed(session: AsyncSession, phone: str) -> bool:
    """Tell whether a dispatcher made an account for the number that nobody owns."""
    query = sa.select(sa.exists().where(claimable(phone)))
    return await session.scalar(query) or False


async def take_over(
    session: AsyncSession, actor: Actor, claimer: User, phone: str
) -> None:
    """Move everything of the number's account to whoever has proven the number.

    Raises AccountExists when the number has become somebody else's meanwhile.
    """
    query = select(User).where(col(User.phone) == phone, col(User.id) != claimer.id)
    # First the calls, then the person: everybody locks in this order.
    for known in (await session.exec(query)).all():
        await _calls(session, known.id)
    query = query.execution_options(populate_existing=True)
    old = (await session.exec(query.with_for_update())).one_or_none()
    claimer.claimed_phone = None
    if claimer.phone not in {None, phone}:
        # Whoever holds the new number links their chat anew.
        await telegram_ending.end(session, actor, claimer.id, "phone_changed")
    if old is not None:
        if any((old.password_hash, old.email, old.blocked_at)):
            raise AccountExists
        await _demand_no_visit(session, old.id, claimer.id)
        await _move(session, actor, old, claimer)
        old.phone, old.merged_into = None, claimer.id
        # The number is free only once this is written.
        await session.flush()
    claimer.phone = phone
    await session.flush()


async def _demand_no_visit(
    session: AsyncSession, old_id: uuid.UUID, new_id: uuid.UUID
) -> None:
    """A doctor who has this caller's visit ends it first: nobody treats themselves."""
    query = sa.exists().where(
        col(Booking.patient_id) == old_id,
        col(Assignment.booking_id) == col(Booking.id),
        col(Assignment.doctor_id) == new_id,
        col(Assignment.released_at).is_(None),
    )
    if await session.scalar(sa.select(query)):
        raise OpenObligations


async def _move(session: AsyncSession, actor: Actor, old: User, new: User) -> None:
    calls = await _calls(session, old.id)
    for booking in calls:
        await _move_call(session, actor, booking, new.id)
    await _move_money(session, actor, old.id, new.id)
    await session.execute(
        sa.update(Address).where(col(Address.user_id) == old.id).values(user_id=new.id)
    )
    await session.execute(
        sa.update(RoleGrant)
        .where(col(RoleGrant.user_id) == old.id, col(RoleGrant.revoked_at).is_(None))
        .values(revoked_at=sa.func.app_now(), revoked_by=new.id, revoke_reason="claim")
    )
    await _fill_profile(session, old.id, new.id)
    audit.record(
        session,
        actor,
        "account.claimed",
        "user",
        new.id,
        merged=str(old.id),
        calls=[booking.label for booking in calls],
    )


async def _move_money(
    session: AsyncSession, actor: Actor, old_id: uuid.UUID, new_id: uuid.UUID
) -> None:
    """Payments are the new account's from now on, and what the wallet holds too."""
    await session.execute(
        sa.update(Payment)
        .where(col(Payment.payer_id) == old_id)
        .values(payer_id=new_id)
    )
    held = await ledger.balance(session, postings.wallet(old_id))
    await ledger.post(session, actor, postings.merged(old_id, new_id, held))


async def _calls(session: AsyncSession, patient_id: uuid.UUID) -> Sequence[Booking]:
    query = select(Booking).where(col(Booking.patient_id) == patient_id)
    return (await session.exec(query.order_by(col(Booking.id)).with_for_update())).all()


async def _move_call(
    session: AsyncSession, actor: Actor, booking: Booking, new_id: uuid.UUID
) -> None:
    # The guard lets nothing but a claim change whose call it is.
    await session.execute(sa.text("SET LOCAL tot.claiming = 'on'"))
    booking.patient_id = new_id
    booking.version += 1
    session.add(
        BookingEvent(
            booking_id=booking.id,
            version=booking.version,
            event="claim",
            from_status=booking.status,
            to_status=booking.status,
            actor_id=actor.user_id,
            acting_as=actor.acting_as,
            via=actor.via.value,
        )
    )
    await session.flush()
    await session.execute(sa.text("SET LOCAL tot.claiming = 'off'"))
    await live.announce(session, live.Topic.CALL, booking.id)


async def _fill_profile(
    session: AsyncSession, old_id: uuid.UUID, new_id: uuid.UUID
) -> None:
    """What the owner has stated holds; what a dispatcher noted fills the gaps."""
    old, new = await _profile(session, old_id), await _profile(session, new_id)
    if old is None or new is None:
        return
    for name in FACTS:
        if getattr(new, name) is None:
            setattr(new, name, getattr(old, name))
        setattr(old, name, None)


async def _profile(session: AsyncSession, user_id: uuid.UUID) -> PatientProfile | None:
    query = select(PatientProfile).where(col(PatientProfile.user_id) == user_id)
    return (await session.exec(query)).one_or_none()
