"""Nothing of a visit stays in the chat of who has lost it, and no button of an old card.

Everything is done to the local Telegram, over HTTP.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text as sql
from sqlmodel import col, select

from models import Booking, Message, Notification, User
from models.booking import Status
from models.booking_words import CancelReason
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services import (
    assignments,
    bookings,
    chat,
    jobs,
    telegram_cleanup,
    telegram_shown,
    visits,
)
from services.actor import Actor, Via
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.gateways import Undelivered
from services.notification_delivery import deliver
from services.telegram_shown import HIDDEN, LOST, OLDER
from tests import factories
from tests.services.test_telegram_cards import scene
from tests.telegram_accounts import bot_set_up, link
from tests.telegram_server import Phone, Telegram, served_telegram, telegram

__all__ = ["served_telegram", "telegram"]
CLEAN = {
    LOST: telegram_cleanup.clean_visit,
    HIDDEN: telegram_cleanup.clean_message,
    OLDER: telegram_cleanup.clean_buttons,
}


@pytest.fixture
def here(telegram: Telegram, sessions: Sessions) -> Iterator[Telegram]:
    with bot_set_up(telegram.token, telegram.bot_name, telegram.api_url):
        yield telegram
    telegram.clear_faults()


async def visit(
    here: Telegram, sessions: Sessions, status: Status = Status.ACCEPTED
) -> tuple[Booking, User, User, Phone]:
    """A visit whose doctor has a phone that the bot may write to."""
    phone = here.phone(11)
    phone.start()
    here.phone(12).start()

    async def work(own: Any) -> Any:
        booking, doctor, patient = await scene(own, Status.ASSIGNED)
        await link(own, doctor, 11, Role.DOCTOR)
        await link(own, patient, 12)
        # Told of the visit by hand: the link came later than the assignment.
        notice = Notification(
            user_id=doctor.id,
            channel=NotificationChannel.TELEGRAM,
            address="11",
            kind="visit_assigned",
            facts={"call": booking.label, "time": "2026-12-01T10:00:00+03:00",
                   "district": "Арбат"},
            next_try_at=booking.created_at,
            booking_id=booking.id,
        )  # fmt: skip
        own.add(notice)
        if status is Status.ACCEPTED:
            await visits.accept(own, factories.as_doctor(doctor), booking.id)
        return booking, doctor, patient

    booking, doctor, patient = await in_transaction(sessions, work)
    await sent(sessions)
    return booking, doctor, patient, phone


async def sent(sessions: Sessions) -> None:
    """Send what waits for Telegram."""
    query = sa.select(col(Notification.id)).where(
        col(Notification.channel) == NotificationChannel.TELEGRAM,
        col(Notification.status) == NotificationStatus.QUEUED,
    )
    ids = await in_transaction(sessions, lambda own: own.scalars(query))
    for each in sorted(ids.all()):
        await deliver(sessions, each)


async def waiting(sessions: Sessions, *names: str) -> list[Any]:
    query = sql(
        "SELECT task_name, args, scheduled_at FROM procrastinate_jobs"
        " WHERE task_name = ANY(:names) AND status = 'todo' ORDER BY id"
    )
    names = names or tuple(CLEAN)
    rows = await in_transaction(
        sessions, lambda own: own.execute(query, {"names": [*names]})
    )
    return list(rows.all())


async def worked(sessions: Sessions, *names: str) -> list[str]:
    """Do the clean-up that waits; gives which it was."""
    found = await waiting(sessions, *names)
    forget = sql(
        "DELETE FROM procrastinate_jobs WHERE task_name = ANY(:names)"
    ).bindparams(names=[*(names or CLEAN)])
    await in_transaction(sessions, lambda own: own.execute(forget))
    for name, args, _ in found:
        context = type("Context", (), {"additional_context": {"sessions": sessions}})()
        await jobs.queue.tasks[name].func(context, **args)
    return [each.task_name for each in found]


async def say(sessions: Sessions, user: User, booking: Booking, text: str) -> Message:
    actor = Actor(user.id, Role.PATIENT, Via.API)
    made = await in_transaction(
        sessions, lambda own: chat.send(own, actor, booking.id, text)
    )
    await sent(sessions)
    return made


async def unassign(sessions: Sessions, booking: Booking) -> None:
    async def work(own: Any) -> None:
        staff = factories.as_staff(await factories.dispatcher(own))
        await assignments.unassign(own, staff, booking.id, None, "Другой ближе")

    await in_transaction(sessions, work)


async def rows_of(sessions: Sessions, user: User) -> list[Notification]:
    query = select(Notification).where(
        col(Notification.user_id) == user.id,
        col(Notification.channel) == NotificationChannel.TELEGRAM,
        col(Notification.booking_id).is_not(None),
    )
    rows = await in_transaction(
        sessions, lambda own: own.exec(query.order_by(col(Notification.id)))
    )
    return list(rows.all())


async def test_a_lost_visit_leaves_no_card_and_no_word(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, patient, phone = await visit(here, sessions)
    await say(sessions, patient, booking, "Код 45К")
    assert any("Тверская" in each for each in phone.texts)
    assert any("Код 45К" in each for each in phone.texts)
    await unassign(sessions, booking)
    await sent(sessions)
    await worked(sessions, OLDER)
    assert await worked(sessions) == [LOST]
    assert [each for each in phone.texts if booking.label in each] == [phone.texts[-1]]
    assert "больше не ваш" in phone.texts[-1]
    kept = [each.kind for each in await rows_of(sessions, doctor) if each.provider_id]
    assert kept == ["visit_lost"]
    # Done twice, it does nothing.
    calls = len(here.calls())
    await telegram_cleanup.clean_visit(sessions, booking.id, doctor.id)
    assert len(here.calls()) == calls


@pytest.mark.parametrize("how", ["decline", "cancel", "reassign"])
async def test_every_way_to_lose_a_visit_cleans_the_chat(
    here: Telegram, sessions: Sessions, how: str
) -> None:
    booking, doctor, patient, phone = await visit(here, sessions)

    async def work(own: Any) -> None:
        if how == "decline":
            actor = factories.as_doctor(doctor)
            await visits.decline(own, actor, booking.id, "Далеко")
        elif how == "cancel":
            actor = factories.as_patient(patient)
            await bookings.cancel(own, actor, booking.id, CancelReason.OTHER)
        else:
            other = await factories.doctor(own)
            staff = factories.as_staff(await factories.dispatcher(own))
            await assignments.reassign(own, staff, booking.id, other.id, None)

    await in_transaction(sessions, work)
    assert LOST in await worked(sessions)
    assert all("Тверская" not in each for each in phone.texts)


async def test_what_is_too_old_to_be_deleted_is_replaced_by_a_neutral_line(
    here: Telegram, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, _doctor, _, phone = await visit(here, sessions)

    async def too_old(*_: object) -> None:
        raise Undelivered("Telegram: 400", refused=True)

    monkeypatch.setattr(telegram_cleanup.telegram, "delete", too_old)
    await unassign(sessions, booking)
    await worked(sessions)
    assert phone.texts[-1] == f"{booking.label}: вызов больше не ваш"
    assert phone.buttons() == []


async def test_where_the_bot_is_blocked_nothing_is_tried_for_ever(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, phone = await visit(here, sessions)
    await unassign(sessions, booking)
    phone.block()
    await worked(sessions)
    assert next(each.provider_id for each in await rows_of(sessions, doctor)) is None
    assert await waiting(sessions) == []


async def test_a_flood_is_waited_for_and_an_outage_is_tried_again(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, phone = await visit(here, sessions)
    await unassign(sessions, booking)
    here.outage(times=1)
    with pytest.raises(Undelivered):
        await telegram_cleanup.clean_visit(sessions, booking.id, doctor.id)
    await worked(sessions, OLDER)
    here.flood(11, seconds=7)
    assert await worked(sessions, LOST) == [LOST]
    (again,) = await waiting(sessions)
    assert again.scheduled_at is not None
    assert any("Тверская" in each for each in phone.texts)
    await worked(sessions, LOST)
    assert await waiting(sessions) == []
    assert all("Тверская" not in each for each in phone.texts)


async def test_without_a_bot_nothing_happens(
    here: Telegram, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, doctor, _, phone = await visit(here, sessions)
    await unassign(sessions, booking)
    before = phone.texts
    monkeypatch.setattr(get_settings(), "telegram_bot_token", "")
    await telegram_cleanup.clean_visit(sessions, booking.id, doctor.id)
    assert phone.texts == before


async def test_what_is_on_its_way_is_looked_for_later(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, _ = await visit(here, sessions)

    async def take(own: Any) -> None:
        await own.execute(
            sa.update(Notification)
            .where(col(Notification.user_id) == doctor.id)
            .values(status="queued", attempts=1, provider_id=None,
                    next_try_at=sa.func.app_now() + sa.text("interval '2 minutes'"))
        )  # fmt: skip

    await in_transaction(sessions, take)
    await unassign(sessions, booking)
    await worked(sessions)
    (later,) = await waiting(sessions, LOST)
    assert later.scheduled_at is not None


async def test_who_has_the_visit_again_keeps_what_came_since(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, phone = await visit(here, sessions)
    await unassign(sessions, booking)

    async def again(own: Any) -> None:
        staff = factories.as_staff(await factories.dispatcher(own))
        await assignments.assign(own, staff, booking.id, doctor.id, None)

    await in_transaction(sessions, again)
    await sent(sessions)
    await worked(sessions, LOST)
    cards = [each for each in phone.received if "Принять" in phone.buttons(each)]
    assert len(cards) == 1


async def test_a_hidden_message_goes_from_every_chat(
    here: Telegram, sessions: Sessions
) -> None:
    booking, _, patient, phone = await visit(here, sessions)
    foul = await say(sessions, patient, booking, "Ругань")
    await say(sessions, patient, booking, "Простите")

    async def hide(own: Any) -> None:
        staff = factories.as_staff(await factories.dispatcher(own))
        await chat.hide(own, staff, foul.id, "Брань")

    await in_transaction(sessions, hide)
    assert HIDDEN in await worked(sessions)
    assert all("Ругань" not in each for each in phone.texts)
    assert any("Простите" in each for each in phone.texts)


async def test_a_hidden_message_that_nobody_was_sent_needs_no_cleaning(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, _ = await visit(here, sessions)
    await in_transaction(
        sessions,
        lambda own: telegram_shown.message_hidden(own, booking.id, doctor.id),
    )
    assert await waiting(sessions, HIDDEN) == []


async def test_only_the_newest_card_has_buttons(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, phone = await visit(here, sessions)
    first = phone.received[-1]
    second = here.phone(11).say("x")  # Any later number will do.
    numbers = (second["message_id"], first["message_id"])
    for number in numbers:
        await in_transaction(
            sessions,
            lambda own, n=number: telegram_shown.note(
                own, doctor.id, 11, n, booking.id
            ),
        )
    await worked(sessions, OLDER)
    # The first one was drawn anew last.
    assert phone.buttons(phone.received[-1])
    rows = {each.provider_id: each.facts for each in await rows_of(sessions, doctor)}
    assert "bare" in rows[str(numbers[0])]
    assert "bare" not in rows[str(numbers[1])]
    third = numbers[0] + 1
    await in_transaction(
        sessions,
        lambda own: telegram_shown.note(own, doctor.id, 11, third, booking.id),
    )
    await worked(sessions, OLDER)
    assert phone.buttons(phone.received[-1]) == []


async def test_an_answer_that_shows_a_call_is_no_card(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, phone = await visit(here, sessions)
    await worked(sessions)
    await in_transaction(
        sessions,
        lambda own: telegram_shown.note(
            own, doctor.id, 11, 900, booking.id, is_card=False
        ),
    )
    assert await waiting(sessions) == []
    assert phone.buttons()


async def test_a_card_that_was_on_its_way_when_the_visit_was_lost_goes_too(
    here: Telegram, sessions: Sessions
) -> None:
    booking, doctor, _, _ = await visit(here, sessions)
    await unassign(sessions, booking)
    await worked(sessions)
    await in_transaction(
        sessions, lambda own: telegram_shown.note(own, doctor.id, 11, 900, booking.id)
    )
    assert LOST in [each.task_name for each in await waiting(sessions)]
