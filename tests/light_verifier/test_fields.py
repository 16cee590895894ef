"""Both verifiers know the bounds of every field, and take no value of another kind for it."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from consensus.cid import RAW, cid_of
from consensus.codec import Wire, decode, encode
from consensus.hashing import DIGEST_BYTES
from tests.consensus.light_chains import ABSENT, KEY, chain_of
from tests.light_verifier.forgeries import file_of, sealed
from tests.light_verifier.running import Trusted, agreed

CHAIN = chain_of(2)
TRUSTED = Trusted(checkpoint=f"8:{CHAIN.headers[8].id()}")
GOOD = file_of(CHAIN.answer(KEY, ABSENT, first=1, height=3, items=True), CHAIN.anchor(8))

Place = tuple[int, ...]

# Of the arrays that a LightProof is: the places of some fields.
ANCHOR, ANSWER = (2,), (3,)
STEP, TARGET, ROWS, PROOF, BLOCK, ITEMS = ((3, i) for i in (2, 3, 6, 7, 8, 9))
MEMBERS = (*STEP, 0, 4)


def put(wire: Wire, place: Place, value: Wire) -> Wire:
    """The same with another value at a place."""
    if not place:
        return value
    assert isinstance(wire, list)
    return [put(item, place[1:], value) if i == place[0] else item for i, item in enumerate(wire)]


def file_with(place: Place, value: Wire) -> bytes:
    return sealed(encode(put(decode(GOOD[:-DIGEST_BYTES]), place, value)))


def numbers(place: Place, largest: int) -> tuple[Place, list[Wire], list[Wire]]:
    """A place, values in bounds there, and values beyond."""
    return place, [0, largest], [-1, largest + 1, 2**64 - 1]


def strings(place: Place, least: int, most: int) -> tuple[Place, list[Wire], list[Wire]]:
    beyond: list[Wire] = [bytes(most + 1), *([bytes(least - 1)] if least else [])]
    return place, [bytes(least), bytes(most)], beyond


def arrays(place: Place, least: int, most: int, item: Wire) -> tuple[Place, list[Wire], list[Wire]]:
    beyond: list[Wire] = [[item] * (most + 1), *([[item] * (least - 1)] if least else [])]
    return place, [[item] * least, [item] * most], beyond


ROW: Wire = [b"key", None]
ITEM: Wire = ["events", b"", ["inclusion-proof", 2, 0, []]]
OTHER: Wire = [bytes(32), bytes(32)]
BOUNDS = {
    "height": numbers((*TARGET, 4), 2**53 - 1),
    "slot": numbers((*TARGET, 5), 2**36),
    "dynasty": numbers((*TARGET, 8), 2**53 - 1),
    "slot of a base": numbers((*TARGET, 12, 1), 2**36),
    "dynasty of a target": numbers((*TARGET, 13, 2), 2**53 - 1),
    "set_hash": strings((*TARGET, 9), 32, 32),
    "producer": strings((*TARGET, 6), 32, 32),
    "certificate": strings((*ANSWER, 4), 0, 1347),
    "certificate of a step": strings((*STEP, 0, 3), 0, 1347),
    "members": arrays(MEMBERS, 4, 21, [bytes(32), bytes(32)]),
    "key of a member": strings((*MEMBERS, 0, 1), 32, 32),
    "rows": arrays(ROWS, 0, 64, ROW),
    "key of a row": strings((*ROWS, 0, 0), 1, 1024),
    "value of a row": strings((*ROWS, 0, 1), 0, 65_536),
    "shape": strings((*PROOF, 2), 0, 4112),
    "siblings": arrays((*PROOF, 3), 0, 16_384, bytes(32)),
    "a sibling": strings((*PROOF, 3, 0), 32, 32),
    "others": arrays((*PROOF, 4), 0, 64, OTHER),
    "hashes of a block": arrays((*BLOCK, 1), 0, 53, bytes(32)),
    "items": arrays(ITEMS, 0, 16, ITEM),
    "an item": strings((*ITEMS, 0, 1), 0, 65_536),
    "sides": numbers((*ITEMS, 0, 2, 2), 2**32 - 1),
    "hashes of an item": arrays((*ITEMS, 0, 2, 3), 0, 32, bytes(32)),
    "constants": strings((*ANCHOR, 5), 0, 1024),
}


def test_bounds(tmp_path: Path) -> None:
    inside = [(name, place, value) for name, (place, good, _) in BOUNDS.items() for value in good]
    beyond = [(name, place, value) for name, (place, _, bad) in BOUNDS.items() for value in bad]
    files = [file_with(place, value) for _, place, value in (*inside, *beyond)]
    found = agreed(tmp_path / "files", files, TRUSTED)
    refused = {"rejected": "encoding"}
    for (name, *_), each in zip(inside, found, strict=False):
        assert each != refused, name
    for (name, *_), each in zip(beyond, found[len(inside) :], strict=True):
        assert each == refused, name


def places(wire: Wire, place: Place = ()) -> Iterator[Place]:
    """All places in nested arrays."""
    yield place
    if isinstance(wire, list):
        for i, item in enumerate(wire):
            yield from places(item, (*place, i))


def test_values_of_other_kinds(tmp_path: Path) -> None:
    plain: list[Wire] = [None, True, False, 0, 1, -1, 2**64 - 1, "", "text", b"", bytes(31)]
    other: list[Wire] = [*plain, bytes(32), bytes(36), cid_of(RAW, b"content"), []]
    other += [[None], [[]], [0, 1, 2, 3], [bytes(32), bytes(32)]]
    chance = Random(11)
    every = list(places(decode(GOOD[:-DIGEST_BYTES])))
    files = [file_with(chance.choice(every), chance.choice(other)) for _ in range(400)]
    found = agreed(tmp_path / "files", [GOOD, *files], TRUSTED)
    believed = [file for file, each in zip(files, found[1:], strict=True) if "rejected" not in each]
    assert set(believed) <= {GOOD}
    assert "rejected" not in found[0]
