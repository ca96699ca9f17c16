"""What policy gives back when a call ends early, as versioned data, and why.

The rules are caps of what the house keeps: the consumer pays only costs actually
incurred (Civil Code, article 782; Consumer Protection Act, article 32). A version is
never changed; the one that held when the call ended is the one that counts.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, BookingEvent, RefundPolicy
from models.assignment import SHOWN
from models.booking import Status, Verb
from models.booking_words import BEARER_OF, Bearer, CancelReason
from models.refund import Rule
from models.role_grant import Role
from services import audit, clock
from services.actor import Actor
from services.errors import StaleVersion
from services.inputs import wrong
from services.permissions import Permission, demand

# The doctor stood at the door, whatever was pressed.
AT_THE_DOOR = frozenset({CancelReason.PATIENT_ABSENT, CancelReason.REFUSED_ON_SITE})


class Tier(BaseModel):
    """What goes back under one rule: so many percent, or all but so many kopecks.

    Whichever is more for the patient holds; without `kept_at_most_kopecks` the
    percentage alone does.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    rule: Rule = Field(strict=False)
    percent: int = Field(ge=0, le=100)
    kept_at_most_kopecks: int | None = Field(default=None, ge=0, le=100_000_000)

    def of(self, base: int) -> int:
        """Give what goes back of so many kopecks; half a kopeck rounds up."""
        part = (base * self.percent + 50) // 100
        most = self.kept_at_most_kopecks
        return part if most is None else max(part, base - most, 0)


@dataclass(frozen=True)
class Held:
    """The version of the policy and the tier that hold for a call."""

    version: int
    tier: Tier


async def current(session: AsyncSession) -> RefundPolicy:
    """Give the version that holds now."""
    return await _at(session, await clock.now(session))


async def publish(
    session: AsyncSession, actor: Actor, tiers: Sequence[Tier], version: int
) -> RefundPolicy:
    """Make the next version; it holds from now on, for calls that end from now on.

    `version` is the one that the actor changes; somebody else's change in between is
    refused.
    """
    demand(actor, Permission.REFUND_POLICY_EDIT)
    _demand_whole(tiers)
    newest = sa.select(sa.func.max(RefundPolicy.version)).scalar_subquery()
    held = sa.select(RefundPolicy).where(col(RefundPolicy.version) == newest)
    await session.execute(held.with_for_update())
    # The row may have been waited for: what holds now is looked up once more.
    before: RefundPolicy = (await session.scalars(held)).one()
    if before.version != version:
        raise StaleVersion(
            "The policy has changed meanwhile. Nothing was overwritten.",
            current_version=before.version,
        )
    made = RefundPolicy(
        version=version + 1,
        valid_from=await clock.now(session),
        tiers=[tier.model_dump(mode="json") for tier in tiers],
        created_by=actor.user_id,
    )
    session.add(made)
    audit.record(
        session,
        actor,
        "refund_policy.published",
        "refund_policy",
        made.id,
        version=made.version,
        tiers=made.tiers,
    )
    await session.flush()
    return made


async def versions(session: AsyncSession, actor: Actor) -> Sequence[RefundPolicy]:
    """List every version, the newest first."""
    demand(actor, Permission.REFUND_POLICY_EDIT)
    query = sa.select(RefundPolicy).order_by(col(RefundPolicy.version).desc())
    return (await session.scalars(query)).all()


def tiers_of(policy: RefundPolicy) -> Sequence[Tier]:
    """Give the tiers of one version."""
    return [Tier.model_validate(each) for each in policy.tiers]


async def held(session: AsyncSession, booking: Booking) -> Held:
    """Tell which tier holds for a call as it stands, or as it stood when it ended."""
    ended = booking.cancelled_at or booking.completed_at
    policy = await _at(session, ended or await clock.now(session))
    turn = await _shown_turn(session, booking.id)
    rule = rule_of(booking, turn, by_patient=await _by_patient(session, booking))
    tier = next(each for each in tiers_of(policy) if each.rule is rule)
    return Held(policy.version, tier)


def rule_of(
    booking: Booking, turn: Assignment | None, *, by_patient: bool = False
) -> Rule:
    """Tell the rule by the stamps of the turn; who bears the cost goes first.

    A patient who calls the visit off bears it, whatever reason they chose.
    """
    reason = booking.cancel_reason_code
    if booking.status is Status.COMPLETED:
        return Rule.COMPLETED
    ours = reason is not None and BEARER_OF[reason] is not Bearer.PATIENT
    if turn is None or (ours and not by_patient):
        return Rule.NOT_OUR_PATIENT
    if turn.started_at is not None:
        return Rule.IN_PROGRESS
    if turn.departed_at is None:
        return Rule.NOT_DEPARTED
    return Rule.ON_SCENE if reason in AT_THE_DOOR else Rule.EN_ROUTE


async def _at(session: AsyncSession, moment: datetime) -> RefundPolicy:
    found = await session.scalars(
        sa.select(RefundPolicy)
        .where(col(RefundPolicy.valid_from) <= moment)
        .order_by(col(RefundPolicy.version).desc())
        .limit(1)
    )
    return found.one()


async def _shown_turn(
    session: AsyncSession, booking_id: uuid.UUID
) -> Assignment | None:
    turn: Assignment | None = await session.scalar(
        sa.select(Assignment)
        .where(col(Assignment.booking_id) == booking_id)
        .where(sa.text(SHOWN))
    )
    return turn


async def _by_patient(session: AsyncSession, booking: Booking) -> bool:
    who = await session.scalar(
        sa.select(col(BookingEvent.acting_as))
        .where(col(BookingEvent.booking_id) == booking.id)
        .where(col(BookingEvent.event) == Verb.CANCEL)
    )
    return who is Role.PATIENT


def _demand_whole(tiers: Sequence[Tier]) -> None:
    """Every rule has one tier, and who is not to blame gets everything back."""
    if sorted(tier.rule for tier in tiers) != sorted(Rule):
        raise wrong("tiers")
    everything: dict[str, Any] = {"percent": 100, "kept_at_most_kopecks": 0}
    whole = Tier(rule=Rule.NOT_OUR_PATIENT, **everything)
    if whole not in tiers:
        raise wrong(f"tiers.{Rule.NOT_OUR_PATIENT}")
