"""Claim files: a snapshot's holdings, from which everybody makes its root and each claim's proof.

A file is JSON: `decimals` of the asset, `root` and `units` (in all) of the list, and the `holdings`
as [address, units] in the order of their addresses.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from consensus.errors import Invalid, InvalidEncoding
from consensus.ethereum import format_ethereum_address, parse_ethereum_address
from consensus.kinds import Json
from consensus.merkle import merkle_proof, merkle_root
from vm.modules.claims import MOST_HOLDERS, Holding

MAX_CLAIM_FILE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class ClaimFile:
    """The holdings of a snapshot, in the order of their addresses, no two the same, and
    the decimals of their asset. Raises InvalidEncoding for others."""

    decimals: int
    holdings: tuple[Holding, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.holdings) <= MOST_HOLDERS:
            raise InvalidEncoding(
                f"{len(self.holdings)} holders; 1 to {MOST_HOLDERS} are possible", field="holdings"
            )
        addresses = self._addresses
        for i in range(1, len(addresses)):
            if addresses[i - 1] >= addresses[i]:
                raise InvalidEncoding("not in the order of addresses", field=f"holdings[{i}]")

    @cached_property
    def _addresses(self) -> list[bytes]:
        return [item.holder for item in self.holdings]

    @cached_property
    def _items(self) -> list[bytes]:
        return [item.encode() for item in self.holdings]

    @cached_property
    def root(self) -> bytes:
        """The Merkle root of the list."""
        return merkle_root(self._items)

    @property
    def units(self) -> int:
        """What all hold together."""
        return sum(item.units for item in self.holdings)

    def place_of(self, holder: bytes) -> int | None:
        """The place of a holder's holding in the list; None if there is none."""
        place = bisect_left(self._addresses, holder)
        found = place < len(self._addresses) and self._addresses[place] == holder
        return place if found else None

    def proof(self, place: int) -> tuple[bytes, ...]:
        """The proof that the list has what it has at a place."""
        return merkle_proof(self._items, place)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, a line for each holding."""
        head = {"decimals": self.decimals, "root": self.root.hex(), "units": str(self.units)}
        yield json.dumps(head).removesuffix("}").encode() + b', "holdings": [\n'
        last = len(self.holdings) - 1
        for i, item in enumerate(self.holdings):
            line = json.dumps([format_ethereum_address(item.holder), str(item.units)])
            yield line.encode() + (b"\n]}\n" if i == last else b",\n")


def read_claim_file(data: bytes) -> ClaimFile:
    """The claim file of these bytes; raises InvalidEncoding, naming what is wrong, also for a root
    that is not that of the holdings."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidEncoding(f"not a claim file: it is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise InvalidEncoding("not a claim file, as `reelect claim snapshot` writes one")
    decimals, entries = document.get("decimals"), document.get("holdings")
    if type(decimals) is not int or not 0 <= decimals <= 18:
        raise InvalidEncoding("0 to 18 are expected", field="decimals")
    if not isinstance(entries, list):
        raise InvalidEncoding("a list is expected", field="holdings")
    file = ClaimFile(decimals, tuple(_holding(i, entry) for i, entry in enumerate(entries)))
    if document.get("root") != file.root.hex():
        raise InvalidEncoding(
            f"the holdings have the root {file.root.hex()}: the file was changed", field="root"
        )
    return file


def _holding(place: int, entry: Json) -> Holding:
    try:
        match entry:
            case [str(address), str(units)]:
                holder = parse_ethereum_address(address).hex()
                return Holding.from_json({"holder": holder, "units": units})
        raise InvalidEncoding("an address and units are expected, both as text")
    except Invalid as error:
        raise error.within(f"holdings[{place}]") from None
