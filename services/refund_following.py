"""What becomes of a refund that was sent: asked for, looked for, sent again.

Pending refunds have to be asked for, because the provider tells of no refund that it
gave up. One whose answer was lost is looked for in the provider's list, then sent
again under the same key while the key serves; after that a person decides.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Refund
from models.recon_issue import IssueKind
from models.refund import RefundStatus
from services import (
    clock,
    failpoints,
    provider_events,
    recon_issues,
    refund_outcomes,
    refund_steps,
)
from services.actor import SYSTEM
from services.database import Sessions
from services.gateways import yookassa
from services.gateways.yookassa_client import Shop
from services.gateways.yookassa_outcomes import Definite, Done, Outcome, Unknown
from services.refund_steps import Locked

# The provider keeps a key for 24 hours; nearer to that nobody knows.
KEY_SERVES, KEY_GONE = timedelta(hours=23), timedelta(hours=24)
CREATED, ASKED, LISTED = "create", "get", "list"
Listed = list[dict[str, Any]] | Definite | Unknown


@dataclass(frozen=True)
class Claimed:
    """A refund taken for one look, the provider's payment, and the age of its key."""

    refund: Refund
    payment_id: str
    key_age: timedelta


async def follow(sessions: Sessions, shop: Shop, claimed: Claimed) -> None:
    """Find out what became of a refund that was sent."""
    if claimed.refund.provider_id is not None:
        await _ask(sessions, shop, claimed.refund.id, claimed.refund.provider_id)
        return
    found = await _look_for(sessions, shop, claimed)
    if not found and claimed.key_age < KEY_SERVES:
        await _send_again(sessions, shop, claimed.refund)


async def _ask(
    sessions: Sessions, shop: Shop, refund_id: uuid.UUID, provider_id: str
) -> None:
    answer = await failpoints.call(
        "refund_get", lambda: yookassa.get_refund(shop, provider_id)
    )

    async def keep_it(session: AsyncSession) -> None:
        if isinstance(answer, Done):
            await refund_outcomes.apply(session, SYSTEM, refund_id, answer, ASKED)
            await _look_again(session, await refund_steps.lock(session, refund_id))
            return
        locked = await refund_steps.lock(session, refund_id)
        await note(session, locked, answer, ASKED)
        if isinstance(answer, Definite) and answer.code == "not_found":
            await _report(session, locked, IssueKind.MISSING_THERE)

    await failpoints.in_transaction(sessions, "refund_get", keep_it)


async def _look_for(sessions: Sessions, shop: Shop, claimed: Claimed) -> bool:
    """Look for a refund in the list of its payment; tell whether it is there."""
    refund_id = claimed.refund.id
    asked = partial(yookassa.list_refunds, shop, payment_id=claimed.payment_id)
    listed = await failpoints.call("refund_list", lambda: yookassa.every(asked))
    known = listed if isinstance(listed, list) else []
    ours = [each for each in known if _named(each) == str(refund_id)]

    async def keep_it(session: AsyncSession) -> None:
        if ours:
            found = Done(ours[0])
            await refund_outcomes.apply(session, SYSTEM, refund_id, found, LISTED)
        locked = await refund_steps.lock(session, refund_id)
        if not isinstance(listed, list):
            await note(session, locked, listed)
        elif not ours and claimed.key_age > KEY_GONE:
            await _hand_over(session, locked)
        # What goes again now keeps its lease: whoever dies in that is soon followed up.
        if ours or claimed.key_age >= KEY_SERVES:
            await _look_again(session, locked)

    await failpoints.in_transaction(sessions, "refund_list", keep_it)
    return bool(ours)


def _named(raw: dict[str, Any]) -> Any:
    metadata = raw.get("metadata")
    return metadata.get("refund_id") if isinstance(metadata, dict) else None


async def _hand_over(session: AsyncSession, locked: Locked) -> None:
    """The provider does not know the refund, nor its key any more: a person decides."""
    await refund_outcomes.doubt(session, SYSTEM, locked)
    await _report(session, locked, IssueKind.REFUND_UNKNOWN)


async def _send_again(sessions: Sessions, shop: Shop, refund: Refund) -> None:
    key, body = str(refund.id), refund.request_body or ""
    answer = await failpoints.call(
        "refund_again", lambda: yookassa.create_refund(shop, key, body)
    )
    await failpoints.in_transaction(
        sessions,
        "refund_again",
        lambda own: keep(own, refund.id, answer, first=False),
    )


async def keep(
    session: AsyncSession, refund_id: uuid.UUID, answer: Outcome, *, first: bool
) -> None:
    """Keep what a call came to; `first`: no call was made with this key before."""
    if isinstance(answer, Done):
        await refund_outcomes.apply(session, SYSTEM, refund_id, answer, CREATED)
        locked = await refund_steps.lock(session, refund_id)
    else:
        locked = await refund_steps.lock(session, refund_id)
        await _keep_none(session, locked, answer, first=first)
    await _look_again(session, locked)


async def _keep_none(
    session: AsyncSession, locked: Locked, answer: Definite | Unknown, *, first: bool
) -> None:
    """No object came: the refund failed, was not sent, or nobody can say."""
    status = locked.refund.status
    if status not in {RefundStatus.SENDING, RefundStatus.UNKNOWN}:
        return
    await note(session, locked, answer, CREATED)
    if isinstance(answer, Definite) and _refused(answer, first):
        await refund_outcomes.fail(session, SYSTEM, locked, answer.code)
    elif not (first and isinstance(answer, Definite)):
        await refund_outcomes.doubt(session, SYSTEM, locked)


def _refused(answer: Definite, first: bool) -> bool:
    """Tell whether the provider surely has no such refund and will make none.

    A login that is refused, or a connection never made, is no end: the same call
    goes again.
    """
    return answer.conclusive or (first and answer.status == 404)


async def note(
    session: AsyncSession,
    locked: Locked,
    answer: Definite | Unknown,
    source: str = LISTED,
) -> None:
    """Keep an answer that tells nothing of the refund, and look again later."""
    provider_events.record(session, source, answer, refund_id=locked.refund.id)
    await _look_again(session, locked)


async def _look_again(session: AsyncSession, locked: Locked) -> None:
    refund = locked.refund
    if refund.is_open:
        now = await clock.now(session)
        refund.next_look_at = now + refund_outcomes.pause(refund.tries)
        await session.flush()


async def _report(session: AsyncSession, locked: Locked, kind: IssueKind) -> None:
    refund = locked.refund
    await recon_issues.report(
        session,
        kind,
        f"refund:{refund.id}",
        refund_id=refund.id,
        amount_kopecks=refund.amount_kopecks,
    )
