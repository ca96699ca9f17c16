"""The demo's data: sound, signed in to, made once, never over foreign data."""

import json
import random
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Booking,
    ClinicMember,
    ClinicProfile,
    Document,
    Message,
    Role,
    RoleGrant,
    User,
)
from models.base import uuid7
from models.booking import ACTIVE, Status
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind, Requirement
from models.message import MessageKind
from sandbox import loading, seed
from sandbox.cast import Passwords, populate
from sandbox.history import Past
from sandbox.rhythm import moments
from services import (
    application_reads,
    bulk_loader,
    chat_reads,
    clock,
    invariants,
    passwords,
    quick_replies,
    renewed_papers,
    tax_numbers,
    telegram_content,
    telegram_links,
)
from services.actor import Actor, Via
from services.config import Profile, Settings, use_settings
from services.database import Sessions
from tests import factories

ROLES = {"dispatcher", "curator", "finance", "admin", "clinic", "doctor", "patient"}
# Money takes two people; a doctor and a patient live by Telegram alone.
LOGINS = ROLES | {"finance2", "doctor2", "patient2"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("DAYS", 4),
        ("DOCTORS", 120),
        ("PATIENTS", 80),
        ("WALKED", 60),
    ):
        monkeypatch.setattr(seed, name, value)


@pytest.fixture
async def demo(sessions: Sessions, settings: Settings, tmp_path: Path) -> Settings:
    assert sessions
    return settings.model_copy(update={"data_dir": tmp_path})


async def _count(session: AsyncSession) -> int:
    return (await session.exec(select(func.count()).select_from(Booking))).one()


async def test_a_million_in_small(session: AsyncSession) -> None:
    city = populate(random.Random(7), Passwords("x", "y", "z"), 60, 40)
    await loading.load_people(session, city)
    now = await clock.now(session)
    drawn = moments(random.Random(7), now, 30, 500)
    first = await bulk_loader.take_numbers(session, len(drawn))
    counted: list[int] = []
    past = Past(city.cast(), random.Random(7), first)
    await loading.load_past(session, past, drawn, 20, progress=counted.append)
    assert sum(counted) == 500
    assert drawn == sorted(drawn)
    assert await invariants.check(session) == []
    rows = (await session.exec(select(Booking).order_by(col(Booking.number)))).all()
    assert [row.number for row in rows] == list(range(first, first + 500))
    assert [row.status for row in rows[-20:]] == [Status.PENDING] * 20
    assert all(row.created_at <= now for row in rows)


@pytest.fixture
def with_bot(settings: Settings) -> Iterator[None]:
    """A bot is set up, so that people can be linked with their chats."""
    told = {"telegram_bot_token": "7000000001:x", "telegram_bot_name": "tot_demo_bot"}
    use_settings(settings.model_copy(update=told))
    yield
    use_settings(settings)


async def test_the_demo_is_made_once(
    demo: Settings, sessions: Sessions, small: None, with_bot: None
) -> None:
    await seed.seed(demo)
    logins = json.loads((demo.data_dir / seed.LOGINS).read_text())
    assert set(logins) == LOGINS
    for name in (seed.LOGINS, seed.CROWD):
        assert stat.S_IMODE((demo.data_dir / name).stat().st_mode) == 0o600
    async with sessions() as session:
        await _check_people(session, logins)
        made = await _count(session)
        alive = (
            await session.exec(
                select(Booking.status).where(col(Booking.status).in_(ACTIVE))
            )
        ).all()
        assert set(alive) == ACTIVE
        late = await clock.now(session) - timedelta(hours=1)
        recent = select(func.count()).where(col(Booking.created_at) > late)
        assert (await session.exec(recent)).one() > 5
        await _check_clinics(session)
        await _check_applications(session)
        await _check_talk(session)
        await _check_phones(session, demo.data_dir)
    await seed.seed(demo)
    assert json.loads((demo.data_dir / seed.LOGINS).read_text()) == logins
    async with sessions() as session:
        assert await _count(session) == made == 4 * seed.CALLS_A_DAY + 60


async def _check_people(
    session: AsyncSession, logins: dict[str, dict[str, str]]
) -> None:
    for name, login in logins.items():
        query = (
            select(User, RoleGrant.role)
            .join(RoleGrant, col(RoleGrant.user_id) == col(User.id))
            .where(col(User.email) == login["login"])
        )
        user, granted = (await session.exec(query)).one()
        assert granted is Role(name.rstrip("2"))
        assert await passwords.verify(login["password"], user.password_hash)
        assert not user.must_change_password


