"""The verifier in JavaScript, written from docs/protocol.md alone, and the project's own agree."""

import json
from pathlib import Path
from random import Random

import pytest

from consensus.block import Header
from consensus.hashing import DIGEST_BYTES
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from consensus.light_answer import decode_proof
from consensus.record import replace
from tests.consensus.light_chains import ABSENT, KEY, TERMS, Chain, chain_of, seats
from tests.light_verifier.forgeries import (
    changed_answers,
    file_of,
    genesis_of,
    no_encodings,
    of_members,
    sealed,
    trusting,
)
from tests.light_verifier.running import Trusted, agreed, agreed_for, judge
from tests.light_verifier.signatures import (
    SMALL_ORDER,
    by_small_order_key,
    openssl_accepts,
    plus_order,
)
from tests.vectors import generate_light

LIGHT = json.loads(generate_light.FILE.read_text())


def with_place(trusted: str | None) -> Trusted:
    """What a vector of light.json says is trusted."""
    if trusted is None:
        return Trusted(bytes.fromhex(LIGHT["genesis"]), chain_of(2).start)
    return Trusted(checkpoint=trusted)


# Vectors


def test_accepted_vectors() -> None:
    vectors = LIGHT["accepted"]
    cases = [(bytes.fromhex(each["file"]), with_place(each["trusted"])) for each in vectors]
    for found, vector in zip(agreed_for(cases), vectors, strict=True):
        block = found["block"]
        assert found["chain"] == LIGHT["chain"]
        if isinstance(block, dict):
            found["block"] = {"height": block["height"], "id": block["id"]}
        assert {name: found[name] for name in vector["facts"]} == vector["facts"]


def test_refused_vectors() -> None:
    vectors = LIGHT["refused"]
    cases = [(bytes.fromhex(each["file"]), with_place(each["trusted"])) for each in vectors]
    assert agreed_for(cases) == [{"rejected": vector["check"]} for vector in vectors]


def test_changed_vectors() -> None:
    accepted = {vector["name"]: vector for vector in LIGHT["accepted"]}
    cases = []
    for change in LIGHT["changed"]:
        content = bytearray.fromhex(accepted[change["of"]]["file"])[:-DIGEST_BYTES]
        content[change["place"]] = change["byte"]
        cases.append((sealed(bytes(content)), with_place(accepted[change["of"]]["trusted"])))
    assert agreed_for(cases) == [{"rejected": change["check"]} for change in LIGHT["changed"]]


# Good files


@pytest.mark.parametrize("changes", [0, 1, 2, 6])
def test_good_files(tmp_path: Path, changes: int) -> None:
    chain = chain_of(changes)
    final = len(chain.headers) - 2
    answers = [
        chain.answer(),
        chain.answer(KEY),
        chain.answer(ABSENT),
        chain.answer(KEY, ABSENT, b"\0", b"\xff" * 1024),
        *(chain.answer(KEY, height=height, items=True) for height in range(final + 1)),
    ]
    found = agreed(tmp_path / "files", [file_of(answer) for answer in answers], trusting(chain))
    assert not any("rejected" in each for each in found)
    assert {each["dynasty"] for each in found} == {changes}


def test_good_files_from_every_checkpoint() -> None:
    chain = chain_of(2)
    cases = []
    for height, header in enumerate(chain.headers[:-1]):
        answer = chain.answer(KEY, first=header.dynasty, height=height, items=True)
        trusted = Trusted(checkpoint=f"{height}:{header.id()}")
        cases.append((file_of(answer, chain.anchor(height)), trusted))
    assert {found["dynasty"] for found in agreed_for(cases)} == {2}


