"""Linking an account with a Telegram chat, as the app sees it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class OfferAnswer(BaseModel):
    """The link that opens the bot, once and for ten minutes."""

    model_config = ConfigDict(from_attributes=True)

    url: str
    expires_at: datetime


class LinkAnswer(BaseModel):
    """Where linking stands; `chat_name` is what the chat calls itself."""

    model_config = ConfigDict(from_attributes=True)

    state: Literal["none", "offered", "claimed", "linked"]
    chat_name: str | None
    expires_at: datetime | None
    linked_at: datetime | None
