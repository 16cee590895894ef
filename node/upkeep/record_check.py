"""What a chain keeps beside its blocks and state: where it stands, proofs, evidence, blocks that
are not final."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from consensus.block import Header
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidProof
from consensus.evidence import Evidence, check_evidence
from consensus.finality_proof import FinalityProof, check_finality
from consensus.hashing import ZERO_DIGEST
from consensus.headers import Rules
from consensus.light import DynastyStep, change_dynasty
from consensus.producers import ProducerSet
from genesis.file import Genesis
from node.candidate import header_of, read_block
from node.chain_point import ChainPoint
from node.first_block import load_final
from node.snapshots.proving import genesis_anchor
from node.upkeep.faults import Fault, wrong_row
from storage.blocks import BlockStore, ChainMeta, block_or_header
from storage.database import (
    BLOCK_ID_ROW,
    EVIDENCE_ROW,
    FIRST_ROW,
    HANDOVER_ROW,
    IMPORT_ROW,
    PROOF_ROW,
    UNFINAL_ROW,
    DatabaseDamaged,
    KeyValueStore,
)
from storage.rows import ROW_KINDS, every_row
from storage.state import FinalState
from vm.modules.chain import chain_constants

_NUMBER_BYTES = 8


@dataclass(slots=True)
class RecordCheck:
    """A look at the records of a chain whose blocks and state were looked at before."""

    database: KeyValueStore
    genesis: Genesis
    meta: ChainMeta
    state_is_whole: bool
    _sets: list[ProducerSet] = field(default_factory=list)  # of the dynasties, as proved

    def faults(self) -> Iterator[Fault]:
        """All that is wrong. Raises DatabaseError."""
        final = self._final_header()
        if final is not None:
            yield from self._handover_faults(final)
            yield from self._chain_faults(final)
        yield from self._proof_faults()
        yield from self._evidence_faults()
        yield from self._unfinal_faults()
        for key, _ in every_row(self.database, IMPORT_ROW):
            yield wrong_row("import", "is left over", key, None, None)

    def _final_header(self) -> Header | None:
        """That of the final block; if it has none, that is told with the blocks."""
        raw = block_or_header(self.database, self.meta.height)
        try:
            return None if raw is None else header_of(raw)
        except Invalid:
            return None

    def _handover_faults(self, final: Header) -> Iterator[Fault]:
        """Each set proves the next one, from genesis on."""
        state = genesis_anchor(self.genesis)
        self._sets.append(state.producers)
        for key, data in every_row(self.database, HANDOVER_ROW):
            dynasty = int.from_bytes(key[len(HANDOVER_ROW) :], "big")
            if dynasty != len(self._sets) - 1:
                break
            try:
                step = DynastyStep.decode(data)
                members = ProducerSet(step.members)
                state = change_dynasty(state, step.limbo, step.certificate, members)
            except Invalid as error:
                yield Fault("handover proof", f"of dynasty {dynasty} proves nothing: {error}")
                return
            self._sets.append(members)
        if len(self._sets) <= final.dynasty:
            yield Fault("handover proof", f"of dynasty {len(self._sets) - 1} is missing")

    def _chain_faults(self, final: Header) -> Iterator[Fault]:
        """Whether the chain can be taken up at the final block, as a node does when it starts."""
        database, meta = self.database, self.meta
        first = database.get(FIRST_ROW)
        if first is not None and int.from_bytes(first, "big") > meta.height + 1:
            yield Fault("first height", "lies above the final block")
        if (final.id(), final.state_root) != (meta.id, meta.state_root):
            yield Fault("chain record", "is not of the final block", meta.height)
            return
        state = FinalState(database)
        try:
            point = ChainPoint.decode(meta.point)
            _check_sets(point, final)
            if not self.state_is_whole:
                return
            rules = Rules(self.genesis.chain, chain_constants(state.view()).epoch_slots)
            load_final(self.genesis.head, rules, BlockStore(database), state, database.folder)
        except (Invalid, DatabaseDamaged) as error:
            what = error.what if isinstance(error, DatabaseDamaged) else str(error)
            yield Fault("chain record", f"does not let the chain go on: {what}", meta.height)

    def _proof_faults(self) -> Iterator[Fault]:
        """A node can do without: the next final block brings another."""
        data = self.database.get(PROOF_ROW)
        if data is None:
            return
        try:
            proof = FinalityProof.decode(data)
            if proof.target.dynasty < len(self._sets):
                check_finality(proof, self.genesis.chain, self._sets[proof.target.dynasty])
            place = proof.final.height.to_bytes(_NUMBER_BYTES, "big")
            known = self.database.get(BLOCK_ID_ROW + place)
            if known not in (None, proof.final.id().binary):
                raise InvalidProof("of a block that is not final here")
        except Invalid as error:
            yield wrong_row("finality proof", f"proves nothing: {error}", PROOF_ROW, None, None)

    def _evidence_faults(self) -> Iterator[Fault]:
        for key, data in every_row(self.database, EVIDENCE_ROW):
            try:
                evidence = Evidence.decode(data)
                check_evidence(evidence, self.genesis.chain)
                if evidence.key != key[len(EVIDENCE_ROW) :]:
                    raise InvalidProof("is against another key")
            except Invalid as error:
                yield wrong_row("evidence", f"proves nothing: {error}", key, None, None)

    def _unfinal_faults(self) -> Iterator[Fault]:
        """Peers have them too."""
        for key, raw in every_row(self.database, UNFINAL_ROW, chunk_rows=8):
            try:
                if read_block(raw).id != Cid(key[len(UNFINAL_ROW) + _NUMBER_BYTES :]):
                    raise InvalidProof("is another one")
            except Invalid as error:
                kind = ROW_KINDS[UNFINAL_ROW]
                yield wrong_row(kind, f"is damaged: {error}", key, None, None)


def _check_sets(point: ChainPoint, final: Header) -> None:
    """Raise Invalid unless the sets are those that the final block names."""
    if ProducerSet(point.members).hash != final.set_hash:
        raise InvalidProof("not the final block's set", field="members")
    following = ProducerSet(point.next_members).hash if point.next_members else ZERO_DIGEST
    if following != final.next_set_hash:
        raise InvalidProof("not the set that the final block hands over to", field="next_members")
