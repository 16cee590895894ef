"""Small chains for light clients: real keys, changes of the set, a history, lists of items."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from consensus.block import BlockRef, Header, Target, vote_message
from consensus.certificate import certificate_bytes
from consensus.cid import Cid
from consensus.codec import Wire, encode
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.history import NO_HISTORY, History
from consensus.keys import KeyPair
from consensus.light import DynastyStep, LightAnchor, LightState, anchor_state, genesis_state
from consensus.light_answer import (
    EVENTS,
    RECEIPTS,
    TRANSACTIONS,
    LightAnswer,
    ListItem,
    PastBlock,
    ProvedRow,
    inclusion,
)
from consensus.light_rows import CONSTANTS_KEY, PROGRESS_KEY, Terms
from consensus.merkle import merkle_proof, merkle_root
from consensus.producers import Member, ProducerSet, producer_set
from consensus.record import replace
from consensus.tree import key_path, update
from consensus.tree_proof import prove

KEY, VALUE = encode(["token.balance", bytes(32), "REEL"]), b"a balance"
ABSENT = encode(["token.balance", bytes(32), "OTHER"])
TERMS = Terms(1_700_000_000_000, 1_000, 86_400)
CONSTANTS = encode(["chain.constants", 1, "devnet", 1_700_000_000_000, 1_000, 63, 64, 86_400, "R"])
LISTS = {
    TRANSACTIONS: [b"first", b"second", b"third"],
    RECEIPTS: [b"receipt"],
    EVENTS: [bytes([i]) for i in range(6)],
}


@dataclass(frozen=True)
class Seats:
    """A producer set and its keys, in set order."""

    producers: ProducerSet
    keys: list[KeyPair]

    def certify(self, chain: bytes, block_id: Cid, voters: int | None = None) -> bytes:
        """A certificate, by as many as needed."""
        message = vote_message(chain, block_id)
        count = self.producers.quorum if voters is None else voters
        return certificate_bytes(
            self.producers, {i: self.keys[i].sign(message) for i in range(count)}
        )


@cache
def seats(dynasty: int) -> Seats:
    """The set of a dynasty."""
    first = 10 * dynasty + 1
    keys = [KeyPair.from_seed(bytes([first + i]) * 32) for i in range(4)]
    members = [Member(bytes([first + i]) * 32, key.public) for i, key in enumerate(keys)]
    return Seats(producer_set(members), keys)


class Tree:
    """The state after a block: some rows, and the history of the blocks below."""

    def __init__(self, history: History) -> None:
        told: list[Wire] = ["chain.progress", 1, bytes(32), bytes(32), 0, 0, 0, history.pack()]
        self.rows = {encode(["row", i]): bytes([i]) for i in range(50)} | {
            KEY: VALUE,
            CONSTANTS_KEY: CONSTANTS,
            PROGRESS_KEY: encode(told),
        }
        paths: Mapping[bytes, bytes | None] = {
            key_path(key): sha256(value) for key, value in self.rows.items()
        }
        self._made = update(lambda _: None, paths)

    @property
    def root(self) -> bytes:
        """Its root."""
        return self._made.root

    def answer_rows(self, *keys: bytes) -> dict[str, object]:
        """The rows of an answer with their proof."""
        rows = tuple(ProvedRow(key, self.rows.get(key)) for key in sorted(keys))
        proof = prove(self._made.pages.get, [key_path(key) for key in keys])
        return {"rows": rows, "proof": proof}


class Chain:
    """Genesis, then in each dynasty two blocks, and if a change follows a handover block and a
    limbo block; five blocks of a dynasty that has no handover."""

    def __init__(self, changes: int = 1) -> None:
        self.headers: list[Header] = []
        self.trees: list[Tree] = []
        self.limbos: list[Header] = []
        self._history = NO_HISTORY
        self._base: BlockRef | None = None
        self._add(0)
        for dynasty in range(changes):
            self._add(dynasty, final_if_qc=None) if dynasty else self._add(dynasty)
            self._add(dynasty)
            self._hand_over(dynasty)
        self._add(changes, final_if_qc=None) if changes else self._add(0)
        for _ in range(4):
            self._add(changes)
        self.changes = changes

    def _add(self, dynasty: int, **changed: object) -> Header:
        parent = self.headers[-1] if self.headers else None
        if parent is not None:
            self._history = self._history.append(parent.id())
        tree = Tree(self._history)
        first = self.headers[0].id() if self.headers else None
        parent_id = None if parent is None else parent.id()
        base = self._base or (BlockRef(first, 0) if first else None)
        header = Header(
            chain=first.digest if first else None,
            parent=parent_id,
            height=len(self.headers),
            slot=len(self.headers),
            producer=seats(0).producers.members[0].producer if parent else None,
            reveal=sha256(b"reveal") if parent else None,
            dynasty=dynasty,
            set_hash=seats(dynasty).producers.hash,
            next_set_hash=ZERO_DIGEST,
            handover=None,
            base=base,
            qc_target=Target(parent.id(), parent.slot, parent.dynasty) if parent else None,
            qc_hash=sha256(b""),
            final_if_qc=parent_id,
            state_root=tree.root,
            transactions_root=merkle_root(LISTS[TRANSACTIONS]),
            receipts_root=merkle_root(LISTS[RECEIPTS]),
            events_root=merkle_root(LISTS[EVENTS]),
        )
        header = replace(header, **changed)
        self.headers.append(header)
        self.trees.append(tree)
        return header

    def _hand_over(self, dynasty: int) -> None:
        next_hash = seats(dynasty + 1).producers.hash
        handover = self._add(dynasty, next_set_hash=next_hash)
        limbo = self._add(dynasty, next_set_hash=next_hash, handover=handover.id())
        self.limbos.append(limbo)
        self._base = BlockRef(handover.id(), handover.slot)

    @property
    def id(self) -> bytes:
        """The chain's digest."""
        return self.headers[0].id().digest

    @property
    def start(self) -> LightState:
        """A client that trusts genesis."""
        return genesis_state(self.headers[0], seats(0).producers, TERMS)

    def certificate(self, header: Header, voters: int | None = None) -> bytes:
        """What makes a block justified."""
        return seats(header.dynasty).certify(self.id, header.id(), voters)

    def step(self, dynasty: int) -> DynastyStep:
        """The proof of a change."""
        limbo, members = self.limbos[dynasty], seats(dynasty + 1).producers.members
        return DynastyStep(limbo, self.certificate(limbo), members)

    def answer(
        self, *keys: bytes, first: int = 0, height: int | None = None, items: bool = False
    ) -> LightAnswer:
        """What proves rows after the last block but one; and a block, and items of it."""
        target, final, tree = self.headers[-1], self.headers[-2], self.trees[-2]
        block: PastBlock | None = None
        extra: tuple[bytes, ...] = ()
        if height is not None and height < final.height:
            ids = [header.id().binary for header in self.headers[: final.height]]
            block = PastBlock(self.headers[height], merkle_proof(ids, height))
            extra = (PROGRESS_KEY,)
        elif height is not None:
            block = PastBlock(self.headers[height], ())
        return LightAnswer(
            steps=tuple(self.step(dynasty) for dynasty in range(first, self.changes)),
            target=target,
            certificate=self.certificate(target),
            final=final,
            block=block,
            items=tuple(self.items()) if items else (),
            **tree.answer_rows(*keys, *extra),  # type: ignore[arg-type]
        )

    def items(self) -> list[ListItem]:
        """All items of all lists, which are the same in all blocks."""
        return [
            ListItem(name, item, inclusion(items, i))
            for name, items in LISTS.items()
            for i, item in enumerate(items)
        ]

    def anchor(self, height: int) -> LightAnchor:
        """What a client needs that begins with a block."""
        header, genesis = self.headers[height], self.headers[0]
        proof = self.trees[0].answer_rows(CONSTANTS_KEY)["proof"]
        members = seats(header.dynasty).producers.members
        first = genesis if height else None
        return LightAnchor(header, members, first, CONSTANTS, proof)  # type: ignore[arg-type]

    def checkpoint(self, height: int) -> LightState:
        """A client that trusts a block."""
        return anchor_state(self.anchor(height), height, self.headers[height].id())


@cache
def chain_of(changes: int) -> Chain:
    """One chain for all tests that need so many changes."""
    return Chain(changes)
