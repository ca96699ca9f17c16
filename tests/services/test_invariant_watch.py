"""The job that asks the invariants: findings come, stay one, and go by themselves."""

from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ReconIssue, ReconMark
from models.recon_issue import IssueKind
from services import invariant_watch, recon_marks, wallets
from services.database import Sessions
from services.edges import transaction
from services.recon_issues import GONE
from tests import factories

RULE = "patients_have_wallets"


async def broken(session: AsyncSession) -> list[ReconIssue]:
    query = select(ReconIssue).where(col(ReconIssue.kind) == IssueKind.INVARIANT)
    return list((await session.exec(query)).all())


async def take_wallets_away(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("DELETE FROM ledger_account WHERE kind = 'wallet'"))


async def test_a_broken_rule_is_one_finding_until_it_holds_again(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        people = [await factories.patient(session) for _ in range(2)]
    assert await invariant_watch.watch(sessions) == 0
    await take_wallets_away(sessions)
    for _ in range(2):
        assert await invariant_watch.watch(sessions) == 1
    async with transaction(sessions) as session:
        (issue,) = await broken(session)
        assert issue.subject == RULE
        assert issue.facts["count"] == 2
        told = sorted(f"{user.id} (0)" for user in people)
        assert sorted(issue.facts["offenders"]) == told
        mark = (await session.exec(select(ReconMark))).one()
        assert (mark.name, mark.found) == (invariant_watch.MARK, 1)
        for user in people:
            await wallets.make(session, user.id)
    assert await invariant_watch.watch(sessions) == 0
    async with transaction(sessions) as session:
        (issue,) = await broken(session)
        assert issue.resolution == GONE
        assert [each.found for each in await recon_marks.every(session)] == [0]


async def test_two_at_once_ask_once(sessions: Sessions) -> None:
    await take_wallets_away(sessions)
    async with recon_marks.alone(sessions, invariant_watch.MARK) as mine:
        assert mine
        assert await invariant_watch.watch(sessions) == 0
        async with transaction(sessions) as session:
            assert await recon_marks.every(session) == []
    async with recon_marks.alone(sessions, invariant_watch.MARK) as mine:
        assert mine


async def test_the_worker_asks_every_quarter_of_an_hour(sessions: Sessions) -> None:
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await invariant_watch.watch_periodically(cast("Any", context), 0)
    async with transaction(sessions) as session:
        assert await recon_marks.reached(session, invariant_watch.MARK) is None
        assert len(await recon_marks.every(session)) == 1
