"""The conversation of a call, for its patient and its doctor."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from api import idempotency, uploads
from api.deps import Credentials, CurrentUser, SessionDep, current_caller
from api.field_errors import malformed
from api.pages import Listing
from api.problems import problems
from api.routing import router as make_router
from api.schemas.chat import (
    MESSAGE_FORM,
    MessageAnswer,
    MessageBody,
    PictureBody,
    ReadBody,
    TicketAnswer,
    UnreadAnswer,
)
from models.role_grant import Role
from services import (
    chat,
    chat_reads,
    chat_rooms,
    chat_tickets,
    file_names,
    rate_limits,
)
from services.actor import Actor
from services.callers import Caller
from services.edges import transaction
from services.errors import Forbidden
from services.files import Taken
from services.i18n import gettext
from services.inputs import wrong

PREFIX = "/v1/bookings/{booking_id}"
# Where a body may be as large as a picture.
LARGER = r"/v1/bookings/[^/]+/messages"
router = make_router(PREFIX, "Chat")
PICTURES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in sorted(chat.PICTURES & file_names.EXTENSIONS.keys())
        }
    }
}
Number = Annotated[int, Query(ge=0, le=2**31 - 1)]


@dataclass(frozen=True)
class Onwards:
    """Which part of the conversation is asked for; a cursor is a number too."""

    after_seq: Number = 0
    cursor: Number | None = None
    limit: Annotated[int, Query(ge=1, le=100)] = 20

    @property
    def after(self) -> int:
        """The number after which to begin."""
        return self.after_seq if self.cursor is None else self.cursor


async def participant(
    booking_id: uuid.UUID, session: SessionDep, caller: CurrentUser
) -> Actor:
    """Act as whoever the caller is in this conversation."""
    return await _participant(session, caller, booking_id)


async def _participant(
    session: AsyncSession, caller: Caller, booking_id: uuid.UUID
) -> Actor:
    if not caller.roles & {Role.PATIENT, Role.DOCTOR}:
        raise Forbidden
    return await chat_rooms.participant(
        session, caller.user_id, caller.roles, booking_id
    )


Talker = Annotated[Actor, Depends(participant)]


async def cleaned_picture(
    request: Request, booking_id: uuid.UUID, credentials: Credentials
) -> tuple[PictureBody, Taken] | None:
    """Check who asks, then open the picture while no transaction waits for it."""
    if not uploads.is_multipart(request):
        return None
    sessions = request.app.state.sessions
    async with transaction(sessions) as own:
        caller = await current_caller(request, own, credentials)
        actor = await _participant(own, caller, booking_id)
        await chat_rooms.enter(own, actor, booking_id)
    return await uploads.cleaned(request, caller.user_id, PictureBody)


async def _words(request: Request) -> MessageBody:
    if "json" not in request.headers.get("content-type", ""):
        raise wrong("body", gettext("JSON or a form with a file is needed."))
    try:
        return MessageBody.model_validate_json(await request.body())
    except ValidationError as error:
        raise malformed(error) from None


Upload = Annotated[tuple[PictureBody, Taken] | None, Depends(cleaned_picture)]


@router.get("/messages", responses=problems(401, 403))
async def history(
    booking_id: uuid.UUID,
    session: SessionDep,
    actor: Talker,
    page: Annotated[Onwards, Depends()],
) -> Listing[MessageAnswer]:
    """Read the conversation onwards from a number, oldest first."""
    lines = await chat_reads.history(
        session, actor, booking_id, page.after, page.limit + 1
    )
    shown = [MessageAnswer.of(line) for line in lines[: page.limit]]
    more = len(lines) > page.limit
    return Listing(items=shown, next_cursor=str(shown[-1].seq) if more else None)


@router.post(
    "/messages",
    status_code=201,
    responses=problems(401, 403, 409, 429),
    openapi_extra=MESSAGE_FORM,
)
async def send(
    booking_id: uuid.UUID,
    request: Request,
    upload: Upload,
    session: SessionDep,
    actor: Talker,
) -> MessageAnswer:
    """Say something, in words or with a picture: JPEG, PNG or WebP."""
    body, taken = upload or (await _words(request), None)
    said = await chat.send(session, actor, booking_id, body.text, body.client_id, taken)
    return MessageAnswer.of(await chat_reads.line_of(session, actor, said))


@router.get(
    "/messages/{message_id}/file",
    response_class=Response,
    responses=problems(401, 403) | PICTURES,
)
async def read_file(
    booking_id: uuid.UUID, message_id: uuid.UUID, session: SessionDep, actor: Talker
) -> Response:
    """Save the picture of a message."""
    stored = await chat.picture(session, actor, booking_id, message_id)
    headers = file_names.download_headers(stored.file_name)
    return Response(stored.content, headers=headers, media_type=stored.media_type)


@router.post("/messages/read", status_code=204, responses=problems(401, 403))
async def mark_read(
    booking_id: uuid.UUID, body: ReadBody, session: SessionDep, actor: Talker
) -> None:
    """Say how far one has read; it never goes back."""
    await chat.mark_read(session, actor, booking_id, body.up_to_seq)


@router.get("/messages/unread", responses=problems(401, 403))
async def unread(
    booking_id: uuid.UUID, session: SessionDep, actor: Talker
) -> UnreadAnswer:
    """Count what one has not read of what the others wrote."""
    found = await chat_reads.unread(session, actor, booking_id)
    return UnreadAnswer.model_validate(found, from_attributes=True)


@router.post("/chat-ticket", status_code=201, responses=problems(401, 403, 429))
async def ticket(
    booking_id: uuid.UUID,
    request: Request,
    session: SessionDep,
    caller: CurrentUser,
    actor: Talker,
) -> TicketAnswer:
    """Give a ticket for one socket, good once and for half a minute.

    A repeated key gets a new one: only the hash of a ticket is ever kept.
    """
    idempotency.take(request)
    await rate_limits.chat_ticket(session, caller.user_id)
    made = await chat_tickets.issue(session, actor, caller.family_id, booking_id)
    return TicketAnswer(ticket=made.token, expires_at=made.expires_at)
