"""Lists over REST: `?limit=`, `?cursor=`, `{"items": […], "next_cursor": …}`."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from services.pages import Page, Wanted, decode, encode

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


def answer(page: Page[Any], shape: Callable[[Any], Item]) -> Listing[Item]:
    """Give the rows of a page in the shape of their answers."""
    return Listing(
        items=[shape(row) for row in page.items],
        next_cursor=encode(page.next) if page.next else None,
    )
