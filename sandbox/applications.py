"""Ten applications of doctors in different states, made by the verbs themselves."""

import random
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from io import BytesIO

from PIL import Image, ImageDraw
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.document import DocumentKind
from models.role_grant import Role
from models.specialization import Specialization
from sandbox.people import Person, person
from services import (
    application_reads,
    applications,
    clock,
    document_reviews,
    documents,
    files,
    people,
    roles,
)
from services.actor import Actor, Via
from services.application_facts import ApplicationFacts
from services.document_rules import listing
from services.documents import DocumentFacts
from services.files import Taken
from services.people import NewPerson

FIRST_APPLICANT = 60_001
KINDS = (
    DocumentKind.PASSPORT,
    DocumentKind.DIPLOMA,
    DocumentKind.CERTIFICATE,
    DocumentKind.LICENCE,
    DocumentKind.PORTRAIT,
)
COLOURS = ("#8a2b2b", "#1f4e79", "#2d6a4f", "#5b3a82", "#6b705c")
MORE = "Пришлите, пожалуйста, разворот паспорта с регистрацией целиком."
NO = "Лицензия выдана на другое имя."
STOP = "Две жалобы за неделю, разбираемся."
# How far each of the ten has come, and how many of the papers it has.
STORIES: Sequence[tuple[str, int]] = (
    ("draft", 2),
    ("draft", 5),
    ("submitted", 5),
    ("submitted", 5),
    ("submitted", 5),
    ("more_info", 5),
    ("approved", 5),
    ("rejected", 5),
    ("suspended", 5),
    ("withdrawn", 3),
)


@dataclass(frozen=True)
class Applicant:
    """Somebody who applies, with the session in which they do."""

    session: AsyncSession
    user: User
    curator: Actor

    @property
    def own(self) -> Actor:
        return Actor(self.user.id, Role.PATIENT, Via.API)

    async def seen(self) -> tuple[AsyncSession, Actor, uuid.UUID, int]:
        view = await application_reads.own(self.session, self.own)
        row = view.application
        return self.session, self.curator, row.id, row.version


def paper(kind: DocumentKind, colour: str) -> bytes:
    """Draw something that looks like a scan from afar."""
    made = Image.new("RGB", (620, 860), "#f7f4ec")
    pen = ImageDraw.Draw(made)
    pen.rectangle((30, 30, 590, 830), outline=colour, width=6)
    pen.rectangle((80, 90, 540, 150), fill=colour)
    if kind is DocumentKind.PORTRAIT:
        pen.ellipse((210, 230, 410, 470), fill="#d9b99b")
        pen.pieslice((120, 460, 500, 900), 180, 360, fill=colour)
    for line in range(0 if kind is DocumentKind.PORTRAIT else 14):
        pen.line((90, 220 + line * 38, 530 - line % 4 * 60, 220 + line * 38), "#999", 4)
    target = BytesIO()
    made.save(target, "JPEG", quality=80)
    return target.getvalue()


async def scans() -> Mapping[DocumentKind, Taken]:
    """Have one scan of each kind checked and cleaned, as an upload would be."""
    return {
        kind: await files.take(paper(kind, colour), f"{kind.value}.jpg")
        for kind, colour in zip(KINDS, COLOURS, strict=True)
    }


async def apply(
    session: AsyncSession,
    chance: random.Random,
    staff: Mapping[str, uuid.UUID],
    scanned: Mapping[DocumentKind, Taken],
) -> None:
    """Make the ten of them."""
    today = (await clock.now(session)).date()
    curator = Actor(staff["curator"], Role.CURATOR, Via.CONSOLE)
    admin = Actor(staff["admin"], Role.ADMIN, Via.CONSOLE)
    for place, (state, papers) in enumerate(STORIES):
        human = person(chance, FIRST_APPLICANT + place, today, (28, 60))
        user = await _user(session, admin, human)
        applicant = Applicant(session, user, curator)
        full = papers == len(KINDS)
        facts = _facts(chance, human, today, full=full)
        await applications.save(session, applicant.own, facts)
        for kind in KINDS[:papers]:
            await _give(applicant, kind, scanned[kind], today)
        await _walk(applicant, state)


async def _user(session: AsyncSession, admin: Actor, human: Person) -> User:
    names = {"first_name": human.first_name, "last_name": human.last_name}
    new = NewPerson(
        **names, middle_name=human.middle_name, email=human.email, phone=human.phone
    )
    user = await people.make(session, new, None)
    await roles.grant(session, admin, user.id, Role.PATIENT, "demo")
    return user


def _facts(
    chance: random.Random, human: Person, today: date, *, full: bool
) -> ApplicationFacts:
    kinds = chance.sample(tuple(Specialization), k=chance.choice((1, 1, 2)))
    known: dict[str, object] = {
        "birth_date": human.birth_date,
        "specializations": kinds,
        "education": "РНИМУ им. Н. И. Пирогова, лечебное дело",
        "languages": ["ru"],
    }
    if full:
        known |= {
            "licence_number": f"ЛО-77-{human.number:07d}",
            "licence_expires_on": today + timedelta(days=chance.randint(200, 1500)),
            "experience_years": chance.randint(2, 25),
            "home_district": chance.choice(("Арбат", "Хамовники", "Сокол", "Бутово")),
            "about": "Готов к вечерним и ночным сменам.",
        }
    return ApplicationFacts.model_validate(known)


async def _give(
    applicant: Applicant, kind: DocumentKind, scan: Taken, today: date
) -> None:
    facts = DocumentFacts(
        number=f"77 {kind.value[:2].upper()} {applicant.user.phone or ''}"[-18:],
        issued_on=today - timedelta(days=700),
    )
    mine = replace(scan, storage_name=secrets.token_hex(24))
    await documents.add(
        applicant.session, applicant.own, applicant.user.id, kind, facts, mine
    )


async def _walk(applicant: Applicant, state: str) -> None:
    session, own = applicant.session, applicant.own
    if state == "withdrawn":
        await applications.withdraw(session, own)
    if state in {"draft", "withdrawn"}:
        return
    await applications.submit(session, own)
    if state == "more_info":
        await applications.ask_more(*await applicant.seen(), MORE)
    if state == "rejected":
        await applications.reject(*await applicant.seen(), NO)
    if state not in {"approved", "suspended"}:
        return
    for each in await listing(session, applicant.user.id):
        await document_reviews.accept(session, applicant.curator, each.id)
    await applications.approve(*await applicant.seen())
    if state == "suspended":
        await applications.suspend(*await applicant.seen(), STOP)
