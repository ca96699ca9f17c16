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
# Numbers as they look on such papers.
NUMBERS = {
    DocumentKind.PASSPORT: "45 {1} {0:06d}",
    DocumentKind.DIPLOMA: "1077{1} 0{0:06d}",
    DocumentKind.CERTIFICATE: "0177{1} 1{0:06d}",
    DocumentKind.LICENCE: "ЛО-77-01-{0:06d}",
}
COLOURS = ("#8a2b2b", "#1f4e79", "#2d6a4f", "#5b3a82", "#6b705c")
MORE = "Пришлите, пожалуйста, разворот паспорта с регистрацией целиком."
NO = "Лицензия выдана на другое имя."
STOP = "Две жалобы за неделю, разбираемся."
DAY = 86_400
# How far each of the ten has come, how many of the papers it has, and how many days
# ago it began. One paper runs out while its application waits; one doctor who is
# aboard has sent a new licence, which waits as well.
STORIES: Sequence[tuple[str, int, float]] = (
    ("draft", 2, 0.1),
    ("draft", 5, 12),
    ("submitted", 5, 0.3),
    ("submitted", 5, 2),
    ("run_out", 5, 6),
    ("more_info", 5, 9),
    ("approved", 5, 15),
    ("rejected", 5, 20),
    ("suspended", 5, 25),
    ("withdrawn", 3, 4),
)
RENEWED_DAYS, RUN_OUT_DAYS = 2, 3


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
    """Make the ten of them, each at its own day of the past."""
    now = await clock.today(session)
    curator = Actor(staff["curator"], Role.CURATOR, Via.CONSOLE)
    admin = Actor(staff["admin"], Role.ADMIN, Via.CONSOLE)
    for place, (state, papers, days) in enumerate(STORIES):
        await clock.shift(session, -days * DAY)
        today = await clock.today(session)
        human = person(chance, FIRST_APPLICANT + place, today, (28, 60))
        user = await _user(session, admin, human)
        applicant = Applicant(session, user, curator)
        full = papers == len(KINDS)
        facts = _facts(chance, human, today, full=full)
        await applications.save(session, applicant.own, facts)
        runs_out = now - timedelta(days=RUN_OUT_DAYS) if state == "run_out" else None
        for kind in KINDS[:papers]:
            ends = runs_out if kind is DocumentKind.CERTIFICATE else None
            await _give(
                applicant, kind, scanned[kind], _printed(chance, kind, today, ends)
            )
        await _walk(applicant, state)
        if state == "approved":
            await clock.shift(session, -RENEWED_DAYS * DAY)
            licence = DocumentKind.LICENCE
            printed = _printed(
                chance, licence, now - timedelta(days=RENEWED_DAYS), None
            )
            await _give(applicant, licence, scanned[licence], printed)
    await clock.shift(session, 0)


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


def _printed(
    chance: random.Random, kind: DocumentKind, today: date, ends: date | None
) -> DocumentFacts:
    """Invent what is printed on a paper; a portrait has nothing on it."""
    if kind is DocumentKind.PORTRAIT:
        return DocumentFacts()
    number = NUMBERS[kind].format(chance.randrange(10**6), chance.randint(15, 24))
    if kind is DocumentKind.LICENCE:
        ends = today + timedelta(days=chance.randint(400, 1500))
    issued = today - timedelta(days=chance.randint(60, 900))
    return DocumentFacts(number=number, issued_on=issued, expires_on=ends)


async def _give(
    applicant: Applicant, kind: DocumentKind, scan: Taken, facts: DocumentFacts
) -> None:
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
