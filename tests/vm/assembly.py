"""A chain with bodies and policies, on which time passes: for tests of governance."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consensus.errors import ActionFailed
from tests.vm.stage import Stage as Chain
from tests.vm.world import BARE, PRODUCERS, World, commitment_of, key
from vm.context import Context
from vm.declare import Action
from vm.modules.gov import (
    BODIES,
    PROPOSALS,
    ROLL,
    Body,
    Policy,
    Proposal,
    Propose,
    Resolve,
    Stage,
    Tally,
    Vote,
    admit,
    close_due,
    end_terms,
    put_body,
    put_policy,
)
from vm.modules.gov.tables import TALLIES
from vm.modules.producer import Producer, register
from vm.modules.stake import Bond
from vm.modules.tokens import mint
from vm.registry import REGISTRY
from vm.running import Running

ASSET = "REEL"
DAY_S = 86_400
NO_RULES = (0, 0, None, 0, 0, 0, 0, False, False, 0, None)
HOLDERS = Body("holders", *NO_RULES)
PRODUCING = Body("producers", *NO_RULES)


def members(cap: int = 512, least: int = 0, **rules: object) -> Body:
    """A body of members; `rules` are its other fields."""
    given: dict[str, object] = {
        "drawn_from": None,
        "term_s": 0,
        "misses": 0,
        "window_s": 0,
        "barred_s": 0,
        "seats": False,
        "whole_window": False,
        "alternates": 16,
        "alternates_from": None,
    }
    return Body("members", cap, least, **(given | rules))  # type: ignore[arg-type]


def stage(
    body: str,
    percent: int,
    *,
    of_votes: bool = False,
    quorum: int = 0,
    veto: int = 0,
    open_s: int = DAY_S,
) -> Stage:
    """A stage of a policy."""
    return Stage(body, percent, of_votes, quorum, veto, open_s)


def person(number: int) -> bytes:
    """An account."""
    return key(f"person {number}").public


@dataclass
class Assembly:
    """A chain without consensus; `time_s` is how much time has passed."""

    chain: Chain = field(default_factory=lambda: Chain(World.begin(BARE)))
    height: int = 1

    def context(self, account: bytes) -> Context:
        """What an action of this account sees, which changes the state."""
        state = self.chain.world.state
        return Running(self.chain.block, state, REGISTRY).context(account, 0)

    def found(self, name: str, body: Body, *accounts: bytes) -> None:
        """A body with these members."""
        put_body(self.chain.world.state, name, body)
        for account in accounts:
            admit(self.context(account), name, account)

    def permit(
        self,
        name: str,
        *stages: Stage,
        scopes: Sequence[str] = ("gov.resolve",),
        proposers: str | None = None,
        deposit: int = 0,
    ) -> None:
        """A policy."""
        policy = Policy(stages, tuple(scopes), proposers, deposit, 1)
        types = [tag for tag, declared in REGISTRY.actions.items() if declared.governed]
        put_policy(self.chain.world.state, types, name, policy)

    def propose(self, policy: str, *actions: Action, by: bytes | None = None) -> str:
        """Propose; "ok" or the code of the failure."""
        wires = tuple(a.pack() for a in actions or (Resolve("agreed"),))
        return self.chain.act(by or person(99_999), Propose(policy, "a title", "", wires))

    def vote(self, account: bytes, choice: str = "yes", proposal: int = 1) -> str:
        """Vote; "ok" or the code of the failure."""
        return self.chain.act(account, Vote(proposal, choice))

    def failure(self, account: bytes, action: Action) -> tuple[str, str]:
        """Code and field of an action's failure."""
        try:
            action.apply(self.chain.context(account))
        except ActionFailed as error:
            return error.code, error.field
        raise AssertionError("it did not fail")

    def wait(self, seconds: int) -> None:
        """Let time pass; a block follows."""
        self.chain.time_ms += 1000 * seconds
        self.chain.world.height += 1
        self.chain.step(end_terms, close_due)

    def bond(self, account: bytes, units: int) -> None:
        """Let an account bond new units."""
        mint(self.chain.world.state, account, ASSET, units)
        if self.chain.act(account, Bond(units)) != "ok":
            raise AssertionError("not bonded")

    def producers(self, count: int) -> list[bytes]:
        """So many registered producers."""
        for i in range(len(PRODUCERS), count):
            row = Producer(key(f"seat {i}").public, f"p{i}")
            register(self.chain.world.state, person(i), row, commitment_of(i))
        return [*(p.public for p in PRODUCERS), *map(person, range(len(PRODUCERS), count))]

    def proposal(self, number: int = 1) -> Proposal:
        """A proposal."""
        row = PROPOSALS.get(self.chain.world.state, number)
        if row is None:
            raise AssertionError(f"no proposal {number}")
        return row

    def tally(self, place: int = 0, number: int = 1) -> Tally:
        """The votes of a stage."""
        row = TALLIES.get(self.chain.world.state, number, place)
        if row is None:
            raise AssertionError(f"no stage {place}")
        return row

    def status(self, number: int = 1) -> str:
        """What has become of a proposal."""
        return self.proposal(number).status

    def roll(self, body: str) -> list[bytes]:
        """A body's members in the order of their ids."""
        return [account for (_, account), _ in ROLL.every(self.chain.world.state, body)]

    def body(self, name: str) -> Body:
        """A body."""
        row = BODIES.get(self.chain.world.state, name)
        if row is None:
            raise AssertionError(f"no body {name}")
        return row

    def sound(self) -> list[str]:
        """What is wrong with the state: nothing."""
        return list(REGISTRY.broken_invariants(self.chain.world.state))
