"""What waits is shown with its call, its age and who has it; to each role its own."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ReconIssue, Role
from models.recon_issue import IssueKind
from services import recon_issues, recon_marks, recon_reads
from services.errors import Forbidden
from tests import factories

DAY, RULE = IssueKind.DAY_DIFFERS, IssueKind.INVARIANT


async def test_what_is_due_first_stands_on_top_and_what_was_closed_below(
    session: AsyncSession,
) -> None:
    user = await factories.person(session, Role.FINANCE, first_name="Ольга")
    actor = factories.as_staff(user, Role.FINANCE)
    booking = await factories.booking(session)
    await recon_issues.report(session, DAY, "later", due_in_hours=9)
    await recon_issues.report(
        session, DAY, "soon", booking_id=booking.id, due_in_hours=1
    )
    await recon_issues.report(session, DAY, "over")
    over = await session.scalar(
        sa.select(ReconIssue).where(col(ReconIssue.subject) == "over")
    )
    assert over is not None
    await recon_issues.take(session, actor, over.id, None)
    await recon_issues.resolve(session, actor, over.id, "Seen.")
    await recon_marks.note(session, "provider_hourly", None, 2)
    seen = await recon_reads.findings(session, actor)
    assert [each.subject for each in seen.waiting] == ["soon", "later"]
    assert [each.subject for each in seen.closed] == ["over"]
    assert seen.calls == {booking.id: booking.label}
    assert seen.names == {user.id: user.short_name}
    assert [each.name for each in seen.marks] == ["provider_hourly"]


async def test_the_first_page_learns_how_many_wait_and_how_long(
    session: AsyncSession,
) -> None:
    finance = factories.as_staff(
        await factories.person(session, Role.FINANCE), Role.FINANCE
    )
    admin = factories.as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    nothing = await recon_reads.waiting(session, finance)
    assert (nothing.count, nothing.late, nothing.oldest) == (0, 0, None)
    await recon_issues.report(session, DAY, "late", due_in_hours=-1)
    await recon_issues.report(session, RULE, "a rule")
    old = sa.update(ReconIssue).values(
        created_at=col(ReconIssue.created_at) - timedelta(hours=2)
    )
    await session.execute(old)
    seen = await recon_reads.waiting(session, finance)
    assert (seen.count, seen.late) == (2, 1)
    assert seen.oldest is not None
    assert seen.now - seen.oldest > timedelta(minutes=119)
    only_data = await recon_reads.waiting(session, admin)
    assert (only_data.count, only_data.late) == (1, 0)
    shown = await recon_reads.findings(session, admin)
    assert [each.subject for each in shown.waiting] == ["a rule"]


async def test_a_dispatcher_sees_no_findings(session: AsyncSession) -> None:
    actor = factories.as_staff(await factories.dispatcher(session))
    for read in (recon_reads.findings, recon_reads.waiting):
        with pytest.raises(Forbidden):
            await read(session, actor)
