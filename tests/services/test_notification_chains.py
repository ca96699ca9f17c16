"""One channel after the other until one has delivered; faults of all kinds between."""

import asyncio
from datetime import time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, NotificationPreference, QuietHours, User
from services import (
    clock,
    live,
    notification_delivery,
    notification_settling,
    sealing,
    telegram_messages,
)
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.gateways import Undelivered
from services.notifications import Notice, notify
from tests import factories
from tests.telegram_server import Telegram
from tests.telling import (
    DEAD,
    DELIVERED,
    DROPPED,
    EMAIL,
    QUEUED,
    SENT,
    SMS,
    TELEGRAM,
    World,
    at_once,
    chain,
    linked,
    never_quiet,
    read,
    somebody,
    told,
    tried,
    ways,
)

FACTS = {"call": "B-1042", "amount": "4 500 ₽"}
PAID = {"kind": "payment_received", "facts": FACTS}


async def prefer(sessions: Sessions, user: User, kind: str, *channels: str) -> None:
    async with transaction(sessions) as session:
        session.add(
            NotificationPreference(
                user_id=user.id, kind=kind, channels=[*map(str, channels)]
            )
        )


async def heard(row: Notification, world: World, kind: str = "sms") -> int:
    inbox = world.sms if kind == "sms" else world.mail
    return len(inbox.read(row.address))


async def test_telegram_comes_first_and_is_delivered_once_it_has_answered(
    sessions, world, bot: Telegram
) -> None:
    user = await somebody(sessions)
    phone = bot.phone(501)
    phone.start()
    await linked(sessions, user, 501)
    row = await told(sessions, user, **PAID)
    assert (row.channel, row.address, row.chain_id) == (TELEGRAM, "501", row.id)
    (after,) = await tried(sessions, row)
    assert (after.status, after.attempts) == (DELIVERED, 1)
    assert after.delivered_at == after.sent_at
    assert after.provider_id == str(phone.received[-1]["message_id"])
    assert "B-1042" in phone.texts[-1]
    assert await heard(row, world) == 0


async def test_whoever_blocked_the_bot_is_told_by_sms_and_then_by_mail(
    sessions, world, bot: Telegram
) -> None:
    user = await somebody(sessions, phone="+79165550001")
    bot.phone(502).start()
    bot.phone(502).block()
    await linked(sessions, user, 502)
    row = await told(sessions, user, **PAID, dedup_key="paid once")
    assert ways(await tried(sessions, row)) == [
        ("telegram", "replaced"),
        ("sms", "queued"),
    ]
    await world.order("outage", times=2)
    assert ways(await tried(sessions, row))[-1] == ("sms", "queued")
    rows = await tried(sessions, row)
    assert ways(rows) == [
        ("telegram", "replaced"),
        ("sms", "replaced"),
        ("email", "queued"),
    ]
    assert [each.next_try_at is None for each in rows] == [True, True, False]
    rows = await tried(sessions, row)
    assert ways(rows)[-1] == ("email", "sent")
    assert len(world.mail.read(user.email)) == 1
    assert len(world.sms.read(user.phone)) == 0
    # What was said stays said, whichever channel said it.
    async with transaction(sessions) as session:
        notice = Notice(**PAID, user_id=user.id, dedup_key="paid once")
        assert await notify(session, SYSTEM, notice) is None


async def test_with_no_other_channel_a_message_is_tried_on_and_then_listed(
    sessions, dead_ends
) -> None:
    user = await somebody(sessions, email=None)
    row = await told(sessions, user, **PAID)
    waits = []
    for _ in range(notification_settling.ATTEMPTS):
        (after,) = await tried(sessions, row)
        async with transaction(sessions) as session:
            now = await clock.now(session)
        if after.next_try_at is not None:
            waits.append(round((after.next_try_at - now).total_seconds()))
    assert after.status is DEAD
    assert waits == [pytest.approx(20 * 3**power, abs=2) for power in range(5)]


async def test_a_channel_without_a_server_is_passed_over(sessions, settings) -> None:
    row = await told(sessions, await somebody(sessions), **PAID)
    assert row.channel is SMS
    assert ways(await tried(sessions, row)) == [
        ("sms", "replaced"),
        ("email", "queued"),
    ]
    rows = await tried(sessions, row)
    assert (rows[-1].status, rows[-1].attempts) == (QUEUED, 0)


