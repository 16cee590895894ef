"""Makes header.json, certificate.json and schedule.json: a second reading of docs/protocol.md.

Imports nothing of the project, so that an error there is not repeated here. Run once:
`python tests/vectors/generate_consensus.py`; the tests compare the checked-in files.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Item: TypeAlias = "int | bytes | str | Link | Sequence[Item] | None"
Vector: TypeAlias = "int | str | list[Vector] | dict[str, Vector] | None"


class Link:
    """An IPLD link to a DAG-CBOR block."""

    def __init__(self, content: bytes) -> None:
        self.binary = b"\x01\x71\x12\x20" + hashlib.sha256(content).digest()

    def __str__(self) -> str:
        return "b" + base64.b32encode(self.binary).decode().lower().rstrip("=")


def h(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 256**size:
            return bytes([major << 5 | code]) + argument.to_bytes(size, "big")
    raise ValueError(argument)


def cbor(item: Item) -> bytes:
    if item is None:
        return b"\xf6"
    if isinstance(item, int):
        return head(0, item)
    if isinstance(item, bytes):
        return head(2, len(item)) + item
    if isinstance(item, str):
        return head(3, len(item.encode())) + item.encode()
    if isinstance(item, Link):
        return head(6, 42) + cbor(b"\x00" + item.binary)
    return head(4, len(item)) + b"".join(cbor(inner) for inner in item)


def shown(item: Item) -> Vector:
    """An item in JSON: bytes as hex, links as the text of the CID."""
    if isinstance(item, bytes):
        return item.hex()
    if isinstance(item, Link):
        return str(item)
    if isinstance(item, list):
        return [shown(inner) for inner in item]
    if isinstance(item, int | str | None):
        return item
    raise TypeError(item)


def member_key(place: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(h(b"consensus key", bytes([place])))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def producer_set(count: int) -> list[tuple[bytes, Ed25519PrivateKey]]:
    """The members in ascending order of producer id."""
    seats = [(h(b"producer", bytes([i])), member_key(i)) for i in range(count)]
    return sorted(seats, key=lambda seat: seat[0])


def set_hash(members: list[tuple[bytes, Ed25519PrivateKey]]) -> bytes:
    return h(cbor([[producer, public(key)] for producer, key in members]))


HEADER_FIELDS = [
    "chain",
    "parent",
    "height",
    "slot",
    "producer",
    "reveal",
    "dynasty",
    "set_hash",
    "next_set_hash",
    "handover",
    "base",
    "qc_target",
    "qc_hash",
    "final_if_qc",
    "state_root",
    "transactions_root",
    "receipts_root",
    "events_root",
]


def header(name: str, values: list[Item]) -> tuple[bytes, dict[str, Vector]]:
    encoded = cbor(["header", 1, *values])
    fields = {key: shown(value) for key, value in zip(HEADER_FIELDS, values, strict=True)}
    return encoded, {
        "name": name,
        "fields": fields,
        "encoding": encoded.hex(),
        "id": str(Link(encoded)),
    }


def header_vectors() -> dict[str, Vector]:
    members = producer_set(21)
    roots: list[Item] = [h(b"state"), h(b"transactions"), h(b"receipts"), h(b"events")]
    zero = bytes(32)
    genesis_values: list[Item] = [
        None,
        None,
        0,
        0,
        None,
        None,
        0,
        set_hash(members),
        zero,
        None,
        None,
        None,
        h(b""),
        None,
        *roots,
    ]
    genesis, genesis_vector = header("genesis", genesis_values)
    genesis_link = Link(genesis)
    parent_link = Link(b"parent")
    normal_values: list[Item] = [
        h(genesis),
        parent_link,
        70_000,
        70_123,
        members[5][0],
        h(b"reveal"),
        3,
        set_hash(members),
        h(b"next set"),
        Link(b"handover"),
        [Link(b"base"), 69_000],
        [parent_link, 70_122, 3],
        h(b""),
        Link(b"handover"),
        *roots,
    ]
    _, normal_vector = header("normal", normal_values)
    first_values: list[Item] = [
        h(genesis),
        genesis_link,
        1,
        1,
        members[0][0],
        h(b"reveal 1"),
        0,
        set_hash(members),
        zero,
        None,
        [genesis_link, 0],
        [genesis_link, 0, 0],
        h(b""),
        genesis_link,
        *roots,
    ]
    _, first_vector = header("first", first_values)
    return {
        "about": "chain = SHA-256 of the genesis header's encoding; id = CIDv1 dag-cbor sha2-256",
        "chain": h(genesis).hex(),
        "headers": [genesis_vector, first_vector, normal_vector],
    }


def certificate(count: int, voters: list[int], chain: bytes, block: Link) -> dict[str, Vector]:
    members = producer_set(count)
    message = cbor(["vote", 1, chain, block])
    signatures = {place: members[place][1].sign(message) for place in voters}
    bitmap = sum(1 << place for place in voters).to_bytes((count + 7) // 8, "little")
    place = voters[0]
    return {
        "members": [
            {"producer": producer.hex(), "key": public(key).hex()} for producer, key in members
        ],
        "set_hash": set_hash(members).hex(),
        "quorum": count - (count - 1) // 3,
        "chain": chain.hex(),
        "block_id": str(block),
        "vote_message": message.hex(),
        "signatures": {str(voter): signature.hex() for voter, signature in signatures.items()},
        "certificate": (bitmap + b"".join(signatures.values())).hex(),
        "vote_of_first": cbor(
            ["vote", 1, block, public(members[place][1]), signatures[place]]
        ).hex(),
    }


def certificate_vectors() -> dict[str, Vector]:
    chain, block = h(b"chain"), Link(b"block")
    return {
        "about": "bitmap: member i is bit i mod 8 (least significant first) of byte floor(i / 8)",
        "certificates": [
            certificate(4, [0, 2, 3], chain, block),
            certificate(9, [0, 1, 2, 4, 5, 7, 8], chain, block),
            certificate(21, list(range(3, 19)), chain, block),
        ],
    }


def permutation(count: int, seed: bytes) -> list[int]:
    stream = b"".join(h(seed, counter.to_bytes(8, "big")) for counter in range(64))
    position = 0
    order = list(range(count))
    for i in reversed(range(1, count)):
        usable = 2**32 // (i + 1) * (i + 1)
        while True:
            word = int.from_bytes(stream[position : position + 4], "big")
            position += 4
            if word < usable:
                break
        j = word % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def schedule_vectors() -> dict[str, Vector]:
    cases: list[Vector] = []
    for count, beacon, epoch, dynasty in (
        (4, bytes(32), 0, 0),
        (21, bytes(32), 0, 0),
        (21, bytes(32), 1, 0),
        (21, bytes(32), 1, 1),
        (7, h(b"beacon"), 300, 24),
        (21, h(b"beacon"), 2**40, 70_000),
    ):
        seed = h(cbor(["schedule", 1, beacon, epoch, dynasty]))
        case: dict[str, Vector] = {"producers": count, "beacon": beacon.hex(), "epoch": epoch}
        case |= {"dynasty": dynasty, "seed": seed.hex()}
        order: list[Vector] = [*permutation(count, seed)]
        cases.append(case | {"order": order})
    links = [h(cbor(["reveal", 1, h(b"seed"), h(b"salt")]))]
    for _ in range(10):
        links.append(h(links[-1]))
    return {
        "schedules": cases,
        "beacon": {
            "before": h(b"before").hex(),
            "reveal": h(b"reveal").hex(),
            "after": h(h(b"before"), h(b"reveal")).hex(),
        },
        "reveal_chain": {
            "seed": h(b"seed").hex(),
            "salt": h(b"salt").hex(),
            "length": 10,
            "commitment": links[-1].hex(),
            "reveals": [link.hex() for link in reversed(links[:-1])],
        },
    }


def main() -> None:
    folder = Path(__file__).parent
    for name, vectors in (
        ("header", header_vectors()),
        ("certificate", certificate_vectors()),
        ("schedule", schedule_vectors()),
    ):
        (folder / f"{name}.json").write_text(json.dumps(vectors, indent=2) + "\n")


if __name__ == "__main__":
    main()
