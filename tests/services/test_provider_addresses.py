"""Who may notify us of payments."""

from ipaddress import ip_network

import pytest

from services.config import Settings
from services.gateways import NotConfigured
from services.gateways.yookassa_client import Shop, shop_of
from services.provider_addresses import (
    OFFICIAL_NETWORKS,
    is_provider,
    reaches_loopback,
)


@pytest.mark.parametrize(
    "address",
    [
        "185.71.76.0",
        "185.71.76.31",
        "185.71.77.1",
        "77.75.153.127",
        "77.75.156.11",
        "77.75.156.35",
        "77.75.154.128",
        "2a02:5180::1",
        "2a02:5180:0:1509::1",
        "2a02:5180:ffff::1",
        "::ffff:77.75.153.1",
    ],
)
def test_the_providers_addresses_are_known(address: str) -> None:
    assert is_provider(address, OFFICIAL_NETWORKS)


@pytest.mark.parametrize(
    "address",
    [
        "185.71.76.32",
        "77.75.153.128",
        "77.75.156.12",
        "77.75.154.127",
        "2a02:5181::1",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "",
        "bad",
        "unknown",
        "77.75.153.1, 10.0.0.1",
        "77.75.153.1/32",
        " 77.75.153.1",
        "77.75.153.01",
        "0x4d4b9901",
        "1296800001",
    ],
)
def test_nobody_else_is(address: str) -> None:
    assert not is_provider(address, OFFICIAL_NETWORKS)


@pytest.mark.parametrize(
    ("network", "reaches"),
    [
        ("127.0.0.1/32", True),
        ("127.0.0.0/8", True),
        ("0.0.0.0/0", True),
        ("::1/128", True),
        ("::/0", True),
        ("::ffff:127.0.0.1/128", True),
        ("10.0.0.0/8", False),
        ("2a02:5180::/32", False),
    ],
)
def test_networks_that_hold_this_machine_are_told(network: str, reaches: bool) -> None:
    assert reaches_loopback(ip_network(network)) == reaches
    assert not any(map(reaches_loopback, OFFICIAL_NETWORKS))


def test_a_shop_needs_both_halves_of_its_login(settings: Settings) -> None:
    for half in ({"yookassa_shop_id": "1"}, {"yookassa_secret_key": "s"}):
        with pytest.raises(NotConfigured):
            shop_of(settings.model_copy(update=half))
    both = {"yookassa_shop_id": "1", "yookassa_secret_key": "s"}
    expected = Shop("https://api.yookassa.ru/v3", "1", "s")
    assert shop_of(settings.model_copy(update=both)) == expected
