"""What people are told really arrives, once, or waits for an operator."""

from types import SimpleNamespace

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from models import Notification
from models.role_grant import Role
from services import (
    notification_delivery,
    notification_settling,
    sealing,
)
from services.actor import SYSTEM
from services.config import get_settings
from services.edges import in_transaction, transaction
from services.errors import Forbidden, IllegalTransition, NotFound
from services.gateways import NotConfigured, Undelivered, mail
from services.notification_kinds import CONSOLE
from services.notifications import Notice, notify, notify_role
from tests import factories
from tests.telling import DEAD, EMAIL, QUEUED, SENT, SMS, at_once, read, told


async def test_a_code_arrives_by_mail_and_is_erased_here(sessions, world) -> None:
    row = await told(sessions, secret="482913")
    assert "482913" not in (row.sealed or "")
    await notification_delivery.deliver(sessions, row.id)
    letter = world.mail.read(row.address.upper())[-1]
    assert letter["subject"] == "Ваш код"
    assert "482913" in letter["text"]
    after = await read(sessions, row.id)
    assert (after.status, after.sealed, after.attempts) == (SENT, None, 1)
    await notification_delivery.deliver(sessions, row.id)
    assert len(world.mail.read(row.address)) == 1


async def test_a_code_arrives_by_sms_and_is_read_over_http(sessions, world) -> None:
    row = await told(sessions, secret="111222", channel=SMS)
    await notification_delivery.deliver(sessions, row.id)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{world.address}/inbox/sms?to={row.address}")
        page = await client.get(f"{world.address}/inbox")
    assert [each["to"] for each in answer.json()] == [row.address]
    assert "111222" in answer.json()[0]["text"]
    assert "111222" in page.text
    assert (await read(sessions, row.id)).status is SENT


async def test_nobody_reachable_is_not_told(session) -> None:
    user = await factories.person(session, Role.PATIENT, email=None)
    assert await notify(session, SYSTEM, Notice("account_erased")) is None
    nobody = Notice("account_erased", factories.nobody())
    assert await notify(session, SYSTEM, nobody) is None
    by_phone = await notify(session, SYSTEM, Notice("account_erased", user.id))
    row = await session.get_one(Notification, by_phone)
    assert (row.channel, row.address) == (SMS, user.phone)


async def test_the_same_key_is_said_once(session) -> None:
    user = await factories.patient(session)
    notice = Notice("account_erased", user.id, dedup_key="once")
    assert await notify(session, SYSTEM, notice) is not None
    assert await notify(session, SYSTEM, notice) is None


async def test_an_unknown_kind_is_refused_before_anybody_waits(session) -> None:
    with pytest.raises(KeyError):
        await notify(session, SYSTEM, Notice("gossip"))


async def test_a_role_is_told_in_the_console(session) -> None:
    known = {
        (await factories.person(session, Role.CURATOR)).id,
        (await factories.person(session, Role.CURATOR)).id,
    }
    blocked = await factories.person(session, Role.CURATOR)
    blocked.blocked_at = blocked.created_at
    facts = {"doctor": "Орлов Д. И.", "day": "2026-12-01"}
    notice = Notice("licence_expiring_curator", facts=facts, dedup_key="orlov")
    await notify_role(session, SYSTEM, Role.CURATOR, notice)
    await notify_role(session, SYSTEM, Role.CURATOR, notice)
    rows = (await session.exec(select(Notification))).all()
    told_to = [row.user_id for row in rows if row.user_id in known]
    assert sorted(told_to) == sorted(known)
    assert blocked.id not in {row.user_id for row in rows}
    assert {row.status for row in rows} == {SENT}


async def test_what_is_for_the_desk_goes_to_the_console_by_itself(session) -> None:
    curator = await factories.person(session, Role.CURATOR)
    facts = {"doctor": "Орлов Д. И.", "day": "2026-12-01"}
    notice = Notice("licence_expiring_curator", curator.id, facts=facts)
    row = await session.get_one(Notification, await notify(session, SYSTEM, notice))
    assert (row.channel, row.address, row.status) == (CONSOLE, None, SENT)


async def test_a_caller_that_rolls_back_told_nobody(sessions) -> None:
    async def count() -> int:
        async with transaction(sessions) as session:
            return await session.scalar(sa.select(sa.func.count(col(Notification.id))))

    before = await count()

    async def fail() -> None:
        async with transaction(sessions) as session:
            user = await factories.patient(session)
            await notify(session, SYSTEM, Notice("password_changed", user.id))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count() == before