async def test_a_code_goes_along_to_the_next_channel_and_is_left_nowhere(
    sessions, world
) -> None:
    user = await somebody(sessions, email="refused@example.org", phone="+79165550002")
    row = await told(sessions, user, secret="778899")
    assert ways(await tried(sessions, row)) == [
        ("email", "replaced"),
        ("sms", "queued"),
    ]
    first, second = await chain(sessions, row)
    assert first.sealed is None
    assert sealing.unseal(second.sealed or "") == "778899"
    rows = await tried(sessions, row)
    assert ways(rows)[-1] == ("sms", "sent")
    assert rows[-1].sealed is None
    assert "778899" in world.sms.read(user.phone)[-1]["text"]


async def test_a_flood_wait_is_kept_and_is_no_failed_try(
    sessions, world, bot: Telegram
) -> None:
    user = await somebody(sessions)
    bot.phone(503).start()
    await linked(sessions, user, 503)
    bot.flood(503, seconds=30, times=2)
    row = await told(sessions, user, **PAID)
    for _ in range(2):
        (after,) = await tried(sessions, row)
        assert (after.status, after.attempts) == (QUEUED, 0)
        async with transaction(sessions) as session:
            left = after.next_try_at - await clock.now(session)
        assert timedelta(seconds=25) < left <= timedelta(seconds=30)
        # Nobody asks earlier than told to.
        await notification_delivery.deliver(sessions, row.id)
        assert len(bot.phone(503).received) == 0
        bot.clear_faults()
        bot.flood(503, seconds=30, times=1)
    bot.clear_faults()
    (after,) = await tried(sessions, row)
    assert after.status is DELIVERED


async def test_a_long_flood_wait_lets_the_next_channel_go_first(
    sessions, world, bot: Telegram
) -> None:
    user = await somebody(sessions)
    bot.phone(504).start()
    await linked(sessions, user, 504)
    bot.flood(504, seconds=600, times=1)
    row = await told(sessions, user, **PAID)
    assert ways(await tried(sessions, row))[0] == ("telegram", "replaced")
    assert ways(await tried(sessions, row))[-1] == ("sms", "sent")


async def test_a_long_pause_with_no_other_channel_is_waited_for(
    sessions, world, monkeypatch
) -> None:
    row = await told(sessions, await somebody(sessions, email=None), **PAID)

    async def busy(*_: Any) -> str:
        raise Undelivered("SMS provider: 429", retry_after=0 if hurried else 600)

    hurried = False
    monkeypatch.setattr(notification_delivery, "_send", busy)
    (after,) = await tried(sessions, row)
    assert (after.status, after.attempts) == (QUEUED, 0)
    hurried = True
    (after,) = await tried(sessions, row)
    assert (after.status, after.attempts) == (QUEUED, 0)


async def test_relayed_chat_has_one_channel_and_is_given_up_without_a_trace(
    sessions, world, bot: Telegram
) -> None:
    user = await somebody(sessions)
    bot.phone(505).start()
    bot.phone(505).block()
    row = await told_nothing_without_a_chat(sessions, user)
    await linked(sessions, user, 505)
    row = await told(sessions, user, kind="chat_message", facts=relayed())
    (after,) = await tried(sessions, row)
    assert (after.channel, after.status) == (TELEGRAM, DROPPED)


def relayed() -> dict[str, str]:
    return {"message_id": str(factories.nobody())}


async def told_nothing_without_a_chat(sessions: Sessions, user: User) -> None:
    notice = Notice("chat_message", user.id, facts=relayed())
    async with transaction(sessions) as session:
        assert await notify(session, SYSTEM, notice) is None


async def test_relayed_chat_without_a_bot_does_not_wait_for_one(
    sessions, world, monkeypatch
) -> None:
    user = await somebody(sessions)
    await linked(sessions, user, 506)

    async def composed(*_: Any) -> telegram_messages.TelegramMessage:
        return telegram_messages.TelegramMessage("text")

    monkeypatch.setattr(telegram_messages, "compose", composed)
    row = await told(sessions, user, kind="chat_message", facts=relayed())
    (after,) = await tried(sessions, row)
    assert after.status is DROPPED


async def test_a_message_to_which_the_right_is_lost_is_dropped(
    sessions, world, bot: Telegram, monkeypatch
) -> None:
    user = await somebody(sessions)
    await linked(sessions, user, 507)

    async def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr(telegram_messages, "compose", nothing)
    row = await told(sessions, user, **PAID)
    (after,) = await tried(sessions, row)
    assert (after.status, after.attempts, after.next_try_at) == (DROPPED, 0, None)
    assert bot.calls("sendMessage") == []


