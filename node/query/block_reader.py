"""Blocks read back for queries: decoded once, the latest kept."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from consensus.block import Body, Header
from consensus.cid import Cid
from node.block_results import BlockResults
from node.candidate import header_of, read_block
from node.query.chain_view import ChainView, NotFound, Pruned

MAX_BLOCKS = 1024
MAX_BYTES = 8 * 1024 * 1024

_EMPTY = Body(b"", ())


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block of the chain with its results; genesis has neither signature nor body."""

    id: Cid
    raw: bytes
    header: Header
    signature: bytes | None
    body: Body
    transaction_ids: tuple[bytes, ...]
    results: BlockResults


class BlockReader:
    """Reads blocks of one chain by height. Usable from several threads at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._blocks: OrderedDict[bytes, ReadBlock] = OrderedDict()  # by their bytes
        self._bytes = 0

    def read(self, view: ChainView, height: int) -> ReadBlock:
        """The block at a height of the view; raises NotFound, or Pruned for an old block."""
        raw = view.raw_at(height)
        if raw is None:
            raise _missing(view, height)
        with self._lock:
            known = self._blocks.get(raw)
            if known is not None:
                self._blocks.move_to_end(raw)
                return known
        results = view.results_at(height)
        if results is None:
            raise _missing(view, height)
        block = _read(raw, height, results)
        self._keep(block)
        return block

    def _keep(self, block: ReadBlock) -> None:
        with self._lock:
            if block.raw in self._blocks:
                return
            self._blocks[block.raw] = block
            self._bytes += len(block.raw)
            while len(self._blocks) > MAX_BLOCKS or (
                self._bytes > MAX_BYTES and len(self._blocks) > 1
            ):
                self._bytes -= len(self._blocks.popitem(last=False)[0])


def _missing(view: ChainView, height: int) -> NotFound | Pruned:
    if 0 < height < view.first_height:
        return Pruned(
            f"block {height} is not kept here any more: this node has the blocks from height "
            f"{view.first_height} on; ask one that keeps all"
        )
    return NotFound(f"no block has height {height}; the newest has {view.block.height}")


def _read(raw: bytes, height: int, results: bytes) -> ReadBlock:
    found = BlockResults.decode(results)
    if height == 0:
        header = header_of(raw)
        return ReadBlock(header.id(), raw, header, None, _EMPTY, (), found)
    candidate = read_block(raw)
    header, signature, body = candidate.header, candidate.block.signature, candidate.block.body
    return ReadBlock(
        candidate.id, raw, header, signature, body, tuple(candidate.transaction_ids), found
    )
