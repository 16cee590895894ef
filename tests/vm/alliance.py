"""An alliance that takes service orders: KOL is issued for USDT, by the vote of two bodies."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from consensus.cid import RAW, cid_of
from tests.vm.assembly import Assembly, members, person, stage
from tests.vm.days import POLICY, Days
from tests.vm.world import ANNA, BEN, CLEO, key
from vm.declare import Action
from vm.modules.gov import close_due as close_votes
from vm.modules.market import OpenPair, expire_due
from vm.modules.orders import (
    BATCHES,
    ESCROW_POT,
    LISTINGS,
    ORDERS,
    PAYABLE_POT,
    Accept,
    Approve,
    Batch,
    Gather,
    Order,
    Place,
    ScoreShares,
    SetTerms,
    Share,
    ShareRow,
    close_due,
    go_through_lists,
)
from vm.modules.orders.tables import SHARES
from vm.modules.tokens import ASSETS, AssetRow, Create, Issue
from vm.registry import REGISTRY

A, B, C, D = ANNA.public, BEN.public, CLEO.public, key("dora").public
CLIENT, LEADER = key("client").public, key("leader").public
KOL, USDT = 10**8, 10**6  # a whole token of each
CAP = 1_000 * KOL
OPENING = 2 * USDT  # the reference price at first
BRIEF = cid_of(RAW, b"a campaign")
VOTE_S = 600
SUPERS, NODES = [person(n) for n in range(5)], [person(n) for n in range(10, 20)]


def users(*scores: tuple[bytes, int]) -> list[Share]:
    """Who did the task."""
    return [Share(account, "user", score) for account, score in scores]


def leaders(*scores: tuple[bytes, int]) -> list[Share]:
    """Who completed it."""
    return [Share(account, "leader", score) for account, score in scores]


PAIR = (*users((A, 1)), *leaders((B, 1)))


@dataclass
class Alliance(Days):
    """The client has 10,000 USDT. Batches need 51% of five super nodes, and then 51% of ten nodes;
    a super node proposes them."""

    cap: int = CAP
    votes: Assembly = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.must(POLICY, Create("KOL", "KOL", 8, self.cap, True, True, None))
        self.must(POLICY, Create("USDT", "USDT", 6, 10**18, True, True, None))
        self.must(POLICY, Issue(CLIENT, "USDT", 10_000 * USDT, ""))
        self.must(POLICY, OpenPair("KOL", "USDT", 100, 10**6, 10 * USDT, OPENING))
        self.must(POLICY, SetTerms("KOL", "USDT", "foundation", "quota"))
        self.votes = Assembly(self)
        self.votes.found("supers", members(cap=21), *SUPERS)
        self.votes.found("nodes", members(cap=500), *NODES)
        stages = (stage("supers", 51, open_s=VOTE_S), stage("nodes", 51, open_s=VOTE_S))
        scopes = ("orders.approve", "gov.resolve")
        self.votes.permit("issue", *stages, scopes=scopes, proposers="supers")

    def must(self, sender: bytes, action: Action) -> None:
        """Carry out what must succeed."""
        result = self.act(sender, action)
        if result != "ok":
            raise AssertionError(f"{action}: {result}")

    def place(self, fee: int, asset: str = "USDT", client: bytes = CLIENT) -> int:
        """Place an order; its number."""
        self.must(client, Place(asset, fee, "A campaign", BRIEF))
        return max(number for (number,), _ in ORDERS.every(self.world.state))

    def listed(
        self,
        fee: int,
        shares: Iterable[Share] = PAIR,
        asset: str = "USDT",
        client: bytes = CLIENT,
    ) -> int:
        """An order that is accepted, and whose list is complete; its number."""
        number = self.place(fee, asset, client)
        self.must(POLICY, Accept(number, LEADER))
        self.must(LEADER, ScoreShares(number, 0, tuple(shares), True))
        return number

    def gathered(self, *numbers: int, price: int | None = OPENING) -> int:
        """A batch of these orders; its number."""
        self.must(LEADER, Gather(numbers, price))
        return max(number for (number,), _ in BATCHES.every(self.world.state))

    def approval(self, number: int) -> Approve:
        """What approves a batch."""
        return Approve(number, self.batch(number).digest)

    def issued_for(self, *numbers: int, price: int | None = OPENING) -> None:
        """Gather orders in a batch, approve it, and let all be paid."""
        self.must(POLICY, self.approval(self.gathered(*numbers, price=price)))
        self.pass_time(1)

    def pass_time(self, seconds: int, blocks: int = 1) -> None:
        """Time goes by; so many blocks follow."""
        self.time_ms += 1000 * seconds
        for _ in range(blocks):
            self.world.height += 1
            steps = (close_votes, expire_due, close_due, go_through_lists)
            self.step(*steps, *REGISTRY.end_steps)

    def vote(self, proposal: int, *, supers: int = 0, nodes: int = 0) -> None:
        """So many vote yes, the first super node having done so by proposing."""
        for account in (*SUPERS[1 : supers + 1], *NODES[:nodes]):
            if self.votes.vote(account, "yes", proposal) != "ok":
                raise AssertionError("no vote")

    def order(self, number: int) -> Order | None:
        """An order."""
        return ORDERS.get(self.world.state, number)

    def batch(self, number: int) -> Batch:
        """A batch."""
        row = BATCHES.get(self.world.state, number)
        if row is None:
            raise AssertionError(f"no batch {number}")
        return row

    def shares(self) -> list[ShareRow]:
        """All entries of lists."""
        return [row for _, row in SHARES.every(self.world.state)]

    def lists(self) -> int:
        """How many lists there are."""
        return len(list(LISTINGS.every(self.world.state)))

    @property
    def kol(self) -> AssetRow:
        """The issued asset."""
        row = ASSETS.get(self.world.state, "KOL")
        if row is None:
            raise AssertionError("no KOL")
        return row

    @property
    def in_pots(self) -> tuple[int, int]:
        """What is in escrow (USDT) and still to be paid (KOL)."""
        return self.pot(ESCROW_POT, "USDT"), self.pot(PAYABLE_POT, "KOL")

    def is_sound(self) -> None:
        """Raise unless every invariant holds."""
        if faults := list(REGISTRY.broken_invariants(self.world.state)):
            raise AssertionError(faults)
