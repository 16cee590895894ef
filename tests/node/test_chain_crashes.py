"""A node ended at every write: it takes up the last durable final state, exactly, and goes on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from consensus.certificate import check_certificate
from consensus.evidence import Evidence
from consensus.finality_proof import FinalityProof, check_finality
from consensus.light import DynastyStep
from consensus.producers import ProducerSet
from consensus.record import Record
from node.candidate import header_of, read_block
from node.validator import create_journal
from p2p.messages import BlockMessage
from storage.blocks import BlockStore, ChainMeta
from storage.database import (
    EVIDENCE_ROW,
    HANDOVER_ROW,
    META_ROW,
    PROOF_ROW,
    STATE_ROW,
    UNFINAL_ROW,
    Write,
)
from storage.errors import StorageError
from tests.node.bench import JOURNAL, Bench, memory_chain, node_seats
from tests.node.handovers import ALICE, BOB, GENESIS, POOL, Elections, members_of
from tests.node.network import make_block, take_block, transfer
from tests.simulation.crashes import DATABASE_ENDINGS, Ending, Left, Machine, every_crash
from tests.simulation.database import MemoryDatabase
from tests.simulation.shared import shared_results
from tests.simulation.signatures import fast_signatures
from tests.vectors.state_tree_model import model_leaves, model_root
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

Rows = dict[bytes, bytes]


@dataclass(frozen=True)
class Heard:
    """What a node hears, and in which slot."""

    slot: int
    message: Record


def _slots() -> list[int]:
    length = memory_chain(GENESIS).constants.epoch_slots
    return [max(epoch * length, 1) + i for epoch in range(EPOCHS) for i in range(SLOTS_EACH)]


class _Others:
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
            self.script += [Heard(slot, message) for message in self.maker.sent]
            self.maker.sent.clear()
        return self.script

    def _pay(self) -> None:
        chain = self.maker.chain
        payment = transfer(chain, ALICE, BOB.public, 1, self._payments)
        height = chain.fork.head.height + 1
        self.maker.mempool.add(payment, next_nonce=self._payments, next_height=height)
        self._payments += 1

    def _fork(self, slot: int) -> None:
        """The slot's producer does not know the newest block."""
        raw = make_block(self._behind, POOL, slot).raw
        self._hear(slot, BlockMessage(raw))
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


class _Node:
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


def _new_machine() -> Machine:
    """It has the journal of a seat that has signed nothing."""
    machine = Machine()
    keys = [seat.key.public for seat in node_seats(POOL, SEAT)]
    create_journal(JOURNAL, keys, disk=machine.disk)
    return machine


def _final_rows(database: MemoryDatabase) -> Rows:
    """All rows that become durable with a final block. Whose votes prove that it is final, what is
    not final and what is not yet punished may differ from node to node."""
    others = (UNFINAL_ROW, EVIDENCE_ROW, PROOF_ROW)
    rows = {key: value for key, value in database.rows.items() if key[:1] not in others}
    for key, step in database.scan(HANDOVER_ROW, limit=EPOCHS):
        rows[key] = replace(DynastyStep.decode(step), certificate=b"").encode()
    return rows


class _Watched(MemoryDatabase):
    """Notes the final rows of every height."""

    def __init__(self) -> None:
        super().__init__()
        self.finals: dict[int, Rows] = {}

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        super().write(batch, sync=sync)
        meta = self.get(META_ROW)
        if meta is not None:
            self.finals.setdefault(ChainMeta.decode(meta).height, _final_rows(self))


