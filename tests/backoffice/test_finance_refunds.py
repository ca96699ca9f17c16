"""Refunds in the console: the queue, the second person, and what cannot be done alone."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from fastapi import FastAPI

from models import Refund
from models.booking import Status
from models.payment import PaymentMethod, Surplus
from models.refund import Destination, RefundOrigin, RefundStatus, Split
from services import clock, refunds
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from tests import refunding
from tests.backoffice.desk import Desk, text_of
from tests.backoffice.money_desk import (
    ask,
    hidden,
    paid,
    refunds_of,
    seal_of,
    two_of_finance,
)
from tests.refunding import PRICE, Stage

QUEUE = "/admin/refunds"
AWAITING = RefundStatus.AWAITING_APPROVAL


@pytest_asyncio.fixture(loop_scope="session")
async def desks(app: FastAPI, sessions: Sessions) -> AsyncIterator[tuple[Desk, Desk]]:
    async with two_of_finance(app, sessions) as both:
        yield both


async def asked(desk: Desk, sessions: Sessions, amount: str = "1000") -> Refund:
    """A refund that this person asked for and somebody else has to approve."""
    stage = await paid(sessions)
    await ask(desk, stage, amount)
    [made] = await refunds_of(sessions, stage)
    return made


async def again(sessions: Sessions, refund: Refund) -> Refund:
    async with transaction(sessions) as session:
        return await session.get_one(Refund, refund.id)


def path(refund: Refund, verb: str = "") -> str:
    return f"{QUEUE}/{refund.id}" + (f"/{verb}" if verb else "")


async def test_the_second_person_sees_why_and_approves_what_was_seen(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    made = await asked(maria, sessions)
    queue = text_of(await oleg.get(QUEUE)).replace("\xa0", " ")
    for words in ("1,000 ₽", "0 ₽ less", "The service was poor", "Соколова М. П."):
        assert words in queue
    page = await oleg.get(path(made))
    shown = text_of(page).replace("\xa0", " ")
    for words in (
        "1,000 ₽: to where it was paid from",
        "The sum is not what the policy gives",
        "When it was asked for, policy gave back 0 ₽",
        "How the call went",
        "Completed",
        "There were none.",
        "Approve 1,000 ₽",
    ):
        assert words in shown, words
    seen = hidden(page.text, "seen")
    done = await oleg.post(path(made, "approve"), seen=seen)
    assert done.headers["location"] == QUEUE
    found = await again(sessions, made)
    assert (found.status, found.approved_by) == (RefundStatus.APPROVED, oleg.user.id)
    after = text_of(await oleg.get(QUEUE))
    assert "No refund waits for a second person" in after
    assert "go back to where they were paid from" in after


async def test_the_first_page_counts_what_waits_and_what_moved_today(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    made = await asked(maria, sessions)
    tiles = text_of(await oleg.get("/admin/")).replace("\xa0", " ")
    for words in (
        "1 Wait for a second person",
        "0 Requests of patients",
        "0 Stuck",
        "5,000 ₽ Paid today",
        "0 ₽ Given back today",
    ):
        assert words in tiles, words
    await oleg.post(path(made, "reject"), reason_code="other")
    assert "0 Wait for a second person" in text_of(await oleg.get("/admin/"))


async def test_nobody_approves_what_they_asked_for(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    made = await asked(maria, sessions)
    assert "another person approves it" in text_of(await maria.get(QUEUE))
    page = await maria.get(path(made))
    assert "Whoever asked for a refund does not approve it." in page.text
    assert path(made, "approve") not in page.text
    seal = await seal_of(sessions, made)
    assert (await maria.post(path(made, "approve"), seen=seal)).status_code == 403
    assert (await again(sessions, made)).status is AWAITING


async def test_an_old_page_approves_nothing(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    made = await asked(maria, sessions)
    seen = hidden((await oleg.get(path(made))).text, "seen")
    changed = await maria.post(
        path(made, "amend"), amount="2000", destination="original", split="doctor"
    )
    assert changed.headers["location"] == path(made)
    await oleg.post(path(made, "approve"), seen=seen, next=path(made))
    shown = await oleg.get(path(made))
    assert "The refund has changed meanwhile. Nothing was approved." in shown.text
    found = await again(sessions, made)
    assert (found.status, found.amount_kopecks) == (AWAITING, 200_000)
    assert found.split is Split.DOCTOR
    assert "2,000" in shown.text
    await oleg.post(path(made, "approve"), seen="", next=path(made))
    assert (await again(sessions, made)).status is AWAITING


async def test_a_rejection_says_why_and_frees_the_money(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    made = await asked(maria, sessions)
    await oleg.post(path(made, "reject"), next=path(made))
    assert (await again(sessions, made)).status is AWAITING
    await oleg.post(path(made, "reject"), reason_code="duplicate")
    found = await again(sessions, made)
    assert (found.status, found.failure_code) == (RefundStatus.REJECTED, "duplicate")
    shown = text_of(await maria.get(path(made)))
    assert "Виноградов О. П. rejected it: it has gone back already." in shown
    assert path(made, "amend") not in shown


async def test_whoever_asked_may_take_it_back(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    made = await asked(maria, sessions)
    assert "Take it back" in (await maria.get(path(made))).text
    await maria.post(path(made, "reject"), reason_code="other")
    assert (await again(sessions, made)).status is RefundStatus.REJECTED


async def test_only_whoever_asked_changes_a_refund_and_typing_is_kept(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    made = await asked(maria, sessions)
    terms = {"destination": "original", "split": "house"}
    assert "Change your request" not in (await oleg.get(path(made))).text
    other = await oleg.post(path(made, "amend"), amount="900", **terms)
    assert other.status_code == 403
    much = await maria.post(path(made, "amend"), amount="6000", **terms)
    assert much.status_code == 422
    assert "At most 5,000" in text_of(much)
    assert 'value="6000"' in much.text


async def test_a_bank_transfer_is_noted_with_its_document(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    stage = await paid(sessions, method=PaymentMethod.SBP)
    await ask(maria, stage, "1500", destination="manual")
    [made] = await refunds_of(sessions, stage)
    assert made.destination is Destination.MANUAL
    await oleg.post(path(made, "approve"), seen=await seal_of(sessions, made))
    page = await oleg.get(path(made))
    assert "Transfer the money from the bank" in page.text
    empty = await oleg.post(path(made, "transfer"), document=" ")
    assert empty.status_code == 422
    await oleg.post(path(made, "transfer"), document="п/п 418")
    found = await again(sessions, made)
    assert (found.status, found.document) == (RefundStatus.SUCCEEDED, "п/п 418")
    shown = text_of(await oleg.get(path(made)))
    assert "The money went back on" in shown
    assert "п/п 418" in shown


async def lost(sessions: Sessions, stage: Stage, refund: Refund, hours: int) -> None:
    """Let a refund have been sent so long ago, and the answer be lost."""
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        now = await clock.now(session)
        row.status, row.next_look_at = RefundStatus.SENDING, now + timedelta(minutes=5)
        row.key_used_at = now - timedelta(hours=hours)
        await session.flush()
        row.status = RefundStatus.UNKNOWN


async def test_a_lost_refund_is_given_up_after_a_day_by_another_person(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    stage = await paid(sessions)
    await ask(maria, stage)
    [made] = await refunds_of(sessions, stage)
    await oleg.post(path(made, "approve"), seen=await seal_of(sessions, made))
    await lost(sessions, stage, made, 2)
    young = await oleg.get(path(made))
    assert "Do not make another one" in young.text
    assert path(made, "give_up") not in young.text
    await oleg.post(path(made, "give_up"), next=path(made))
    assert (await again(sessions, made)).status is RefundStatus.UNKNOWN
    await lost_longer(sessions, made)
    stuck = text_of(await oleg.get("/admin/stuck"))
    assert "The provider remembers the key no more" in stuck
    mine = await maria.get(path(made))
    assert path(made, "give_up") not in mine.text
    assert "Whoever asked for a refund does not approve it." in mine.text
    assert path(made, "give_up") in (await oleg.get(path(made))).text
    done = await oleg.post(path(made, "give_up"))
    assert done.headers["location"] == path(made)
    found = await again(sessions, made)
    assert (found.status, found.failure_code) == (RefundStatus.FAILED, "given_up")
    shown = text_of(await oleg.get(path(made)))
    assert "The bank refused: nobody knows of it at the provider" in shown


async def lost_longer(sessions: Sessions, refund: Refund) -> None:
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        row.key_used_at = await clock.now(session) - timedelta(hours=25)


async def test_what_stands_still_says_what_the_system_does(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    assert "Nothing is stuck" in text_of(await maria.get("/admin/stuck"))
    stage = await paid(sessions)
    await ask(maria, stage, destination="manual")
    [made] = await refunds_of(sessions, stage)
    await oleg.post(path(made, "approve"), seen=await seal_of(sessions, made))
    shown = text_of(await maria.get("/admin/stuck"))
    assert "Bank transfer to be made" in shown
    assert "Waits for you: transfer the money and note the document" in shown
    assert "approved until" in shown
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, made.id)
        await refunds.amend(
            session,
            maria.actor,
            row.id,
            refunding.house(stage.payment, 50_000).terms,
        )
    assert "Nothing is stuck" in text_of(await maria.get("/admin/stuck"))


async def test_a_refund_of_policy_tells_who_cancelled_by_role_or_name(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions, Status.ASSIGNED)
    made = await refunding.cancelled(sessions, stage)
    shown = text_of(await maria.get(path(made)))
    assert "Asked by Patient" in shown
    assert "The doctor had not set out" in shown
    assert made.amount_kopecks == PRICE


async def test_a_surplus_was_no_matter_of_policy(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    stage = await paid(sessions)
    async with transaction(sessions) as session:
        row = await refunding.surplus(session, stage, Surplus.DOUBLE)
        origin = RefundOrigin.DOUBLE
        made = await refunds.give_back(session, SYSTEM, row, origin)
    shown = text_of(await maria.get(path(made)))
    assert "Policy does not ask about it: paid twice." in shown
    assert "Asked by System" in shown
