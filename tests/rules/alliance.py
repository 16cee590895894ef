"""The alliance of the preset `kol` without consensus: its 21 super nodes, three alternates, 476
more nodes, candidates and the admin, who do what the preset lets them."""

from dataclasses import dataclass, field

from genesis.preset import load_preset
from tests.vm.assembly import Assembly, person
from vm.declare import Action
from vm.modules.gov import ALTERNATES, LIMITS, ROLL, NameAlternates, put_body
from vm.modules.gov.tables import COUNTER
from vm.modules.producer.appointment import BY_APPOINTMENT
from vm.modules.tokens import mint

KOL = load_preset("kol")
DAY_S, MONTH_S = 86_400, 30 * 86_400
ADMIN = person(1)
NODES = [person(10_000 + i) for i in range(476)]
CANDIDATES = [person(20_000 + i) for i in range(8)]
DEPOSIT = 10**12


@dataclass
class Alliance(Assembly):
    """`supers` are the super nodes and `spares` their alternates, all of whom are nodes; only the
    `first` of them hold a seat from the start. There are so many `nodes` beside them."""

    first: int = 21
    nodes: int = 476
    supers: list[bytes] = field(default_factory=list)
    spares: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        state = self.chain.world.state
        BY_APPOINTMENT.set(state, 1)
        producers = self.producers(24)
        self.supers, self.spares = producers[:21], producers[21:]
        founders = {
            "admin": [ADMIN],
            "candidates": CANDIDATES,
            "nodes": [*producers, *NODES[: self.nodes]],
            "supers": self.supers[: self.first],
        }
        for name, (body, _) in KOL.government.bodies.items():
            put_body(state, name, body)
            self.found(name, body, *founders[name])
        for name, row in KOL.government.policies.items():
            self.permit(
                name, *row.stages, scopes=row.scopes, proposers=row.proposers, deposit=row.deposit
            )
        for name, limit in KOL.government.limits.items():
            LIMITS.put(state, limit, name)
        self.name("supers", *self.spares)
        self.name("nodes", *CANDIDATES[:5])
        for account in (ADMIN, *CANDIDATES, *producers, *NODES):
            mint(state, account, "REEL", DEPOSIT)
        self.chain.world.height += 1

    def name(self, body: str, *accounts: bytes) -> None:
        """Name alternates, as the preset's set-up does."""
        NameAlternates(body, accounts).apply(self.context(ADMIN))

    def waiting(self, body: str) -> tuple[bytes, ...]:
        """The alternates of a body."""
        row = ALTERNATES.get(self.chain.world.state, body)
        return () if row is None else row.accounts

    def decide(self, policy: str, action: Action, *voters: list[bytes]) -> str:
        """Propose under a policy, and let these vote yes in its stages, one after the other; the
        first of the first stage proposes. What becomes of it when all time is over."""
        result = self.propose(policy, action, by=voters[0][0])
        if result != "ok":
            return result
        number = self.newest()
        for place, group in enumerate(voters):
            for account in group[1:] if place == 0 else group:
                if self.vote(account, proposal=number) != "ok":
                    raise AssertionError("not a vote")
            if self.proposal(number).stage == place:
                self.wait(7 * DAY_S)
        row = self.proposal(number)
        return row.code or row.status

    def missed(self, body: str, account: bytes) -> int:
        """How many votes in a row a member has missed."""
        row = ROLL.get(self.chain.world.state, body, account)
        return 0 if row is None else row.missed

    def newest(self) -> int:
        """The number of the newest proposal."""
        row = COUNTER.get(self.chain.world.state)
        return 0 if row is None else row.following - 1
