"""The talk of one person for their export: what was said in their calls, as they saw it.

What a doctor said is part of the record of whoever was ill, and goes to them alone.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Message,
    Notification,
    NotificationPreference,
    QuietHours,
    TelegramLink,
)
from models.role_grant import Role
from services import chat_reads, chat_rooms
from services.chat_reads import Line
from services.chat_rooms import Room

Row = dict[str, Any]
# Whose row it is, and what of it tells the person something.
OWN: Mapping[str, tuple[Any, str, tuple[str, ...]]] = {
    "telegram_links": (
        TelegramLink,
        "user_id",
        (
            "state",
            "chat_id",
            "chat_name",
            "created_at",
            "linked_at",
            "ended_at",
            "end_reason",
        ),
    ),
    "notifications": (
        Notification,
        "user_id",
        ("kind", "channel", "address", "status", "created_at", "sent_at"),
    ),
    "notification_preferences": (
        NotificationPreference,
        "user_id",
        ("kind", "channels"),
    ),
    "quiet_hours": (QuietHours, "user_id", ("starts_at", "ends_at")),
}


async def messages(
    session: AsyncSession, booking_ids: Sequence[uuid.UUID]
) -> list[Row]:
    """Give the conversations of a patient's own calls, with hidden words left out."""
    rooms = await chat_rooms.load_all(session, booking_ids)
    query = select(Message).where(col(Message.booking_id).in_(booking_ids))
    ordered = query.order_by(col(Message.booking_id), col(Message.seq))
    said = await chat_reads.with_names(session, (await session.exec(ordered)).all())
    return [
        _row(room, line)
        for each in said
        for room in [rooms[each.message.booking_id]]
        for line in chat_reads.lines(room, Role.PATIENT, [each], room.patient_id)
    ]


def _row(room: Room, line: Line) -> Row:
    return {
        "number": room.label,
        "seq": line.seq,
        "role": line.role,
        "name": line.name,
        "text": line.text,
        "file_name": line.file_name,
        "created_at": line.created_at,
    }
