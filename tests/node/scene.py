"""A node's life in which much happens, and what must be durable after each of its final blocks."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consensus.block import Block
from consensus.certificate import check_certificate
from consensus.compact import CompactBlock
from consensus.finality_proof import FinalityProof, check_finality
from consensus.light import DynastyStep
from consensus.producers import ProducerSet
from consensus.record import Record, replace
from node.upkeep.check import chain_faults
from node.validator import create_journal
from storage.blocks import BlockStore, ChainMeta
from storage.database import (
    EVIDENCE_ROW,
    HANDOVER_ROW,
    META_ROW,
    PROOF_ROW,
    UNFINAL_ROW,
    Database,
    KeyValueReader,
    Write,
)
from storage.rows import ROW_KINDS, every_row
from tests.node.bench import JOURNAL, Bench, memory_chain, node_seats
from tests.node.handovers import ALICE, BOB, GENESIS, POOL, Elections, members_of
from tests.node.network import make_block, take_block, transfer
from tests.simulation.crashes import Machine
from tests.simulation.database import MemoryDatabase
from tests.simulation.shared import shared_results
from tests.simulation.signatures import fast_signatures
from tests.vm.offences import offend

SEAT = 3  # the node's own, of every set
# Three changes; a quorum is there without the node's seat and that of one who is silent.
ELECTIONS = Elections(
    tuple(
        (height, members_of(place for place in range(len(POOL)) if place != left_out))
        for height, left_out in ((1, 7), (12, 0), (20, 4))
    )
)
EPOCHS, SLOTS_EACH = 4, 10
PAYMENT_EACH, FORK_EACH, OFFENCE_AT = 3, 9, 13
GUILTY = 6

BATCHES_A_START = 40

Rows = dict[bytes, bytes]


@dataclass(frozen=True)
class Heard:
    """What a node hears, and in which slot."""

    slot: int
    message: Record


def _slots() -> list[int]:
    length = memory_chain(GENESIS).constants.epoch_slots
    return [max(epoch * length, 1) + i for epoch in range(EPOCHS) for i in range(SLOTS_EACH)]


class Others:
    """All other seats: they pay in every third slot, leave a block beside the others now and then,
    commit and report an offence, and change their set three times."""

    def __init__(self) -> None:
        places = [place for place in range(len(POOL)) if place != SEAT]
        self.maker = Bench(GENESIS, node_seats(POOL, *places), elected=ELECTIONS)
        self.script: list[Heard] = []
        self._behind = memory_chain(GENESIS, ELECTIONS)  # lacks the newest block
        self._newest: list[bytes] = []
        self._payments = 0

    def run(self) -> list[Heard]:
        for number, slot in enumerate(_slots()):
            self.maker.at_slot(slot)
            if number % PAYMENT_EACH == 1:
                self._pay()
            if number == OFFENCE_AT:
                self._hear(slot, offend(GENESIS, list(POOL.values())[GUILTY].consensus))
            if number % FORK_EACH == FORK_EACH - 1:
                self._fork(slot)
            else:
                self._produce(slot)
            self.script += [Heard(slot, self._whole(message)) for message in self.maker.sent]
            self.maker.sent.clear()
        return self.script

    def _whole(self, message: Record) -> Record:
        if not isinstance(message, CompactBlock):
            return message
        return Block.decode(self.maker.chain.block_bytes(message.header.id()) or b"")

    def _pay(self) -> None:
        chain = self.maker.chain
        payment = transfer(chain, ALICE, BOB.public, 1, self._payments)
        height = chain.fork.head.height + 1
        self.maker.mempool.add(payment, next_nonce=self._payments, next_height=height)
        self._payments += 1

    def _fork(self, slot: int) -> None:
        """The slot's producer does not know the newest block."""
        raw = make_block(self._behind, POOL, slot).raw
        self._hear(slot, Block.decode(raw))
        self._newest.append(raw)

    def _hear(self, slot: int, message: Record) -> None:
        self.script.append(Heard(slot, message))
        self.maker.hear(message)

    def _produce(self, slot: int) -> None:
        made = self.maker.run(self.maker.engine.produce(slot))
        if made is None:
            return
        for raw in self._newest:
            take_block(self._behind, raw)
        self._newest = [made.raw]


class Node:
    """The node with the seat, started on a machine."""

    def __init__(self, machine: Machine, keep_blocks: int) -> None:
        self.bench = Bench(
            GENESIS,
            node_seats(POOL, SEAT),
            elected=ELECTIONS,
            keep_blocks=keep_blocks,
            database=machine.database,
            disk=machine.disk,
        )

    def live(self, script: list[Heard], told: list[int]) -> None:
        """Hear all of it; `told` are the heights of the blocks that listeners took for final."""
        bench = self.bench
        try:
            for heard in script:
                bench.now_ms = max(bench.now_ms, bench.chain.clock.start_ms(heard.slot))
                bench.hear(heard.message)
        finally:
            told += [block.placed.height for _, final in bench.changes for block in final]


