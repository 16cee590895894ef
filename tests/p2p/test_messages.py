"""The table of messages: numbers, sizes, and batches that are cut without being decoded."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.block import MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES
from consensus.cid import RAW, Cid, cid_of
from consensus.compact import SHORT_ID_BYTES, CompactBlock
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import JSON_INTEGER_MAX
from consensus.light_answer import MAX_STEPS_ANSWERED, DynastySteps
from consensus.mail import (
    MAX_DELETION_BYTES,
    MAX_ENVELOPE_BYTES,
    MAX_SEALED_BYTES,
    WORK_BYTES,
    Deletion,
    Envelope,
    EnvelopeHead,
)
from consensus.record import Record
from consensus.snapshot import (
    MAX_CHUNK_ENCODED_BYTES,
    MAX_CHUNKS,
    MAX_MANIFEST_BYTES,
    SnapshotOffer,
)
from consensus.transaction import MAX_TRANSACTION_BYTES
from p2p.mail import (
    MAX_MAIL_BYTES,
    MAX_MAIL_IDS,
    MAX_MAIL_ITEMS,
    GetMail,
    GetMailIds,
    HeldMail,
    Mail,
    MailIds,
)
from p2p.messages import (
    BY_NUMBER,
    BY_TYPE,
    MAX_BLOCKS,
    MAX_CONTENT_BYTES,
    MAX_CONTENT_CIDS,
    MAX_HEADERS,
    MAX_PEERS,
    MAX_PROVIDER_RECORDS,
    MAX_PROVIDERS_BYTES,
    MAX_REASON_BYTES,
    MAX_SNAPSHOTS,
    MAX_TRANSACTION_IDS,
    MAX_TRANSACTIONS_BYTES,
    MAX_VOTES,
    MAX_WANTED_CIDS,
    MESSAGES,
    Blocks,
    Chunk,
    Content,
    ContentBlock,
    GetBlock,
    GetBlocks,
    GetBlockTransactions,
    GetChunk,
    GetContent,
    GetFinality,
    GetHeaders,
    GetManifest,
    GetPeers,
    GetProviders,
    GetSnapshots,
    GetStatus,
    GetSteps,
    GetTransactions,
    Goodbye,
    Have,
    Hello,
    Manifest,
    Peers,
    Proof,
    Providers,
    Refusal,
    Role,
    Snapshots,
    Status,
    TransactionIds,
    Transactions,
    Votes,
    WantHave,
    fitting,
    reason_text,
)
from p2p.parcel import open_parcel, parcel_of
from p2p.peeraddress import MAX_HOST_BYTES, PeerAddress
from p2p.provider import (
    MAX_HOPS,
    MAX_PROVIDERS,
    MAX_RECORD_BYTES,
    MAX_ROOTS,
    CarriedProvider,
    KnownProvider,
    ProviderRecord,
)
from tests.consensus.largest import DYNASTY_STEP, EVIDENCE, FINALITY_PROOF, HEADER
from tests.p2p.nodes import vote

MOST = JSON_INTEGER_MAX
CID = cid_of(RAW, b"")
MAIL_HEAD = EnvelopeHead(
    bytes(32), bytes(32), bytes(32), bytes(32), MOST, bytes(32), bytes(WORK_BYTES)
)
LARGEST: tuple[Record, ...] = (
    Hello(MOST, bytes(32), bytes(32), bytes(32), bytes(8), 65_535),
    Proof(bytes(64), bytes(32)),
    Goodbye("x" * MAX_REASON_BYTES),
    Refusal("x" * MAX_REASON_BYTES),
    Status(CID, MOST, CID, MOST, MOST, MOST),
    GetStatus(),
    GetPeers(),
    Peers((PeerAddress(bytes(32), "x" * MAX_HOST_BYTES, 65_535),) * MAX_PEERS),
    CompactBlock(
        HEADER,
        bytes(64),
        bytes(MAX_CERTIFICATE_BYTES),
        bytes(SHORT_ID_BYTES * MAX_BLOCK_TRANSACTIONS),
    ),
    Votes(tuple(vote(i) for i in range(MAX_VOTES))),
    GetBlock(CID),
    GetBlockTransactions(CID, (MAX_BLOCK_TRANSACTIONS - 1,) * MAX_TRANSACTION_IDS),
    GetBlocks(MOST, MAX_BLOCKS),
    Blocks((bytes(MAX_BLOCK_BYTES // MAX_BLOCKS),) * MAX_BLOCKS),
    EVIDENCE,
    GetFinality(MOST),
    GetHeaders(MOST, MAX_HEADERS),
    FINALITY_PROOF,
    TransactionIds((bytes(32),) * MAX_TRANSACTION_IDS),
    GetTransactions((bytes(32),) * MAX_TRANSACTION_IDS),
    Transactions((bytes(MAX_TRANSACTIONS_BYTES // MAX_TRANSACTION_IDS),) * MAX_TRANSACTION_IDS),
    GetContent((CID,) * MAX_CONTENT_CIDS, CID, MAX_HOPS),
    Content((ContentBlock(CID, bytes(MAX_CONTENT_BYTES // MAX_CONTENT_CIDS)),) * MAX_CONTENT_CIDS),
    WantHave((CID,) * MAX_WANTED_CIDS),
    Have(bytes(MAX_WANTED_CIDS // 8)),
    GetProviders((KnownProvider(bytes(32), MOST, MAX_HOPS),) * MAX_PROVIDERS),
    Providers(
        (CarriedProvider(MAX_HOPS, bytes(MAX_PROVIDERS_BYTES // MAX_PROVIDER_RECORDS)),)
        * MAX_PROVIDER_RECORDS
    ),
    GetSnapshots(),
    Snapshots((SnapshotOffer(MOST, CID, bytes(32), MAX_CHUNKS, MOST),) * MAX_SNAPSHOTS),
    GetManifest(CID),
    Manifest(bytes(MAX_MANIFEST_BYTES)),
    GetChunk(CID, MAX_CHUNKS - 1),
    Chunk(bytes(MAX_CHUNK_ENCODED_BYTES)),
    GetSteps(MOST),
    DynastySteps((DYNASTY_STEP,) * MAX_STEPS_ANSWERED),
    Envelope(MAIL_HEAD, bytes(64), bytes(MAX_SEALED_BYTES)),
    Deletion(MAIL_HEAD, bytes(64), bytes(32), bytes(64)),
    GetMailIds(bytes(32)),
    MailIds((HeldMail(bytes(32), deleted=True),) * MAX_MAIL_IDS),
    GetMail((bytes(32),) * MAX_MAIL_ITEMS),
    Mail(
        (bytes(MAX_ENVELOPE_BYTES),) * (MAX_MAIL_BYTES // MAX_ENVELOPE_BYTES),
        (bytes(MAX_DELETION_BYTES),) * 8,
    ),
)
SMALL = [m for m in LARGEST if BY_TYPE[type(m)].max_bytes < 20_000]


def test_kind_numbers_never_change() -> None:
    assert {kind.number: kind.name for kind in MESSAGES} == {
        1: "hello",
        2: "proof",
        3: "goodbye",
        4: "refusal",
        5: "status",
        6: "get_status",
        7: "get_peers",
        8: "peers",
        16: "compact_block",
        17: "votes",
        18: "get_block",
        19: "get_blocks",
        20: "blocks",
        21: "evidence",
        22: "get_finality",
        23: "finality-proof",
        25: "get_block_transactions",
        27: "get_headers",
        32: "transaction_ids",
        33: "get_transactions",
        34: "transactions",
        48: "get_content",
        49: "content",
        50: "want_have",
        51: "have",
        52: "get_providers",
        53: "providers",
        64: "get_snapshots",
        65: "snapshots",
        66: "get_manifest",
        67: "manifest",
        68: "get_chunk",
        69: "chunk",
        70: "get_steps",
        71: "dynasty-steps",
        80: "mail.envelope",
        81: "mail.deletion",
        82: "get_mail_ids",
        83: "mail_ids",
        84: "get_mail",
        85: "mail",
    }


def test_the_largest_of_every_kind_fits_its_limit() -> None:
    assert {type(message) for message in LARGEST} == BY_TYPE.keys()
    for message in LARGEST:
        kind = BY_TYPE[type(message)]
        data = message.encode()
        assert len(data) <= kind.max_bytes, kind.name
        assert kind.record.decode(data) == message


def test_the_largest_provider_record_can_be_carried() -> None:
    largest = ProviderRecord(bytes(32), bytes(32), MOST, MOST, (CID,) * MAX_ROOTS, bytes(64))
    assert len(largest.encode()) <= MAX_RECORD_BYTES


def test_requests_and_only_they_have_an_answer() -> None:
    for kind in MESSAGES:
        assert (kind.answer is not None) == (kind.role is Role.REQUEST), kind.name


@given(st.sampled_from(sorted(BY_NUMBER)), st.binary(max_size=300))
def test_every_decoder_only_ever_refuses(number: int, data: bytes) -> None:
    kind = BY_NUMBER[number]
    with contextlib.suppress(Invalid):
        open_parcel(kind, data)
        assert kind.record.decode(data).encode() == data


@given(st.data())
def test_a_changed_byte_changes_the_message_or_is_refused(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(SMALL))
    encoded = bytearray(message.encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Invalid):
        assert type(message).decode(bytes(encoded)) != message


@given(st.lists(st.integers(0, 2**64), min_size=1, max_size=MAX_VOTES, unique=True))
def test_a_batch_is_the_encoding_of_its_items(numbers: list[int]) -> None:
    message = Votes(tuple(vote(number) for number in numbers))
    batch = BY_TYPE[Votes].batch
    assert batch is not None
    items = [item.encode() for item in message.votes]
    assert batch.split(message.encode()) == items
    assert batch.join(items) == message.encode()


@pytest.mark.parametrize("count", [1, 23, 24, 255, 256, MAX_TRANSACTION_IDS])
def test_batches_of_every_head_size(count: int) -> None:
    message = TransactionIds(tuple(i.to_bytes(32, "big") for i in range(count)))
    parcel = parcel_of(message)
    assert len(parcel.items) == count
    assert parcel.payload == message.encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        TransactionIds((bytes(32),)).encode() + b"\x00",
        TransactionIds((bytes(32),)).encode()[:-1],
        TransactionIds((bytes(32),)).encode().replace(b"\x81", b"\x82", 1),
        TransactionIds((bytes(32),)).encode().replace(b"\x81X", b"\x98\x01X", 1),
        Votes((vote(1),)).encode(),
    ],
)
def test_what_is_not_a_batch_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        open_parcel(BY_TYPE[TransactionIds], payload)


def test_what_fits_is_a_prefix() -> None:
    assert fitting([b"aa", b"bb", b"c"], 9, 4) == (b"aa", b"bb")
    assert fitting([b"aa", b"bb", b"c"], 1, 9) == (b"aa",)
    assert fitting([b"aaaaa", b"b"], 9, 4) == ()
    assert MAX_TRANSACTION_BYTES <= MAX_TRANSACTIONS_BYTES


@given(st.text(max_size=400))
def test_every_reason_can_be_sent(reason: str) -> None:
    assert Goodbye.decode(Goodbye(reason_text(reason)).encode()).reason == reason_text(reason)


def test_content_cids_are_what_was_asked() -> None:
    assert isinstance(GetContent((CID,)).cids[0], Cid)
