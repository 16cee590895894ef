"""What a node answers to light clients: facts about its newest final state, each with its proof."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from consensus.block import Header
from consensus.cid import Cid
from consensus.finality_proof import FinalityProof
from consensus.hashing import sha256
from consensus.light import DynastyStep, LightAnchor, Members
from consensus.light_answer import (
    EVENTS,
    MAX_STEPS_ANSWERED,
    RECEIPTS,
    TRANSACTIONS,
    DynastySteps,
    LightAnswer,
    ListItem,
    PastBlock,
    ProvedRow,
    inclusion,
)
from consensus.light_rows import CONSTANTS_KEY, PROGRESS_KEY, history_of
from consensus.record import replace
from consensus.tree import key_path, root, update
from consensus.tree_proof import prove
from genesis.file import Genesis
from node.block_results import BlockResults
from node.candidate import header_of
from node.chain import Chain
from node.query.chain_view import NotFound, Pruned
from storage.state import FinalView

NOT_YET_FINAL = "not-yet-final"
NO_DYNASTY_PROOF = "no-dynasty-proof"
TOO_MANY_STEPS = "too-many-steps"


class Unprovable(Exception):
    """This node cannot prove its final state now; the stable `code` says why.

    NOT_YET_FINAL passes by itself: only genesis is final, or a block is becoming final at this
    moment. TOO_MANY_STEPS does not, but the steps can be had before. NO_DYNASTY_PROOF does not.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest final block with its own proof and state."""

    proof: FinalityProof
    state: FinalView

    @property
    def final(self) -> Header:
        """Its header."""
        return self.proof.final


class LightAnswers:
    """Answers of one chain. The calls may run in threads while blocks become final: all that an
    answer holds is of one block, or Unprovable is raised.

    Each takes the dynasty up to which the client has come by itself. They raise NotFound for what
    does not exist or is not final yet, Pruned for what this node has dropped. `genesis` reads all
    of the chain's genesis, for those who begin there; None: it is not to be had.
    """

    def __init__(self, chain: Chain, genesis: Callable[[], Genesis] | None = None) -> None:
        self._chain = chain
        self._genesis = genesis
        self._lock = Lock()
        self._first_anchor: LightAnchor | None = None

    def final(self, dynasty: int) -> LightAnswer:
        """The newest final block and nothing else."""
        return self.rows((), dynasty)

    def rows(self, keys: Sequence[bytes], dynasty: int) -> LightAnswer:
        """The rows under these state keys, or their absence."""
        return self._answer(self._newest(), keys, dynasty)

    def block(self, height: int, dynasty: int) -> LightAnswer:
        """The header of the final block at a height."""
        newest = self._newest()
        header, hashes = self._header(newest, height), self._hashes(newest, height)
        answer = self._answer(newest, () if hashes is None else [PROGRESS_KEY], dynasty)
        return replace(answer, block=PastBlock(header, hashes or ()))

    def transaction(self, transaction_id: bytes, dynasty: int) -> LightAnswer:
        """A transaction's block, its place in the block's list, and its receipt."""
        place = self._chain.blocks.transaction(transaction_id)
        if place is None:
            kept = self._chain.blocks.first_height()
            old = f", unless it is below height {kept}: older blocks are not kept" if kept else ""
            raise NotFound(f"no transaction {transaction_id.hex()} is final here{old}")
        height, index = place
        answer, results = self.block(height, dynasty), self._results(height)
        leaves = [receipt.transaction for receipt in results.receipts]
        receipts = [receipt.encode() for receipt in results.receipts]
        return replace(
            answer,
            items=(
                ListItem(TRANSACTIONS, transaction_id, inclusion(leaves, index)),
                ListItem(RECEIPTS, receipts[index], inclusion(receipts, index)),
            ),
        )

    def event(self, height: int, index: int, dynasty: int) -> LightAnswer:
        """One of the events of the final block at a height, by its number in the block."""
        answer, results = self.block(height, dynasty), self._results(height)
        if index >= len(results.events):
            raise NotFound(f"block {height} has {len(results.events)} events, none is {index}")
        leaves = [event.encode() for event in results.events]
        item = ListItem(EVENTS, leaves[index], inclusion(leaves, index))
        return replace(answer, items=(item,))

    def steps(self, dynasty: int) -> DynastySteps:
        """The proofs of the next changes of the set from a dynasty on, as many as fit a page."""
        last = min(self._newest().proof.target.dynasty, dynasty + MAX_STEPS_ANSWERED)
        return DynastySteps(self._steps(dynasty, last))

    def anchor(self, block_id: Cid) -> LightAnchor:
        """What a client needs that begins with the final block of this id."""
        raw = self._chain.blocks.get(block_id)
        height = self._chain.blocks.height_of(block_id)
        if raw is None or height is None:
            kept = self._chain.blocks.first_height()
            old = f"; blocks below height {kept} are not kept here" if kept else ""
            raise NotFound(f"no final block has the id {block_id}{old}")
        first, header = self._genesis_anchor(), header_of(raw)
        if height == 0:
            return first
        members = self._members(header.dynasty)
        return replace(first, header=header, members=members, genesis=first.header)

    # What is final

    def _newest(self) -> _Newest:
        proof = self._chain.final_proof()
        if proof is None:
            raise Unprovable("no block above genesis is final yet", code=NOT_YET_FINAL)
        state = self._chain.state.view()
        if root(state.page) != proof.final.state_root:
            raise _becoming_final()
        return _Newest(proof, state)

    def _answer(self, newest: _Newest, keys: Sequence[bytes], dynasty: int) -> LightAnswer:
        target, state = newest.proof.target, newest.state
        missing = target.dynasty - dynasty
        if missing > MAX_STEPS_ANSWERED:
            raise Unprovable(
                f"the producer set has changed {missing} times since dynasty {dynasty}, an answer "
                f"has room for {MAX_STEPS_ANSWERED} proofs of it: take them from /v1/light/steps",
                code=TOO_MANY_STEPS,
            )
        asked = sorted(set(keys))
        return LightAnswer(
            steps=self._steps(dynasty, target.dynasty),
            target=target,
            certificate=newest.proof.certificate,
            final=newest.final,
            rows=tuple(ProvedRow(key, state.get(key)) for key in asked),
            proof=prove(state.page, [key_path(key) for key in asked]),
            block=None,
            items=(),
        )

    # Past blocks

    def _header(self, newest: _Newest, height: int) -> Header:
        if height == newest.final.height:
            return newest.final
        if height > newest.final.height:
            durable = self._chain.durable_final.height
            if height <= durable:
                raise _becoming_final()
            raise NotFound(f"height {height} is not final yet; the newest final is {durable}")
        raw = self._chain.blocks.at(height)
        if raw is None:
            raise self._pruned(height)
        return header_of(raw)

    def _hashes(self, newest: _Newest, height: int) -> tuple[bytes, ...] | None:
        """The way from a block's id to the root of the newest one's history; None for itself."""
        if height == newest.final.height:
            return None
        progress = newest.state.get(PROGRESS_KEY)
        blocks = 0 if progress is None else history_of(progress).blocks
        hashes = self._chain.history.proof(height, blocks)
        if hashes is None:
            raise self._pruned(height)
        return hashes

    def _results(self, height: int) -> BlockResults:
        data = self._chain.blocks.receipts(height)
        if data is None:
            raise self._pruned(height)
        return BlockResults.decode(data)

    def _pruned(self, height: int) -> Pruned:
        return Pruned(
            f"block {height} is not kept here: this node has the blocks from height "
            f"{self._chain.blocks.first_height()} on; ask one that keeps all"
        )

    # Sets

    def _steps(self, first: int, end: int) -> tuple[DynastyStep, ...]:
        """The proofs that the sets of these dynasties handed over."""
        return tuple(self._step(number) for number in range(first, end))

    def _step(self, dynasty: int) -> DynastyStep:
        data = self._chain.blocks.handover(dynasty)
        if data is None:
            raise Unprovable(
                f"this node has no proof that the set of dynasty {dynasty} handed over",
                code=NO_DYNASTY_PROOF,
            )
        return DynastyStep.decode(data)

    def _members(self, dynasty: int) -> Members:
        genesis = self._chain.genesis
        return genesis.members if dynasty == 0 else self._step(dynasty - 1).members

    def _genesis_anchor(self) -> LightAnchor:
        with self._lock:  # it takes a while, and is made once
            if self._first_anchor is None:
                if self._genesis is None:
                    raise NotFound("this node has no genesis file to prove the first state from")
                self._first_anchor = genesis_anchor(self._genesis())
            return self._first_anchor


def genesis_anchor(genesis: Genesis) -> LightAnchor:
    """What a client needs that begins with the genesis block. Takes a second for large files."""
    tree = update(lambda _: None, {key_path(row.key): sha256(row.value) for row in genesis.rows})
    constants = next(row.value for row in genesis.rows if row.key == CONSTANTS_KEY)
    proof = prove(tree.pages.get, [key_path(CONSTANTS_KEY)])
    return LightAnchor(genesis.header, genesis.members, None, constants, proof)


def _becoming_final() -> Unprovable:
    return Unprovable("a block is becoming final at this moment", code=NOT_YET_FINAL)
