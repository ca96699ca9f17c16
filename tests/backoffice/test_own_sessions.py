"""One's own sessions: seen, ended, and nobody else's."""

from fastapi import FastAPI

from models.role_grant import Role
from services.database import Sessions
from tests.backoffice.browser import session_of, signed_in


async def test_a_session_ended_from_another_browser_is_over_at_once(
    app: FastAPI, sessions: Sessions
) -> None:
    here = await signed_in(app, sessions, Role.FINANCE)
    there = await session_of(app, sessions, here.user, Role.FINANCE)
    stranger = await signed_in(app, sessions, Role.FINANCE)
    page = await here.page("/me/sessions")
    assert page.count('/end"') == 1
    key = page.split("/admin/me/sessions/")[2].split("/end")[0]
    theft = await stranger.post(f"/me/sessions/{key}/end")
    assert theft.status_code in {303, 404}
    assert (await there.get("/me")).status_code == 200
    assert (await here.post(f"/me/sessions/{key}/end")).status_code == 303
    assert (await there.get("/me")).status_code == 302
    assert (await here.get("/me")).status_code == 200


async def test_all_other_sessions_end_together(
    app: FastAPI, sessions: Sessions
) -> None:
    here = await signed_in(app, sessions, Role.ADMIN)
    others = [await session_of(app, sessions, here.user, Role.ADMIN) for _ in range(2)]
    assert (await here.post("/me/sessions/end-others")).status_code == 303
    for each in others:
        assert (await each.get("/me")).status_code == 302
    assert "end-others" not in await here.page("/me/sessions")
