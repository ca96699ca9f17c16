"""Lists over REST: `?limit=`, `?cursor=`, `{"items": […], "next_cursor": …}`."""

import base64
import binascii
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from services.i18n import gettext
from services.inputs import wrong
from services.pages import Cursor, Page, Wanted

Item = TypeVar("Item")


class Listing(BaseModel, Generic[Item]):
    """One page of a list, newest first."""

    items: list[Item]
    next_cursor: str | None = None


async def wanted(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Wanted:
    """Read which page is asked for."""
    return Wanted(limit, None if cursor is None else decode(cursor))


WantedPage = Annotated[Wanted, Depends(wanted)]


def encode(cursor: Cursor) -> str:
    """Write a place in a list as text that says nothing to people."""
    place = f"{cursor.created_at.isoformat()} {cursor.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Read a cursor; one that we did not write is refused."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        moment, _, row = base64.b64decode(padded, b"-_", True).decode().partition(" ")
        cursor = Cursor(datetime.fromisoformat(moment), uuid.UUID(row))
        if cursor.created_at.tzinfo is None:
            raise ValueError(text)
    except (ValueError, binascii.Error):
        raise wrong("cursor", gettext("This cursor is not one of ours.")) from None
    return cursor


def answer(page: Page[Any], shape: Callable[[Any], Item]) -> Listing[Item]:
    """Give the rows of a page in the shape of their answers."""
    return Listing(
        items=[shape(row) for row in page.items],
        next_cursor=encode(page.next) if page.next else None,
    )
