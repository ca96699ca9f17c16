"""Messages of a conversation on their way to whom Telegram reaches, and back.

Outwards a message becomes a notification of that channel alone: what is refused there
is told by the digest of unread messages. The right to it is asked for again when it is
sent. Inwards it is an ordinary message, named after Telegram's own number of it.
"""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, Message, Notification, TelegramLink, User
from models.booking import ACTIVE
from models.message import MessageKind
from models.notification import NotificationChannel
from models.role_grant import Role
from models.telegram import LinkState
from services import (
    chat_reads,
    chat_rooms,
    direct,
    files,
    proven_phones,
    roles,
    telegram_content,
)
from services.actor import Actor, Via
from services.chat_rooms import Room
from services.i18n import gettext
from services.notifications import Notice, notify
from services.telegram_buttons import Button, TelegramMessage, data
from services.telegram_cards import CHAT
from services.telegram_people import Person

KIND = "chat_message"
# One statement, because each message asks it.
_REACHED = """
SELECT l.user_id FROM telegram_link l
 WHERE l.user_id = ANY(%(ids)s) AND l.state = 'linked'
   AND EXISTS (SELECT FROM role_grant g
                WHERE g.user_id = l.user_id AND g.revoked_at IS NULL
                  AND g.role = CASE WHEN l.user_id = %(patient_id)s
                                    THEN 'patient' ELSE 'doctor' END)
   AND EXISTS (SELECT FROM setting WHERE key = %(setting)s AND value = '1')
   AND EXISTS (SELECT FROM consent WHERE user_id = %(patient_id)s
                AND kind = %(consent)s AND withdrawn_at IS NULL)
   AND EXISTS (SELECT FROM booking WHERE id = %(booking_id)s
                AND subject_name IS NULL)
 ORDER BY l.user_id
"""
_CONTENT = {"setting": telegram_content.KEY, "consent": telegram_content.CONSENT}


async def relay(
    session: AsyncSession, actor: Actor, room: Room, message: Message
) -> None:
    """Let a new message go to the others in the room whom Telegram reaches."""
    others = {room.patient_id, room.doctor_id} - {None, message.sender_id}
    values = {
        "ids": list(others),
        "patient_id": room.patient_id,
        "booking_id": room.booking_id,
        **_CONTENT,
    }
    for row in await direct.fetch_all(session, _REACHED, values):
        notice = Notice(
            KIND,
            row.user_id,
            NotificationChannel.TELEGRAM,
            facts={"message_id": str(message.id)},
            dedup_key=f"{KIND} {message.id} {row.user_id}",
            booking_id=room.booking_id,
        )
        await notify(session, actor, notice)


async def compose(session: AsyncSession, row: Notification) -> TelegramMessage | None:
    """Write a relayed message; None once the receiver may not see it."""
    message = await session.get(Message, uuid.UUID(row.facts["message_id"]))
    if message is None or row.user_id is None:
        return None
    room = await chat_rooms.load(session, message.booking_id)
    role = await _role_in(session, room, row.user_id)
    if role is None or message.hidden_at is not None:
        return None
    if not await telegram_content.may_carry_of(session, message.booking_id):
        return None
    said = await chat_reads.with_names(session, [message])
    lines = chat_reads.lines(room, role, said, row.user_id)
    if not lines:
        return None
    text = f"{room.label} · {lines[0].name}:\n{lines[0].text}"
    keys = [[Button(gettext("Reply"), data(CHAT, message.booking_id))]]
    if message.kind is not MessageKind.IMAGE:
        return TelegramMessage(text, keys)
    content = await files.open_file(message.storage_name)
    return TelegramMessage(text, keys, content, message.file_name or "picture")


async def open_calls(session: AsyncSession, person: Person) -> Sequence[Booking]:
    """The calls that are under way and that the person talks in, newest first."""
    turn = sa.exists().where(
        col(Assignment.booking_id) == col(Booking.id),
        col(Assignment.doctor_id) == person.user_id,
        col(Assignment.released_at).is_(None),
    )
    own = sa.and_(
        col(Booking.patient_id) == person.user_id, proven_phones.shown(person.user_id)
    )
    mine = [
        condition
        for role, condition in ((Role.PATIENT, own), (Role.DOCTOR, turn))
        if role in person.roles
    ]
    query = select(Booking).where(sa.or_(sa.false(), *mine))
    query = query.where(col(Booking.status).in_(ACTIVE))
    return (await session.exec(query.order_by(col(Booking.id).desc()))).all()


async def call_of_reply(
    session: AsyncSession, person: Person, message_id: int
) -> uuid.UUID | None:
    """Tell which call a message of ours was about, by Telegram's number of it.

    Each chat counts its messages for itself, so only those of the present one count.
    """
    chat = sa.select(sa.cast(col(TelegramLink.chat_id), sa.Text)).where(
        col(TelegramLink.user_id) == person.user_id,
        col(TelegramLink.state) == LinkState.LINKED,
    )
    query = (
        select(Notification.booking_id)
        .where(
            col(Notification.user_id) == person.user_id,
            col(Notification.channel) == NotificationChannel.TELEGRAM,
            col(Notification.provider_id) == str(message_id),
            col(Notification.address) == chat.scalar_subquery(),
        )
        .order_by(col(Notification.id).desc())
        .limit(1)
    )
    return (await session.exec(query)).one_or_none()


async def _role_in(
    session: AsyncSession, room: Room, user_id: uuid.UUID
) -> Role | None:
    user = await session.get_one(User, user_id)
    if user.blocked_at is not None:
        return None
    held = await roles.roles_of(session, user_id)
    if Role.PATIENT in held and room.holds(Role.PATIENT, user_id):
        actor = Actor(user_id, Role.PATIENT, Via.BOT)
        shown = await proven_phones.may_see(session, actor.user_id, room.source)
        return Role.PATIENT if shown else None
    stands = Role.DOCTOR in held and room.holds(Role.DOCTOR, user_id)
    return Role.DOCTOR if stands else None
