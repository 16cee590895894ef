"""Records and kinds: bounds, wire form and JSON from one declaration."""

from typing import Annotated

import pytest

from consensus.block import BlockRef
from consensus.cid import RAW, Cid, cid_of
from consensus.codec import Wire, encode
from consensus.errors import InvalidEncoding
from consensus.kinds import AccountId, Amount, Bytes, Digest, Json, Text, Uint
from consensus.record import AtMost, Record, part, record

LINK = cid_of(RAW, b"")


@part
class Inner(Record):
    """A part."""

    small: Annotated[int, Uint(9, 1)]
    note: Annotated[str, Text(4)] | None


@record("outer", 3)
class Outer(Record):
    """A record with a field of every kind."""

    digest: Digest
    account: AccountId
    amount: Amount
    flag: bool
    link: Cid
    data: Annotated[bytes, Bytes(3)]
    items: Annotated[tuple[Inner, ...], AtMost(2, 1)]


VALUE = Outer(
    bytes(32), bytes(range(32)), 2**64 - 1, True, LINK, b"ab", (Inner(1, None), Inner(9, "ü"))
)


def test_the_wire_form_is_tag_version_and_fields() -> None:
    wire = VALUE.pack()
    assert wire[:2] == ["outer", 3]
    assert wire[-1] == [[1, None], [9, "ü"]]
    assert Outer.decode(VALUE.encode()) == VALUE


def test_an_equal_record_can_share_the_objects_of_another() -> None:
    other = Outer(
        bytes(32), bytes(32), 2**64 - 1, False, LINK, b"ab", (Inner(1, None), Inner(9, "ü"))
    )
    read = Outer.decode(VALUE.encode())
    shared = read.sharing(other)
    assert shared == VALUE
    assert shared.items is other.items
    assert shared.link is other.link
    assert shared.account is read.account
    assert shared.flag


def test_json_comes_back_and_says_amounts_in_text() -> None:
    json = VALUE.to_json()
    assert json["amount"] == "18446744073709551615"
    assert str(json["account"]).startswith("reel1")
    assert json["link"] == str(LINK)
    assert Outer.from_json(json) == VALUE


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (2, bytes(31), "digest"),
        (2, "text", "digest"),
        (3, bytes(33), "account"),
        (4, -1, "amount"),
        (4, True, "amount"),
        (5, 1, "flag"),
        (6, b"x", "link"),
        (7, b"abcd", "data"),
        (8, [], "items"),
        (8, [[1, None]] * 3, "items"),
        (8, [[0, None]], "items[0].small"),
        (8, [[1, None], [10, None]], "items[1].small"),
        (8, [[1, "fünf"]], "items[0].note"),
        (8, [[1, "a\x1b"]], "items[0].note"),
        (8, [[1]], "items[0]"),
        (8, None, "items"),
        (0, "other", ""),
        (0, 1, ""),
        (1, 2, ""),
        (1, True, ""),
    ],
)
def test_bad_wire_names_its_field(place: int, value: Wire, field: str) -> None:
    wire = VALUE.pack()
    wire[place] = value
    with pytest.raises(InvalidEncoding) as caught:
        Outer.decode(encode(wire))
    assert caught.value.field == field


def test_missing_and_extra_fields_are_refused() -> None:
    wire = VALUE.pack()
    for bad in (wire[:-1], [*wire, None], wire[:2], wire[:1], []):
        with pytest.raises(InvalidEncoding):
            Outer.unpack(bad)
    with pytest.raises(InvalidEncoding):
        Outer.unpack("outer")


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("digest", "AB" * 32, "digest"),
        ("digest", "ab" * 31, "digest"),
        ("amount", "01", "amount"),
        ("amount", "18446744073709551616", "amount"),
        ("amount", "٣", "amount"),
        ("amount", 1.0, "amount"),
        ("flag", 1, "flag"),
        ("link", "B" + str(LINK)[1:].upper(), "link"),
        ("account", "reel1qqqq", "account"),
        ("items", [{"small": 1, "other": 2}], "items[0].other"),
        ("items", {"0": 1}, "items"),
        ("more", 1, "more"),
    ],
)
def test_bad_json_names_its_field(name: str, value: Json, field: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        Outer.from_json(VALUE.to_json() | {name: value})
    assert caught.value.field == field


def test_json_may_leave_out_what_may_be_null_only() -> None:
    assert Inner.from_json({"small": 1}) == Inner(1, None)
    with pytest.raises(InvalidEncoding, match="missing"):
        Inner.from_json({"note": "a"})


def test_a_value_out_of_bounds_is_not_encoded() -> None:
    with pytest.raises(InvalidEncoding) as caught:
        BlockRef(LINK, -1).encode()
    assert caught.value.field == "slot"


def test_no_record_passes_for_another() -> None:
    with pytest.raises(InvalidEncoding, match="'outer'"):
        Outer.decode(encode(["transaction", 3, *VALUE.pack()[2:]]))
