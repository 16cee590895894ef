"""Restarts: a chain that is taken up at its final block goes on as if it had not stopped."""

from consensus.finality import ChainBlock
from consensus.fork_choice import ForkChoice
from consensus.history import NO_HISTORY
from node.chain_point import ChainPoint, point_of, restore
from tests.consensus.chains import (
    RULES,
    add,
    certificate_of,
    child,
    embedded,
    genesis,
    members,
    place,
    vote_all,
)
from vm.modules.chain import Progress

OLD, NEW, THIRD = members(1, 2, 3, 4), members(3, 4, 5, 6), members(7, 8, 9, 10)
ELECTED = {4: NEW, 9: THIRD}


def restarted(block: ChainBlock, qc: ChainBlock) -> ChainBlock:
    """The block as it comes back from disk."""
    lineage = [(block.id, block.header)]
    at = block.parent
    while at is not None and lineage[-1][0] != qc.id:
        lineage.append((at.id, at.header))
        at = at.parent
    data = point_of(block, qc.members).encode()
    return restore(RULES, ChainPoint.decode(data), progress_of(block), lineage[::-1])


def progress_of(block: ChainBlock) -> Progress:
    """The row in the block's state, but for the history, which says nothing here."""
    slot, height = (block.handover.slot, block.handover_height) if block.handover else (0, 0)
    return Progress(block.beacon, block.epoch_beacon, block.final_height, slot, height, NO_HISTORY)


def handed_over_twice() -> list[ChainBlock]:
    """A chain of two handovers with late certificates, from genesis up; the second one begins
    with the first block of a dynasty."""
    chain = [genesis(OLD)]
    for slot in range(1, 16):
        parent = chain[-1]
        late = slot in (6, 7, 12)  # its producer does not know its parent's certificate
        qc = parent.qc if late and parent.qc else parent
        chain.append(child(parent, slot, qc, elected=ELECTED.get(slot)))
    return chain


def test_the_chain_of_these_tests_hands_over_twice() -> None:
    chain = handed_over_twice()
    assert [block.dynasty for block in chain][-1] == 2
    assert sum(block.handover == block.ref for block in chain) == 2


def test_every_block_that_became_final_can_be_started_from() -> None:
    chain = handed_over_twice()
    for at, block in enumerate(chain[1:-1], start=1):
        if block.qc is None:
            continue
        fork = ForkChoice(restarted(block, block.qc))
        for following in chain[at + 1 :]:
            parent, named = fork.get(chain[following.height - 1].id), following.header.qc_target
            qc = fork.get(named.id) if named else None
            if parent is None or qc is None or not fork.is_live(parent):
                continue
            data = embedded(parent, qc)
            elected = ELECTED.get(following.slot)
            copy = place(parent, following.header, data, elected=elected)
            add(fork, copy)
            assert copy.final_height == following.final_height
        assert fork.head.id == chain[-1].id
        vote_all(fork, fork.head)
        assert fork.final.id == chain[-2].id


def test_a_late_certificate_by_the_set_before_is_still_known() -> None:
    one = child(genesis(OLD), 1)
    handover = child(one, 2, one, elected=NEW)
    opening = child(handover, 3, handover)
    limbo = child(opening, 4)  # its producer does not know its parent's certificate
    first = child(limbo, 5, opening)
    following = child(first, 6, limbo)
    assert (limbo.dynasty, first.dynasty, following.qc) == (0, 1, limbo)
    known = restarted(first, opening)
    copy = place(known, following.header, certificate_of(limbo))
    assert copy.qc is known.parent
    assert copy.final_height == following.final_height == handover.height
