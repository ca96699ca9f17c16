"""What the provider says of SMS later on, and what follows from silence."""

from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from models import Notification
from services import direct, notification_delivery, sms_states
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.gateways.sms import SmsState
from services.notification_settling import LONG_SILENCE, SILENCE
from tests.telling import (
    DEAD,
    DELIVERED,
    SENT,
    World,
    chain,
    read,
    somebody,
    told,
    ways,
)

PAID = {"kind": "payment_received", "facts": {"call": "B-1", "amount": "1 ₽"}}


async def sent(sessions: Sessions, **facts: Any) -> Notification:
    """An SMS that the provider has taken."""
    user = await somebody(sessions, **facts.pop("user", {}))
    row = await told(sessions, user, **(PAID | facts))
    await notification_delivery.deliver(sessions, row.id)
    after = await read(sessions, row.id)
    assert (after.status, after.channel.value) == (SENT, "sms")
    assert after.provider_id
    return after


async def silence_jobs(sessions: Sessions) -> list[Any]:
    query = (
        "SELECT args, scheduled_at FROM procrastinate_jobs WHERE task_name = %(name)s"
    )
    async with transaction(sessions) as session:
        return await direct.fetch_all(session, query, {"name": SILENCE})


async def test_an_sms_that_arrived_is_delivered_from_then_on(
    sessions, world: World
) -> None:
    row = await sent(sessions)
    await world.order("ends", to=row.address, code=102)
    assert await sms_states.ask(sessions) == 1
    assert (await read(sessions, row.id)).status is SENT
    await world.order("ends", to=row.address, code=103)
    assert await sms_states.ask(sessions) == 1
    after = await read(sessions, row.id)
    assert after.status is DELIVERED
    assert after.delivered_at > after.sent_at
    assert await sms_states.ask(sessions) == 0


async def test_an_sms_that_never_arrives_gives_way_to_a_letter(
    sessions, world: World
) -> None:
    row = await sent(sessions)
    await world.order("ends", to=row.address, code=104)
    await sms_states.ask(sessions)
    rows = await chain(sessions, row)
    assert ways(rows) == [("sms", "replaced"), ("email", "queued")]
    await notification_delivery.deliver(sessions, rows[-1].id)
    assert ways(await chain(sessions, row))[-1] == ("email", "sent")
    await sms_states.ask(sessions)
    assert len(await chain(sessions, row)) == 2


async def test_an_sms_that_never_arrives_with_no_letter_to_write_is_listed(
    sessions, world: World
) -> None:
    row = await sent(sessions, user={"email": None})
    await world.order("ends", to=row.address, code=150)
    await sms_states.ask(sessions)
    after = await read(sessions, row.id)
    assert (after.status, after.last_error) == (DEAD, "SMS provider: not delivered")


async def test_an_outage_of_the_provider_is_no_news(sessions, world: World) -> None:
    row = await sent(sessions)
    await world.order("outage", times=1)
    assert await sms_states.ask(sessions) == 1
    assert (await read(sessions, row.id)).status is SENT


async def test_more_than_a_hundred_are_asked_about_in_turns(
    sessions, world: World, monkeypatch
) -> None:
    monkeypatch.setattr(sms_states, "ASKED_AT_ONCE", 2)
    rows = [await sent(sessions) for _ in range(5)]
    assert await sms_states.ask(sessions) == 5
    assert {(await read(sessions, row.id)).status for row in rows} == {DELIVERED}


async def test_an_sms_of_yesterday_is_not_asked_about(sessions, world: World) -> None:
    row = await sent(sessions)
    async with transaction(sessions) as session:
        age = sa.text(
            "UPDATE notification SET sent_at = sent_at - interval '25 hours'"
            " WHERE id = :id"
        )
        await session.execute(age, {"id": row.id})
    assert await sms_states.ask(sessions) == 0


async def test_what_was_settled_meanwhile_stays_so(sessions, world: World) -> None:
    row = await sent(sessions)
    for state in (SmsState.ARRIVED, SmsState.LOST):
        await in_transaction(
            sessions, lambda own, state=state: sms_states.note(own, row.id, state)
        )
    assert (await read(sessions, row.id)).status is DELIVERED
    async with transaction(sessions) as session:
        await sms_states.after_silence(session, str(row.id))
    assert len(await chain(sessions, row)) == 1


async def test_ten_silent_minutes_of_an_urgent_sms_bring_the_next_channel(
    sessions, world: World
) -> None:
    await sent(sessions)
    assert await silence_jobs(sessions) == []
    row = await sent(sessions, urgent=True)
    (job,) = await silence_jobs(sessions)
    assert job.args == {"notification_id": str(row.id)}
    wait = job.scheduled_at - row.sent_at
    assert abs(wait - LONG_SILENCE).total_seconds() < 5
    async with transaction(sessions) as session:
        await sms_states.after_silence(session, **job.args)
    assert ways(await chain(sessions, row)) == [
        ("sms", "replaced"),
        ("email", "queued"),
    ]


async def test_silence_with_no_other_channel_changes_nothing(
    sessions, world: World
) -> None:
    row = await sent(sessions, urgent=True, user={"email": None})
    async with transaction(sessions) as session:
        await sms_states.after_silence(session, str(row.id))
    assert ways(await chain(sessions, row)) == [("sms", "sent")]


async def test_the_job_asks_every_minute(sessions, world: World) -> None:
    row = await sent(sessions)
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await sms_states.ask_periodically.func(context, 0)
    assert (await read(sessions, row.id)).status is DELIVERED
