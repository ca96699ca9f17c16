"""A person links, confirms and unlinks a chat over REST."""

from collections.abc import Iterator

import pytest
from httpx import AsyncClient

from services import telegram_links
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import PASSWORD, bearer, is_problem, key, registered
from tests.api.proofs import last_secret
from tests.telegram_accounts import bot_set_up, code_of

LINK = "/v1/me/telegram-link"


@pytest.fixture
def bot() -> Iterator[None]:
    with bot_set_up():
        yield


async def claimed(
    client: AsyncClient, sessions: Sessions, me: dict[str, str], chat: int
) -> None:
    offer = await client.post(LINK, headers=me)
    assert offer.status_code == 201, offer.text
    async with transaction(sessions) as own:
        code = code_of(offer.json()["url"])
        assert await telegram_links.claim(own, chat, "Анна", code) is not None


async def test_from_the_offer_to_the_end(
    client: AsyncClient, sessions: Sessions, bot: None
) -> None:
    me = bearer(await registered(client))
    assert (await client.get(LINK, headers=me)).json()["state"] == "none"
    is_problem(await client.post(f"{LINK}/confirm", headers=me), 409, "conflict")
    await claimed(client, sessions, me, 9)
    told = (await client.get(LINK, headers=me)).json()
    assert (told["state"], told["chat_name"]) == ("claimed", "Анна")
    done = await client.post(f"{LINK}/confirm", headers=me)
    assert (done.status_code, done.json()["state"]) == (200, "linked")
    assert (await client.delete(LINK, headers=me)).status_code == 204
    is_problem(await client.delete(LINK, headers=me), 404, "not_found")


async def test_without_a_bot_it_is_not_available(client: AsyncClient) -> None:
    me = bearer(await registered(client))
    is_problem(await client.post(LINK, headers=me), 503, "unavailable")


async def test_a_repeated_key_makes_a_new_code_and_keeps_none(
    client: AsyncClient, bot: None
) -> None:
    me = bearer(await registered(client)) | key()
    first, second = [await client.post(LINK, headers=me) for _ in range(2)]
    assert first.json()["url"] != second.json()["url"]


async def test_links_are_limited(client: AsyncClient, bot: None) -> None:
    me = bearer(await registered(client))
    for _ in range(10):
        assert (await client.post(LINK, headers=me)).status_code == 201
    is_problem(await client.post(LINK, headers=me), 429, "too_many_requests")


async def test_a_chat_of_another_account_is_refused(
    client: AsyncClient, sessions: Sessions, bot: None
) -> None:
    first, second = [bearer(await registered(client)) for _ in range(2)]
    await claimed(client, sessions, first, 9)
    await claimed(client, sessions, second, 9)
    assert (await client.post(f"{LINK}/confirm", headers=first)).status_code == 200
    is_problem(await client.post(f"{LINK}/confirm", headers=second), 409, "conflict")


async def test_a_changed_phone_or_password_ends_the_link(
    client: AsyncClient, sessions: Sessions, bot: None
) -> None:
    me = bearer(await registered(client))
    await claimed(client, sessions, me, 9)
    await client.post(f"{LINK}/confirm", headers=me)
    body = {"phone": "+79265550011", "current_password": PASSWORD}
    assert (await client.put("/v1/me/phone", json=body, headers=me)).status_code == 202
    code = {"code": await last_secret(sessions, "+79265550011")}
    changed = await client.post("/v1/me/phone/confirm", json=code, headers=me)
    assert changed.status_code == 200
    assert (await client.get(LINK, headers=me)).json()["state"] == "none"
    # The same chat may be linked again, by the same three steps.
    await claimed(client, sessions, me, 9)
    await client.post(f"{LINK}/confirm", headers=me)
    body = {"current_password": PASSWORD, "new_password": "another horse battery"}
    done = await client.put("/v1/me/password", json=body, headers=me)
    assert done.status_code == 204
    assert (await client.get(LINK, headers=me)).json()["state"] == "none"
