"""Lists of holders: exports of explorers, exact amounts, and the line of what is wrong."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import InvalidEncoding
from consensus.ethereum import format_ethereum_address
from node.claim_file import ClaimFile, read_claim_file
from node.holder_list import HolderList, Reading, read_holders
from vm.modules.claims import Holding

A, B = bytes(19) + b"\x0a", bytes(19) + b"\xbb"
TEXT_A, TEXT_B = format_ethereum_address(A), format_ethereum_address(B)
EXACT = Reading(8)
BOTH = HolderList((Holding(A, 150_000_000), Holding(B, 200_000_000)), 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        f"{TEXT_A},1.5\n{TEXT_B},2\n",
        f"address,amount\r\n{TEXT_B},2\r\n\r\n{TEXT_A},1.50\r\n",
        f'"HolderAddress","Balance","PendingBalanceUpdate"\n"{TEXT_A}","1.5","No"\n"{TEXT_B}","2","No"',
        f"rank,balance,wallet\n1,2,{TEXT_B.lower()}\n2,15e-1,{TEXT_A}",
        json.dumps({TEXT_A: "1.5", TEXT_B: 2}),
        json.dumps([{"address": TEXT_B, "amount": "2.0"}, {"amount": "1.5E0", "address": TEXT_A}]),
    ],
)
def test_csv_and_json_of_all_forms_say_the_same(text: str) -> None:
    assert read_holders(text, EXACT) == BOTH


ONE = f"{TEXT_A},1\n"
REFUSED = [
    ("", "", "nobody"),
    (f"{TEXT_A},0\n", "", "nobody"),
    ("a,b\n", "line 1", "name a column"),
    (f"{TEXT_A}\n", "line 1", "name a column"),
    (f"{ONE}{TEXT_B}\n", "line 2", "an address and an amount"),
    (f'{ONE}"{TEXT_B},1\n', "line 2", "not CSV"),
    (f"{ONE}0x12,1\n", "line 2", "40 hex digits"),
    (f"{ONE}{'0x' + 'aB' * 20},1\n", "line 2", "EIP-55"),
    (f"{ONE}{TEXT_A},2\n", "line 2", "line 1 already; to add both up, give --sum-duplicates"),
    (f"{ONE}{TEXT_A.lower()},2\n", "line 2", "already"),
    (f"{ONE}{TEXT_B},0.000000001\n", "line 2", "give --round-down"),
    (f"{ONE}{TEXT_B},184467440738\n", "line 2", "more than can exist"),
    (f"{TEXT_A},184467440737\n{TEXT_B},1\n", "", "together"),
    *(
        (f'{ONE}{TEXT_B},"{amount}"\n', "line 2", "an amount such as")
        for amount in ("", "-1", "+1", "1,000", "1_000", "NaN", "Infinity", "1e999", ".5", "１")
    ),
    ("{", "", "not JSON"),
    (json.dumps({TEXT_A: 1.5}), "entry 1", "spell decimals as text"),
    (json.dumps({TEXT_A: True}), "entry 1", "an amount such as"),
    (f'{{"{TEXT_A}": "1", "{TEXT_A}": "2"}}', "entry 2", "entry 1 already"),
    (json.dumps([[TEXT_A, 1]]), "entry 1", "`address` and `amount`"),
    (json.dumps([{"address": 7, "amount": 1}]), "entry 1.address", "an address is expected"),
]


@pytest.mark.parametrize(("text", "field", "said"), REFUSED, ids=lambda item: str(item)[:30])
def test_what_is_wrong_is_named_with_its_line(text: str, field: str, said: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        read_holders(text, EXACT)
    assert caught.value.field == field
    assert said in caught.value.message


def test_duplicates_are_added_and_decimals_cut_if_that_is_asked_for() -> None:
    text = f"{TEXT_A},0.5\n{TEXT_B},0.000000019\n{TEXT_A},1\n{'0x' + '1' * 40},1E-9\n"
    found = read_holders(text, Reading(8, round_down=True, sum_duplicates=True))
    assert found == HolderList((Holding(A, 150_000_000), Holding(B, 1)), rounded=2, left_out=1)


@given(
    st.dictionaries(st.binary(min_size=20, max_size=20), st.integers(1, 2**50), min_size=1),
    st.integers(0, 18),
)
def test_every_list_is_read_to_the_unit_and_every_file_as_it_was_written(
    units: dict[bytes, int], decimals: int
) -> None:
    lines = [
        f"{format_ethereum_address(address)},{Decimal(held).scaleb(-decimals):f}"
        for address, held in units.items()
    ]
    found = read_holders("\n".join(lines), Reading(decimals))
    assert {item.holder: item.units for item in found.holdings} == units
    file = ClaimFile(decimals, found.holdings)
    assert read_claim_file(b"".join(file.pieces())) == file
    assert all(file.place_of(item.holder) == i for i, item in enumerate(file.holdings))


FILE = json.loads(b"".join(ClaimFile(8, BOTH.holdings).pieces()))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"decimals": "8"}, "decimals"),
        ({"decimals": 19}, "decimals"),
        ({"root": "00" * 32}, "root"),
        ({"holdings": {}}, "holdings"),
        ({"holdings": []}, "holdings"),
        ({"holdings": [[TEXT_B, "1"], [TEXT_A, "1"]]}, "holdings[1]"),
        ({"holdings": [[TEXT_A, "1"], [TEXT_A, "1"]]}, "holdings[1]"),
        ({"holdings": [[TEXT_A, 1]]}, "holdings[0]"),
        ({"holdings": [[TEXT_A, "0"]]}, "holdings[0].units"),
        ({"holdings": [["0x1", "1"]]}, "holdings[0]"),
    ],
)
def test_a_claim_file_that_was_changed_is_refused(changed: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        read_claim_file(json.dumps({**FILE, **changed}).encode())
    assert caught.value.field == field


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"7", b"[" * 100_000])
def test_what_is_no_claim_file_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoding, match="not a claim file"):
        read_claim_file(data)