def new_machine() -> Machine:
    """It has the journal of a seat that has signed nothing."""
    machine = Machine()
    keys = [seat.key.public for seat in node_seats(POOL, SEAT)]
    create_journal(JOURNAL, keys, disk=machine.disk)
    return machine


def final_rows(reader: KeyValueReader) -> Rows:
    """All rows that become durable with a final block. Whose votes prove that it is final, what is
    not final and what is not yet punished may differ from node to node."""
    others = (UNFINAL_ROW, EVIDENCE_ROW, PROOF_ROW)
    kinds = [kind for kind in ROW_KINDS if kind not in others]
    rows = dict(row for kind in kinds for row in every_row(reader, kind))
    for key, step in every_row(reader, HANDOVER_ROW):
        rows[key] = replace(DynastyStep.decode(step), certificate=b"").encode()
    return rows


class Watched(MemoryDatabase):
    """Notes all batches, and the final rows of every height."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Write]] = []
        self.finals: dict[int, Rows] = {}

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        writes = list(batch)
        super().write(writes, sync=sync)
        self.batches.append(writes)
        meta = self.get(META_ROW)
        if meta is not None:
            self.finals.setdefault(ChainMeta.decode(meta).height, final_rows(self))


@dataclass
class Scene:
    """What happens, and what a node that nothing befalls has after each final block."""

    keep_blocks: int
    script: list[Heard]
    sets: Mapping[bytes, ProducerSet]
    batches: list[list[Write]]
    finals: dict[int, Rows]

    @classmethod
    def play(cls, keep_blocks: int) -> "Scene":
        others = Others()
        script = others.run()
        database = Watched()
        machine = dataclasses.replace(new_machine(), database=database)
        Node(machine, keep_blocks).live(script, [])
        sets = [GENESIS.producer_set, *(members for _, members in ELECTIONS.sets)]
        by_hash = {each.hash: each for each in sets}
        return cls(keep_blocks, script, by_hash, database.batches, database.finals)

    @property
    def end(self) -> int:
        """The height of the last final block."""
        return max(self.finals)

    def live(self, machine: Machine, told: list[int]) -> None:
        """The scenario."""
        Node(machine, self.keep_blocks).live(self.script, told)

    def check(self, machine: Machine, told: list[int]) -> None:
        """The last durable final block is there with all its rows and no others, and the node goes
        on to the same end."""
        assert list(chain_faults(machine.database, GENESIS, lambda *_: None)) == []
        self.check_rows(machine.database, told)
        node = Node(machine, self.keep_blocks)
        self.check_rows(machine.database, told)
        node.live(self.script, told)
        assert self.check_rows(machine.database, told) == self.end

    def check_rows(self, database: MemoryDatabase, told: list[int]) -> int:
        """The height that is final."""
        data = database.get(META_ROW)
        if data is None:
            assert not told
            return 0
        meta = ChainMeta.decode(data)
        assert final_rows(database) == self.finals[meta.height]
        assert meta.height >= max(told, default=0)
        self.check_proofs(database)
        return meta.height

    def check_proofs(self, database: MemoryDatabase) -> None:
        """That of the final block is of one here, those of handovers are by the old sets."""
        data = database.get(PROOF_ROW)
        if data is not None:
            proof = FinalityProof.decode(data)
            check_finality(proof, GENESIS.chain, self.sets[proof.target.set_hash])
            assert BlockStore(database).id_at(proof.final.height) == proof.final.id()
        for _, data in database.scan(HANDOVER_ROW, limit=EPOCHS):
            step = DynastyStep.decode(data)
            voters = self.sets[step.limbo.set_hash]
            check_certificate(
                step.certificate, voters, GENESIS.chain, step.limbo.id(), field="certificate"
            )


def written(scene: Scene, folder: Path) -> Path:
    """A real database with all that the node wrote, in several tables and a log."""
    batches = scene.batches
    for start in range(0, len(batches), BATCHES_A_START):
        with Database.open(folder) as database:
            for batch in batches[start : start + BATCHES_A_START]:
                database.write(batch, sync=False)
    return folder


@contextmanager
def played(keep_blocks: int = 0) -> Iterator[Scene]:
    """The scene, while signatures are quick and what all nodes compute is computed once."""
    with fast_signatures(), shared_results():
        yield Scene.play(keep_blocks)
