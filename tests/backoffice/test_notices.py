"""Notifications in the console: one's own, those given up, and how they read."""

import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col

from models import Notification, Role, User
from models.notification import NotificationChannel, NotificationStatus
from services import console_notices, notification_texts
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.notifications import Notice, notify, notify_role
from tests.backoffice.browser import Browser, signed_in

FACTS = {"doctor": "Орлов Д. И.", "day": "2027-03-01"}


async def tell(sessions: Sessions, times: int = 1) -> None:
    async with transaction(sessions) as session:
        for _ in range(times):
            notice = Notice("licence_expiring_curator", facts=FACTS)
            await notify_role(session, SYSTEM, Role.CURATOR, notice)


async def dead(sessions: Sessions, user: User, kind: str) -> str:
    async with transaction(sessions) as session:
        secret = "1" if notification_texts.needs_secret(kind) else None
        key = await notify(session, SYSTEM, Notice(kind, user.id, secret=secret))
        await session.execute(
            sa.update(Notification)
            .where(col(Notification.id) == key)
            .values(status=NotificationStatus.DEAD, last_error="SMTP: 550", sealed=None)
        )
        return str(key)


async def test_a_notice_of_the_console_is_shown_once_stays_and_is_kept(
    app: FastAPI, sessions: Sessions, curator: Browser, dispatcher: Browser
) -> None:
    await tell(sessions)
    page = await curator.page("/")
    assert page.count("Орлов Д. И.") == 1
    assert "data-toast=stays" in page
    assert "01.03.2027" in page
    assert "Орлов Д. И." not in await curator.page("/")
    assert "Орлов Д. И." in await curator.page("/me/notices")
    for path in ("/", "/me/notices"):
        assert "Орлов Д. И." not in await dispatcher.page(path)
    assert "Пока ничего" in await dispatcher.page("/me/notices")


async def test_many_notices_come_a_few_at_a_time_and_none_is_lost(
    sessions: Sessions, curator: Browser
) -> None:
    await tell(sessions, 5)
    shown = [(await curator.page("/")).count("Орлов Д. И.") for _ in range(3)]
    assert shown == [3, 2, 0]


async def test_an_administrator_sees_what_was_given_up_and_tries_again(
    sessions: Sessions, admin: Browser, curator: Browser
) -> None:
    key = await dead(sessions, curator.user, "application_approved")
    gone = await dead(sessions, curator.user, "password_reset")
    rows = await admin.page("/notifications/list?status=dead")
    assert rows.count("SMTP: 550") == 2
    assert str(curator.user.email) not in rows
    assert "/retry" in await admin.page(f"/notifications/details/{key}")
    assert "/retry" not in await admin.page(f"/notifications/details/{gone}")
    assert (await admin.post(f"/notifications/{key}/retry")).status_code == 303
    assert (await curator.post(f"/notifications/{gone}/retry")).status_code == 403
    await admin.post(f"/notifications/{gone}/retry")
    async with transaction(sessions) as session:
        query = sa.select(col(Notification.id), col(Notification.status))
        states = {str(a): b for a, b in (await session.execute(query)).all()}
    assert states == {key: NotificationStatus.QUEUED, gone: NotificationStatus.DEAD}
    waiting = await admin.page("/notifications/list?status=queued")
    assert "следующая попытка" in waiting


async def test_every_text_is_previewed_in_both_languages(admin: Browser) -> None:
    page = await admin.page("/notification-texts")
    for kind in notification_texts.TEXTS:
        assert f"<code>{kind}</code>" in page
    assert page.count('lang="en"') >= len(notification_texts.TEXTS)
    assert "{" not in page.split("<main")[1].split("</main>")[0]


async def test_a_phone_is_masked_in_the_list(
    sessions: Sessions, admin: Browser, app: FastAPI
) -> None:
    other = await signed_in(app, sessions, Role.CURATOR, email=None)
    await dead(sessions, other.user, "application_approved")
    async with transaction(sessions) as session:
        channel = sa.select(col(Notification.channel))
        assert await session.scalar(channel) is NotificationChannel.SMS
    page = await admin.page("/notifications/list")
    assert str(other.user.phone)[-7:-2] not in page


async def test_every_state_and_channel_has_its_words_and_only_the_dead_are_retried(
    sessions: Sessions, admin: Browser, curator: Browser
) -> None:
    keys = {}
    for status in NotificationStatus:
        key = await dead(sessions, curator.user, "application_approved")
        async with transaction(sessions) as session:
            row = await session.get_one(Notification, key)
            row.status = status
            if status is NotificationStatus.DELIVERED:
                row.channel, row.address = NotificationChannel.TELEGRAM, "123456789"
                row.delivered_at = row.created_at
        keys[status] = key
    rows = await admin.page("/notifications/list")
    for word in ("Доставлено", "Ушло другим способом", "Уже не нужно", "В Telegram"):
        assert word in rows
    assert "…789" in rows
    assert "123456789" not in rows
    assert "Доставлено" in await admin.page("/notifications/list?status=delivered")
    assert "…789" in await admin.page("/notifications/list?channel=telegram")
    for status, key in keys.items():
        page = await admin.page(f"/notifications/details/{key}")
        assert ("/retry" in page) == (status is NotificationStatus.DEAD)


async def test_the_texts_say_which_way_they_go(admin: Browser) -> None:
    page = await admin.page("/notification-texts")
    assert "В Telegram → SMS → Почта" in page
    assert "нельзя отключить" in page
    assert "срочно" in page


async def test_the_list_of_ones_own_ends_at_a_hundred(
    sessions: Sessions, curator: Browser
) -> None:
    await tell(sessions, console_notices.LISTED + 1)
    page = await curator.page("/me/notices")
    main = page.split("<main")[1].split("</main>")[0]
    assert main.count("<li>") == console_notices.LISTED
