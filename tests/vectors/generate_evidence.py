"""Makes evidence.json: a second reading of docs/protocol.md, sections 3, 12 and 15.

Imports nothing of the project but the other generator. Run once:
`python -m tests.vectors.generate_evidence`; the tests compare the checked-in file.
"""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vectors.generate_consensus import Item, Link, Vector, cbor, h, member_key, public

CHAIN = h(b"chain")


def header(slot: int, source: int, state: bytes) -> list[Item]:
    """The fields of a header of dynasty 2 with this slot and source slot."""
    zero = bytes(32)
    base: Item = [Link(b"base"), 90]
    target: Item = [Link(b"source"), source, 2]
    about: list[Item] = [CHAIN, Link(b"parent"), 70, slot, h(b"producer"), h(b"reveal"), 2]
    finality: list[Item] = [h(b"set"), zero, None, base, target, h(b""), None]
    return ["header", 1, *about, *finality, h(state), zero, zero, zero]


def signed(key: Ed25519PrivateKey, made: list[Item], of_block: bool) -> tuple[bytes, list[Item]]:
    """The id, and the statement: the header and what the key signs of it."""
    link = Link(cbor(made))
    message = link.binary if of_block else cbor(["vote", 1, CHAIN, link])
    return link.binary, [made, key.sign(message)]


def evidence(offence: str) -> dict[str, Vector]:
    key = member_key(3)
    headers = (header(101, 99, b"one"), header(101, 99, b"other"))
    if offence == "surround":
        headers = (header(104, 99, b"one"), header(103, 100, b"other"))
    pairs = [signed(key, made, offence == "double-block") for made in headers]
    if offence != "surround":
        pairs.sort(key=lambda pair: pair[0])
    (_, first), (_, second) = pairs
    return {
        "offence": offence,
        "key": public(key).hex(),
        "ids": ["01711220" + binary[4:].hex() for binary, _ in pairs],
        "encoding": cbor(["evidence", 1, offence, public(key), first, second]).hex(),
    }


def registration() -> dict[str, Vector]:
    key, producer = member_key(3), h(b"producer")
    message = cbor(["producer-key", 1, CHAIN, producer, public(key)])
    return {
        "producer": producer.hex(),
        "key": public(key).hex(),
        "message": message.hex(),
        "signature": key.sign(message).hex(),
    }


def main() -> None:
    vectors: dict[str, Vector] = {
        "about": "all evidence is valid on the chain; ids are those of first and second",
        "chain": CHAIN.hex(),
        "evidence": [evidence(name) for name in ("double-vote", "surround", "double-block")],
        "registration": registration(),
    }
    file = Path(__file__).parent / "evidence.json"
    file.write_text(json.dumps(vectors, indent=2) + "\n")


if __name__ == "__main__":
    main()
