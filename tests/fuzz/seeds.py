"""Bytes to begin with: the vectors, and what this program makes itself."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from consensus.certificate import certificate_bytes
from consensus.cid import RAW, cid_of
from consensus.codec import encode
from consensus.dagpb import FILE, PBLink, PBNode, UnixfsData, encode_node, encode_unixfs
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.light import LightAnchor
from consensus.light_answer import LightAnswer, decode_proof
from consensus.producers import ProducerSet
from consensus.record import Record
from consensus.sealed import Header as SealedHeader
from consensus.sealed import seal
from consensus.sealed_key import commitment_to
from p2p.frames import frame_bytes
from p2p.identity import server_context
from p2p.messages import MESSAGES, Role
from p2p.provider import sign_provider
from storage.journal import MAGIC, JournalEntry, JournalFence
from tests.fuzz.examples import example, example_wire
from tests.vm.world import small_genesis

_VECTORS = Path(__file__).parent.parent / "vectors"
_KEY = KeyPair.from_seed(bytes(32))
CONTENT_KEY = b"k" * 32


def _vectors(name: str) -> Any:
    return json.loads((_VECTORS / f"{name}.json").read_text())


def streams() -> list[bytes]:
    """Frames of every kind, the first byte as `_frames` wants it."""
    frames = [
        frame_bytes(kind.number, int(kind.role is Role.REQUEST), example(kind.record, full=False))
        for kind in MESSAGES
    ]
    return [b"\x00" + frame for frame in frames] + [b"\x20" + b"".join(frames)]


def transactions() -> list[bytes]:
    """Signed transactions."""
    return [bytes.fromhex(item["encoding"]) for item in _vectors("transaction")]


def headers() -> list[bytes]:
    """Headers, of a genesis too."""
    return [bytes.fromhex(item["encoding"]) for item in _vectors("header")["headers"]]


def evidence() -> list[bytes]:
    """One of each offence."""
    return [bytes.fromhex(item["encoding"]) for item in _vectors("evidence")["evidence"]]


def certificates(members: ProducerSet) -> list[bytes]:
    """Certificates of all members, and of a quorum."""
    return [
        certificate_bytes(members, dict.fromkeys(range(count), bytes(64)))
        for count in (len(members.members), members.quorum)
    ]


def genesis() -> list[bytes]:
    """A small chain's genesis file."""
    return [small_genesis().encode()]


def light_proofs() -> list[bytes]:
    """Files of proofs without the digest at their end."""
    found = [bytes.fromhex(item["file"]) for item in _vectors("light")["accepted"]]
    return [data[:-32] for data in found]


def answers() -> list[bytes]:
    """Answers to light clients."""
    return [decode_proof(_file(data)).answer.encode() for data in light_proofs()] + [
        example(LightAnswer, full=True)
    ]


def anchors() -> list[bytes]:
    """Anchors of light clients."""
    found = [decode_proof(_file(data)).anchor for data in light_proofs()]
    return [anchor.encode() for anchor in found if anchor is not None] + [
        example(LightAnchor, full=full) for full in (False, True)
    ]


def _file(data: bytes) -> bytes:
    return data + sha256(data)


def sealed() -> list[bytes]:
    """Sealed files of no, one and several chunks."""
    header = SealedHeader(10, bytes(19), commitment_to(CONTENT_KEY))
    contents = [b"", b"content", bytes(2_000)]
    return [b"".join(seal([content], header, CONTENT_KEY)) for content in contents]


def nodes() -> list[bytes]:
    """Nodes of directories and of large files."""
    links = tuple(PBLink(cid_of(RAW, bytes([i])), f"{i}", 1) for i in range(3))
    return [encode_node(PBNode(links, unixfs()[0])), encode_node(PBNode((), None))]


def unixfs() -> list[bytes]:
    """A file's message, and a directory's."""
    return [encode_unixfs(UnixfsData(FILE, (262_144, 5))), b"\x08\x01"]


def cids() -> list[bytes]:
    """Spellings of content ids."""
    return [item["cid"].encode() for item in islice(_vectors("unixfs-cids")["vectors"], 4)]


def addresses() -> list[bytes]:
    """Spellings of nodes' addresses."""
    return [f"{'ab' * 32}@{host}:4010".encode() for host in ("[::1]", "127.0.0.1", "a.example")]


def providers() -> list[bytes]:
    """What nodes say that they hold."""
    roots = tuple(sorted(cid_of(RAW, bytes([i])) for i in range(3)))
    return [sign_provider(_KEY, bytes(32), 1, 1, roots[:n]).encode() for n in (0, 3)]


def tls_certificates() -> list[bytes]:
    """A listener's certificate."""
    return [server_context(_KEY)[1]]


def journal_payloads() -> list[bytes]:
    """What frames of the journal hold."""
    entries = [example_wire(JournalEntry, full=full) for full in (False, True)]
    return [encode([entry]) for entry in entries] + [
        encode([example_wire(JournalFence, full=True)])
    ]


def journals() -> list[bytes]:
    """An empty journal, and a file of another kind."""
    return [MAGIC, Record.tag.encode()]
