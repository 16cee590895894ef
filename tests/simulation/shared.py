"""Results that are the same on every node, computed once for all of them.

Decoding a block, running it on its parent's state and verifying a signature are functions of
bytes that all nodes share. The first node to need a result computes it by the production code,
the others take it; one seed in twenty runs without this, so that every node computes everything.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Generic, TypeVar
from unittest.mock import patch

import node.block_relay
import node.chain
import node.engine
import node.exchange
import node.sync.catching_up
import node.sync.download
from consensus import tree
from consensus.block import Header
from consensus.cid import Cid
from consensus.compact import CompactBlock, compact_block
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import Recorded, read_block
from node.chain import meta_of
from node.verified import SIGNATURES_KEPT, Verified
from storage.blocks import ChainMeta
from storage.state import StateReader
from vm.context import BlockContext
from vm.transition import Outcome, execute_block

MAX_SHARED = 4096


K = TypeVar("K")
V = TypeVar("V")


class _Known(Generic[K, V]):
    """The newest results by what they follow from."""

    def __init__(self) -> None:
        self._results: OrderedDict[K, V] = OrderedDict()

    def find(self, key: K, compute: Callable[[], V]) -> V:
        """The known result, or the computed one."""
        found = self._results.get(key)
        if found is None:
            found = self._results[key] = compute()
            if len(self._results) > MAX_SHARED:
                self._results.popitem(last=False)
        return found


Execute = Callable[[StateReader, BlockContext, Sequence[EncodedTransaction]], Outcome]


def _sharing_execution() -> Execute:
    known: _Known[tuple[bytes | None, BlockContext, tuple[bytes, ...]], Outcome] = _Known()

    def execute(
        view: StateReader,
        block: BlockContext,
        transactions: Sequence[EncodedTransaction],
    ) -> Outcome:
        key = (view.page(tree.ROOT_POSITION), block, tuple(each.id for each in transactions))
        return known.find(key, lambda: execute_block(view, block, transactions))

    return execute


def _sharing_update() -> Callable[[tree.ReadPage, Mapping[bytes, bytes | None]], tree.TreeUpdate]:
    known: _Known[object, tree.TreeUpdate] = _Known()
    update = tree.update

    def shared(read_page: tree.ReadPage, changes: Mapping[bytes, bytes | None]) -> tree.TreeUpdate:
        key = (read_page(tree.ROOT_POSITION), tuple(changes.items()))
        return known.find(key, lambda: update(read_page, changes))

    return shared


def _sharing_meta() -> Callable[[Recorded], ChainMeta]:
    known: _Known[Cid, ChainMeta] = _Known()
    return lambda block: known.find(block.placed.id, lambda: meta_of(block))


def _by_object(function: Callable[[K], V]) -> Callable[[K], V]:
    """The function, computed once for an object: all nodes of a run hold the same records."""
    known: OrderedDict[int, tuple[K, V]] = OrderedDict()

    def shared(argument: K) -> V:
        found = known.get(id(argument))
        if found is None:  # the argument is kept, so that no other object takes its id
            found = known[id(argument)] = (argument, function(argument))
            if len(known) > MAX_SHARED:
                known.popitem(last=False)
        return found[1]

    return shared


def _sharing_compact() -> Callable[[bytes, Sequence[bytes]], CompactBlock]:
    known: _Known[bytes, CompactBlock] = _Known()
    return lambda raw, ids: known.find(raw, lambda: compact_block(raw, ids))


@contextmanager
def shared_results() -> Iterator[None]:
    """Share decoding, execution, the tree's new pages, a final block's place, the bytes of headers
    and transactions, compact forms and what verified among all nodes of a run."""
    verified = Verified()
    signature = lru_cache(maxsize=SIGNATURES_KEPT)(verified.signature)
    decode = lru_cache(maxsize=MAX_SHARED)(read_block)
    with ExitStack() as stack:
        for module in (
            node.chain,
            node.block_relay,
            node.sync.catching_up,
            node.sync.download,
        ):
            stack.enter_context(patch.object(module, "read_block", decode))
        for record, method in (
            (Header, "pack"),
            (Header, "encode"),
            (Header, "id"),
            (Transaction, "encode"),
        ):
            stack.enter_context(patch.object(record, method, _by_object(getattr(record, method))))
        stack.enter_context(patch.object(verified, "signature", signature))
        compact = _sharing_compact()
        for module in (node.block_relay, node.engine, node.exchange):
            stack.enter_context(patch.object(module, "compact_block", compact))
        stack.enter_context(patch.object(node.chain, "execute_block", _sharing_execution()))
        stack.enter_context(patch.object(tree, "update", _sharing_update()))
        stack.enter_context(patch.object(node.chain, "meta_of", _sharing_meta()))
        stack.enter_context(patch.object(node.chain, "Verified", lambda: verified))
        yield
