"""The page of ready answers: written, moved, removed, and kept when refused."""

import html
import re

import pytest
from fastapi import FastAPI
from httpx import Response

from models.role_grant import Role
from services import quick_replies
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk, at_desk

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAGE = "/admin/quick-replies"


def listed(page: Response) -> list[str]:
    areas = re.findall(
        r'name="text"[^>]*required aria[^>]*>(.*?)</textarea>', page.text
    )
    return [html.unescape(each) for each in areas]


async def do(desk: Desk, path: str = "", **fields: str) -> Response:
    answer = await desk.post(PAGE + path, **fields)
    assert answer.status_code == 303, answer.text[-300:]
    return await desk.get(PAGE)


async def test_a_fresh_house_is_offered_the_usual_ones(
    app: FastAPI, sessions: Sessions
) -> None:
    async with at_desk(app, sessions) as desk:
        page = await desk.get(PAGE)
        assert "Write them down to change them" in page.text
        assert listed(page) == []
        assert len(listed(await do(desk, "/usual"))) == len(quick_replies.USUAL)


async def test_they_are_written_moved_changed_and_removed(
    app: FastAPI, sessions: Sessions
) -> None:
    async with at_desk(app, sessions, Role.ADMIN) as desk:
        await do(desk, text="Первый")
        assert listed(await do(desk, text="Второй <b>")) == ["Первый", "Второй <b>"]
        async with transaction(sessions) as session:
            first, second = await quick_replies.listing(session)
        moved = await do(desk, f"/{second.id}/move", way="up")
        assert listed(moved) == ["Второй <b>", "Первый"]
        moved = await do(desk, f"/{second.id}/move", way="down")
        assert listed(moved) == ["Первый", "Второй <b>"]
        changed = await do(desk, f"/{first.id}/edit", text="Иначе")
        assert listed(changed) == ["Иначе", "Второй <b>"]
        assert listed(await do(desk, f"/{first.id}/remove")) == ["Второй <b>"]


async def test_what_is_refused_stays_as_typed(app: FastAPI, sessions: Sessions) -> None:
    async with at_desk(app, sessions) as desk:
        refused = await desk.post(PAGE, text="я" * 501)
        assert refused.status_code == 422
        assert "я" * 501 in refused.text
        await do(desk, text="Первый")
        async with transaction(sessions) as session:
            (first,) = await quick_replies.listing(session)
        refused = await desk.post(f"{PAGE}/{first.id}/edit", text="ю" * 501)
        assert refused.status_code == 422
        assert listed(refused) == ["ю" * 501]
        assert (await desk.post(f"{PAGE}/{make.nobody()}/remove")).status_code == 404


async def test_the_pane_offers_what_is_written_here(
    app: FastAPI, sessions: Sessions
) -> None:
    async with at_desk(app, sessions) as desk:
        await do(desk, text="</script><script>alert(1)</script>")
        async with transaction(sessions) as session:
            booking = await make.booking(session)
        page = await desk.get(f"/admin/calls/{booking.id}/chat")
        assert "<script>alert(1)" not in page.text
        assert "\\u003cscript\\u003ealert(1)" in page.text
