"""Whose request it is: the address that limits count by, behind any number of proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(peer: str, forwarded: str, trusted: Sequence[str]) -> str:
    """Who calls, as it is `counted`: `peer`, or behind the `trusted` networks the last one in X-Forwarded-For that isn't
    theirs."""
    networks = [ipaddress.ip_network(one, strict=False) for one in trusted]
    here = peer
    for hop in reversed([*forwarded.split(","), peer]):
        address = parse(hop.strip())
        if address is None:
            break
        here = counted(address)
        if not any(address in network for network in networks):
            break
    return here


def parse(text: str) -> Address | None:
    """None for what is no address, a Unix socket's say."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def counted(address: Address) -> str:
    """What stands for a client where they are counted: an IPv6 one by its /64, since that is what one household gets."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
