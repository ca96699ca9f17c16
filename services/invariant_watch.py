"""The invariants, asked every quarter of an hour; what breaks one is a finding."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import invariants, jobs, recon_issues, recon_marks
from services.database import Sessions
from services.edges import in_transaction
from services.invariants import Violation

MARK = "invariants"


async def watch(sessions: Sessions) -> int:
    """Ask every rule and report those that are broken; gives how many.

    One finding for each rule: it names at most twenty offenders.
    """
    async with recon_marks.alone(sessions, MARK) as mine:
        if not mine:
            return 0
        broken = _by_rule(await in_transaction(sessions, _ask))
        await in_transaction(sessions, lambda session: _report(session, broken))
        return len(broken)


async def _ask(session: AsyncSession) -> list[Violation]:
    await session.execute(sa.text("SET TRANSACTION READ ONLY"))
    return await invariants.check(session)


def _by_rule(found: Iterable[Violation]) -> Mapping[str, list[str]]:
    rules: dict[str, list[str]] = {}
    for each in found:
        rules.setdefault(each.rule, []).append(f"{each.offender} ({each.detail})")
    return rules


async def _report(session: AsyncSession, broken: Mapping[str, list[str]]) -> None:
    for rule, offenders in broken.items():
        await recon_issues.report(
            session,
            IssueKind.INVARIANT,
            rule,
            count=len(offenders),
            offenders=offenders,
        )
    await recon_issues.settle_others(session, IssueKind.INVARIANT, broken)
    await recon_marks.note(session, MARK, None, len(broken))


@jobs.queue.periodic(cron="*/15 * * * *", periodic_id="invariants")
@jobs.queue.task(name="invariants.watch", pass_context=True)
async def watch_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Ask every quarter of an hour."""
    await watch(context.additional_context["sessions"])
