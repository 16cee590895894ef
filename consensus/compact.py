"""Compact blocks: blocks as they go round, with short ids in the place of the transactions.

Whoever has the transactions already puts the block together again, byte for byte, and whoever
lacks some asks for those. A short id is not salted: every node says the same bytes for the same
block, and finds its transactions by an index. To make two transactions with one short id takes
2^32 work, and makes receivers ask for that block as a whole.
"""

from collections.abc import Sequence
from typing import Annotated

from consensus.block import MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES, Block, Header
from consensus.codec import Wire, array_head, decode_at, encode
from consensus.errors import InvalidEncoding
from consensus.kinds import Bytes, Signature
from consensus.record import Record, record

SHORT_ID_BYTES = 8


@record("compact_block")
class CompactBlock(Record):
    """A block's header, signature and certificate, and the short ids of its transactions in
    order, one after the other."""

    header: Header
    signature: Signature
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    short_ids: Annotated[bytes, Bytes(SHORT_ID_BYTES * MAX_BLOCK_TRANSACTIONS)]

    def split_ids(self) -> list[bytes]:
        """The short ids; raises InvalidEncoding if the last one is cut off."""
        data = self.short_ids
        if len(data) % SHORT_ID_BYTES:
            raise InvalidEncoding(f"not in steps of {SHORT_ID_BYTES} bytes", field="short_ids")
        return [data[i : i + SHORT_ID_BYTES] for i in range(0, len(data), SHORT_ID_BYTES)]


def short_transaction_id(identity: bytes) -> bytes:
    """The short id of a transaction of this id."""
    return identity[:SHORT_ID_BYTES]


def compact_block(raw: bytes, transaction_ids: Sequence[bytes]) -> CompactBlock:
    """The compact form of an encoded block with these transactions, which are not looked at."""
    position = len(encode([Block.tag, Block.version]))
    header, position = decode_at(raw, position)
    signature, position = decode_at(raw, position)
    certificate, _ = decode_at(raw, position + len(array_head(2)))
    short_ids = b"".join(map(short_transaction_id, transaction_ids))
    wire: list[Wire] = [
        CompactBlock.tag,
        CompactBlock.version,
        header,
        signature,
        certificate,
        short_ids,
    ]
    return CompactBlock.unpack(wire)


def block_bytes(compact: CompactBlock, transactions: Sequence[bytes]) -> bytes:
    """The encoding of the block of this compact form with these encoded transactions."""
    parts = (
        array_head(2 + len(Block.fields)),
        encode(Block.tag),
        encode(Block.version),
        compact.header.encode(),
        encode(compact.signature),
        array_head(2),
        encode(compact.certificate),
        array_head(len(transactions)),
        *transactions,
    )
    return b"".join(parts)
