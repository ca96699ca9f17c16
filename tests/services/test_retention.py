"""What is forgotten, on the border and one moment before it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    AuditEvent,
    DoctorApplication,
    Document,
    Notification,
    Setting,
    User,
    VerificationCode,
)
from models.base import uuid7
from models.booking import Status
from models.doctor_application import ApplicationStatus
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from models.verification_code import Channel, Purpose
from services import audit, clock, documents, housekeeping, retention, settings
from services.database import Sessions
from services.edges import transaction
from tests import factories


async def later(session: AsyncSession, days: float) -> None:
    """Move the database's clock ahead."""
    await clock.shift(session, days * 86_400)


async def left(session: AsyncSession, table: type) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return await session.scalar(query) or 0


async def told(session: AsyncSession, **facts: Any) -> Notification:
    settled: dict[str, Any] = {
        "channel": NotificationChannel.EMAIL,
        "kind": "password_changed",
        "status": NotificationStatus.SENT,
    }
    row = Notification(**(settled | facts))
    session.add(row)
    await session.flush()
    return row


async def keep(session: AsyncSession, key: str, days: int) -> None:
    session.add(Setting(key=key, value=days))
    await session.flush()


async def test_messages_are_kept_for_a_year_and_waiting_ones_for_ever(
    session: AsyncSession,
) -> None:
    await told(session)
    await told(session, status=NotificationStatus.QUEUED)
    await later(session, 364.9)
    assert await retention.notifications(session) == 0
    await later(session, 365.1)
    assert await retention.notifications(session) == 1
    assert await left(session, Notification) == 1


@pytest.mark.parametrize("name", retention.STEPS)
async def test_zero_days_mean_never(session: AsyncSession, name: str) -> None:
    await keep(session, f"retention.{name}", 0)
    await told(session)
    user = await factories.person(session, Role.PATIENT)
    await later(session, 36_000)
    assert await retention.STEPS[name](session) == 0
    assert await left(session, Notification) == 1
    assert user.erased_at is None


async def test_every_step_has_its_setting() -> None:
    found = {key for key in settings.DEFINITIONS if key.startswith("retention.")}
    assert found == {f"retention.{name}" for name in retention.STEPS}


async def test_codes_go_a_month_after_they_ran_out(session: AsyncSession) -> None:
    user = await factories.person(session)
    code = VerificationCode(
        user_id=user.id,
        purpose=Purpose.VERIFICATION,
        channel=Channel.EMAIL,
        address="a@example.org",
        code_hash="0" * 64,
        expires_at=await clock.now(session),
    )
    session.add(code)
    await session.flush()
    await later(session, 29.9)
    assert await retention.codes(session) == 0
    await later(session, 30.1)
    assert await retention.codes(session) == 1


async def test_sign_ins_leave_the_journal_and_nothing_else_does(
    session: AsyncSession,
) -> None:
    user = await factories.person(session)
    for action in ("staff.signed_in", "role.granted"):
        audit.record(session, factories.as_staff(user), action, "user", user.id)
    await session.flush()
    await later(session, 1094)
    assert await retention.sign_ins(session) == 0
    await later(session, 1096)
    assert await retention.sign_ins(session) == 1
    rows = (await session.exec(select(AuditEvent))).all()
    assert [each.action for each in rows] == ["role.granted"]


@pytest.mark.parametrize(
    ("setting", "days"), [("", 4000), ("on", 29)], ids=["unasked", "young"]
)
async def test_the_journal_refuses_to_lose_a_sign_in_otherwise(
    session: AsyncSession, setting: str, days: int
) -> None:
    user = await factories.person(session)
    audit.record(session, factories.as_staff(user), "staff.signed_in", "user", user.id)
    await session.flush()
    await later(session, days)
    given = sa.select(sa.func.set_config("tot.retaining", setting, True))
    await session.execute(given)
    with pytest.raises(sa.exc.DBAPIError, match="audit_event refuses DELETE"):
        await session.execute(sa.delete(AuditEvent))


async def applied(
    session: AsyncSession, status: ApplicationStatus
) -> tuple[DoctorApplication, Document]:
    """Make somebody with an application and one paper."""
    user = await factories.patient(session)
    application = DoctorApplication(user_id=user.id, facts={"education": "МГУ"})
    session.add(application)
    await session.flush()
    paper = await factories.document(session, user, number="КН-77")
    application.status = status
    application.decided_at = await clock.now(session)
    await session.flush()
    return application, paper


async def test_papers_of_refused_applicants_go_after_half_a_year(
    session: AsyncSession,
) -> None:
    over, paper = await applied(session, ApplicationStatus.REJECTED)
    live, kept = await applied(session, ApplicationStatus.SUBMITTED)
    await later(session, 179.9)
    assert await retention.applicants(session) == 0
    await later(session, 180.1)
    assert await retention.applicants(session) == 1
    assert await retention.applicants(session) == 0
    for row in (over, live, paper, kept):
        await session.refresh(row)
    assert (over.facts, paper.storage_name, paper.number) == ({}, None, None)
    assert live.facts
    assert kept.storage_name
    assert await documents.listing(session, live.user_id)


async def test_silent_accounts_are_erased_once_their_days_are_over(
    session: AsyncSession,
) -> None:
    await keep(session, settings.KEEP_SILENT_ACCOUNTS, 100)
    staff = await factories.dispatcher(session, password_hash="x")
    doctor = await factories.doctor(session, password_hash="x")
    silent = await factories.patient(session)
    await factories.patient(session, password_hash="x")
    waits = await factories.patient(session)
    await factories.booking(session, waits)
    called = await factories.patient(session)
    await later(session, 50)
    await factories.booking_in(
        session, Status.CANCELLED, doctor=doctor, dispatcher=staff, by=called
    )
    first, second = silent.id, called.id
    await later(session, 101)
    assert await retention.silent_accounts(session) == 1
    query = select(User.id).where(col(User.erased_at).is_not(None))
    assert (await session.exec(query)).all() == [first]
    await later(session, 151)
    assert await retention.silent_accounts(session) == 1
    assert second in (await session.exec(query)).all()


async def test_the_last_message_is_deleted_soon_after_it_was_sent(
    session: AsyncSession,
) -> None:
    await told(session, kind="account_erased", status=NotificationStatus.QUEUED)
    assert (await housekeeping.tidy(session))["notification"] == 0
    await told(session, kind="account_erased", sent_at=await clock.now(session))
    assert (await housekeeping.tidy(session))["notification"] == 1
    await later(session, 7.1)
    assert (await housekeeping.tidy(session))["notification"] == 1


async def test_the_nightly_job_goes_on_until_a_batch_is_not_full(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    async with transaction(sessions) as session:
        await session.execute(
            sa.insert(Setting).values(
                id=uuid7(), key=settings.KEEP_SILENT_ACCOUNTS, value=10
            )
        )
        await clock.shift(session, -11 * 86_400)
        for _ in range(5):
            await factories.patient(session)
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await retention.forget_periodically(cast(Any, context), 0)
    async with transaction(sessions) as session:
        erased = sa.func.count(col(User.erased_at))
        assert await session.scalar(sa.select(erased)) == 5
