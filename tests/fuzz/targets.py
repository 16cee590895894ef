"""What is fuzzed: everything here that reads bytes of strangers, or of files.

A target takes any bytes and keeps one promise: it raises nothing. It returns whether they were
accepted; what reads them either refuses with Invalid (files: JournalError), or gives a value whose
encoding is these bytes and no others.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from consensus.block import MAX_BLOCK_BYTES, Block, Body, Header
from consensus.certificate import certificate_bytes, split_certificate
from consensus.cid import Cid, parse_cid
from consensus.codec import decode, encode
from consensus.dagpb import decode_node, decode_unixfs, encode_node, encode_unixfs
from consensus.errors import Invalid
from consensus.evidence import Evidence
from consensus.hashing import sha256
from consensus.light_answer import (
    LightProof,
    decode_anchor,
    decode_answer,
    decode_proof,
    encode_proof,
)
from consensus.producers import Member, ProducerSet
from consensus.record import Record
from consensus.sealed import read_header, seal, unseal
from consensus.snapshot import SnapshotChunk, SnapshotManifest
from consensus.transaction import Transaction, decode_transaction
from genesis.file import parse_genesis, parse_head
from node.candidate import header_of, read_block
from node.content.holdings import SavedHoldings
from p2p.addressbook import SavedBook
from p2p.frames import FrameReader, InvalidFrame, frame_bytes
from p2p.identity import certificate_key
from p2p.messages import BY_NUMBER, MESSAGES, MessageKind
from p2p.parcel import open_parcel
from p2p.peeraddress import parse_peer_address
from p2p.provider import ProviderRecord
from storage.disk import RealDisk
from storage.journal import (
    MAGIC,
    MAX_JOURNAL_BYTES,
    JournalEntry,
    JournalError,
    JournalFence,
    read_journal,
)
from tests.fuzz import seeds
from tests.fuzz.examples import example
from vm.registry import REGISTRY

T = TypeVar("T")

_SET = ProducerSet(tuple(Member(bytes([i]) * 32, bytes([i + 99]) * 32) for i in range(7)))
_FILE = Path("journal")


class Broken(Exception):
    """A promise was not kept."""


@dataclass(frozen=True)
class Target:
    """`run` says whether it accepts the bytes; `seeds` are bytes of the kind that it reads, with
    at least one that it accepts; `max_bytes` is how many are worth trying."""

    name: str
    run: Callable[[bytes], bool]
    seeds: Sequence[bytes]
    max_bytes: int = 4096


def _exactly(read: Callable[[bytes], T], write: Callable[[T], bytes], data: bytes) -> bool:
    try:
        value = read(data)
    except Invalid:
        return False
    if write(value) != data:
        raise Broken("accepted bytes that are not the value's encoding")
    return True


def _record(kind: type[Record], *more: bytes) -> Target:
    run = partial(_exactly, kind.decode, Record.encode)
    return Target(kind.tag or kind.__name__, run, (*_examples(kind), *more))


def _examples(kind: type[Record]) -> tuple[bytes, bytes]:
    return example(kind, full=False), example(kind, full=True)


def _message(kind: MessageKind) -> Target:
    return Target(f"message.{kind.name}", partial(_payload, kind), _examples(kind.record))


def _payload(kind: MessageKind, data: bytes) -> bool:
    """A message's payload, also as what is cut into items without being decoded."""
    accepted = _exactly(kind.record.decode, Record.encode, data)
    try:
        parcel = open_parcel(kind, data)
    except Invalid as error:
        if accepted:
            raise Broken("a message that cannot be cut into its items") from error
        return False
    if kind.batch is not None and kind.batch.join(kind.batch.split(data)) != data:
        raise Broken("the items joined are not the message")
    if accepted and not set(parcel.items.values()) <= {data, *_items(kind, data)}:
        raise Broken("an item that is not of the message")
    return accepted


def _items(kind: MessageKind, data: bytes) -> list[bytes]:
    return [] if kind.batch is None else kind.batch.split(data)


def _limit(number: int, request: int) -> int:
    kind = BY_NUMBER.get(number)
    if kind is None or request > 9:
        raise InvalidFrame("not known")
    return kind.max_bytes


def _frames(data: bytes) -> bool:
    """A stream, in pieces as large as its first byte says: the frames are those of the stream in
    one piece, and are the stream again, up to what is wrong or still to come."""
    size, stream = 1 + (data[0] if data else 0), data[1:]
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    whole, is_good = _cut([stream])
    if _cut(pieces) != (whole, is_good):
        raise Broken("other frames in pieces than at once")
    if not stream.startswith(whole):
        raise Broken("the frames are not what was sent")
    return is_good and whole == stream


def _cut(pieces: Sequence[bytes]) -> tuple[bytes, bool]:
    reader, found = FrameReader(_limit), b""
    try:
        for piece in pieces:
            reader.append(piece)
            while (frame := reader.next()) is not None:
                found += frame_bytes(frame.kind, frame.request, frame.payload)
    except InvalidFrame:
        return found, False
    return found, True


