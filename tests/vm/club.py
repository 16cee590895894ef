"""A fund of a few members, on days on which what is due happens as in each block."""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.keys import KeyPair
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, key
from vm.modules.fund import (
    FUNDS,
    MEMBERS,
    PROPOSALS,
    YES,
    Contribute,
    Found,
    Fund,
    Leave,
    Member,
    PayIn,
    Proposal,
    Propose,
    Terms,
    Vote,
    go_on,
)
from vm.modules.tokens import Create, Issue

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CENTS = 10_000
STUDIO = key("a studio, which is paid")
PEOPLE = [ANNA, BEN, *(key(f"member {i}") for i in range(8))]
TERMS = Terms("CENT", 10, DAY_MS, 5, 30, 86_400, 172_800)


@dataclass
class Club(Days):
    """Everybody has cents. Funds take contributions for a day, votes are open for one, and who
    wants to leave has two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decide(Create("CENT", "Cents", 2, 10**18, True, True, None))
        for who in [*PEOPLE, STUDIO]:
            self.decide(Issue(who.public, "CENT", CENTS, ""))

    def found(self, *units: int, **changed: object) -> None:
        """Found fund 1, to which each of PEOPLE contributes so much, and let it have gathered."""
        until_ms = self.time_ms + TERMS.until_ms
        terms = replace(TERMS, until_ms=until_ms, **changed)
        assert self.act(ANNA.public, Found("Films", terms, units[0])) == "ok"
        for who, each in zip(PEOPLE[1:], units[1:], strict=False):
            assert self.act(who.public, Contribute(1, terms, each)) == "ok"
        self.wait(DAY_MS)

    def wait(self, ms: int) -> None:
        """Let time pass, and a block begin."""
        self.time_ms += ms
        self.step(go_on)

    def propose(self, units: int, to: KeyPair = STUDIO, by: KeyPair = ANNA) -> int:
        """The number of a new proposal."""
        assert self.act(by.public, Propose(1, to.public, units, "a film")) == "ok"
        return self.fund.proposals

    def vote(self, proposal: int, yes: Sequence[KeyPair] = (), no: Sequence[KeyPair] = ()) -> None:
        for who in yes:
            assert self.act(who.public, Vote(1, proposal, YES)) == "ok"
        for who in no:
            assert self.act(who.public, Vote(1, proposal, "no")) == "ok"

    def invest(self, units: int, to: KeyPair = STUDIO, by: Sequence[KeyPair] = (ANNA,)) -> Proposal:
        """Propose, vote for it, and wait until it is decided."""
        number = self.propose(units, to, by[0])
        self.vote(number, by)
        self.wait(DAY_MS)
        self.wait(2 * DAY_MS)
        return self.proposal(number)

    def leave(self, *who: KeyPair) -> list[int]:
        """What leaving brings each."""
        brought = list[int]()
        for each in who:
            before = self.cents(each)
            assert self.act(each.public, Leave(1)) == "ok"
            brought.append(self.cents(each) - before)
        return brought

    def pay_in(self, units: int, fund: int = 1) -> None:
        assert self.act(STUDIO.public, PayIn(fund, units, "the film's income")) == "ok"

    def cents(self, who: KeyPair) -> int:
        return self.held(who.public, "CENT")

    def gains(self, *who: KeyPair) -> list[int]:
        """What each has more than at the beginning."""
        return [self.cents(each) - CENTS for each in who]

    @property
    def fund(self) -> Fund:
        row = FUNDS.get(self.world.state, 1)
        assert row is not None
        return row

    def member(self, who: KeyPair) -> Member:
        row = MEMBERS.get(self.world.state, 1, who.public)
        assert row is not None
        return row

    def proposal(self, number: int) -> Proposal:
        row = PROPOSALS.get(self.world.state, 1, number)
        assert row is not None
        return row