async def test_an_outage_ends_at_the_operator_who_tries_again(
    sessions, settings, dead_ends
) -> None:
    row = await told(sessions, kind="password_changed", channel=EMAIL)
    for attempt in range(1, notification_settling.ATTEMPTS + 1):
        await notification_delivery.deliver(sessions, row.id)
        after = await read(sessions, row.id)
        assert after.attempts == attempt
        if attempt < notification_settling.ATTEMPTS:
            assert after.next_try_at > after.created_at
            await notification_delivery.deliver(sessions, row.id)
            assert (await read(sessions, row.id)).attempts == attempt
            await at_once(sessions, row.id)
    assert (after.status, after.sealed) == (DEAD, None)
    assert "@" not in after.last_error
    async with transaction(sessions) as session:
        admin = await factories.person(session, Role.ADMIN)
        actor = factories.as_staff(admin, Role.ADMIN)
        await notification_delivery.retry(session, actor, row.id)
    again = await read(sessions, row.id)
    assert (again.status, again.attempts) == (QUEUED, 0)
    async with transaction(sessions) as session:
        with pytest.raises(IllegalTransition):
            await notification_delivery.retry(session, actor, row.id)
        with pytest.raises(NotFound):
            await notification_delivery.retry(session, actor, factories.nobody())
        other = factories.as_staff(admin, Role.DISPATCHER)
        with pytest.raises(Forbidden):
            await notification_delivery.retry(session, other, row.id)


async def test_a_refused_mailbox_is_given_up_and_its_code_is_gone(
    sessions, world
) -> None:
    row = await told(
        sessions, channel=EMAIL, address="refused@example.org", secret="123123"
    )
    await notification_delivery.deliver(sessions, row.id)
    after = await read(sessions, row.id)
    assert (after.status, after.sealed, after.attempts) == (DEAD, None, 1)
    async with transaction(sessions) as session:
        admin = factories.as_staff(
            await factories.person(session, Role.ADMIN), Role.ADMIN
        )
        with pytest.raises(IllegalTransition):
            await notification_delivery.retry(session, admin, row.id)


async def test_without_servers_messages_wait_and_no_try_is_counted(sessions) -> None:
    for channel in (EMAIL, SMS):
        row = await told(sessions, kind="password_changed", channel=channel)
        await notification_delivery.deliver(sessions, row.id)
        after = await read(sessions, row.id)
        assert (after.status, after.attempts) == (QUEUED, 0)
    async with transaction(sessions) as session:
        waiting = await session.get_one(Notification, row.id)
        waiting.next_try_at = waiting.created_at
    # The first job of it has not run yet, so there is none to add.
    assert await in_transaction(sessions, notification_delivery.due) == 0
    async with transaction(sessions) as session:
        await session.execute(sa.text("DELETE FROM procrastinate_jobs"))
    assert await in_transaction(sessions, notification_delivery.due) == 1


async def test_a_message_that_vanished_meanwhile_harms_nobody(
    sessions, world, monkeypatch
) -> None:
    row = await told(sessions, kind="password_changed")

    async def vanish(*_: object) -> None:
        async with transaction(sessions) as session:
            await session.delete(await session.get_one(Notification, row.id))

    monkeypatch.setattr(notification_delivery, "_send", vanish)
    await notification_delivery.deliver(sessions, row.id)
    await notification_delivery.deliver(sessions, row.id)


async def test_after_a_crash_between_sending_and_settling_it_is_sent_again(
    sessions, world, monkeypatch
) -> None:
    row = await told(sessions, kind="password_changed")
    real = notification_delivery._send

    async def crash(claimed) -> None:
        await real(claimed)
        raise SystemExit

    monkeypatch.setattr(notification_delivery, "_send", crash)
    with pytest.raises(SystemExit):
        await notification_delivery.deliver(sessions, row.id)
    monkeypatch.setattr(notification_delivery, "_send", real)
    await notification_delivery.deliver(sessions, row.id)
    assert len(world.mail.read(row.address)) == 1
    await at_once(sessions, row.id)
    await notification_delivery.deliver(sessions, row.id)
    assert len(world.mail.read(row.address)) == 2
    assert (await read(sessions, row.id)).status is SENT


async def test_the_job_of_a_notification_delivers_it(sessions, world) -> None:
    row = await told(sessions, kind="password_changed")
    context = SimpleNamespace(additional_context={"sessions": sessions})
    run = notification_delivery.deliver_job.func
    await run(context, notification_id=str(row.id))
    assert (await read(sessions, row.id)).status is SENT
    await notification_delivery.sweep_periodically.func(context, 0)


async def test_a_mail_server_may_demand_tls_and_a_login(settings, world) -> None:
    here = get_settings()
    with pytest.raises(NotConfigured):
        await mail.send(settings, "a@example.org", "s", "t")
    for change in ({"smtp_tls": "starttls"}, {"smtp_username": "u"}):
        given = here.model_copy(update=change)
        with pytest.raises(Undelivered):
            await mail.send(given, "a@example.org", "s", "t")


def test_a_seal_is_all_that_the_table_knows_of_a_code(settings) -> None:
    assert sealing.unseal(sealing.seal("000000")) == "000000"
