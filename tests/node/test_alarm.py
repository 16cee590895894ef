"""Two final histories: the evidence stays on disk, and the node stays down until it is moved."""

import os
from pathlib import Path

import pytest

from consensus.certificate import split_certificate
from consensus.finality_proof import FinalityProof, check_finality
from consensus.fork_choice import ConflictingFinality
from node.alarm import CONFLICT_PATTERN, Conflict, alarm, check_no_alarm
from node.chain import Chain
from node.failure import Refused
from node.finality_proofs import is_ahead, proof_above
from tests.node.bench import memory_chain
from tests.node.network import key, make_genesis_of, make_seats, run_slots

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])


def conflict_of(own: Chain, slots: range = range(11, 15)) -> ConflictingFinality:
    """The seats have finalized something else than what is final in `own`, from genesis on."""
    other = memory_chain(GENESIS)
    run_slots([other], SEATS, slots)
    proof = proof_above(other, 1)
    assert proof is not None
    with pytest.raises(ConflictingFinality) as caught:
        is_ahead(own, proof)
    return caught.value


@pytest.fixture
def chain() -> Chain:
    made = memory_chain(GENESIS)
    run_slots([made], SEATS, [1, 2, 3])
    return made


def found(folder: Path) -> list[Path]:
    return sorted(folder.glob(CONFLICT_PATTERN))


def test_both_proofs_are_laid_down_and_convict_a_quorum_of_both(
    chain: Chain, tmp_path: Path
) -> None:
    conflict = conflict_of(chain)
    with pytest.raises(ExceptionGroup) as caught, alarm(tmp_path, chain.final_proof):
        raise ExceptionGroup("nursery", [ValueError("besides"), ExceptionGroup("", [conflict])])
    assert caught.group_contains(ConflictingFinality)
    assert caught.group_contains(ValueError)

    (file,) = found(tmp_path)
    laid_down = Conflict.decode(file.read_bytes())
    own = laid_down.own
    assert own is not None
    assert own == chain.final_proof()
    assert laid_down.other == conflict.proof
    signers = []
    for proof in (own, laid_down.other):
        check_finality(proof, chain.id, GENESIS.producer_set)
        signers.append(set(split_certificate(proof.certificate, GENESIS.producer_set, field="")))
    assert len(signers[0] & signers[1]) >= GENESIS.producer_set.max_faulty + 1
    assert own.final.id() != laid_down.other.final.id()


def test_a_conflict_beside_genesis_alone_is_laid_down_too(chain: Chain, tmp_path: Path) -> None:
    conflict = conflict_of(chain)
    with pytest.raises(ExceptionGroup), alarm(tmp_path, memory_chain(GENESIS).final_proof):
        raise conflict
    (file,) = found(tmp_path)
    assert Conflict.decode(file.read_bytes()) == Conflict(None, conflict.proof)


def test_the_alarm_is_raised_again_without_harm(chain: Chain, tmp_path: Path) -> None:
    conflict = conflict_of(chain)
    for _ in range(2):
        with pytest.raises(ExceptionGroup), alarm(tmp_path, chain.final_proof):
            raise conflict
    before = found(tmp_path)
    assert len(before) == 1
    with pytest.raises(ExceptionGroup), alarm(tmp_path, chain.final_proof):
        raise conflict_of(chain, range(21, 25))
    assert len(found(tmp_path)) == 2
    assert before[0] in found(tmp_path)


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt(), OSError("disk")])
def test_nothing_else_raises_the_alarm(chain: Chain, tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), alarm(tmp_path, chain.final_proof):
        raise error
    with alarm(tmp_path, chain.final_proof):
        pass
    assert os.listdir(tmp_path) == []
    check_no_alarm(tmp_path)


def test_a_node_is_told_what_to_do_for_as_long_as_the_evidence_lies_there(
    chain: Chain, tmp_path: Path
) -> None:
    check_no_alarm(tmp_path)
    check_no_alarm(tmp_path / "not made yet")
    with pytest.raises(ExceptionGroup), alarm(tmp_path, chain.final_proof):
        raise conflict_of(chain)
    (file,) = found(tmp_path)
    with pytest.raises(Refused) as refused:
        check_no_alarm(tmp_path)
    assert (refused.value.code, refused.value.field) == ("conflicting-finality", str(file))
    for words in ("two final histories", "which producers broke the rules", "move the file away"):
        assert words in refused.value.message
    file.rename(tmp_path / "elsewhere")
    check_no_alarm(tmp_path)


def test_what_is_laid_down_is_whole_and_readable(chain: Chain) -> None:
    proof = chain.final_proof()
    assert proof is not None
    conflict = Conflict(proof, conflict_of(chain).proof)
    assert Conflict.decode(conflict.encode()) == conflict
    assert Conflict.from_json(conflict.to_json()) == conflict
    assert isinstance(conflict.other, FinalityProof)
