"""What is compared with the provider: payments and refunds, and how each is read.

Known rows of ours are found by the provider's id, or by the id of ours that the
provider's object carries, for a call whose answer was lost.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import payment_settling, refund_outcomes
from services.actor import SYSTEM
from services.gateways import yookassa
from services.gateways.yookassa_answers import ProviderPayment, ProviderRefund
from services.gateways.yookassa_client import Shop
from services.gateways.yookassa_outcomes import Done, Outcome
from services.refund_imports import Verdict

SOURCE = "recon"
CANCELED = "canceled"
Seen = ProviderPayment | ProviderRefund


class Taken(Enum):
    """What became of a thing that was fetched; people know already of one put aside."""

    IN = "in"
    ASIDE = "aside"
    BY_NOBODY = "by_nobody"


# Whatever is open as a finding is asked for again, however old it is.
_KNOWN = """
WITH doubted AS (
  SELECT {name}_id AS id FROM recon_issue
   WHERE resolved_at IS NULL AND {name}_id IS NOT NULL
     AND kind IN ('missing_there', 'status_differs', 'amount_differs'))
SELECT id, provider_id, status, amount_kopecks,
       {whole} AND id NOT IN (SELECT id FROM doubted) AS plain
  FROM {name}
 WHERE provider_id = ANY(:theirs) OR (id = ANY(:ours) AND {sent})
    OR (provider_id IS NOT NULL AND :since IS NOT NULL
        AND (created_at >= :since AND created_at < :until
             OR id IN (SELECT id FROM doubted)))
"""


@dataclass(frozen=True)
class Known:
    """A row of ours; `plain` unless the provider may have more to tell of it."""

    id: uuid.UUID
    provider_id: str | None
    status: str
    amount_kopecks: int
    plain: bool


@dataclass(frozen=True)
class Noun:
    """One kind of thing: its name, how it is fetched, found, and taken in.

    `statuses` gives for each word of the provider those of ours that agree with it;
    `stranger` is how a finding names one that has no row here.
    """

    name: str
    stranger: str
    reads: type[ProviderPayment] | type[ProviderRefund]
    ours_in: str
    known: str
    get: Callable[[Shop, str], Awaitable[Outcome]]
    take_in: Callable[[AsyncSession, uuid.UUID | None, Done], Awaitable[Taken]]
    statuses: Mapping[str, frozenset[str]]

    def our_id(self, raw: Mapping[str, Any]) -> uuid.UUID | None:
        """Read the id of ours that an object of the provider carries."""
        metadata = raw.get("metadata")
        told = metadata.get(self.ours_in) if isinstance(metadata, dict) else None
        try:
            return uuid.UUID(told) if isinstance(told, str) else None
        except ValueError:
            return None

    async def rows(
        self,
        session: AsyncSession,
        listed: Sequence[Mapping[str, Any]],
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Known]:
        """Give our rows of these objects, and those made between two moments."""
        values = {
            "theirs": [str(raw.get("id")) for raw in listed],
            "ours": [self.our_id(raw) for raw in listed],
            "since": since,
            "until": until,
        }
        typed = sa.text(self.known).bindparams(
            sa.bindparam("ours", type_=sa.ARRAY(sa.Uuid)),
            sa.bindparam("since", type_=sa.DateTime(timezone=True)),
            sa.bindparam("until", type_=sa.DateTime(timezone=True)),
        )
        return [Known(*row) for row in await session.execute(typed, values)]


async def _take_payment(
    session: AsyncSession, payment_id: uuid.UUID | None, answer: Done
) -> Taken:
    """A payment that we never made is nobody's: it moves nothing."""
    if payment_id is None:
        return Taken.BY_NOBODY
    settled = await payment_settling.apply(session, SYSTEM, payment_id, answer, SOURCE)
    aside = settled.verdict is payment_settling.Verdict.QUARANTINED
    return Taken.ASIDE if aside else Taken.IN


async def _take_refund(
    session: AsyncSession,
    refund_id: uuid.UUID | None,  # noqa: ARG001 - found anew under the locks
    answer: Done,
) -> Taken:
    """A refund made in the provider's cabinet of a payment of ours is imported."""
    verdict = await refund_outcomes.take(session, SYSTEM, answer, SOURCE)
    if verdict is Verdict.QUARANTINED:
        return Taken.ASIDE
    return Taken.BY_NOBODY if verdict is Verdict.WAITING else Taken.IN


def _are(*statuses: str) -> frozenset[str]:
    return frozenset(statuses)


PAYMENTS = Noun(
    name="payment",
    stranger="payment",
    reads=ProviderPayment,
    ours_in="attempt_id",
    # The fee may become known after the payment has succeeded.
    known=_KNOWN.format(
        name="payment",
        sent="method <> 'wallet'",
        whole="(status <> 'succeeded' OR fee_kopecks IS NOT NULL)",
    ),
    get=yookassa.get_payment,
    take_in=_take_payment,
    statuses={
        "pending": _are("pending", "unknown", "created"),
        "waiting_for_capture": _are("pending", "unknown", "created"),
        "succeeded": _are("succeeded"),
        CANCELED: _are("canceled"),
    },
)
REFUNDS = Noun(
    name="refund",
    stranger="provider_refund",
    reads=ProviderRefund,
    ours_in="refund_id",
    known=_KNOWN.format(name="refund", sent="destination = 'original'", whole="true"),
    get=yookassa.get_refund,
    take_in=_take_refund,
    statuses={
        "pending": _are("pending_provider", "unknown", "sending"),
        "succeeded": _are("succeeded"),
        CANCELED: _are("failed"),
    },
)
