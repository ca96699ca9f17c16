"""How far notices of a call got, and which channels are shut."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import User
from models.role_grant import Role
from services import clock, notice_reads, notification_delivery
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import Forbidden
from services.i18n import use_locale
from services.notification_kinds import CONSOLE
from services.notifications import Notice, notify
from tests import factories
from tests.telling import (
    EMAIL,
    SMS,
    World,
    at_once,
    link_of,
    read,
    somebody,
    told,
    tried,
)

PAID = {"kind": "payment_received", "facts": {"call": "B-1", "amount": "1 ₽"}}


async def test_the_card_lists_who_was_told_what_and_how_far_it_got(
    sessions, world: World
) -> None:
    async with transaction(sessions) as session:
        booking = await factories.booking(session)
        desk = factories.as_staff(await factories.dispatcher(session))
        doctor = await factories.doctor(session)
        user = await session.get_one(User, booking.patient_id)
        session.add(await link_of(session, user, 700))
        facts = {
            "call": booking.label,
            "district": "Арбат",
            "time": "2027-03-01T12:00Z",
        }
        late = {"minutes": 20, "message_id": "1"}
        for kind, whom, channel in (
            ("booking_received", user.id, SMS),
            ("visit_assigned", doctor.id, None),
            ("sla_breach", desk.user_id, SMS),
            ("sla_breach", desk.user_id, CONSOLE),
            ("chat_message", user.id, None),
        ):
            notice = Notice(
                kind,
                whom,
                channel,
                facts=facts | late,
                booking_id=booking.id,
                urgent=True,
            )
            made = await notify(session, SYSTEM, notice)
            if kind == "booking_received":
                first = made
    await notification_delivery.deliver(sessions, first)
    async with transaction(sessions) as session:
        with use_locale("ru"):
            lines = await notice_reads.of_booking(session, desk, booking.id)
    found = [(each.to, each.channel.value, each.status.value) for each in lines]
    assert found == [
        (Role.PATIENT, "sms", "sent"),
        (Role.DOCTOR, "sms", "queued"),
        (Role.DISPATCHER, "sms", "queued"),
    ]
    assert lines[0].subject == "Вызов принят"
    assert lines[0].at == (await read(sessions, first)).sent_at
    assert lines[1].at is None


async def test_what_went_to_an_account_that_was_taken_over_is_the_patients(
    session,
) -> None:
    booking = await factories.booking(session)
    desk = factories.as_staff(await factories.dispatcher(session))
    former = await factories.patient(session)
    facts = {"call": booking.label}
    notice = Notice("booking_received", former.id, facts=facts, booking_id=booking.id)
    await notify(session, SYSTEM, notice)
    (line,) = await notice_reads.of_booking(session, desk, booking.id)
    assert line.to is Role.PATIENT


async def test_only_dispatchers_see_the_notices_of_a_call(session) -> None:
    booking = await factories.booking(session)
    finance = factories.as_staff(
        await factories.person(session, Role.FINANCE), Role.FINANCE
    )
    with pytest.raises(Forbidden):
        await notice_reads.of_booking(session, finance, booking.id)


async def shut(sessions: Sessions) -> list[tuple[str, int]]:
    found = await in_transaction(sessions, notice_reads.outages)
    return [(each.channel.value, each.waiting) for each in found]


async def test_a_channel_is_shut_while_what_failed_waits_and_nothing_leaves(
    sessions, world: World
) -> None:
    assert await shut(sessions) == []
    rows = [await told(sessions, await somebody(sessions), **PAID) for _ in range(2)]
    await world.order("outage", times=2)
    for row in rows:
        await notification_delivery.deliver(sessions, row.id)
    assert await shut(sessions) == [("sms", 2)]
    (outage,) = await in_transaction(sessions, notice_reads.outages)
    async with transaction(sessions) as session:
        now = await clock.now(session)
    assert timedelta(0) <= now - outage.since < timedelta(seconds=10)
    # The provider is back: the first that leaves takes the banner down.
    await tried(sessions, rows[0])
    assert await shut(sessions) == []


async def test_an_outage_began_with_the_first_failure_not_with_the_last(
    sessions, dead_ends
) -> None:
    row = await told(sessions, await somebody(sessions), **PAID, channel=EMAIL)
    async with transaction(sessions) as session:
        age = sa.text(
            "UPDATE notification SET created_at = created_at - interval '1 hour'"
        )
        await session.execute(age)
    for _ in range(3):
        await at_once(sessions, row.id)
        await notification_delivery.deliver(sessions, row.id)
    (outage,) = await in_transaction(sessions, notice_reads.outages)
    after = await read(sessions, row.id)
    waits = timedelta(seconds=20 + 60 + 180)
    assert abs(after.next_try_at - waits - outage.since) < timedelta(seconds=1)
    assert outage.waiting == 1


async def test_a_refusal_and_a_missing_server_are_no_outage(sessions, settings) -> None:
    row = await told(sessions, await somebody(sessions), **PAID, channel=SMS)
    await notification_delivery.deliver(sessions, row.id)
    assert (await read(sessions, row.id)).last_error == "no server is configured"
    assert await shut(sessions) == []