@dataclass
class _Scene:
    """What happens, and what a node that nothing befalls has after each final block."""

    keep_blocks: int
    script: list[Heard]
    sets: Mapping[bytes, ProducerSet]
    finals: dict[int, Rows]

    @classmethod
    def play(cls, keep_blocks: int) -> "_Scene":
        others = _Others()
        script = others.run()
        database = _Watched()
        machine = replace(_new_machine(), database=database)
        _Node(machine, keep_blocks).live(script, [])
        sets = [GENESIS.producer_set, *(members for _, members in ELECTIONS.sets)]
        return cls(keep_blocks, script, {each.hash: each for each in sets}, database.finals)

    @property
    def end(self) -> int:
        """The height of the last final block."""
        return max(self.finals)

    def live(self, machine: Machine, told: list[int]) -> None:
        """The scenario."""
        _Node(machine, self.keep_blocks).live(self.script, told)

    def check(self, machine: Machine, told: list[int]) -> None:
        """The last durable final block is there with all its rows and no others, and the node goes
        on to the same end."""
        self.check_rows(machine.database, told)
        node = _Node(machine, self.keep_blocks)
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
        assert _final_rows(database) == self.finals[meta.height]
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


@pytest.fixture(scope="module", autouse=True)
def _fast() -> Iterator[None]:
    with fast_signatures(), shared_results():
        yield


@pytest.fixture(scope="module")
def scene() -> _Scene:
    return _Scene.play(0)


def test_the_scene_has_what_can_go_wrong(scene: _Scene) -> None:
    messages = [heard.message for heard in scene.script]
    blocks = [read_block(each.block) for each in messages if isinstance(each, BlockMessage)]
    assert scene.end >= 30
    assert len(blocks) - scene.end >= 4  # beside the others, or not final yet
    assert {block.header.dynasty for block in blocks} == {0, 1, 2, 3}
    assert sum(len(block.transactions) for block in blocks) > 8
    assert any(isinstance(message, Evidence) for message in messages)


def test_what_is_compared_with_is_what_the_blocks_say(scene: _Scene) -> None:
    """The root of every height from all its rows, and the way from height to id and back."""
    for height, rows in scene.finals.items():
        database = MemoryDatabase()
        database.write(rows.items(), sync=True)
        state = {key[1:]: value for key, value in rows.items() if key.startswith(STATE_ROW)}
        header = header_of(BlockStore(database).at(height) or b"")
        assert model_root(model_leaves(state)) == header.state_root
        blocks = BlockStore(database)
        ids = [blocks.id_at(below) for below in range(height + 1)]
        assert ids[-1] == header.id()
        assert [blocks.height_of(each) for each in ids if each] == list(range(height + 1))


# Ends that differ for the journal, whose own tests have them all.
DISK_ENDS = (
    Ending(0.0, Left.NOTHING),
    Ending(0.5, Left.ALL),
    Ending(1.0, Left.PART),
    Ending(0.5, Left.NOTHING, is_full=True),
)


def test_no_end_at_any_write_loses_or_changes_a_final_block(scene: _Scene) -> None:
    endings = {"disk": DISK_ENDS, "database": DATABASE_ENDINGS}
    done = every_crash(scene.live, scene.check, start=_new_machine, endings=endings)
    print(f"commit and finality: {done.points} write and sync points, {done.ends} ends, 0 wrong")
    assert done.points > 150


def test_a_node_that_drops_old_blocks_loses_no_others() -> None:
    scene = _Scene.play(6)
    endings = {"database": [Ending(1.0, Left.PART)]}
    done = every_crash(scene.live, scene.check, start=_new_machine, endings=endings)
    print(f"pruning: {done.points} write and sync points, {done.ends} ends, 0 wrong")
    assert done.points > 100


class _Lazy(MemoryDatabase):
    """It never syncs."""

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        super().write(batch, sync=False)


class _Piecemeal(MemoryDatabase):
    """Its batches are not whole."""

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        writes = list(batch)
        for row in writes[:-1]:
            super().write([row], sync=False)
        super().write(writes[-1:], sync=sync)


@pytest.mark.parametrize("kind", [_Lazy, _Piecemeal])
def test_a_database_that_breaks_its_word_is_found_out(
    scene: _Scene, kind: type[MemoryDatabase]
) -> None:
    def start() -> Machine:
        return replace(_new_machine(), database=kind())

    endings = {"database": [Ending(1.0, Left.NOTHING), Ending(1.0, Left.ALL)]}
    with pytest.raises((AssertionError, StorageError)):
        every_crash(scene.live, scene.check, start=start, endings=endings)