async def _check_clinics(session: AsyncSession) -> None:
    rows = (await session.exec(select(ClinicProfile))).all()
    assert len({each.licence_number for each in rows}) == len(rows) == 3
    for each in rows:
        assert each.address
        assert each.phone
        assert tax_numbers.is_right(each.tax_number or "")
    assert len((await session.exec(select(ClinicMember))).all()) == 2
    handed = select(Booking).where(col(Booking.clinic_id).is_not(None))
    (call,) = (await session.exec(handed)).all()
    query = select(User.email).join(
        ClinicMember, col(ClinicMember.user_id) == col(User.id)
    )
    mine = query.where(col(ClinicMember.clinic_id) == call.clinic_id)
    assert (call.status, (await session.exec(mine)).one()) == (
        Status.PENDING,
        "clinic@demo.example",
    )


async def _check_applications(session: AsyncSession) -> None:
    """As a curator's first look: old and new ones, one paper run out, one renewed."""
    curator = Actor(uuid7(), Role.CURATOR, Via.CONSOLE)
    now = await clock.now(session)
    queue = await application_reads.queue(session, curator, ApplicationStatus.SUBMITTED)
    assert [(now - line.since).days for line in queue.lines] == [6, 2, 0]
    assert [line.missing for line in queue.lines] == [1, 0, 0]
    assert queue.lines[0].missing_papers == [Requirement.QUALIFICATION]
    (renewed,) = await renewed_papers.waiting(session, curator)
    assert (now - renewed.since).days == 2
    papers = (await session.exec(select(Document))).all()
    numbers = {each.number for each in papers if each.kind is not DocumentKind.PORTRAIT}
    assert len(numbers) == sum(
        each.kind is not DocumentKind.PORTRAIT for each in papers
    )
    phones = [str(each) for each in (await session.exec(select(User.phone))).all()]
    assert not any(phone[-7:] in str(number) for phone in phones for number in numbers)


async def _check_talk(session: AsyncSession) -> None:
    """People talked in the past and have read it; of today some waits unread."""
    desk = Actor(uuid7(), Role.DISPATCHER, Via.CONSOLE)
    late = await clock.now(session) - timedelta(hours=14)
    wrote = select(Message.booking_id).where(col(Message.kind) == MessageKind.TEXT)
    old = set((await session.exec(wrote.where(col(Message.created_at) < late))).all())
    new = set((await session.exec(wrote.where(col(Message.created_at) > late))).all())
    assert len(old) > 50
    for booking_id in list(old - new)[:20]:
        assert (await chat_reads.unread(session, desk, booking_id)).unread == 0
        said = await chat_reads.said_since(session, booking_id, 0)
        assert [each.message.seq for each in said] == list(range(1, len(said) + 1))
        at = [each.message.created_at for each in said]
        assert at == sorted(at)
    unread = [await chat_reads.unread(session, desk, each) for each in new]
    assert any(each.unread for each in unread)
    assert not all(each.unread for each in unread)
    assert await quick_replies.listing(session)


async def _check_phones(session: AsyncSession, folder: Path) -> None:
    """Four people are linked; two of them live by the bot and by nothing else."""
    crowd = json.loads((folder / seed.CROWD).read_text())
    assert [each["lives"] for each in crowd["phones"]] == [True, True, False, False]
    alive = {each["login"] for each in crowd["phones"] if each["lives"]}
    others = {each["login"] for each in crowd["doctors"]["people"]}
    assert not alive & (others | set(crowd["patients"]["logins"]))
    for each in crowd["phones"]:
        query = select(User.id).where(col(User.email) == each["login"])
        user_id = (await session.exec(query)).one()
        assert await telegram_links.chat_of(session, user_id) == each["chat_id"]
        if each["role"] == "patient":
            assert await telegram_content.agreed(session, user_id)


async def test_foreign_data_is_left_alone(demo: Settings, sessions: Sessions) -> None:
    async with sessions() as session, session.begin():
        await factories.person(session)
    with pytest.raises(seed.SeedFailed, match="RESET=1"):
        await seed.seed(demo)


async def test_only_the_demo_profile_is_seeded(demo: Settings) -> None:
    serious = demo.model_copy(update={"profile": Profile.PRODUCTION})
    with pytest.raises(seed.SeedFailed, match="demo profile"):
        await seed.seed(serious, reset=True)
    nowhere = demo.model_copy(update={"database_url": None})
    with pytest.raises(seed.SeedFailed, match="DATABASE_URL"):
        await seed.seed(nowhere)
