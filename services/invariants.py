"""What must always be true of the data; each rule is a query for the offenders.

The rules live in services/invariant_rules.py, those of money and talk beside it. Tests ask
after every step, a job every quarter of an hour, the command `check-invariants`
whenever somebody wants to know.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services.i18n import gettext
from services.invariant_rules import RULES as OTHER_RULES
from services.invariant_rules import Rule
from services.money_invariant_rules import MONEY_RULES
from services.talk_invariant_rules import TALK_RULES

RULES = OTHER_RULES + MONEY_RULES + TALK_RULES
OFFENDERS_TOLD = 20


@dataclass(frozen=True)
class Violation:
    """One offender against one rule: which row, and what is the matter with it."""

    rule: str
    offender: str
    detail: str
    about: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.offender} ({self.detail}): {self.about}"


async def check(session: AsyncSession) -> list[Violation]:
    """List what breaks the rules, at most twenty offenders for each rule."""
    await session.execute(sa.text("SET LOCAL statement_timeout = 0"))
    found: list[Violation] = []
    for rule in RULES:
        found += await check_rule(session, rule)
    return found


async def check_rule(session: AsyncSession, rule: Rule) -> list[Violation]:
    """Ask for the offenders against one rule."""
    query = sa.text(f"{rule.query} LIMIT {OFFENDERS_TOLD}")
    rows = await session.execute(query)
    return [
        Violation(rule.name, str(offender), str(detail), gettext(rule.about))
        for offender, detail in rows.all()
    ]