def test_how_old_an_anchor_may_be() -> None:
    chain = chain_of(1)
    place = Trusted(checkpoint=f"3:{chain.headers[3].id()}")
    checkpoint = file_of(chain.answer(KEY, first=chain.headers[3].dynasty), chain.anchor(3))
    last_ms = TERMS.genesis_time_ms + 1000 * TERMS.unbonding_s
    for case, since_ms in (
        ((file_of(chain.answer(KEY)), trusting(chain)), last_ms),
        ((checkpoint, place), last_ms + 3 * TERMS.slot_ms),
    ):
        assert "rejected" not in agreed_for([case], since_ms)[0]
        assert agreed_for([case], since_ms + 1) == [{"rejected": "age"}]


# Bad files


@pytest.mark.parametrize("changes", [2, 6])
def test_changed_answers(tmp_path: Path, changes: int) -> None:
    chain = chain_of(changes)
    names, checks, answers = zip(*changed_answers(chain), strict=True)
    found = agreed(tmp_path / "files", [file_of(answer) for answer in answers], trusting(chain))
    assert dict(zip(names, found, strict=True)) == {
        name: {"rejected": check} for name, check in zip(names, checks, strict=True)
    }


def test_what_is_no_encoding(tmp_path: Path) -> None:
    chain = chain_of(1)
    good = file_of(chain.answer(KEY))
    contents = dict(no_encodings(good[:-DIGEST_BYTES]))
    files = [sealed(content) for content in contents.values()]
    short = [b"", good[:31], good[:-1], good + b"\0", good[:-DIGEST_BYTES], good[-DIGEST_BYTES:]]
    found = agreed(tmp_path / "files", [*files, *short], trusting(chain))
    assert found == [{"rejected": "encoding"}] * (len(files) + len(short))


def changed_bytes(file: bytes, count: int, chance: Random, *, seal: bool) -> list[bytes]:
    """The file with one byte changed; not in the key of the absent row, whose proof may be that of
    another absent row too."""
    content, absent = file[:-DIGEST_BYTES], file.find(ABSENT)
    found: list[bytes] = []
    while len(found) < count:
        place, value = chance.randrange(len(content)), chance.randrange(1, 256)
        if not absent <= place < absent + len(ABSENT):
            changed = bytearray(content)
            changed[place] ^= value
            found.append(sealed(bytes(changed)) if seal else bytes(changed) + file[len(content) :])
    return found


def test_no_changed_byte_is_believed(tmp_path: Path) -> None:
    chain, chance = chain_of(2), Random(7)
    anchor, place = chain.anchor(8), f"8:{chain.headers[8].id()}"
    whole = file_of(chain.answer(KEY, ABSENT, height=3, items=True))
    rows = file_of(chain.answer(KEY, ABSENT))
    later = file_of(chain.answer(KEY, ABSENT, first=1), anchor)
    for i, (file, trusted) in enumerate(
        ((whole, trusting(chain)), (rows, trusting(chain)), (later, Trusted(checkpoint=place)))
    ):
        files = changed_bytes(file, 110, chance, seal=True)
        files += changed_bytes(file, 10, chance, seal=False)
        found = agreed(tmp_path / str(i), [file, *files], trusted)
        assert "rejected" not in found[0]
        assert all("rejected" in each for each in found[1:])
        assert found[-10:] == [{"rejected": "encoding"}] * 10


# Signatures that other libraries accept


def test_members_with_keys_of_small_order_prove_nothing() -> None:
    cases = []
    for first in range(0, len(SMALL_ORDER), 2):
        keys = [SMALL_ORDER[(first + i) % len(SMALL_ORDER)] for i in range(4)]

        def sign(place: int, message: bytes, keys: list[bytes] = keys) -> bytes:
            signature = by_small_order_key(keys[place], message)
            assert openssl_accepts(keys[place], message, signature)
            return signature

        trusted, file = of_members(keys, sign)
        cases.append((file, trusted))
    assert agreed_for(cases) == [{"rejected": "certificate"}] * len(cases)


