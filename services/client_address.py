"""Where a client is, believing forwarded addresses from our own proxies only."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def client_address(
    peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]
) -> str:
    """Give the address nearest to us that no trusted proxy owns."""
    hops = [each.strip() for each in (forwarded_for or "").split(",") if each.strip()]
    nearest = peer or "unknown"
    while hops and _is_trusted(nearest, trusted):
        nearest = hops.pop()
    return nearest if _parsed(nearest) else "unknown"


def address_group(address: str) -> str:
    """Give what a limit counts: an IPv4 address, or the /64 that an IPv6 host owns."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return address


def _parsed(address: str) -> object | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return any(parsed in network for network in trusted) if parsed else False
