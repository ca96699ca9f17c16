"""What papers prove: which are required of whom, which are missing, until when."""

import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorApplication, DoctorProfile, Document
from models.document import (
    CURRENT,
    REQUIREMENT_KINDS,
    DocumentKind,
    DocumentStatus,
    Requirement,
)
from models.specialization import Specialization
from services import clock, settings
from services.settings import required_document_key


class Proof(StrEnum):
    """How far a requirement is proved."""

    MISSING = "missing"
    GIVEN = "given"
    ACCEPTED = "accepted"


GIVEN = frozenset({DocumentStatus.SUBMITTED, DocumentStatus.ACCEPTED})


async def listing(
    session: AsyncSession, user_id: uuid.UUID, *, history: bool = False
) -> list[Document]:
    """List a person's papers by kind, newest first; who asks was checked before."""
    query = select(Document).where(col(Document.user_id) == user_id)
    if not history:
        query = query.where(col(Document.status).in_(CURRENT))
    order = (col(Document.kind), col(Document.id).desc())
    return list((await session.exec(query.order_by(*order))).all())


async def required(
    session: AsyncSession, specializations: Iterable[str]
) -> list[Requirement]:
    """List what doctors of any of these specializations have to prove."""
    wanted = set().union(*(await _asked_of(session, specializations)).values())
    return [each for each in Requirement if each in wanted]


async def _asked_of(
    session: AsyncSession, specializations: Iterable[str]
) -> dict[str, set[Requirement]]:
    """Look up in the settings what doctors of each specialization have to prove."""
    keys = {
        required_document_key(Specialization(name), requirement): (name, requirement)
        for name in set(specializations)
        for requirement in Requirement
    }
    asked: dict[str, set[Requirement]] = {}
    for key, value in (await settings.get_many(session, keys)).items():
        name, requirement = keys[key]
        if value:
            asked.setdefault(name, set()).add(requirement)
    return asked


async def missing(
    session: AsyncSession, application: DoctorApplication
) -> list[Requirement]:
    """List what the applicant has given no valid paper for."""
    names = await _specializations(session, application)
    return await unproved(session, application.user_id, names, GIVEN)


async def missing_by_person(
    session: AsyncSession, stated: Mapping[uuid.UUID, Iterable[str]]
) -> dict[uuid.UUID, list[Requirement]]:
    """List the same for many applicants by what they want to be, in two queries."""
    asked = await _asked_of(session, itertools.chain(*stated.values()))
    day, given = await clock.today(session), dict[uuid.UUID, set[DocumentKind]]()
    query = select(Document).where(
        col(Document.user_id).in_(stated), col(Document.status).in_(GIVEN)
    )
    for document in (await session.exec(query)).all():
        if not _expired(document, day):
            given.setdefault(document.user_id, set()).add(document.kind)
    return {
        user_id: [
            each
            for each in Requirement
            if any(each in asked.get(name, ()) for name in names)
            and given.get(user_id, set()).isdisjoint(REQUIREMENT_KINDS[each])
        ]
        for user_id, names in stated.items()
    }


async def checklist(
    session: AsyncSession, application: DoctorApplication
) -> list[tuple[Requirement, Proof]]:
    """List all that the applicant has to prove, with how far each is proved."""
    names = await _specializations(session, application)
    absent = await unproved(session, application.user_id, names, GIVEN)
    open_ones = await unproved(session, application.user_id, names)
    return [
        (each, _proof(each in absent, each in open_ones))
        for each in await required(session, names)
    ]


def _proof(absent: bool, unaccepted: bool) -> Proof:
    if absent:
        return Proof.MISSING
    return Proof.GIVEN if unaccepted else Proof.ACCEPTED


async def unaccepted(
    session: AsyncSession, application: DoctorApplication
) -> list[Requirement]:
    """List what no accepted and valid paper proves yet."""
    names = await _specializations(session, application)
    return await unproved(session, application.user_id, names)


async def unproved(
    session: AsyncSession,
    user_id: uuid.UUID,
    specializations: Iterable[str],
    proving: frozenset[DocumentStatus] = frozenset({DocumentStatus.ACCEPTED}),
) -> list[Requirement]:
    """List what such a doctor has to prove and has no valid paper of that status for."""
    day = await clock.today(session)
    given = {
        document.kind
        for document in await listing(session, user_id)
        if document.status in proving and not _expired(document, day)
    }
    return [
        each
        for each in await required(session, specializations)
        if given.isdisjoint(REQUIREMENT_KINDS[each])
    ]


def _expired(document: Document, day: date) -> bool:
    return document.expires_on is not None and document.expires_on < day


async def _specializations(
    session: AsyncSession, application: DoctorApplication
) -> Sequence[str]:
    """Look into the application, or into the profile that it has become."""
    stated = application.facts.get("specializations")
    if stated:
        return [str(name) for name in stated]
    query = select(DoctorProfile.specializations).where(
        col(DoctorProfile.user_id) == application.user_id
    )
    return (await session.exec(query)).first() or []


async def valid_until(
    session: AsyncSession, user_id: uuid.UUID, specializations: Iterable[str]
) -> date | None:
    """Give the last day on which accepted papers prove all that is required.

    Of two papers that prove the same the later one counts; one without an end
    never expires. Where nothing ends the answer is None.
    """
    accepted = {
        document.kind: document.expires_on
        for document in await listing(session, user_id)
        if document.status is DocumentStatus.ACCEPTED
    }
    ends = [
        _latest(accepted, REQUIREMENT_KINDS[each])
        for each in await required(session, specializations)
    ]
    return min((day for day in ends if day is not None), default=None)


def _latest(
    accepted: dict[DocumentKind, date | None], kinds: Iterable[DocumentKind]
) -> date | None:
    days = [accepted[kind] for kind in kinds if kind in accepted]
    known = [day for day in days if day is not None]
    return max(known) if known and len(known) == len(days) else None
