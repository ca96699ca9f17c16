"""What one socket is told of the news, in the language and the eyes of its reader."""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from api.chat_outbox import Outbox
from api.schemas.chat import MessageAnswer
from models.role_grant import Role
from services import chat_reads
from services.chat_news import News
from services.chat_reads import Said
from services.i18n import use_locale


@dataclass(frozen=True)
class Piece:
    """One message as a frame."""

    seq: int
    hidden: bool
    frame: str


# Those who read with the same eyes are told the same, and it is drawn once.
Eyes = tuple[Role, str, uuid.UUID]
Drawn = dict[Eyes, tuple[Sequence[Piece], Sequence[Piece]]]


def frame(kind: str, **facts: Any) -> str:
    """Write one frame of the server."""
    said = {"type": kind, **facts}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def tell(outbox: Outbox, news: News, typing: Iterable[Role], drawn: Drawn) -> None:
    """Queue what this socket does not know yet, messages first and in order."""
    seat = outbox.seat
    eyes = seat.role, seat.locale, seat.user_id
    if eyes not in drawn:
        drawn[eyes] = _draw(news, eyes, news.hidden), _draw(news, eyes, news.fresh)
    hidden, fresh = drawn[eyes]
    _say(outbox, [piece for piece in hidden if piece.seq not in outbox.hidden])
    _say(outbox, fresh)
    if news.fresh:
        outbox.last = news.fresh[-1].message.seq
    outbox.behind, outbox.whole = news.full, False
    _tell_changes(outbox, news)
    for role in typing:
        if role is not seat.role:
            outbox.put(frame("typing", role=role))


def _say(outbox: Outbox, pieces: Iterable[Piece]) -> None:
    for piece in pieces:
        outbox.put(piece.frame)
        if piece.hidden:
            outbox.hidden.add(piece.seq)


def _tell_changes(outbox: Outbox, news: News) -> None:
    if outbox.stage is not news.room.status:
        outbox.stage = news.room.status
        outbox.put(frame("status", status=news.room.status))
    for role, seq in news.marks.items():
        if seq > outbox.marks.get(role, 0):
            outbox.marks[role] = seq
            outbox.put(frame("read", role=role, up_to_seq=seq))


def _draw(news: News, eyes: Eyes, said: Iterable[Said]) -> Sequence[Piece]:
    role, locale, reader_id = eyes
    with use_locale(locale):
        lines = chat_reads.lines(news.room, role, said, reader_id)
    shown = [(line, MessageAnswer.of(line).model_dump_json()) for line in lines]
    return [
        Piece(line.seq, line.hidden, f'{{"type":"message","message":{text}}}')
        for line, text in shown
    ]