async def test_the_person_decides_on_order_and_on_silence(sessions, world) -> None:
    user = await somebody(sessions)
    await prefer(sessions, user, "payment_received", EMAIL, SMS)
    row = await told(sessions, user, **PAID)
    assert row.channel is EMAIL
    quiet = await somebody(sessions)
    await prefer(sessions, quiet, "payment_received")
    await prefer(sessions, quiet, "password_changed")
    await prefer(sessions, quiet, "booking_received", EMAIL)
    async with transaction(sessions) as session:
        assert await notify(session, SYSTEM, Notice(**PAID, user_id=quiet.id)) is None
        by_force = Notice("booking_received", quiet.id, SMS, facts=FACTS)
        assert await notify(session, SYSTEM, by_force) is None
    # What is mandatory comes all the same.
    row = await told(sessions, quiet, kind="password_changed")
    assert row.channel is EMAIL


async def test_a_wish_that_changes_meanwhile_holds_for_the_next_channel(
    sessions, world
) -> None:
    user = await somebody(sessions)
    row = await told(sessions, user, **PAID)
    await prefer(sessions, user, "payment_received", SMS)
    await world.order("outage", times=2)
    await tried(sessions, row)
    assert ways(await tried(sessions, row)) == [("sms", "queued")]


async def test_what_can_wait_waits_for_the_morning_and_a_letter_does_not(
    sessions, world
) -> None:
    async with transaction(sessions) as session:
        user = await factories.patient(session, email=None)
        here = (await clock.now(session)).astimezone(clock.MOSCOW)
        ends = (here + timedelta(hours=3)).time().replace(second=0, microsecond=0)
        starts = (here - timedelta(hours=3)).time()
        session.add(QuietHours(user_id=user.id, starts_at=starts, ends_at=ends))
    row = await told(sessions, user, **PAID)
    (after,) = await tried(sessions, row)
    assert (after.status, after.attempts) == (QUEUED, 0)
    assert after.next_try_at.astimezone(clock.MOSCOW).time() == ends
    assert await heard(row, world) == 0
    # The end of the quiet is a time like any other: then it goes.
    async with transaction(sessions) as session:
        quiet = await session.scalar(
            sa.select(QuietHours).where(col(QuietHours.user_id) == user.id)
        )
        quiet.starts_at = quiet.ends_at = time(0)
    assert ways(await tried(sessions, row)) == [("sms", "sent")]


async def test_what_is_urgent_wakes_people_up(sessions, world) -> None:
    async with transaction(sessions) as session:
        user = await factories.patient(session, email=None)
        here = (await clock.now(session)).astimezone(clock.MOSCOW)
        hours = [(here + timedelta(hours=by)).time() for by in (-3, 3)]
        session.add(QuietHours(user_id=user.id, starts_at=hours[0], ends_at=hours[1]))
    for urgent in (
        {"kind": "password_changed"},
        {**PAID, "urgent": True},
        {"kind": "visit_lost", "facts": FACTS},
    ):
        row = await told(sessions, user, **urgent)
        assert ways(await tried(sessions, row)) == [("sms", "sent")]


async def test_two_workers_on_one_row_send_it_once(sessions, world) -> None:
    row = await told(sessions, await somebody(sessions), **PAID)
    await asyncio.gather(
        *(notification_delivery.deliver(sessions, row.id) for _ in range(8))
    )
    assert await heard(row, world) == 1
    after = await read(sessions, row.id)
    assert (after.status, after.attempts) == (SENT, 1)


async def test_a_crash_between_sending_and_settling_doubles_and_loses_nothing(
    sessions, world, monkeypatch
) -> None:
    row = await told(sessions, await somebody(sessions), **PAID)
    real = notification_delivery._send

    async def crash(claimed: Any) -> None:
        await real(claimed)
        raise SystemExit

    monkeypatch.setattr(notification_delivery, "_send", crash)
    with pytest.raises(SystemExit):
        await notification_delivery.deliver(sessions, row.id)
    monkeypatch.setattr(notification_delivery, "_send", real)
    # The claim holds: nobody else sends it meanwhile.
    await notification_delivery.deliver(sessions, row.id)
    assert await heard(row, world) == 1
    assert ways(await tried(sessions, row)) == [("sms", "sent")]
    assert await heard(row, world) == 2


