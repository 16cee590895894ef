"""Evidence that a node keeps: proved, one piece for each key, until it is punished."""

import pytest

from consensus.errors import InvalidEvidence
from consensus.evidence import DOUBLE_BLOCK, DOUBLE_VOTE, SURROUND, Evidence, Statement
from consensus.record import replace
from node import evidence_pool
from node.chain import Chain
from node.duties import duties
from node.evidence_pool import MAX_EVIDENCE, EvidencePool
from storage.blocks import MAX_EVIDENCE_ROWS
from tests.node.bench import memory_chain
from tests.node.network import key, make_genesis_of, make_seats, run_slots
from tests.vm.offences import offend

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])
KEYS = [seat.consensus for seat in SEATS.values()]


@pytest.fixture
def chain() -> Chain:
    return memory_chain(GENESIS)


def kept(chain: Chain) -> set[Evidence]:
    """What a node that starts now finds on disk."""
    return set(EvidencePool(chain).items())


@pytest.mark.parametrize("offence", [DOUBLE_BLOCK, DOUBLE_VOTE, SURROUND])
def test_evidence_is_taken_once_and_survives_a_restart(chain: Chain, offence: str) -> None:
    pool, evidence = EvidencePool(chain), offend(GENESIS, KEYS[0], offence)
    assert pool.add(evidence)
    assert not pool.add(evidence)
    assert pool.items() == (evidence,)
    assert kept(chain) == {evidence}


def test_one_piece_for_each_key_is_enough(chain: Chain) -> None:
    pool = EvidencePool(chain)
    first, second = offend(GENESIS, KEYS[0]), offend(GENESIS, KEYS[0], DOUBLE_VOTE)
    other = offend(GENESIS, KEYS[1])
    assert [pool.add(evidence) for evidence in (first, second, other)] == [True, False, True]
    assert kept(chain) == {first, other}


def forged() -> list[Evidence]:
    good = offend(GENESIS, KEYS[0])
    foreign = make_genesis_of(SEATS.values(), [key("bob")])
    return [
        replace(good, key=KEYS[1].public),
        replace(good, first=Statement(good.first.header, bytes(64))),
        replace(good, second=good.first),
        replace(good, first=good.second, second=good.first),
        replace(good, offence=DOUBLE_VOTE),
        replace(good, offence="nonsense"),
        offend(foreign, KEYS[0]),
    ]


@pytest.mark.parametrize("evidence", forged())
def test_what_proves_nothing_is_refused_and_not_kept(chain: Chain, evidence: Evidence) -> None:
    pool = EvidencePool(chain)
    with pytest.raises(InvalidEvidence):
        pool.add(evidence)
    assert pool.items() == ()
    assert kept(chain) == set()


def test_evidence_against_no_producer_is_not_kept(chain: Chain) -> None:
    pool = EvidencePool(chain)
    assert not pool.add(offend(GENESIS, key("nobody")))
    assert kept(chain) == set()


def test_the_oldest_gives_way_when_there_is_too_much(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_pool, "MAX_EVIDENCE", 2)
    pool = EvidencePool(chain)
    pieces = [offend(GENESIS, guilty) for guilty in KEYS[:3]]
    assert [pool.add(evidence) for evidence in pieces] == [True] * 3
    assert pool.items() == tuple(pieces[1:])
    assert kept(chain) == set(pieces[1:])


def test_all_that_is_kept_is_found_again() -> None:
    assert MAX_EVIDENCE < MAX_EVIDENCE_ROWS


def test_evidence_is_dropped_once_its_report_is_final_and_not_before(chain: Chain) -> None:
    pool, reporter = EvidencePool(chain), next(iter(SEATS.values()))
    reported, other = offend(GENESIS, KEYS[2]), offend(GENESIS, KEYS[3])
    pool.add(reported)
    pool.add(other)
    assert list(pool.pending(chain.state_of(chain.fork.head))) == [reported, other]

    state, producer = chain.state.view(), reporter.account.public
    report = duties(state, chain.id, 1, producer, reporter.consensus, None, [reported])
    run_slots([chain], SEATS, [1], report)
    pool.forget_punished()
    assert pool.items() == (reported, other)  # that block may yet be replaced by another
    assert list(pool.pending(chain.state_of(chain.fork.head))) == [other]
    assert list(pool.pending(chain.state.view())) == [reported, other]

    run_slots([chain], SEATS, [2])
    pool.forget_punished()
    assert pool.items() == (other,)
    assert kept(chain) == {other}
    assert not pool.add(reported)
    assert not pool.add(offend(GENESIS, KEYS[2], DOUBLE_VOTE))
