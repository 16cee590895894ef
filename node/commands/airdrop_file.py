"""The list of an airdrop as a file: a line for each account with its address and its amount, in
whole tokens. Lines that begin with # are for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from consensus.address import format_address, parse_address
from consensus.errors import Invalid, InvalidEncoding
from consensus.merkle import merkle_proof, merkle_root
from node.amounts import format_amount, parse_amount
from node.commands.arguments import naming
from node.commands.asking import KnownAsset
from node.failure import Refused
from node.files import read_bounded, write_new
from vm.modules.tasks import Entry, Take

MAX_FILE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class AirdropList:
    """Who gets how much, in the order of the file, which is that of the Merkle list."""

    entries: tuple[Entry, ...]

    @cached_property
    def places(self) -> dict[bytes, int]:
        """By account, its place in the list."""
        return {entry.account: place for place, entry in enumerate(self.entries)}

    @cached_property
    def items(self) -> list[bytes]:
        """The items of the Merkle list."""
        return [entry.encode() for entry in self.entries]

    @cached_property
    def root(self) -> bytes:
        """The root of the Merkle list."""
        return merkle_root(self.items)

    @property
    def units(self) -> int:
        """What all get together."""
        return sum(entry.units for entry in self.entries)

    def take(self, airdrop: int, account: bytes) -> Take:
        """The action by which an account of the list takes its own."""
        place = self.places[account]
        proof = merkle_proof(self.items, place)
        return Take(airdrop, self.entries[place].units, place, proof)


def read_airdrop(file: Path, asset: KnownAsset) -> AirdropList:
    """The list in a file, whose amounts are of this asset; raises Refused naming the file and the
    line that is wrong."""
    with naming(file):
        lines = read_bounded(file, MAX_FILE_BYTES).decode("utf-8").splitlines()
        entries = tuple(_entries(lines, asset))
    if not entries:
        raise Refused("lists nobody: a line `ADDRESS AMOUNT` is expected", field=str(file))
    return AirdropList(entries)


def _entries(lines: list[str], asset: KnownAsset) -> Iterator[Entry]:
    seen: dict[bytes, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entry = _entry(line.split(), asset)
        except Invalid as error:
            raise error.within(f"line {number}") from error
        if entry.account in seen:
            raise InvalidEncoding(
                f"the account of line {seen[entry.account]} again", field=f"line {number}"
            )
        seen[entry.account] = number
        yield entry


def _entry(words: list[str], asset: KnownAsset) -> Entry:
    if len(words) != 2:
        raise InvalidEncoding("an address and an amount are expected")
    units = parse_amount(words[1], asset.decimals)
    if not units:
        raise InvalidEncoding("more than 0 is expected")
    return Entry(parse_address(words[0]), units)


def write_airdrop(file: Path, found: AirdropList, asset: KnownAsset, heading: str) -> None:
    """Write a list to a new file; raises Refused if it exists."""
    lines = [f"# {heading}"]
    for entry in found.entries:
        amount = format_amount(entry.units, asset.decimals)
        lines.append(f"{format_address(entry.account)} {amount}")
    write_new(file, "\n".join([*lines, ""]).encode())
