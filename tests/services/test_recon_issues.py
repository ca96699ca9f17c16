"""Findings of reconciliation: one for each matter, taken and closed by people."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, ReconIssue, Role
from models.recon_issue import IssueKind
from services import clock, recon_issues
from services.actor import SYSTEM_ID
from services.errors import Conflict, Forbidden, IllegalTransition, NotFound
from services.recon_issues import GONE
from tests import factories

MISSING, DAY = IssueKind.MISSING_HERE, IssueKind.DAY_DIFFERS
MOMENT = timedelta(seconds=5)


async def issues(session: AsyncSession) -> list[ReconIssue]:
    query = select(ReconIssue).order_by(col(ReconIssue.id))
    found = await session.exec(query.execution_options(populate_existing=True))
    return list(found.all())


async def only(session: AsyncSession) -> ReconIssue:
    (issue,) = await issues(session)
    return issue


async def finance(session: AsyncSession) -> Any:
    user = await factories.person(session, Role.FINANCE)
    return factories.as_staff(user, Role.FINANCE)


async def test_a_finding_says_what_it_is_about_and_until_when(
    session: AsyncSession,
) -> None:
    booking = await factories.booking(session)
    await recon_issues.report(
        session,
        MISSING,
        "2d",
        booking_id=booking.id,
        due_in_hours=7,
        amount=450_000,
        status="succeeded",
        our_id=booking.id,
    )
    issue, now = await only(session), await clock.now(session)
    assert issue.booking_id == booking.id
    assert issue.facts == {
        "amount": 450_000,
        "status": "succeeded",
        "our_id": str(booking.id),
    }
    assert issue.due_at is not None
    assert abs(issue.due_at - now - timedelta(hours=7)) < MOMENT
    assert issue.seen_last_at is not None
    assert abs(issue.seen_last_at - now) < MOMENT
    assert issue.resolved_at is None


async def test_found_again_it_is_the_same_finding_with_its_first_deadline(
    session: AsyncSession,
) -> None:
    await recon_issues.report(session, DAY, "2026-12-01", difference=5)
    first = await only(session)
    await clock.shift(session, 3600)
    await recon_issues.report(session, DAY, "2026-12-01", difference=7)
    again = await only(session)
    assert again.id == first.id
    assert again.facts == {"difference": 7}
    assert again.due_at == first.due_at
    assert again.seen_last_at is not None
    assert again.seen_last_at - again.created_at > timedelta(minutes=59)


async def test_what_holds_no_more_closes_by_itself(session: AsyncSession) -> None:
    for number in (1, 2, 3):
        day = f"2026-12-0{number}"
        await recon_issues.report(session, DAY, day)
    await recon_issues.settle(session, DAY, "2026-12-01")
    await recon_issues.settle(session, MISSING, "2026-12-02")
    assert [each.resolution for each in await issues(session)] == [GONE, None, None]
    await recon_issues.settle_others(session, DAY, {"2026-12-03"})
    closed = await issues(session)
    assert [each.resolution for each in closed] == [GONE, GONE, None]
    assert closed[0].resolved_by == SYSTEM_ID
    await recon_issues.settle_others(session, DAY, ())
    assert all(each.resolved_at for each in await issues(session))


async def test_what_closed_by_itself_comes_back_as_a_new_finding(
    session: AsyncSession,
) -> None:
    for _ in range(2):
        await recon_issues.report(session, DAY, "2026-12-01", difference=5)
        await recon_issues.settle(session, DAY, "2026-12-01")
    assert len(await issues(session)) == 2


async def test_what_a_person_closed_stays_closed_until_the_facts_change(
    session: AsyncSession,
) -> None:
    actor = await finance(session)
    await recon_issues.report(session, DAY, "2026-12-01", difference=5)
    issue = await only(session)
    await recon_issues.resolve(session, actor, issue.id, "The bank's holiday.")
    await recon_issues.report(session, DAY, "2026-12-01", difference=5)
    assert (await only(session)).resolution == "The bank's holiday."
    await recon_issues.report(session, DAY, "2026-12-01", difference=9)
    assert len(await issues(session)) == 2


async def test_no_words_mend_a_broken_invariant(session: AsyncSession) -> None:
    actor = await finance(session)
    await recon_issues.report(session, IssueKind.INVARIANT, "a rule", count=1)
    await recon_issues.resolve(session, actor, (await only(session)).id, "Fine.")
    await recon_issues.report(session, IssueKind.INVARIANT, "a rule", count=1)
    assert [bool(each.resolved_at) for each in await issues(session)] == [True, False]


async def test_one_of_two_who_take_it_at_once_learns_of_the_other(
    session: AsyncSession,
) -> None:
    anna, boris = await finance(session), await finance(session)
    await recon_issues.report(session, DAY, "2026-12-01")
    issue_id = (await only(session)).id
    await recon_issues.take(session, anna, issue_id, None)
    with pytest.raises(Conflict):
        await recon_issues.take(session, boris, issue_id, None)
    assert (await only(session)).taken_by == anna.user_id
    # Who sees that somebody has it may take it over.
    await recon_issues.take(session, boris, issue_id, anna.user_id)
    assert (await only(session)).taken_by == boris.user_id


async def test_closing_keeps_who_and_why_and_happens_once(
    session: AsyncSession,
) -> None:
    actor = await finance(session)
    await recon_issues.report(session, DAY, "2026-12-01")
    issue_id = (await only(session)).id
    await recon_issues.take(session, actor, issue_id, None)
    await recon_issues.resolve(session, actor, issue_id, "A refund by hand.")
    closed = await only(session)
    assert closed.resolved_by == actor.user_id
    assert closed.resolution == "A refund by hand."
    actions = sa.select(col(AuditEvent.action)).where(
        col(AuditEvent.object_id) == issue_id
    )
    assert set(await session.scalars(actions)) == {
        "recon_issue.taken",
        "recon_issue.resolved",
    }
    with pytest.raises(IllegalTransition):
        await recon_issues.resolve(session, actor, issue_id, "Again.")


async def test_nobody_closes_a_finding_on_their_own_call(session: AsyncSession) -> None:
    user = await factories.patient(session)
    booking = await factories.booking(session, user)
    await recon_issues.report(session, MISSING, "2d", booking_id=booking.id)
    issue_id = (await only(session)).id
    actor = factories.as_staff(user, Role.FINANCE)
    with pytest.raises(Forbidden):
        await recon_issues.resolve(session, actor, issue_id, "Mine.")
    other = await finance(session)
    await recon_issues.resolve(session, other, issue_id, "Theirs.")
    assert (await only(session)).resolved_by == other.user_id


async def test_an_administrator_closes_findings_on_data_and_none_on_money(
    session: AsyncSession,
) -> None:
    user = await factories.person(session, Role.ADMIN)
    admin = factories.as_staff(user, Role.ADMIN)
    await recon_issues.report(session, DAY, "2026-12-01")
    with pytest.raises(NotFound):
        await recon_issues.resolve(session, admin, (await only(session)).id, "No.")
    await recon_issues.report(session, IssueKind.INVARIANT, "a rule")
    found = (await issues(session))[-1]
    await recon_issues.resolve(session, admin, found.id, "Mended.")


async def test_a_dispatcher_closes_nothing(session: AsyncSession) -> None:
    user = await factories.dispatcher(session)
    await recon_issues.report(session, DAY, "2026-12-01")
    issue_id = (await only(session)).id
    with pytest.raises(Forbidden):
        await recon_issues.take(session, factories.as_staff(user), issue_id, None)
