"""Consents: the texts that are published, who agreed to which, and who took it back.

152-FZ asks for a document of its own with version, text, time and purpose, so a
consent is never changed: whoever agrees anew leaves another row.
"""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from pydantic import StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Consent, ConsentText
from services import audit
from services.actor import Actor
from services.config import get_settings
from services.errors import Conflict, Forbidden, NotFound
from services.i18n import gettext
from services.inputs import Input, Line, Prose, wrong
from services.permissions import Permission, demand

PERSONAL_DATA, MEDICAL_DATA = "personal_data", "medical_data"
Word = Annotated[Line, StringConstraints(max_length=40)]
Kind = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
]
Text = Annotated[Prose, StringConstraints(max_length=50_000)]


class ConsentInput(Input):
    """One consent with the version of the text that was shown."""

    kind: Word
    version: Word


class NewText(Input):
    """A text to publish, in both languages of the house."""

    kind: Kind
    version: Word
    text_ru: Text
    text_en: Text


@dataclass(frozen=True)
class Given:
    """A consent as its giver sees it; `stale` once another text is current."""

    consent: Consent
    stale: bool


def text_hash(text_ru: str, text_en: str) -> str:
    """Give the SHA-256 of both languages, parted by a NUL that no text holds."""
    return hashlib.sha256(f"{text_ru}\0{text_en}".encode()).hexdigest()


async def publish(session: AsyncSession, actor: Actor, new: NewText) -> ConsentText:
    """Make this text the current one of its kind; the one before stays on record."""
    demand(actor, Permission.CONSENT_EDIT)
    await _one_at_a_time(session, f"consent_text {new.kind}")
    if (new.kind, new.version) in await _published(session, {new.kind}):
        raise Conflict("This version is published already; give the text a new one.")
    await session.execute(
        sa.update(ConsentText)
        .where(col(ConsentText.kind) == new.kind, col(ConsentText.current))
        .values(current=False)
    )
    digest = text_hash(new.text_ru, new.text_en)
    text = ConsentText(**new.model_dump(), text_hash=digest, current=True)
    session.add(text)
    await session.flush()
    facts = {"kind": new.kind, "version": new.version, "text_hash": digest}
    audit.record(
        session, actor, "consent_text.published", "consent_text", text.id, **facts
    )
    return text


async def current(session: AsyncSession) -> Sequence[ConsentText]:
    """List the texts that hold now, by kind."""
    query = select(ConsentText).where(col(ConsentText.current))
    return (await session.exec(query.order_by(col(ConsentText.kind)))).all()


def demand_basic(given: Collection[ConsentInput]) -> None:
    """Refuse who registers without agreeing to how their data is handled."""
    kinds = {each.kind for each in given}
    if get_settings().require_current_consents and PERSONAL_DATA not in kinds:
        raise wrong("consents", gettext("Agree to how personal data is handled."))


async def history(session: AsyncSession) -> Sequence[ConsentText]:
    """List every text that was ever published: by kind, the current one first."""
    order = (col(ConsentText.kind), col(ConsentText.id).desc())
    return (await session.exec(select(ConsentText).order_by(*order))).all()


async def record(
    session: AsyncSession,
    user_id: uuid.UUID,
    given: Collection[ConsentInput],
    client_address: str,
) -> None:
    """Write what a person agrees to; one that lives already is not written twice.

    Where current consents are required, an old or unknown version is refused.
    """
    pairs = sorted({(each.kind, each.version) for each in given})
    texts = await _published(session, {kind for kind, _ in pairs})
    for kind, version in pairs:
        text = texts.get((kind, version))
        if get_settings().require_current_consents and not (text and text.current):
            raise wrong("consents", gettext("This is not the current text: read anew."))
        if await _lives(session, user_id, kind, version):
            continue
        consent = Consent(user_id=user_id, kind=kind, version=version)
        consent.text_hash = text.text_hash if text else None
        consent.client_address = client_address[:45]
        session.add(consent)


async def give(
    session: AsyncSession, actor: Actor, given: ConsentInput, client_address: str
) -> Given:
    """Agree to a text, for the first time or anew."""
    demand(actor, Permission.ACCOUNT_OWN)
    await _one_at_a_time(session, f"consent {actor.user_id}")
    await record(session, actor.user_id, [given], client_address)
    await session.flush()
    facts = {"kind": given.kind, "version": given.version}
    audit.record(session, actor, "consent.given", "user", actor.user_id, **facts)
    query = select(Consent).where(
        _living_of(actor.user_id, given.kind),
        col(Consent.version) == given.version,
    )
    consent = (await session.exec(query)).one()
    await session.refresh(consent)
    return Given(consent, _is_stale(consent, await _versions(session)))


async def withdraw(session: AsyncSession, actor: Actor, kind: str) -> None:
    """Take back every living consent of this kind."""
    demand(actor, Permission.ACCOUNT_OWN)
    await _one_at_a_time(session, f"consent {actor.user_id}")
    taken = await session.scalars(
        sa.update(Consent)
        .where(_living_of(actor.user_id, kind))
        .values(withdrawn_at=sa.func.app_now())
        .returning(col(Consent.version))
    )
    versions = sorted(taken)
    if not versions:
        raise NotFound
    facts = {"kind": kind, "versions": versions}
    audit.record(session, actor, "consent.withdrawn", "user", actor.user_id, **facts)


async def own(session: AsyncSession, actor: Actor) -> list[Given]:
    """List what one has agreed to, newest first, with what was taken back."""
    demand(actor, Permission.ACCOUNT_OWN)
    query = select(Consent).where(col(Consent.user_id) == actor.user_id)
    rows = await session.exec(query.order_by(col(Consent.id).desc()))
    versions = await _versions(session)
    return [Given(each, _is_stale(each, versions)) for each in rows.all()]


async def demand_current(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Refuse who has not agreed to how their data is handled now.

    Without a published text nobody can have agreed to it.
    """
    if not get_settings().require_current_consents:
        return
    text = (
        sa.select(col(ConsentText.version))
        .where(col(ConsentText.kind) == PERSONAL_DATA, col(ConsentText.current))
        .scalar_subquery()
    )
    agreed = sa.exists().where(
        _living_of(user_id, PERSONAL_DATA), col(Consent.version) == text
    )
    if not await session.scalar(sa.select(agreed)):
        raise Forbidden(
            "Agree to the current text about your personal data first:"
            " your consent is out of date or was withdrawn."
        )


def _living_of(user_id: uuid.UUID, kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(Consent.user_id) == user_id,
        col(Consent.kind) == kind,
        col(Consent.withdrawn_at).is_(None),
    )


async def _lives(
    session: AsyncSession, user_id: uuid.UUID, kind: str, version: str
) -> bool:
    same = sa.exists().where(_living_of(user_id, kind), col(Consent.version) == version)
    return bool(await session.scalar(sa.select(same)))


async def _published(
    session: AsyncSession, kinds: Collection[str]
) -> Mapping[tuple[str, str], ConsentText]:
    query = select(ConsentText).where(col(ConsentText.kind).in_(kinds))
    rows = await session.exec(query.execution_options(populate_existing=True))
    return {(each.kind, each.version): each for each in rows.all()}


async def _versions(session: AsyncSession) -> Mapping[str, str]:
    return {each.kind: each.version for each in await current(session)}


def _is_stale(consent: Consent, versions: Mapping[str, str]) -> bool:
    return versions.get(consent.kind, consent.version) != consent.version


async def _one_at_a_time(session: AsyncSession, key: str) -> None:
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))
    await session.execute(sa.select(lock))
