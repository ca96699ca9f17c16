"""Comparing the provider's lists with our rows, both ways.

A list is only a hint, like a notice: whatever differs is fetched by its id, and what
was fetched goes the ordinary way of payments and refunds. So a list that lies, or
lacks something, moves no money. What still differs afterwards is for a person.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import recon_issues
from services.database import Sessions
from services.edges import in_transaction
from services.errors import DomainError, Unavailable
from services.gateways.yookassa_answers import read
from services.gateways.yookassa_client import Shop
from services.gateways.yookassa_outcomes import Definite, Done, Outcome, Unknown
from services.recon_nouns import CANCELED, Known, Noun, Seen, Taken

Raw = Mapping[str, Any]
HERE, THERE = IssueKind.MISSING_HERE, IssueKind.MISSING_THERE
NOT_FOUND, INVALID = "not_found", "invalid_id"
STATUS, AMOUNT = IssueKind.STATUS_DIFFERS, IssueKind.AMOUNT_DIFFERS


@dataclass
class Tally:
    """What one run found, and whether it came by an answer to every question."""

    found: set[str] = field(default_factory=set)
    whole: bool = True


@dataclass(frozen=True)
class Window:
    """The moments between which things were made that must be on both sides."""

    since: datetime
    until: datetime


async def compare(
    sessions: Sessions,
    shop: Shop,
    noun: Noun,
    listed: Sequence[Raw],
    window: Window | None,
    tally: Tally,
) -> None:
    """Look into everything that differs between a list and our rows.

    Without a window nothing of ours is missed in the list.
    """
    bounds = (window.since, window.until) if window else (None, None)
    rows = await in_transaction(sessions, lambda s: noun.rows(s, listed, *bounds))
    for provider_id in dict.fromkeys(_suspects(noun, listed, rows)):
        answer = await noun.get(shop, provider_id)
        weigh = partial(_weigh, noun=noun, provider_id=provider_id, answer=answer)
        refused = partial(_refused, noun=noun, provider_id=provider_id)
        tally.whole &= _answers(answer)
        # What our own rules refuse to take in is a finding, and stops nothing else.
        try:
            tally.found |= await in_transaction(sessions, weigh)
        except Unavailable:
            tally.whole = False
        except DomainError as error:
            refused = partial(refused, code=error.code)
            tally.found |= await in_transaction(sessions, refused)


async def _refused(
    session: AsyncSession, noun: Noun, provider_id: str, code: str
) -> set[str]:
    row = await _row(session, noun, {"id": provider_id})
    about = row.id if row else provider_id
    facts = {"provider_id": provider_id, "code": code}
    return await _report(session, noun, IssueKind.QUARANTINED, about, **facts)


def _answers(answer: Outcome) -> bool:
    """A refused login or a dead connection tells nothing of the thing asked for."""
    if isinstance(answer, Definite):
        return answer.code in {NOT_FOUND, INVALID}
    return isinstance(answer, Done)


def _suspects(
    noun: Noun, listed: Sequence[Raw], rows: Sequence[Known]
) -> Iterator[str]:
    """Name by the provider's ids what is not plainly the same on both sides."""
    by_theirs = {row.provider_id: row for row in rows}
    for raw in listed:
        seen = read(noun.reads, dict(raw))
        row = by_theirs.pop(str(raw.get("id")), None)
        if row is None or isinstance(seen, Unknown) or _differs(noun, row, seen):
            yield str(raw.get("id"))
    yield from (each for each in by_theirs if each is not None)


def _differs(noun: Noun, row: Known, seen: Seen) -> bool:
    agreed = row.status in noun.statuses.get(seen.status, ())
    return not (agreed and row.plain and row.amount_kopecks == seen.amount_kopecks)


async def _weigh(
    session: AsyncSession, noun: Noun, provider_id: str, answer: Outcome
) -> set[str]:
    """Take in what was fetched, and report what differs; gives the findings."""
    if isinstance(answer, Done):
        return await _fetched(session, noun, answer)
    code = answer.code if isinstance(answer, Definite) else ""
    row = await _row(session, noun, {"id": provider_id})
    if code == INVALID:
        kind = IssueKind.QUARANTINED
        return await _report(session, noun, kind, provider_id[:60], unfit="id")
    if code == NOT_FOUND and row is not None:
        facts = {"provider_id": provider_id, **_told(row)}
        return await _report(session, noun, THERE, row.id, **facts)
    return set()


async def _fetched(session: AsyncSession, noun: Noun, answer: Done) -> set[str]:
    row, seen = await _row(session, noun, answer.raw), read(noun.reads, answer.raw)
    subject = row.id if row else str(answer.raw["id"])
    if isinstance(seen, Unknown):
        kind = IssueKind.QUARANTINED
        return await _report(session, noun, kind, subject, unfit=seen.reason)
    theirs = {
        "provider_id": seen.id,
        "theirs": seen.status,
        "their_amount_kopecks": seen.amount_kopecks,
    }
    if row is not None and row.amount_kopecks != seen.amount_kopecks:
        return await _report(session, noun, AMOUNT, subject, **theirs, **_told(row))
    taken = await noun.take_in(session, row.id if row else None, answer)
    if taken is Taken.BY_NOBODY and seen.status != CANCELED:
        return await _report(session, noun, HERE, seen.id, **theirs)
    if taken is not Taken.IN:
        return {f"{noun.stranger}:{seen.id}"} if taken is Taken.ASIDE else set()
    row = await _row(session, noun, answer.raw)
    return set() if row is None else await _judge(session, noun, row, seen, theirs)


async def _judge(
    session: AsyncSession, noun: Noun, row: Known, seen: Seen, theirs: Raw
) -> set[str]:
    if row.status not in noun.statuses.get(seen.status, ()):
        return await _report(session, noun, STATUS, row.id, **theirs, **_told(row))
    for kind in (STATUS, AMOUNT, THERE):
        await recon_issues.settle(session, kind, f"{noun.name}:{row.id}")
    await recon_issues.settle(session, HERE, f"{noun.stranger}:{seen.id}")
    return set()


async def _row(session: AsyncSession, noun: Noun, raw: Raw) -> Known | None:
    """Find our row of an object: by its own id rather than by the one it carries."""
    rows = await noun.rows(session, [raw])
    rows = sorted(rows, key=lambda row: row.provider_id != raw["id"])
    return rows[0] if rows else None


def _told(row: Known) -> dict[str, Any]:
    return {"ours": row.status, "amount_kopecks": row.amount_kopecks}


async def _report(
    session: AsyncSession,
    noun: Noun,
    kind: IssueKind,
    about: uuid.UUID | str,
    **facts: Any,
) -> set[str]:
    """Report on a row of ours, or by the provider's id on what has no row here."""
    subject = f"{noun.stranger}:{about}"
    if isinstance(about, uuid.UUID):
        facts[f"{noun.name}_id"], subject = about, f"{noun.name}:{about}"
    await recon_issues.report(session, kind, subject, **facts)
    return {subject}
