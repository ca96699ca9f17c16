"""Accounts and the chats that are linked to them, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, User
from models.role_grant import Role
from services import telegram_links
from services.actor import Actor, Via
from services.config import get_settings

TOKEN, BOT = "7000001:a-token-of-tests-that-looks-like-one", "tot_test_bot"


@contextmanager
def bot_set_up(token: str = TOKEN, name: str = BOT, api_url: str = "") -> Iterator[str]:
    """Set a bot up for the length of a block; gives its token."""
    settings = get_settings()
    names = ("telegram_bot_token", "telegram_bot_name", "telegram_api_url")
    before = {each: getattr(settings, each) for each in names}
    settings.telegram_bot_token, settings.telegram_bot_name = token, name
    settings.telegram_api_url = api_url or settings.telegram_api_url
    try:
        yield token
    finally:
        for each, value in before.items():
            setattr(settings, each, value)


def code_of(url: str) -> str:
    return url.partition("start=")[2]


async def link(
    session: AsyncSession, user: User, chat_id: int, role: Role = Role.PATIENT
) -> Actor:
    """Walk through all three steps; gives the actor of the app."""
    actor = Actor(user.id, role, Via.API)
    with bot_set_up():
        offer = await telegram_links.offer(session, actor)
    claimed = await telegram_links.claim(
        session, chat_id, user.first_name, code_of(offer.url)
    )
    assert claimed is not None
    await telegram_links.confirm(session, actor)
    # The greeting has tests of its own and would stand in the way of the others.
    greeting = col(Notification.kind) == telegram_links.LINKED
    await session.execute(sa.delete(Notification).where(greeting))
    return actor
