"""The socket of a conversation: who may open it, and its two directions."""

import asyncio
import uuid

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from api.chat_hearing import Hearing
from api.chat_hub import ChatHub
from api.chat_outbox import GOODBYE, OUT_OF_RIGHT, TRY_AGAIN, Outbox
from api.front import first_known
from services import chat_tickets, chat_watch
from services.chat_watch import Seat
from services.config import Settings
from services.edges import in_transaction
from services.errors import Unavailable
from services.i18n import set_locale
from services.request_id import new_request_id

PATH = "/v1/bookings/{booking_id:uuid}/chat"
BAD_TICKET = 4401


async def chat(websocket: WebSocket) -> None:
    """Let in whoever brings a ticket; talk until either side has had enough."""
    new_request_id()
    query = websocket.query_params
    # The server writes the address into its log, and the ticket is nobody's business.
    websocket.scope["query_string"] = b""
    if not _from_home(websocket):
        await websocket.close()
        return
    after_seq = _number(query.get("after_seq", "0"))
    if after_seq is None:
        await _refuse(websocket, GOODBYE)
        return
    seat = await _seat(websocket, query.get("ticket", ""))
    if isinstance(seat, int):
        await _refuse(websocket, seat)
        return
    set_locale(seat.locale)
    await websocket.accept()
    await _talk(websocket, seat, after_seq)


route = WebSocketRoute(PATH, chat)


def _from_home(websocket: WebSocket) -> bool:
    """Ask whether the page that opens this is ours; programs send no Origin."""
    settings: Settings = websocket.app.state.settings
    origin = websocket.headers.get("origin")
    return origin is None or origin in {settings.origin, *settings.cors_origins}


def _number(text: str) -> int | None:
    plain = text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if plain else None


async def _refuse(websocket: WebSocket, code: int) -> None:
    """A browser shows its page no more than the code of a socket that was open."""
    await websocket.accept()
    await websocket.close(code)


async def _seat(websocket: WebSocket, ticket: str) -> Seat | int:
    """Take the ticket and give the seat, or the code to close with."""
    booking_id: uuid.UUID = websocket.path_params["booking_id"]

    async def take(session: AsyncSession) -> Seat | int:
        seat = await chat_tickets.redeem(session, ticket, booking_id)
        if seat is None:
            return BAD_TICKET
        standing = await chat_watch.standing(session, [seat])
        return seat if standing else OUT_OF_RIGHT

    try:
        seat = await in_transaction(websocket.app.state.sessions, take)
    except Unavailable:
        return TRY_AGAIN
    if isinstance(seat, int):
        return seat
    hub: ChatHub = websocket.app.state.chat_hub
    if not hub.has_room_for(seat.user_id):
        return TRY_AGAIN
    asked = first_known(websocket.headers.get("accept-language", ""))
    return seat.speaking(asked) if asked else seat


async def _talk(websocket: WebSocket, seat: Seat, after_seq: int) -> None:
    hub: ChatHub = websocket.app.state.chat_hub
    outbox = Outbox(seat, after_seq, lambda: hub.look(seat.booking_id))
    hearing = Hearing(websocket.app.state.sessions, hub.turns, outbox)
    with hub.joined(outbox):
        ways = [
            asyncio.create_task(outbox.pump(websocket)),
            asyncio.create_task(_listen(websocket, hearing)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _listen(websocket: WebSocket, hearing: Hearing) -> None:
    """Hear frame after frame; the next is read when this one has been dealt with."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await hearing.hear(message.get("text"))
