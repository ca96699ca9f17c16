"""What is said in the conversation of a call, over REST and over the socket."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter

from models.message import MessageKind
from models.role_grant import Role
from services.chat import ClientId, Text
from services.chat_reads import Line
from services.inputs import Input

Seq = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]


class MessageBody(Input):
    """A message in words."""

    text: Text
    client_id: ClientId | None = None


class PictureBody(Input):
    """The fields beside a picture."""

    text: Text | None = None
    client_id: ClientId | None = None


class ReadBody(Input):
    """How far one has read."""

    up_to_seq: Seq


class SendFrame(MessageBody):
    """Say something; the answer is an `ack` with the same client id."""

    type: Literal["send"]
    client_id: ClientId


class TypingFrame(Input):
    """Something is being written."""

    type: Literal["typing"]


class ReadFrame(ReadBody):
    """How far one has read."""

    type: Literal["read"]


class PingFrame(Input):
    """Answered by `pong`, for clients that cannot see the protocol's own."""

    type: Literal["ping"]


Frame = SendFrame | TypingFrame | ReadFrame | PingFrame
FRAMES: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


class SenderAnswer(BaseModel):
    """Who said it; a dispatcher has no id here and no name, the system neither."""

    id: uuid.UUID | None
    role: Role
    name: str


class AttachmentAnswer(BaseModel):
    """A picture; its file is fetched separately."""

    file_name: str
    media_type: str
    size_bytes: int


class MessageAnswer(BaseModel):
    """One message; `client_id` is shown to its sender alone."""

    id: uuid.UUID
    booking_id: uuid.UUID
    seq: int
    sender: SenderAnswer
    kind: MessageKind
    text: str
    attachment: AttachmentAnswer | None
    hidden: bool
    client_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, line: Line) -> Self:
        """Show a message as its reader may see it."""
        staff = line.role is Role.DISPATCHER
        sender = SenderAnswer(
            id=None if staff else line.sender_id, role=line.role, name=line.name
        )
        return cls(sender=sender, attachment=_attachment(line), **_facts(line))


def _facts(line: Line) -> dict[str, Any]:
    shown = MessageAnswer.model_fields.keys() - {"sender", "attachment"}
    return {name: getattr(line, name) for name in shown}


def _attachment(line: Line) -> AttachmentAnswer | None:
    if line.media_type is None:
        return None
    return AttachmentAnswer(
        file_name=line.file_name or "",
        media_type=line.media_type,
        size_bytes=line.size_bytes or 0,
    )


class UnreadAnswer(BaseModel):
    """How many messages of others wait, how far one has read, the last number."""

    unread: int
    up_to_seq: int
    last_seq: int


class TicketAnswer(BaseModel):
    """A ticket for one socket, told once."""

    ticket: str
    expires_at: datetime


# Written by hand, because a message comes as JSON or in parts with a picture.
_BODY = MessageBody.model_json_schema()
MESSAGE_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _BODY},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["file"],
                    "properties": {
                        "text": _BODY["properties"]["text"],
                        "client_id": {
                            "type": "string",
                            "pattern": "^[0-9A-Za-z_.-]{1,64}$",
                        },
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            },
        },
    }
}
