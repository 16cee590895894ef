"""A body that holders elect, on which terms go by: for tests of elections."""

from dataclasses import dataclass, field

from consensus.cid import RAW, cid_of
from tests.vm.assembly import DAY_S, HOLDERS, Assembly, members, person
from vm.modules.elections import CANDIDATES, Election, Found, Stand, Vote, close_due
from vm.modules.elections.tables import election_of
from vm.modules.gov import policy_id
from vm.modules.tokens import balance_of, mint, pot_of

BODY, DEPOSIT, SEATS = "foundation", 100, 2
TERM_S, OPEN_S = 30 * DAY_S, 3 * DAY_S
PROGRAMME = cid_of(RAW, b"programme")
FIRST = person(900)


@dataclass
class Polling(Assembly):
    """A foundation of two seats, of which one person has one till the first election."""

    body_rules: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found("holders", HOLDERS)
        self.found(BODY, members(**({"cap": 3, "least": 1} | self.body_rules)), FIRST)  # type: ignore[arg-type]
        if self.decide(Found(BODY, SEATS, TERM_S, OPEN_S, DEPOSIT)) != "ok":
            raise AssertionError("not founded")

    def decide(self, action: Found) -> str:
        """What becomes of a governed action."""
        return self.chain.act(policy_id("any"), action)

    def stand(self, account: bytes) -> str:
        """Let an account that has just the deposit stand."""
        mint(self.chain.world.state, account, "REEL", DEPOSIT)
        return self.chain.act(account, Stand(BODY, PROGRAMME))

    def elect(self, account: bytes, *candidates: bytes) -> str:
        """Vote for these."""
        return self.chain.act(account, Vote(BODY, candidates))

    def open(self) -> None:
        """Let the vote open."""
        self.wait(TERM_S - OPEN_S)

    def close(self) -> None:
        """Let the vote close, which has just opened."""
        self.wait(OPEN_S)

    def wait(self, seconds: int) -> None:
        """Let time pass; a block follows."""
        super().wait(seconds)
        self.chain.step(close_due)

    def election(self) -> Election:
        """The election."""
        return election_of(self.chain.world.state, BODY)

    def votes(self) -> dict[bytes, int]:
        """The votes for those who stand."""
        rows = CANDIDATES.every(self.chain.world.state, BODY)
        return {account: row.votes for (_, account), row in rows}

    def held(self, account: bytes) -> int:
        """What an account holds."""
        return balance_of(self.chain.world.state, account, "REEL")

    def pot(self, name: str) -> int:
        """What a pot holds."""
        return pot_of(self.chain.world.state, name, "REEL")
