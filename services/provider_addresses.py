"""From which addresses the payment provider sends its notifications.

Source: https://yookassa.ru/developers/using-api/webhooks (the SDK's own list is
narrower for IPv6 and fails on text that is no address).
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

OFFICIAL_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(each)
    for each in (
        "185.71.76.0/27",
        "185.71.77.0/27",
        "77.75.153.0/25",
        "77.75.156.11/32",
        "77.75.156.35/32",
        "77.75.154.128/25",
        "2a02:5180::/32",
    )
)
_LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")))


def is_provider(address: str, networks: Sequence[Network]) -> bool:
    """Whether this address belongs to the provider; what is no address does not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def reaches_loopback(network: Network) -> bool:
    """Whether the network holds an address of this very machine."""
    return any(
        network.version == own.version and network.overlaps(own) for own in _LOOPBACK
    )
