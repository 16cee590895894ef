"""Stories of service orders: two are placed, led, listed and gathered; a batch is approved, and
what was issued for it is bought back."""

from collections.abc import Iterator

from consensus.cid import RAW, cid_of
from tests.economies.chain import PEOPLE, POLICY
from tests.economies.walk import Step
from tests.refusals.story import Story, step_at, take
from vm.modules.market import SELL, OpenPair, PlaceOrder
from vm.modules.orders import (
    BATCHES,
    Accept,
    Approve,
    BuyBack,
    Cancel,
    Dissolve,
    Gather,
    Place,
    ScoreShares,
    SetTerms,
    Share,
)
from vm.modules.tokens import Create, GatewayIssue

PRESET = "devnet"
CLIENT, LEADER, USER = PEOPLE[:3]
KOL, USDT = 10**8, 10**6
PRICE, FEE = 2 * USDT, 100 * USDT
FIRST = SetTerms("KOL", "USDT", "foundation", "quota")


def ordering() -> Iterator[Story]:
    """All of them."""
    placed, listed = _placed(), _listed()
    gathered = [*listed, step_at(15, LEADER, Gather((1, 2), PRICE))]
    approved = [*gathered, step_at(16, POLICY, _approval(gathered))]
    sell = PlaceOrder("KOL", "USDT", SELL, PRICE, 10 * KOL, 0, True, None)
    bought = BuyBack("foundation", PRICE, 5 * KOL)
    yield Story(PRESET, tuple(placed[:5]))
    yield Story(PRESET, tuple(placed[:6]))
    yield Story(PRESET, (*placed, step_at(9, CLIENT, Cancel(1))))
    yield Story(PRESET, tuple(listed[:-3]))
    yield Story(PRESET, tuple(listed))
    yield Story(PRESET, tuple(gathered))
    yield Story(PRESET, (*gathered, step_at(16, LEADER, Dissolve(1))))
    yield Story(PRESET, tuple(approved))
    yield Story(PRESET, (*approved, step_at(18, USER, sell), step_at(19, POLICY, bought)))


def _placed() -> list[Step]:
    """The client has 1,000 USDT, and has placed two orders."""
    order = Place("USDT", FEE, "A campaign", cid_of(RAW, b"brief"))
    return [
        step_at(2, POLICY, Create("KOL", "KOL", 8, 1_000 * KOL, True, True, None)),
        step_at(3, POLICY, Create("USDT", "Tether", 6, 2**63, True, True, CLIENT)),
        step_at(4, CLIENT, GatewayIssue(CLIENT, "USDT", 1_000 * USDT, "")),
        step_at(5, POLICY, OpenPair("KOL", "USDT", 100, 10**6, 10**9, PRICE)),
        step_at(6, POLICY, FIRST),
        step_at(7, CLIENT, order),
        step_at(8, CLIENT, order),
    ]


def _listed() -> list[Step]:
    """One leads both orders, and has listed who has done what."""
    shares = (Share(USER, "user", 3), Share(LEADER, "leader", 1))
    return [
        *_placed(),
        step_at(9, POLICY, Accept(1, LEADER)),
        step_at(10, POLICY, Accept(2, LEADER)),
        *(step_at(10 + n, LEADER, ScoreShares(n, 0, shares, True)) for n in (1, 2)),
    ]


def _approval(gathered: list[Step]) -> Approve:
    """What approves the batch that was gathered last."""
    chain = Story(PRESET, tuple(gathered)).chain()
    take(chain, gathered[-1])
    batch = BATCHES.get(chain.state, 1)
    if batch is None:
        raise AssertionError("no batch")
    return Approve(1, batch.digest)
