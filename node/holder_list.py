"""Lists of Ethereum holders as explorers and scripts write them: CSV and JSON, each line checked.

CSV has a column of addresses and one of amounts, named in a first line (Etherscan's
`HolderAddress` and `Balance` too), or these two in this order without one. JSON is an object of
address: amount, or a list of objects with `address` and `amount`. Amounts are in whole tokens.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from consensus.codec import UINT64_MAX
from consensus.errors import Invalid, InvalidEncoding
from consensus.ethereum import format_ethereum_address, parse_ethereum_address
from vm.modules.claims import Holding

_ADDRESSES = ("address", "holder", "holderaddress", "account", "wallet")
_AMOUNTS = ("amount", "balance", "value", "tokens")
_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_DIGITS = 200  # enough for every number of this form, exactly


@dataclass(frozen=True, slots=True)
class Reading:
    """How a list is read. `decimals`: those of the asset here; `round_down`: cut what an amount has
    beyond them; `sum_duplicates`: add up the lines of an address. Else both are refused."""

    decimals: int
    round_down: bool = False
    sum_duplicates: bool = False


@dataclass(frozen=True, slots=True)
class HolderList:
    """What was read: the holdings in the order of their addresses, and how many amounts were
    rounded down, and how many holders were left out as they have nothing."""

    holdings: tuple[Holding, ...]
    rounded: int
    left_out: int


@dataclass(frozen=True, slots=True)
class _Line:
    place: str
    address: object
    amount: object


def read_holders(text: str, how: Reading) -> HolderList:
    """Read a list; raises InvalidEncoding, its field the line or item at fault."""
    found: dict[bytes, tuple[str, int]] = {}
    rounded = 0
    for line in _lines(text):
        try:
            address, units, exact = _entry(line, how)
            rounded += not exact
            first, before = found.get(address, (line.place, 0))
            if address in found and not how.sum_duplicates:
                raise InvalidEncoding(
                    f"{format_ethereum_address(address)} is in {first} already; to add both up, "
                    "give --sum-duplicates"
                )
            if before + units > UINT64_MAX:
                raise InvalidEncoding(f"{line.amount} is more than can exist")
        except Invalid as error:
            raise error.within(line.place) from None
        found[address] = (first, before + units)
    holdings = tuple(
        Holding(address, units) for address, (_, units) in sorted(found.items()) if units
    )
    if not holdings:
        raise InvalidEncoding("nobody holds anything in it")
    if sum(item.units for item in holdings) > UINT64_MAX:
        raise InvalidEncoding("all amounts together are more than can exist")
    return HolderList(holdings, rounded, len(found) - len(holdings))


def _entry(line: _Line, how: Reading) -> tuple[bytes, int, bool]:
    """The address, the units, and whether they are exact."""
    if not isinstance(line.address, str):
        raise InvalidEncoding("an address is expected", field="address")
    address = parse_ethereum_address(line.address.strip())
    units, exact = _units(line.amount, how.decimals)
    if not exact and not how.round_down:
        raise InvalidEncoding(
            f"{line.amount} has more than {how.decimals} decimals; to cut them, give --round-down"
        )
    return address, units, exact


def _units(amount: object, decimals: int) -> tuple[int, bool]:
    text = str(amount).strip() if isinstance(amount, str | int) else ""
    if isinstance(amount, bool) or not _NUMBER.fullmatch(text):
        shown = json.dumps(amount)[:40]
        hint = "; in JSON spell decimals as text" if isinstance(amount, float) else ""
        raise InvalidEncoding(f"an amount such as 12 or 0.5 is expected, got {shown}{hint}")
    with localcontext(prec=_DIGITS):
        scaled = Decimal(text).scaleb(decimals)
        whole = int(scaled)
        return whole, scaled == whole


def _lines(text: str) -> Iterator[_Line]:
    if text.lstrip().startswith(("{", "[")):
        return _of_json(text)
    return _of_csv(text)


def _of_csv(text: str) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[int, int] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            place = f"line {reader.line_num}"
            if columns is None:
                columns = _columns(cells, place)
                if not cells[columns[0]].strip().startswith("0x"):
                    continue
            if len(cells) <= max(columns):
                raise InvalidEncoding("an address and an amount are expected", field=place)
            yield _Line(place, cells[columns[0]], cells[columns[1]])
    except csv.Error as error:
        raise InvalidEncoding(f"not CSV: {error}", field=f"line {reader.line_num}") from None


def _columns(cells: Sequence[str], place: str) -> tuple[int, int]:
    """Where addresses and amounts are, by the first line."""
    if len(cells) >= 2 and cells[0].strip().startswith("0x"):
        return 0, 1
    names = [re.sub("[^a-z]", "", cell.lower()) for cell in cells]
    found = [
        [i for i, name in enumerate(names) if name in known] for known in (_ADDRESSES, _AMOUNTS)
    ]
    if not all(found):
        raise InvalidEncoding(
            "name a column `address` and one `amount`, or begin with an address and an amount",
            field=place,
        )
    return found[0][0], found[1][0]


def _of_json(text: str) -> Iterator[_Line]:
    try:
        document = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise InvalidEncoding(f"not JSON: {error}") from None
    if text.lstrip().startswith("{"):  # pairs, so that an address that is there twice is seen
        yield from (_Line(f"entry {i}", *pair) for i, pair in enumerate(document, 1))
        return
    for i, pairs in enumerate(document, 1):
        item = dict(pairs) if isinstance(pairs, list) and pairs and _are_pairs(pairs) else {}
        if not {"address", "amount"} <= item.keys():
            raise InvalidEncoding(
                "an object with `address` and `amount` is expected", field=f"entry {i}"
            )
        yield _Line(f"entry {i}", item["address"], item["amount"])


def _are_pairs(items: Sequence[object]) -> bool:
    return all(isinstance(item, tuple) for item in items)
