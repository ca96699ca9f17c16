"""What the small page behind a link shows of a call: the talk, and what is due."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from models import PriceItem
from models.booking import Status
from models.price_item import PriceKind
from models.role_grant import Role
from services import booking_reads, chat, chat_reads, chat_rooms, prices
from services.chat_reads import Line
from services.chat_rooms import Room
from services.talk_links import Page

SHOWN = 100


@dataclass(frozen=True)
class Shown:
    """The conversation's last part; `items` are what a doctor may add at the end."""

    room: Room
    lines: Sequence[Line]
    earlier: bool
    conclusion: str | None
    completing: bool
    items: Sequence[PriceItem]


async def show(session: AsyncSession, page: Page) -> Shown:
    """Read what the page shows; it counts as read from now on.

    A patient sees the conclusion once the visit is over; a doctor on scene may finish.
    """
    actor, booking_id = page.actor, page.booking_id
    room = await chat_rooms.enter(session, actor, booking_id)
    last = (await chat_reads.unread(session, actor, booking_id)).last_seq
    after = max(0, last - SHOWN)
    lines = await chat_reads.history(session, actor, booking_id, after, SHOWN)
    await chat.mark_read(session, actor, booking_id, last)
    at_work = actor.acting_as is Role.DOCTOR and room.status is Status.IN_PROGRESS
    items = await _extras(session) if at_work else []
    conclusion = await _conclusion(session, page, room)
    return Shown(room, lines, after > 0, conclusion, at_work, items)


async def _conclusion(session: AsyncSession, page: Page, room: Room) -> str | None:
    if page.actor.acting_as is not Role.PATIENT or room.status is not Status.COMPLETED:
        return None
    booking = await booking_reads.own_booking(session, page.actor, room.booking_id)
    return booking.conclusion


async def _extras(session: AsyncSession) -> Sequence[PriceItem]:
    listed = await prices.price_list(session)
    return [item for item in listed if item.kind is PriceKind.EXTRA]
