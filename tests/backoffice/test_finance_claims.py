"""Claims in the console: decided by reason code, with refunds or without."""

from collections.abc import AsyncIterator

import pytest_asyncio
from fastapi import FastAPI
from sqlmodel import col, select

from models import Booking, RefundClaim
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod
from models.refund import ClaimStatus, RefundOrigin, RefundReason, RefundStatus
from services import bookings, refund_claims, refunds
from services.database import Sessions
from services.edges import transaction
from tests import money_rows, refunding
from tests.backoffice.desk import Desk, text_of
from tests.backoffice.money_desk import card, paid, refunds_of, two_of_finance
from tests.refunding import Stage

QUEUE = "/admin/claims"
WORDS = "Врач опоздал и нагрубил"


@pytest_asyncio.fixture(loop_scope="session")
async def desks(app: FastAPI, sessions: Sessions) -> AsyncIterator[tuple[Desk, Desk]]:
    async with two_of_finance(app, sessions) as both:
        yield both


async def claimed(
    sessions: Sessions, status: Status = Status.COMPLETED
) -> tuple[Stage, RefundClaim]:
    """A patient who wants money back for a paid visit."""
    stage = await paid(sessions, status)
    async with transaction(sessions) as session:
        claim = await refund_claims.open_claim(
            session,
            refunding.patient(stage),
            stage.booking.id,
            RefundReason.POOR_SERVICE,
            WORDS,
        )
    return stage, claim


async def again(sessions: Sessions, claim: RefundClaim) -> RefundClaim:
    async with transaction(sessions) as session:
        return await session.get_one(RefundClaim, claim.id)


def terms(stage: Stage, claim: RefundClaim, amount: str = "700") -> dict[str, object]:
    return {
        "version": claim.version,
        f"amount:{stage.payment.id}": amount,
        "destination": "original",
        "reason_code": "poor_service",
        "split": "pro_rata",
    }


async def test_a_claim_is_accepted_with_a_refund(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage, claim = await claimed(sessions)
    here = f"{QUEUE}/{claim.id}"
    queue = await maria.get(QUEUE)
    assert here in queue.text
    assert "The service was poor" in queue.text
    assert here in (await maria.get(card(stage))).text
    page = await maria.get(here)
    assert "asked by patient" in page.text
    assert WORDS not in page.text
    done = await maria.post(f"{here}/accept", **terms(stage, claim))
    assert done.headers["location"] == card(stage)
    [made] = await refunds_of(sessions, stage)
    assert (made.origin, made.status) == (
        RefundOrigin.CLAIM,
        RefundStatus.AWAITING_APPROVAL,
    )
    assert (await again(sessions, claim)).status is ClaimStatus.ACCEPTED
    decided = text_of(await maria.get(f"{QUEUE}?status=accepted"))
    assert "Соколова М. П." in decided
    after = await maria.get(here)
    assert "Соколова М. П. decided on" in after.text
    assert f"{here}/accept" not in after.text
    # A second click on the old page makes no second refund.
    late = await maria.post(f"{here}/accept", **terms(stage, claim))
    assert late.status_code == 409
    assert len(await refunds_of(sessions, stage)) == 1


async def test_a_refused_acceptance_keeps_what_was_typed(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage, claim = await claimed(sessions)
    here = f"{QUEUE}/{claim.id}/accept"
    empty = await maria.post(here, **terms(stage, claim, ""))
    assert "Say how much goes back." in empty.text
    much = await maria.post(here, **terms(stage, claim, "6000"))
    assert much.status_code == 422
    assert 'value="6000"' in much.text
    assert "At most 5,000" in text_of(much)
    unborne = await maria.post(here, **(terms(stage, claim) | {"split": ""}))
    assert "Say who bears it" in unborne.text
    wallet = await maria.post(here, **(terms(stage, claim) | {"destination": "wallet"}))
    assert "only if the patient agrees" in wallet.text
    odd = await maria.post(here, **{"amount:x": "1", **terms(stage, claim, "")})
    assert odd.status_code == 404
    stale = await maria.post(here, **(terms(stage, claim) | {"version": 7}))
    assert "The claim has changed meanwhile" in stale.text
    assert (await again(sessions, claim)).status is ClaimStatus.OPEN
    assert await refunds_of(sessions, stage) == []


async def test_a_claim_is_declined_once(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    _, claim = await claimed(sessions)
    here = f"{QUEUE}/{claim.id}"
    await maria.post(f"{here}/decline", version=7, next=here)
    assert (await again(sessions, claim)).status is ClaimStatus.OPEN
    assert "The claim has changed meanwhile" in (await maria.get(here)).text
    done = await maria.post(f"{here}/decline", version=claim.version)
    assert done.headers["location"] == QUEUE
    assert (await again(sessions, claim)).status is ClaimStatus.DECLINED
    assert "Nobody asks for money back" in text_of(await maria.get(QUEUE))
    assert "Nobody" not in text_of(await maria.get(f"{QUEUE}?status=declined"))


async def test_several_payments_are_given_back_in_parts(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions, Status.IN_PROGRESS, amount=200_000)
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, stage.booking.id)
        await refunding.fill(session, booking, 300_000)
        second = await money_rows.payment(
            session, booking, 300_000, method=PaymentMethod.WALLET
        )
        reason = CancelReason.CLINIC_FAULT
        await bookings.cancel(session, stage.staff, booking.id, reason)
        query = select(RefundClaim).where(col(RefundClaim.booking_id) == booking.id)
        claim = (await session.exec(query)).one()
    page = (await maria.get(f"{QUEUE}/{claim.id}")).text
    # Policy gives all of it back, so both fields are filled in.
    assert f'name="amount:{stage.payment.id}"' in page
    assert 'value="2000"' in page
    assert 'value="3000"' in page
    typed = terms(stage, claim, "2000") | {f"amount:{second.id}": "3000", "split": ""}
    await maria.post(f"{QUEUE}/{claim.id}/accept", **typed)
    made = await refunds_of(sessions, stage)
    assert sorted(each.amount_kopecks for each in made) == [200_000, 300_000]


async def test_a_claim_with_nothing_left_can_only_be_declined(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    stage, claim = await claimed(sessions)
    async with transaction(sessions) as session:
        await refunds.request(
            session, oleg.actor, refunding.house(stage.payment, 100_000)
        )
    page = text_of(await maria.get(f"{QUEUE}/{claim.id}"))
    assert "Виноградов О. П. asked for" in page
    assert "Accept and give back" not in page
    assert "Decline; the patient is told" in page