def _block(data: bytes) -> bool:
    if len(data) > MAX_BLOCK_BYTES:
        return False
    accepted = _exactly(read_block, lambda candidate: candidate.block.encode(), data)
    if accepted and header_of(data) != Block.decode(data).header:
        raise Broken("another header")
    return accepted


def _transaction(data: bytes) -> bool:
    accepted = _exactly(decode_transaction, Record.encode, data)
    if accepted:
        try:
            REGISTRY.unpack_actions(Transaction.decode(data))
        except Invalid:
            return False
    return accepted


def _certificate(data: bytes) -> bool:
    read = partial(split_certificate, producers=_SET, field="")
    return _exactly(read, partial(certificate_bytes, _SET), data)


def _genesis(data: bytes) -> bool:
    accepted = _exactly(parse_genesis, Record.encode, data)
    if accepted and parse_head(data) != parse_genesis(data).head:
        raise Broken("another beginning")
    return accepted


def _genesis_head(data: bytes) -> bool:
    try:
        head = parse_head(data)
    except Invalid:
        return False
    if not data.startswith(head.header.encode(), len(encode(["genesis", 1]))):
        raise Broken("another header")
    return True


def _light_proof(data: bytes) -> bool:
    """The digest at the end would hide everything before it."""
    return _exactly(decode_proof, encode_proof, data + sha256(data))


def _tls_certificate(data: bytes) -> bool:
    try:
        key = certificate_key(data)
    except Invalid:
        return False
    if len(key) != 32:
        raise Broken("not a key")
    return True


class _OneFile(RealDisk):
    """A disk with these bytes in every file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, path: Path, limit: int, start: int = 0) -> bytes:
        return self._data[start : start + limit]


def _journal(data: bytes) -> bool:
    try:
        contents = read_journal(_FILE, disk=_OneFile(data))
    except JournalError:
        return False
    again = read_journal(_FILE, disk=_OneFile(data[: contents.size_bytes]))
    if again.torn_bytes or again.entries != contents.entries:
        raise Broken("the good frames are not all that counts")
    return contents.size_bytes + contents.torn_bytes == len(data) <= MAX_JOURNAL_BYTES


def _journal_frame(payload: bytes) -> bool:
    """A payload in a frame that is right, so that what is in it is looked at."""
    length, before = len(payload).to_bytes(4, "big"), sha256(MAGIC)
    head = length + zlib.crc32(before + length).to_bytes(4, "big")
    return _journal(MAGIC + head + payload + sha256(before + head + payload))


def _sealed(data: bytes) -> bool:
    """A sealed file: what it opens to is sealed to just these bytes."""
    try:
        content = b"".join(unseal([data], seeds.CONTENT_KEY))
    except Invalid:
        return False
    if b"".join(seal([content], read_header(data), seeds.CONTENT_KEY)) != data:
        raise Broken("accepted what is not the content's sealed file")
    return True


def _text(read: Callable[[str], object], data: bytes) -> bool:
    try:
        text = data.decode()
        value = read(text)
    except (UnicodeDecodeError, Invalid):
        return False
    if str(value) != text and isinstance(value, Cid):
        raise Broken("another spelling")
    return True


def _all() -> Iterator[Target]:
    yield Target("frames", _frames, seeds.streams(), 2048)
    yield from (_message(kind) for kind in MESSAGES)
    yield Target("codec", partial(_exactly, decode, encode), seeds.headers())
    yield Target("block", _block, _examples(Block))
    yield Target("transaction", _transaction, seeds.transactions())
    yield _record(Header, *seeds.headers())
    yield _record(Body)
    yield _record(Evidence, *seeds.evidence())
    yield Target("certificate", _certificate, seeds.certificates(_SET))
    yield Target("genesis", _genesis, seeds.genesis(), 16_384)
    yield Target("genesis head", _genesis_head, seeds.genesis(), 4096)
    yield Target("light-answer", partial(_exactly, decode_answer, Record.encode), seeds.answers())
    yield Target("light-anchor", partial(_exactly, decode_anchor, Record.encode), seeds.anchors())
    yield Target("light-proof", _light_proof, (*seeds.light_proofs(), *_examples(LightProof)), 8192)
    yield _record(SnapshotChunk)
    yield _record(SnapshotManifest)
    yield Target("dag-pb", partial(_exactly, decode_node, encode_node), seeds.nodes())
    yield Target("unixfs", partial(_exactly, decode_unixfs, encode_unixfs), seeds.unixfs())
    yield Target("sealed", _sealed, seeds.sealed())
    yield Target("cid", partial(_text, parse_cid), seeds.cids(), 128)
    yield Target("peer address", partial(_text, parse_peer_address), seeds.addresses(), 400)
    yield Target("tls certificate", _tls_certificate, seeds.tls_certificates(), 1024)
    yield _record(SavedBook)
    yield _record(ProviderRecord, *seeds.providers())
    yield _record(SavedHoldings)
    yield _record(JournalEntry)
    yield _record(JournalFence)
    yield Target("journal", _journal, seeds.journals())
    yield Target("journal frame", _journal_frame, seeds.journal_payloads())


TARGETS = {target.name: target for target in _all()}
