"""Links from a message to a small page of ours, where a call is talked about.

A link opens once, within ten minutes, and makes a page session of ten more. Both are
bound to one call, one person and one role; the table keeps keyed hashes only, and the
right to the call is asked for anew at each look.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import TalkLink
from models.role_grant import Role
from services import audit, chat_rooms, clock, direct
from services.actor import Actor, Via
from services.config import get_settings
from services.errors import Conflict, NotFound
from services.sealing import keyed_hash, keyed_hashes

PATH = "/t"
MINUTES = 10
LINK, PAGE, FORM = "talk link", "talk page", "talk form"
_BYTES = 16
_LONGEST = 100
# Whose it is, that they are still somebody who may look, and that the chat it was
# sent to is still theirs.
_LIVING = """
u.id = l.user_id AND u.blocked_at IS NULL AND u.erased_at IS NULL
   AND EXISTS (SELECT FROM role_grant g WHERE g.user_id = l.user_id
                AND g.role = l.role AND g.revoked_at IS NULL)
   AND NOT EXISTS (SELECT FROM telegram_link t WHERE t.user_id = l.user_id
                    AND t.linked_at IS NOT NULL AND t.ended_at >= l.created_at)
"""
_CLOSED = """
l.token_hash = ANY(%(hashes)s) AND l.opened_at IS NULL AND l.expires_at > app_now()
"""
_NAMES = "l.user_id, l.role, l.booking_id, u.locale"
_READ = f"SELECT {_NAMES} FROM talk_link l JOIN app_user u ON {_LIVING}"  # noqa: S608 - constants only
_LOOK = f"{_READ} WHERE {_CLOSED}"
_FIND = f"{_READ} WHERE l.page_hash = ANY(%(hashes)s) AND l.page_expires_at > app_now()"
_OPEN = f"""
UPDATE talk_link AS l
   SET opened_at = app_now(), page_hash = %(page_hash)s,
       page_expires_at = app_now() + make_interval(mins => %(minutes)s)
  FROM app_user u WHERE {_LIVING} AND {_CLOSED}
RETURNING {_NAMES}
"""  # noqa: S608 - made of constants only


class TalkLinkOver(Conflict):
    """Used, run out, lost with the right to the call, or never made: one answer."""

    code = "link_over"
    text = "This link is no longer good. The bot gives you a new one."


@dataclass(frozen=True)
class Page:
    """Who looks at which call in which language; the browser keeps the secret."""

    actor: Actor
    booking_id: uuid.UUID
    locale: str
    secret: str

    @property
    def form_token(self) -> str:
        """What a form of this page brings back, so that no other page can send it."""
        return keyed_hash(FORM, self.secret)


async def offer(
    session: AsyncSession, user_id: uuid.UUID, role: Role, booking_id: uuid.UUID
) -> str:
    """Make a link for one person to one call; gives its absolute URL.

    `role` is patient or doctor. Whether they stand in the call is asked when the link
    is opened.
    """
    token = secrets.token_urlsafe(_BYTES)
    made = TalkLink(
        token_hash=keyed_hash(LINK, token),
        booking_id=booking_id,
        user_id=user_id,
        role=role,
        expires_at=await clock.now(session) + timedelta(minutes=MINUTES),
    )
    session.add(made)
    await session.flush()
    return f"{get_settings().base_url}{PATH}/{token}"


async def look(session: AsyncSession, token: str) -> str:
    """Tell in which language a link speaks, without using it up: previews look too.

    Raises TalkLinkOver when it opens no more.
    """
    row = await direct.fetch_one(session, _LOOK, {"hashes": _hashes(LINK, token)})
    return (await _entered(session, row, "")).locale


async def use(session: AsyncSession, token: str) -> Page:
    """Open a link once; raises TalkLinkOver and uses nothing up when it is no good."""
    secret = secrets.token_urlsafe(_BYTES)
    values = {
        "hashes": _hashes(LINK, token),
        "page_hash": keyed_hash(PAGE, secret),
        "minutes": MINUTES,
    }
    row = await direct.fetch_one(session, _OPEN, values)
    page = await _entered(session, row, secret)
    booking_id = page.booking_id
    audit.record(session, page.actor, "talk_link.opened", "booking", booking_id)
    await session.flush()
    return page


async def find(session: AsyncSession, secret: str, booking_id: uuid.UUID) -> Page:
    """Give the page that a browser holds, if it is this call's and still good.

    Raises TalkLinkOver once its time or the right to the call is over.
    """
    row = await direct.fetch_one(session, _FIND, {"hashes": _hashes(PAGE, secret)})
    page = await _entered(session, row, secret)
    if page.booking_id != booking_id:
        raise TalkLinkOver
    return page


async def _entered(session: AsyncSession, row: Any, secret: str) -> Page:
    if row is None:
        raise TalkLinkOver
    actor = Actor(row.user_id, Role(row.role), Via.BOT)
    try:
        await chat_rooms.enter(session, actor, row.booking_id)
    except NotFound:
        raise TalkLinkOver from None
    return Page(actor, row.booking_id, row.locale, secret)


def _hashes(use: str, secret: str) -> list[str]:
    return keyed_hashes(use, secret[:_LONGEST])