def test_the_same_with_good_keys_is_believed_but_not_with_s_plus_l(tmp_path: Path) -> None:
    pairs = [KeyPair.from_seed(bytes([i]) * 32) for i in range(4)]
    keys = [pair.public for pair in pairs]
    trusted, good = of_members(keys, lambda place, message: pairs[place].sign(message))
    _, bad = of_members(keys, lambda place, message: plus_order(pairs[place].sign(message)))
    [believed, refused] = agreed(tmp_path / "files", [good, bad], trusted)
    assert believed["final"] == {"height": 0, "id": str(decode_proof(good).answer.final.id())}
    assert refused == {"rejected": "certificate"}


# What is trusted


def above_the_answer(chain: Chain) -> list[tuple[bytes, Trusted]]:
    """A checkpoint higher than the answer's final block, and another block beside that."""
    top, beside = len(chain.headers) - 1, chain.headers[-2]
    fork = replace(beside, slot=beside.slot + 1)
    answer = chain.answer(KEY, first=chain.changes)
    anchors = (chain.anchor(top), replace(chain.anchor(top - 1), header=fork))
    return [
        (file_of(answer, each), Trusted(checkpoint=f"{each.header.height}:{each.header.id()}"))
        for each in anchors
    ]


def test_what_another_verifier_trusts() -> None:
    chain, other = chain_of(2), chain_of(1)
    keys = [seats(1).keys[i].public for i in range(4)]
    stranger = of_members(keys, lambda *_: bytes(64))[0]
    below, anchor = chain.answer(KEY, first=1), chain.anchor(8)
    places = [f"{i}:{chain.headers[j].id()}" for i, j in ((7, 7), (8, 7), (7, 8))]
    right = f"8:{chain.headers[8].id()}"
    own = file_of(below, replace(anchor, genesis=other.headers[3]))
    cases = [
        (file_of(chain.answer(KEY)), stranger, "dynasty step 0"),
        (file_of(chain.answer(KEY)), Trusted(checkpoint=right), "anchor"),
        (file_of(below, anchor), trusting(chain), "anchor"),
        *((file_of(below, anchor), Trusted(checkpoint=place), "anchor") for place in places),
        (file_of(below, replace(anchor, genesis=None)), Trusted(checkpoint=right), "anchor"),
        (own, Trusted(checkpoint=right), "anchor"),
        *((file, place, "final header") for file, place in above_the_answer(chain)),
    ]
    found = agreed_for([(file, trusted) for file, trusted, _ in cases])
    assert found == [{"rejected": check} for _, _, check in cases]


def changed_genesis() -> dict[str, Header]:
    """Headers that are no genesis block's; each with the same state and set."""
    header, other = chain_of(0).headers[0], chain_of(0).headers[1]
    return {
        "chain": replace(header, chain=bytes(32)),
        "parent": replace(header, parent=other.id()),
        "height": replace(header, height=1),
    }


def test_only_a_genesis_header_begins_a_chain() -> None:
    chain = chain_of(2)
    headers = {"dynasty": replace(chain.headers[0], dynasty=1), **changed_genesis()}
    for header in headers.values():
        case: JsonObject = {
            "rule": "file",
            "file": file_of(chain.answer()).hex(),
            "genesis": genesis_of(header, seats(0).producers).hex(),
            "checkpoint": None,
            "now_ms": None,
        }
        [found] = judge([case])
        assert isinstance(found, dict)
        assert found["rejected"] == "anchor"


def test_only_a_genesis_header_has_the_terms_of_a_checkpoint() -> None:
    chain = chain_of(2)
    cases = []
    for genesis in changed_genesis().values():
        header = replace(chain.headers[8], chain=genesis.id().digest)
        anchor = replace(chain.anchor(8), header=header, genesis=genesis)
        file = file_of(chain.answer(first=1), anchor)
        cases.append((file, Trusted(checkpoint=f"8:{header.id()}")))
    assert agreed_for(cases) == [{"rejected": "anchor"}] * 3
