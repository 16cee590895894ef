"""Stories that walks do not come upon: what nodes do by duty, upgrades, a vote that opens late in
a term, answers to challenges; dealings, service orders, funds, an alliance, and an app."""

from collections.abc import Iterator

from consensus.cid import RAW, cid_of
from tests.economies.chain import PEOPLE, POLICY, Chain
from tests.economies.proofs import BYTE
from tests.economies.walk import Step
from tests.refusals.allying import allying
from tests.refusals.dealings import dealings
from tests.refusals.funding import funding
from tests.refusals.ordering import ordering
from tests.refusals.selling import selling
from tests.refusals.story import Story, step_at
from tests.vm.offences import offend
from tests.vm.world import CONSENSUS, PRODUCERS, commitment_of, publish
from vm.modules.content import Commit
from vm.modules.elections import Found, Stand, Vote
from vm.modules.possession import PledgeFor, Prove, Register, Withdraw
from vm.modules.producer import Recommit
from vm.modules.slashing import Report
from vm.modules.stake import Bond
from vm.modules.upgrade import Cancel, Schedule

PRESET = "devnet"
FAR = 2**50  # a height that no story reaches
BODY, TERM_S, OPEN_S, DEPOSIT = "council", 100, 60, 1000
PERIOD_BLOCKS, SEGMENTS, TERM = 60, 4, 2  # of challenges in this preset


def made_stories() -> Iterator[Story]:
    """All of them."""
    evidence = offend(Chain(PRESET).begun.genesis, CONSENSUS[1])
    yield _story(step_at(2, PRODUCERS[1].public, Recommit(commitment_of(1, b"second salt"))))
    yield _story(step_at(2, PEOPLE[0], Report(evidence)))
    planned = step_at(2, POLICY, Schedule(2, FAR))
    yield _story(planned)
    yield _story(planned, step_at(3, POLICY, Cancel()))
    yield _voting()
    yield from _holding()
    yield from dealings()
    yield from ordering()
    yield from funding()
    yield from allying()
    yield from selling()


def _voting() -> Story:
    """Two stand for a seat, and somebody votes for one of them as soon as that is open."""
    opens = 2 + Chain(PRESET).slots(TERM_S - OPEN_S)
    return _story(
        step_at(2, POLICY, Found(BODY, 1, TERM_S, OPEN_S, DEPOSIT)),
        step_at(3, PEOPLE[0], Stand(BODY, cid_of(RAW, b"programme"))),
        step_at(4, PEOPLE[1], Stand(BODY, cid_of(RAW, b"another programme"))),
        step_at(5, PEOPLE[2], Bond(DEPOSIT)),
        step_at(opens, PEOPLE[2], Vote(BODY, (PEOPLE[0],))),
    )


def _holding() -> Iterator[Story]:
    """Somebody holds two videos of another, and answers the challenges for one until its term is
    over."""
    owner, provider = PEOPLE[:2]
    video, other = (cid_of(RAW, owner + bytes([turn])) for turn in range(2))
    pledged = [
        *(step_at(2 + turn, owner, Commit(bytes(32)), turn) for turn in range(2)),
        *(step_at(20 + turn, owner, publish(), turn) for turn in range(2)),
        step_at(30, owner, Register(video, BYTE.root)),
        step_at(31, owner, Register(other, BYTE.root)),
        step_at(32, provider, PledgeFor(video, TERM)),
        step_at(33, provider, PledgeFor(other, TERM)),
    ]
    proofs = (BYTE.prove(0),) * SEGMENTS
    answers = [
        step_at(32 + number * PERIOD_BLOCKS, provider, Prove(video, number, proofs))
        for number in range(1, TERM + 1)
    ]
    yield _story(*pledged, answers[0])
    yield _story(*pledged, *answers, step_at(answers[-1].slot + 1, provider, Withdraw(video)))


def _story(*steps: Step) -> Story:
    return Story(PRESET, steps)
