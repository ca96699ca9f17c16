"""The board's pages: the screen itself, its stream, its fragments and commands."""

import asyncio
import gzip
import uuid
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from backoffice import chat_pane
from backoffice.board import commands, fragments, paint, reading, screen
from backoffice.board.clients import BYE, Client, event
from backoffice.board.feed import Feed
from backoffice.board.once import once
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from backoffice.pages import Page, page, staff_of
from backoffice.talk_count import unread_talks
from services import presence, quick_replies
from services.edges import in_transaction
from services.errors import NotFound
from services.i18n import Lazy, current_locale
from services.permissions import Permission

# The reconnect signs in anew, so nobody outlives their session by much more.
STREAM_SECONDS = 240.0


async def _packed(request: Request, response: Response) -> Response:
    """Compress what is large; a stream of events must never be."""
    if "gzip" in request.headers.get("accept-encoding", ""):
        response.body = await asyncio.to_thread(gzip.compress, bytes(response.body), 5)
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(response.body))
        response.headers.add_vary_header("accept-encoding")
    return response


def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.board_feed
    return feed


def _day(request: Request) -> date | None:
    try:
        return date.fromisoformat(request.query_params.get("day", ""))
    except ValueError:
        return None


def _id(raw: str) -> uuid.UUID:
    try:
        return uuid.UUID(raw)
    except ValueError:
        raise NotFound from None


