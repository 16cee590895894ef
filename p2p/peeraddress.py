"""Where a node listens: `<node id in hex>@host:port`."""

import ipaddress
import re
from typing import Annotated

from consensus.errors import InvalidEncoding
from consensus.kinds import PublicKey, Text, Uint
from consensus.record import Record, part

MAX_HOST_BYTES = 253
_SPELLING = re.compile(r"([0-9a-f]{64})@(\[[0-9a-f:.]+\]|[a-z0-9.-]+):([1-9][0-9]{0,4})", re.ASCII)


@part
class PeerAddress(Record):
    """A node's identity and the host (name or literal address) and port it listens on."""

    id: PublicKey
    host: Annotated[str, Text(MAX_HOST_BYTES, 1, "[0-9a-z:.-]+")]
    port: Annotated[int, Uint(65_535, 1)]

    def __str__(self) -> str:
        return f"{self.id.hex()}@{host_and_port(self.host, self.port)}"

    @property
    def group(self) -> str:
        """The neighbourhood that an address counts for: IPv4 /16, IPv6 /32, or the name."""
        return address_group(self.host)


def host_and_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_peer_address(text: str) -> PeerAddress:
    """Read `<64 hex digits>@host:port`; raises InvalidEncoding."""
    found = _SPELLING.fullmatch(text)
    if not found or int(found[3]) > 65_535:
        raise InvalidEncoding(
            f"not a peer's address: '<64 hex digits>@host:port' is expected, got {text[:120]!r}"
        )
    return PeerAddress(bytes.fromhex(found[1]), found[2].strip("[]"), int(found[3]))


def is_credible(host: str, *, told_by: str) -> bool:
    """Whether a peer at `told_by` may tell this host: literal addresses of the same kind only.

    Names would make this node ask name servers of a stranger's choice, and loopback addresses
    mean something else to everyone.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_unspecified or address.is_multicast:
        return False
    return not address.is_loopback or address_group(told_by) == "loopback"


def is_loopback(host: str) -> bool:
    """Whether it is a literal address that only this machine reaches."""
    return address_group(host) == "loopback"


def address_group(host: str) -> str:
    """The neighbourhood of a host: all of loopback, IPv4 /16, IPv6 /32, or the name itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return "loopback"
    prefix = 16 if address.version == 4 else 32
    return str(ipaddress.ip_network((address, prefix), strict=False))
