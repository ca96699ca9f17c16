"""Notifications: those that failed, how each text reads, and one's own in the console."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from markupsafe import Markup
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from backoffice import cells, formats
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.filters import Choice
from backoffice.pages import Page, page, staff_of
from backoffice.tables import TableView
from models import Notification
from models.notification import NotificationChannel, NotificationStatus
from services import console_notices, notification_delivery, notification_texts
from services.edges import in_transaction
from services.i18n import LOCALES, Lazy, gettext
from services.permissions import Permission
from services.phones import masked_phone
from services.words import label

PILLS = {
    NotificationStatus.QUEUED: "warn",
    NotificationStatus.SENT: "good",
    NotificationStatus.DELIVERED: "good",
    NotificationStatus.DEAD: "bad",
    NotificationStatus.REPLACED: "",
    NotificationStatus.DROPPED: "",
}


def _masked(row: Notification) -> str:
    if not row.address:
        return cells.EMPTY
    if row.channel is NotificationChannel.SMS:
        return masked_phone(row.address)
    if row.channel is NotificationChannel.TELEGRAM:
        return f"…{row.address[-3:]}"
    name, _, host = row.address.partition("@")
    return f"{name[:1]}…@{host}"


def _what(row: Notification) -> Any:
    text = notification_texts.TEXTS.get(row.kind)
    words = gettext(str.__str__(text.subject)) if text else row.kind
    return Markup("{}<br><code>{}</code>").format(words, row.kind)


def _when(row: Notification) -> str:
    if row.status is NotificationStatus.QUEUED and row.next_try_at:
        return gettext("next try {when}", when=formats.moment(row.next_try_at))
    return formats.moment(row.delivered_at or row.sent_at)


def may_retry(row: Notification) -> bool:
    """Only what was given up, and only where the text needs no code that is gone."""
    dead = row.status is NotificationStatus.DEAD
    return dead and not notification_texts.needs_secret(row.kind)


class NotificationsView(TableView, model=Notification):
    """What left the house, what waits and what was given up; no text is shown."""

    name = Lazy("Notification")
    name_plural = Lazy("Notifications")
    icon = "ti ti-mail-exclamation"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.NOTIFICATION_READ,
        "details": Permission.NOTIFICATION_READ,
    }
    can_view_details = True
    column_list: ClassVar[Sequence[Any]] = ["created_at"]
    column_default_sort = ("created_at", True)
    wraps = frozenset({"last_error"})
    list_template = "notices/list.html"
    details_template = "notices/details.html"
    column_labels: ClassVar[dict[Any, Any]] = {
        "created_at": Lazy("Made"),
        "kind": Lazy("What about"),
        "channel": Lazy("By"),
        "address": Lazy("Receiver"),
        "status": Lazy("State"),
        "sent_at": Lazy("Sent"),
        "attempts": Lazy("Tries"),
        "last_error": Lazy("Why not"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "created_at": lambda row: formats.full_moment(row.created_at),
        "kind": _what,
        "channel": lambda row: label(row.channel),
        "address": _masked,
        "status": lambda row: cells.pill(label(row.status), PILLS[row.status]),
        "sent_at": _when,
        "attempts": lambda row: row.attempts,
        "last_error": lambda row: cells.either(row.last_error),
    }
    facts: ClassVar[Mapping[str, Any]] = cells
    column_filters: ClassVar[Sequence[Any]] = [
        Choice(Lazy("State"), "status", col(Notification.status), NotificationStatus),
        Choice(Lazy("By"), "channel", col(Notification.channel), NotificationChannel),
    ]
    may_retry = staticmethod(may_retry)

    def title_of(self, row: Any) -> str:
        """The kind of message."""
        return str(row.kind)

    @command("/{pk}/retry", Permission.NOTIFICATION_RETRY)
    async def retry(self, session: AsyncSession, call: Call) -> Done:
        """Try one of the dead again."""
        await notification_delivery.retry(session, call.actor, call.id("pk"))
        return Done(gettext("It will be tried again now."))


NotificationsView.identity = "notifications"


class NotificationTexts(Page):
    """How every message reads, in both languages, and which way it goes."""

    name = Lazy("Texts of notifications")
    icon = "ti ti-mail"
    in_menu = False
    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.NOTIFICATION_READ}

    @page("/notification-texts")
    async def notification_texts(self, request: Request) -> Response:
        """Fill each text with made-up facts."""
        texts = [
            (kind, text, [_preview(kind, locale) for locale in LOCALES])
            for kind, text in notification_texts.TEXTS.items()
        ]
        return await self.render(request, "notices/texts.html", {"texts": texts})


def _preview(kind: str, locale: str) -> Mapping[str, Any]:
    whole = notification_texts.sample(kind, locale)
    short = notification_texts.sample(kind, locale, short=True)
    differs = short.text != whole.text
    return {"locale": locale, "whole": whole, "short": short.text if differs else None}


class OwnNotices(Page):
    """What the console told this member of staff."""

    name = Lazy("My notices")
    icon = "ti ti-bell"
    in_menu = False

    @page("/me/notices")
    async def notices(self, request: Request) -> Response:
        """Show the last hundred."""
        staff = staff_of(request)
        found = await in_transaction(
            request.app.state.sessions,
            lambda session: console_notices.listing(session, staff),
        )
        return await self.render(request, "notices/own.html", {"notices": found})