class Board(Page):
    """The dispatcher's screen."""

    name = Lazy("Board")
    icon = "ti ti-layout-board"
    needs = {"list": Permission.BOARD_USE}

    @page("/board")
    async def board(self, request: Request) -> Response:
        """Draw the whole board; without script it is complete as it stands."""
        snapshot = await self._snapshot(request, _day(request))
        side = await self._side(request, snapshot)
        replies = await in_transaction(request.app.state.sessions, quick_replies.texts)
        context = screen.context(request, snapshot)
        context |= {"side": side, "boot_chat": chat_pane.boot(replies)}
        drawn = await self.render(request, "board/page.html", context)
        return await _packed(request, drawn)

    async def _side(self, request: Request, snapshot: Any) -> dict[str, Any]:
        """Draw the panel of the call in the address, for readers without script."""
        asked = request.query_params.get("call", "")
        row = next((each for each in snapshot["calls"] if each["id"] == asked), None)
        if row is None:
            return {}

        async def read(session: AsyncSession) -> Any:
            return await fragments.ranking(session, staff_of(request), _id(asked))

        ranking = await in_transaction(request.app.state.sessions, read)
        return screen.side(row, ranking)

    async def _snapshot(self, request: Request, day: date | None) -> Any:
        if day is None:
            return await _feed(request).snapshot(current_locale())

        async def read(session: AsyncSession) -> Any:
            return await reading.everything(session, day)

        return paint.snapshot(await in_transaction(request.app.state.sessions, read))

    @page("/board/snapshot")
    async def board_snapshot(self, request: Request) -> Response:
        """Hand over all rows, for a page that has just connected."""
        rows = JSONResponse(await self._snapshot(request, _day(request)))
        return await _packed(request, rows)

    @page("/board/stream")
    async def board_stream(self, request: Request) -> Response:
        """Send rows as they change, and a beat every two seconds."""
        staff = staff_of(request)
        client = Client(current_locale(), staff.session_id, staff.user_id)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(
            _news(request, client),
            media_type="text/event-stream",
            headers=headers,
        )

    @page("/board/calls/{pk}/row")
    async def board_row(self, request: Request) -> Response:
        """Read one row, when an answer was lost."""

        async def read(session: AsyncSession) -> Any:
            return await reading.calls(session, [_id(request.path_params["pk"])])

        rows = await in_transaction(request.app.state.sessions, read)
        if not rows:
            raise NotFound
        return JSONResponse({"row": paint.call_row(rows[0])})

    @page("/board/calls/{pk}/card")
    async def board_card(self, request: Request) -> Response:
        """Open the card: a journalled read, committed before it is sent."""

        async def read(session: AsyncSession) -> Any:
            pk = _id(request.path_params["pk"])
            return await fragments.card(session, staff_of(request).actor, pk)

        return JSONResponse(await in_transaction(request.app.state.sessions, read))

    @page("/board/calls/{pk}/candidates")
    async def board_candidates(self, request: Request) -> Response:
        """Rank the doctors for a call."""

        async def read(session: AsyncSession) -> Any:
            pk = _id(request.path_params["pk"])
            name = request.query_params.get("name", "")[:60]
            return await fragments.ranking(session, staff_of(request), pk, name)

        return JSONResponse(await in_transaction(request.app.state.sessions, read))

    @page("/board/calls/{pk}/dialog")
    async def board_dialog(self, request: Request) -> Response:
        """Draw the question before a command that needs a word more."""
        asked = request.query_params

        async def read(session: AsyncSession) -> Any:
            doctor = _id(asked["doctor"]) if asked.get("doctor") else None
            pk = _id(request.path_params["pk"])
            return await fragments.dialog(session, pk, asked.get("verb", ""), doctor)

        return JSONResponse(await in_transaction(request.app.state.sessions, read))

    @page("/board/calls/{pk}/ways")
    async def board_ways(self, request: Request) -> Response:
        """Draw the three ways out of a clash."""
        clash = fragments.Clash.read(request.query_params)

        async def read(session: AsyncSession) -> Any:
            pk = _id(request.path_params["pk"])
            return await fragments.ways(session, staff_of(request).actor, pk, clash)

        return JSONResponse(await in_transaction(request.app.state.sessions, read))

    @command("/board/watch", Permission.BOARD_USE)
    async def board_watch(self, session: AsyncSession, call: Call) -> Done:
        """Say which call is open here; a dash says good-bye."""
        if call.text("call") == "-":
            await presence.leave(session, call.actor)
        else:
            await presence.watch(session, call.actor, call.optional_id("call"))
        return Done("")

    @command("/board/calls/{pk}/assign", Permission.BOOKING_ASSIGN)
    async def board_assign(self, session: AsyncSession, call: Call) -> Done:
        """Give the call to a doctor."""
        return await _carry(session, call, "assign")

    @command("/board/calls/{pk}/reassign", Permission.BOOKING_REASSIGN)
    async def board_reassign(self, session: AsyncSession, call: Call) -> Done:
        """Give the call to another doctor."""
        return await _carry(session, call, "reassign")

    @command("/board/calls/{pk}/unassign", Permission.BOOKING_UNASSIGN)
    async def board_unassign(self, session: AsyncSession, call: Call) -> Done:
        """Take the doctor off."""
        return await _carry(session, call, "unassign")

    @command("/board/calls/{pk}/undo", Permission.BOOKING_UNASSIGN)
    async def board_undo(self, session: AsyncSession, call: Call) -> Done:
        """Take back the command that made this version."""
        return await _carry(session, call, "undo")

    @command("/board/calls/{pk}/cancel", Permission.BOOKING_CANCEL)
    async def board_cancel(self, session: AsyncSession, call: Call) -> Done:
        """End the call without a visit."""
        return await _carry(session, call, "cancel")

    @command("/board/calls/{pk}/flag", Permission.BOOKING_FLAG)
    async def board_flag(self, session: AsyncSession, call: Call) -> Done:
        """Raise a flag or take it down."""
        return await _carry(session, call, "flag")

    @command("/board/calls/{pk}/point", Permission.BOOKING_EDIT)
    async def board_point(self, session: AsyncSession, call: Call) -> Done:
        """Put the call on the map."""
        return await _carry(session, call, "point")


async def _carry(session: AsyncSession, call: Call, verb: str) -> Done:
    return await once(session, call, lambda: commands.carry_out(session, call, verb))


async def _news(request: Request, client: Client) -> AsyncIterator[bytes]:
    """Yield what the feed sends, until it is time to sign in anew."""
    ends = asyncio.get_running_loop().time() + STREAM_SECONDS
    async with _feed(request).connected(client):
        yield b": welcome\n\n"
        client.told = await unread_talks(request)
        yield event("talks", client.told)
        while True:
            left = ends - asyncio.get_running_loop().time()
            try:
                message = await asyncio.wait_for(client.queue.get(), max(left, 0.01))
            except TimeoutError:
                message = BYE
            yield message
            if message == BYE:
                return
