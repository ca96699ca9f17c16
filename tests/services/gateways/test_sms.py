"""What the provider of SMS says is understood, whatever it is."""

import httpx
import pytest

from services.config import get_settings
from services.gateways import NotConfigured, Undelivered, sms
from services.gateways.sms import SmsState
from tests.telling import World


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"status_code": 500}, False),
        ({"sms": {"79160000001": {"status_code": 207}}}, True),
        ({"sms": []}, False),
        ([], False),
    ],
)
async def test_a_provider_that_says_no_is_understood(
    settings, monkeypatch, body, refused
) -> None:
    async def answer(self, url, data) -> httpx.Response:
        return httpx.Response(200, json=body)

    monkeypatch.setattr(httpx.AsyncClient, "post", answer)
    given = settings.model_copy(update={"sms_url": "http://127.0.0.1:1/"})
    with pytest.raises(Undelivered) as caught:
        await sms.send(given, "+79160000001", "text")
    assert caught.value.refused is refused


async def test_a_fault_of_the_provider_is_worth_another_try(
    settings, monkeypatch
) -> None:
    async def answer(self, url, data) -> httpx.Response:
        return httpx.Response(
            502, text="bad gateway", request=httpx.Request("POST", url)
        )

    monkeypatch.setattr(httpx.AsyncClient, "post", answer)
    given = settings.model_copy(update={"sms_url": "http://127.0.0.1:1/"})
    with pytest.raises(Undelivered) as caught:
        await sms.send(given, "+79160000001", "text")
    assert not caught.value.refused


async def test_a_provider_out_of_reach_is_worth_another_try(
    settings, dead_ends
) -> None:
    with pytest.raises(Undelivered) as caught:
        await sms.send(get_settings(), "+79160000001", "text")
    assert not caught.value.refused


async def test_what_was_sent_has_a_name_and_a_state(settings, world: World) -> None:
    here = get_settings()
    first = await sms.send(here, "+79160000001", "text")
    second = await sms.send(here, "+79160000002", "text")
    assert first
    assert second
    assert first != second
    for code, state in (
        (102, SmsState.UNDER_WAY),
        (103, SmsState.ARRIVED),
        (104, SmsState.LOST),
        (150, SmsState.LOST),
    ):
        await world.order("ends", to="+79160000001", code=code)
        found = await sms.states(here, [first, second, "nobody"])
        assert found == {first: state, second: SmsState.ARRIVED}


async def test_an_outage_of_the_provider_says_nothing_of_states(
    settings, world: World
) -> None:
    with pytest.raises(NotConfigured):
        await sms.states(settings, ["1-1"])
    await world.order("outage", times=1, status=500)
    with pytest.raises(Undelivered):
        await sms.states(get_settings(), ["1-1"])


@pytest.mark.parametrize(
    "body",
    [{"status_code": 100}, {"sms": []}, {"sms": {"1-1": 103}}, {"sms": {"1-1": {}}}],
)
async def test_an_answer_without_states_is_no_state(
    settings, monkeypatch, body
) -> None:
    async def answer(self, url, data) -> httpx.Response:
        assert str(url).endswith("/sms/status")
        return httpx.Response(200, json=body)

    monkeypatch.setattr(httpx.AsyncClient, "post", answer)
    given = settings.model_copy(update={"sms_url": "http://127.0.0.1:1/sms/send"})
    assert await sms.states(given, ["1-1"]) == {}


async def test_a_message_taken_without_a_name_has_none(settings, monkeypatch) -> None:
    async def answer(self, url, data) -> httpx.Response:
        return httpx.Response(200, json={"status_code": 100})

    monkeypatch.setattr(httpx.AsyncClient, "post", answer)
    given = settings.model_copy(update={"sms_url": "http://127.0.0.1:1/"})
    assert await sms.send(given, "+79160000001", "text") is None
