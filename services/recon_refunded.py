"""Whether the provider has given back of each payment what we say it has."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import recon_issues
from services.database import Sessions
from services.edges import in_transaction
from services.gateways import yookassa
from services.gateways.yookassa_answers import ProviderPayment, read
from services.gateways.yookassa_client import Shop
from services.gateways.yookassa_outcomes import Done
from services.recon_compare import Raw, Tally, compare
from services.recon_nouns import REFUNDS

_REFUNDED = """
SELECT p.id, p.provider_id, coalesce(sum(r.amount_kopecks), 0) AS kopecks
  FROM payment p LEFT JOIN refund r ON r.payment_id = p.id
       AND r.status = 'succeeded' AND r.provider_id IS NOT NULL
 WHERE p.provider_id = ANY(:ids) AND p.status = 'succeeded' GROUP BY p.id
"""


async def compare_sums(
    sessions: Sessions, shop: Shop, payments: Sequence[Raw], tally: Tally
) -> None:
    """Look into payments of which another sum went back than we know of.

    Their refunds are read whole and taken in; what still differs is a finding.
    """
    theirs = {
        raw["id"]: kopecks for raw in payments if (kopecks := _of(raw)) is not None
    }
    ours = await in_transaction(sessions, lambda s: _ours(s, list(theirs)))
    for provider_id, row in ours.items():
        if theirs[provider_id] == row.kopecks:
            continue
        page = partial(yookassa.list_refunds, shop, payment_id=provider_id)
        refunds = await yookassa.every(page)
        if not isinstance(refunds, list):
            tally.whole = False
            continue
        await compare(sessions, shop, REFUNDS, refunds, None, tally)
        answer = await yookassa.get_payment(shop, provider_id)
        if not isinstance(answer, Done):
            tally.whole = False
            continue
        judge = partial(_judge, provider_id=provider_id, theirs=_of(answer.raw))
        tally.found |= await in_transaction(sessions, judge)


async def _judge(
    session: AsyncSession, provider_id: str, theirs: int | None
) -> set[str]:
    row = (await _ours(session, [provider_id]))[provider_id]
    if theirs is None:
        return set()
    subject = f"refunds_of:{row.id}"
    if theirs == row.kopecks:
        await recon_issues.settle(session, IssueKind.AMOUNT_DIFFERS, subject)
        return set()
    await recon_issues.report(
        session,
        IssueKind.AMOUNT_DIFFERS,
        subject,
        payment_id=row.id,
        provider_id=provider_id,
        theirs_kopecks=theirs,
        ours_kopecks=int(row.kopecks),
    )
    return {subject}


async def _ours(session: AsyncSession, ids: Sequence[str]) -> Mapping[str, Any]:
    rows = await session.execute(sa.text(_REFUNDED), {"ids": list(ids)})
    return {row.provider_id: row for row in rows}


def _of(raw: Raw) -> int | None:
    """Read how much of a payment went back; None where it makes no sense."""
    seen = read(ProviderPayment, dict(raw))
    if not isinstance(seen, ProviderPayment):
        return None
    return seen.refunded_kopecks or 0
