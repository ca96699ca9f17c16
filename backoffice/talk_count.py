"""The number beside «Чаты»: conversations that wait unread, the same on every page."""

import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from backoffice.board.waiting import Waiting
from services.errors import Unavailable
from services.permissions import Permission, may

logger = logging.getLogger("tot.console")


async def unread_talks(request: Request) -> int | None:
    """Count them for whoever asks; None for those who read none, or in an outage.

    A page that has just listed them leaves its own number on `request.state`.
    """
    staff = request.state.staff
    if staff is None or not may(staff.role, Permission.CHAT_READ):
        return None
    if not hasattr(request.state, "talks"):
        request.state.talks = await _counted(request)
    known: int | None = request.state.talks
    return known


async def _counted(request: Request) -> int | None:
    waiting: Waiting = request.app.state.board_waiting
    try:
        return await waiting.count(request.state.staff.user_id)
    except (SQLAlchemyError, OSError, Unavailable) as error:
        logger.warning("unread talk was not counted: %s", type(error).__name__)
        return None
