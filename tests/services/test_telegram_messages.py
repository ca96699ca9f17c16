"""What a notification becomes in Telegram at the moment it is sent."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from models.booking import Status
from models.notification import NotificationChannel
from models.role_grant import Role
from services import (
    assignments,
    sealing,
    telegram_messages,
    visits,
)
from services.notification_texts import SAMPLE_FACTS, TEXTS
from services.telegram_buttons import read
from tests import factories
from tests.services.test_telegram_cards import scene


def row(user, kind: str, booking=None, **facts) -> Notification:  # type: ignore[no-untyped-def]
    return Notification(
        user_id=user and user.id,
        channel=NotificationChannel.TELEGRAM,
        address="1",
        kind=kind,
        facts={
            "call": "B-1",
            "time": "2026-12-01T10:00:00+03:00",
            "district": "Арбат",
            **facts,
        },
        locale="ru",
        booking_id=booking and booking.id,
    )


async def test_a_new_visit_comes_with_its_card_as_it_is_now(
    session: AsyncSession,
) -> None:
    booking, doctor, _ = await scene(session, Status.ASSIGNED)
    made = await telegram_messages.compose(
        session, row(doctor, "visit_assigned", booking)
    )
    assert made is not None
    assert f"{booking.label} · " in made.text
    words = [read(key.data or "") for keys in made.buttons for key in keys]
    assert [each.word for each in words if each][:2] == ["accept", "decline"]
    await visits.accept(session, factories.as_doctor(doctor), booking.id)
    later = await telegram_messages.compose(
        session, row(doctor, "visit_changed", booking)
    )
    assert later is not None
    words = [read(key.data or "") for keys in later.buttons for key in keys]
    assert "accept" not in [each.word for each in words if each]


async def test_who_lost_the_visit_meanwhile_is_told_nothing(
    session: AsyncSession,
) -> None:
    booking, doctor, _ = await scene(session, Status.ASSIGNED)
    staff = factories.as_staff(await factories.dispatcher(session))
    await assignments.unassign(session, staff, booking.id, None)
    for kind in ("visit_assigned", "chat_unread"):
        made = await telegram_messages.compose(
            session, row(doctor, kind, booking, count=2)
        )
        assert made is None


async def test_a_patients_news_comes_with_the_card(session: AsyncSession) -> None:
    booking, doctor, patient = await scene(session, Status.ACCEPTED)
    made = await telegram_messages.compose(
        session, row(patient, "booking_accepted", booking, doctor=doctor.short_name)
    )
    assert made is not None
    # The notice has said who comes and when: the card adds its buttons alone.
    assert made.text.count(doctor.last_name) == 1
    assert "\n" not in made.text
    assert [key.text for keys in made.buttons for key in keys] == [
        "Чат",
        "Отменить вызов",
    ]


async def test_where_the_notice_says_little_the_card_says_when(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await scene(session, Status.ACCEPTED, content=False)
    made = await telegram_messages.compose(
        session, row(patient, "booking_accepted", booking, doctor=doctor.short_name)
    )
    assert made is not None
    assert "Время: " in made.text
    assert doctor.last_name not in made.text


async def test_unread_messages_come_with_a_button(session: AsyncSession) -> None:
    booking, doctor, patient = await scene(session, Status.ACCEPTED)
    for user in (doctor, patient):
        made = await telegram_messages.compose(
            session, row(user, "chat_unread", booking, count=2)
        )
        assert made is not None
        assert [key.text for keys in made.buttons for key in keys] == ["Чат"]


async def test_other_kinds_are_a_plain_text(session: AsyncSession) -> None:
    booking, doctor, _ = await scene(session, Status.ACCEPTED)
    for notice in (row(doctor, "visit_lost", booking), row(doctor, "visit_assigned")):
        made = await telegram_messages.compose(session, notice)
        assert made is not None
        assert made.buttons == ()
    secret = row(doctor, "verification_code")
    secret.sealed = sealing.seal("482913")
    made = await telegram_messages.compose(session, secret)
    assert made is not None
    assert "482913" in made.text


async def test_each_is_written_in_the_language_of_the_row(
    session: AsyncSession,
) -> None:
    booking, doctor, _ = await scene(session, Status.ASSIGNED)
    notice = row(doctor, "visit_assigned", booking)
    notice.locale = "en"
    made = await telegram_messages.compose(session, notice)
    assert made is not None
    assert "Accept or decline it." in made.text
    assert [key.text for key in made.buttons[0]] == ["Accept", "Decline"]


@pytest.mark.parametrize("kind", telegram_messages.WITH_CARD)
async def test_every_kind_with_a_card_has_its_words(kind: str) -> None:
    assert TEXTS[kind].roles == {telegram_messages.WITH_CARD[kind]}


async def test_a_relayed_message_that_is_gone_is_told_to_nobody(
    session: AsyncSession,
) -> None:
    booking, doctor, _ = await scene(session, Status.ACCEPTED)
    gone = str(factories.nobody())
    notice = row(doctor, "chat_message", booking, message_id=gone)
    assert await telegram_messages.compose(session, notice) is None


async def test_without_leave_no_kind_names_a_doctor_a_sum_or_a_person(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await scene(session, Status.ACCEPTED, content=False)
    names = {"doctor": doctor.short_name, "amount": "4 500 ₽"}
    told = []
    for kind, text in TEXTS.items():
        if NotificationChannel.TELEGRAM not in text.channels or kind == "chat_message":
            continue
        for about in (booking, None):
            facts = {**SAMPLE_FACTS, **names, "last_seq": 1, "role": "patient"}
            notice = row(patient, kind, about, **facts)
            if text.roles == {Role.DOCTOR}:
                notice.user_id = doctor.id
            made = await telegram_messages.compose(session, notice)
            if made is not None:
                told.append(made.text)
    assert len(told) > 20
    for word in (doctor.last_name, patient.last_name, "4 500", booking.symptoms):
        assert not [text for text in told if word in text]


async def test_with_leave_a_sum_and_a_doctor_are_named(session: AsyncSession) -> None:
    booking, _, patient = await scene(session, Status.ACCEPTED)
    paid = row(patient, "payment_received", booking, amount="4 500 ₽")
    made = await telegram_messages.compose(session, paid)
    assert made is not None
    assert "4 500 ₽" in made.text
    wallet = row(patient, "withdrawal_done", None, amount="4 500 ₽")
    made = await telegram_messages.compose(session, wallet)
    assert made is not None
    assert "4 500 ₽" in made.text