async def test_an_outage_loses_nothing_and_ends_by_itself(sessions, world) -> None:
    people = [await somebody(sessions, email=None) for _ in range(5)]
    rows = [await told(sessions, user, **PAID) for user in people]
    await world.order("outage", times=15)
    for _ in range(4):
        for row in rows:
            await at_once(sessions, row.id)
            await notification_delivery.deliver(sessions, row.id)
    assert [len(world.sms.read(user.phone)) for user in people] == [1] * 5
    assert {(await read(sessions, row.id)).status for row in rows} == {SENT}


async def test_a_notice_of_a_call_wakes_who_looks_at_it_at_every_step(
    sessions, world, monkeypatch
) -> None:
    woken = []

    async def announce(_: AsyncSession, topic: live.Topic, row_id: Any) -> None:
        woken.append((topic, row_id))

    async with transaction(sessions) as session:
        booking = await factories.booking(session)
        user = await session.get_one(User, booking.patient_id)
    await never_quiet(sessions, user)
    monkeypatch.setattr(live, "announce", announce)
    facts = {**PAID, "booking_id": booking.id}
    row = await told(sessions, user, **facts)
    await world.order("outage", times=2)
    for _ in range(3):
        await tried(sessions, row)
    assert woken == [(live.Topic.NOTICE, booking.id)] * 3
    dropped = await told(sessions, user, **facts)

    async def unwanted(*_: Any) -> None:
        return None

    monkeypatch.setattr(notification_delivery, "_message", unwanted)
    await tried(sessions, dropped)
    assert len(woken) == 4


async def test_what_somebody_else_has_settled_is_not_settled_again(
    sessions, world, monkeypatch
) -> None:
    row = await told(sessions, await somebody(sessions), **PAID)

    async def settled(*_: Any) -> str:
        async with transaction(sessions) as session:
            (await session.get_one(Notification, row.id)).status = DEAD
        return "1"

    monkeypatch.setattr(notification_delivery, "_send", settled)
    await notification_delivery.deliver(sessions, row.id)
    assert (await read(sessions, row.id)).status is DEAD


async def test_the_sweep_enqueues_what_is_due_and_has_no_job(sessions, world) -> None:
    row = await told(sessions, await somebody(sessions), **PAID)
    assert await in_transaction(sessions, notification_delivery.due) == 0
    async with transaction(sessions) as session:
        await session.execute(sa.text("DELETE FROM procrastinate_jobs"))
    assert await in_transaction(sessions, notification_delivery.due) == 1
    assert (await read(sessions, row.id)).status is QUEUED


async def test_a_message_follows_a_changed_number(sessions, world) -> None:
    user = await somebody(sessions)
    row = await told(sessions, user, **PAID)
    assert row.channel is SMS
    async with transaction(sessions) as session:
        known = await session.get_one(User, user.id)
        known.phone = "+79169990001"
    after = (await tried(sessions, row))[-1]
    assert (after.status, after.address) == (SENT, "+79169990001")
    assert world.sms.read(row.address) == []


async def test_a_message_to_a_chat_that_was_parted_takes_the_next_channel(
    sessions, world, bot: Telegram
) -> None:
    user = await somebody(sessions)
    phone = bot.phone(502)
    phone.start()
    await linked(sessions, user, 502)
    row = await told(sessions, user, **PAID)
    async with transaction(sessions) as session:
        # As if the row had been written while the link was being ended.
        await session.execute(
            sa.text(
                "UPDATE telegram_link SET state = 'ended', ended_at = app_now()"
                " WHERE user_id = :id"
            ),
            {"id": user.id},
        )
    found = await tried(sessions, row)
    assert ways(found)[0] == ("telegram", "replaced")
    assert found[-1].channel is SMS
    assert phone.received == []


async def test_a_message_without_any_way_left_is_listed(sessions, world) -> None:
    user = await somebody(sessions)
    row = await told(sessions, user, **PAID)
    async with transaction(sessions) as session:
        await session.execute(
            sa.text(
                "UPDATE app_user SET phone = NULL, email = NULL, erased_at = app_now()"
                " WHERE id = :id"
            ),
            {"id": user.id},
        )
    after = (await tried(sessions, row))[-1]
    assert (after.status, after.last_error) == (DEAD, "no such contact any more")
