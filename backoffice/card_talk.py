"""What the call card shows of talk: unread messages, the pane, how far notices got."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import assets, call_words, chat_pane
from models import Booking
from models.notification import NotificationChannel, NotificationStatus
from services import chat_reads, notice_reads, quick_replies
from services.actor import Actor
from services.i18n import Lazy, gettext
from services.notice_reads import NoticeLine

CHANNEL_ICONS: Mapping[NotificationChannel, str] = {
    NotificationChannel.TELEGRAM: "brand-telegram",
    NotificationChannel.SMS: "device-mobile-message",
    NotificationChannel.EMAIL: "mail",
}
BY: Mapping[NotificationChannel, Lazy] = {
    NotificationChannel.TELEGRAM: Lazy("Telegram"),
    NotificationChannel.SMS: Lazy("SMS"),
    NotificationChannel.EMAIL: Lazy("e-mail"),
}
# Sentences of a state, and the tone of each; what took another way is not a failure.
STATES: Mapping[NotificationStatus, tuple[Lazy, str]] = {
    NotificationStatus.QUEUED: (Lazy("{by} waits to be sent"), "wait"),
    NotificationStatus.SENT: (Lazy("{by} sent {at}"), "sent"),
    NotificationStatus.DELIVERED: (Lazy("{by} delivered {at}"), "good"),
    NotificationStatus.DEAD: (Lazy("{by} not delivered"), "bad"),
    NotificationStatus.REPLACED: (
        Lazy("{by} did not reach, another way was taken"),
        "",
    ),
    NotificationStatus.DROPPED: (Lazy("{by} not needed any more"), ""),
}


async def context(session: AsyncSession, actor: Actor, booking: Booking) -> Any:
    """Gather it; nobody has a conversation about a call of their own here."""
    own = actor.user_id == booking.patient_id
    unread = 0
    if not own:
        unread = (await chat_reads.unread(session, actor, booking.id)).unread
    return {
        "talks": not own,
        "unread": unread,
        "boot_chat": chat_pane.boot(await quick_replies.texts(session)),
        "scripts": assets.folder(),
        "notices": await notice_reads.of_booking(session, actor, booking.id),
        "notice_state": state_of,
    }


def state_of(line: NoticeLine, now: datetime) -> Mapping[str, str]:
    """«SMS доставлено 12:04», with its icon and tone."""
    text, tone = STATES[line.status]
    at = call_words.clock_of(line.at, now) if line.at else ""
    words = gettext(str.__str__(text), by=str(BY[line.channel]), at=at).strip()
    return {"text": words, "tone": tone, "icon": CHANNEL_ICONS[line.channel]}
