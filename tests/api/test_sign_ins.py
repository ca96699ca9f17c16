"""One sees one's own sign-ins and ends any of them."""

import uuid
from datetime import timedelta

from httpx import AsyncClient
from sqlmodel import col, select

from models import RefreshToken
from services import clock
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import PASSWORD, bearer, is_problem, registered

PLACE = "/v1/me/sessions"


async def again(client: AsyncClient, me: dict[str, dict[str, str]]) -> dict[str, str]:
    login = {"login": me["user"]["email"], "password": PASSWORD}
    answer: dict[str, str] = (await client.post("/v1/auth/login", json=login)).json()
    return answer


async def listed(
    client: AsyncClient, token: dict[str, str]
) -> list[dict[str, str | bool]]:
    answer = await client.get(PLACE, headers=bearer(token))
    assert answer.status_code == 200
    assert answer.json()["next_cursor"] is None
    items: list[dict[str, str | bool]] = answer.json()["items"]
    return items


async def test_sign_ins_are_listed_and_ended(client: AsyncClient) -> None:
    first = await registered(client)
    second = await again(client, first)
    mine = await listed(client, first)
    assert [each["current"] for each in mine] == [False, True]
    assert set(mine[0]) == {"id", "created_at", "last_used_at", "expires_at", "current"}
    swapped = await client.post(
        "/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}
    )
    used = (await listed(client, swapped.json()))[0]
    assert used["current"] is True
    assert str(used["last_used_at"]) > str(used["created_at"])
    gone = await client.delete(f"{PLACE}/{mine[0]['id']}", headers=bearer(first))
    assert gone.status_code == 204
    for answer in (
        await client.get("/v1/me", headers=bearer(second)),
        await client.post(
            "/v1/auth/refresh", json={"refresh_token": second["refresh_token"]}
        ),
    ):
        is_problem(answer, 401, "unauthenticated")
    twice = await client.delete(f"{PLACE}/{mine[0]['id']}", headers=bearer(first))
    is_problem(twice, 404, "not_found")


async def test_ones_own_present_sign_in_may_be_ended_too(client: AsyncClient) -> None:
    me = await registered(client)
    (mine,) = await listed(client, me)
    assert (
        await client.delete(f"{PLACE}/{mine['id']}", headers=bearer(me))
    ).status_code == 204
    is_problem(await client.get(PLACE, headers=bearer(me)), 401, "unauthenticated")


async def test_anothers_sign_in_is_neither_seen_nor_ended(client: AsyncClient) -> None:
    me, other = await registered(client), await registered(client)
    (theirs,) = await listed(client, other)
    assert theirs["id"] not in {each["id"] for each in await listed(client, me)}
    answer = await client.delete(f"{PLACE}/{theirs['id']}", headers=bearer(me))
    is_problem(answer, 404, "not_found")
    assert len(await listed(client, other)) == 1


async def test_a_sign_in_that_ran_out_is_not_listed(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    await again(client, me)
    before = await listed(client, me)
    async with transaction(sessions) as session:
        other = next(each for each in before if not each["current"])
        now = await clock.now(session)
        family = uuid.UUID(str(other["id"]))
        query = select(RefreshToken).where(col(RefreshToken.family_id) == family)
        for row in (await session.exec(query)).all():
            row.expires_at = now - timedelta(seconds=1)
    assert len(await listed(client, me)) == 1
