"""Stories of several accounts that deal with each other: a sale, calls, grants."""

from collections.abc import Iterator

from consensus.cid import RAW, cid_of
from consensus.sealed_key import commitment_to
from tests.economies.chain import PEOPLE, POLICY
from tests.economies.proofs import SECRET, SIGNER
from tests.economies.walk import Step
from tests.refusals.story import Story, step_at
from tests.vm.liveliness import INDICATORS, KINDS
from tests.vm.world import PRODUCERS, publish
from vm.modules.account import Attest, Authority, SetAuthority, WeightedKey
from vm.modules.account.attesting import SetAttester
from vm.modules.activity import SetRules as SetPool
from vm.modules.content import Commit
from vm.modules.market import OpenPair
from vm.modules.poa import Claim as ClaimReward
from vm.modules.ratings import Rate
from vm.modules.rebate import Claim, SetRules, Weights
from vm.modules.sessions import Accept, Decline, Open, SetAsset, SetProfile, Settle
from vm.modules.social import CountViews, Like, SignedView
from vm.modules.stake import Approve, Bond
from vm.modules.tasks import ClaimGrant, Delegate, RegisterNode, SetGrants
from vm.modules.tokens import Create, IssueToPot
from vm.modules.vesting import SetAside
from vm.modules.viewing import Buy, Deliver, Dispute, SetOffer
from vm.modules.viewing import Commit as CommitKey

PRESET, NATIVE = "devnet", "REEL"
DAY_SLOTS = 60  # of this preset
ONE, OTHER, THIRD = PEOPLE[:3]
PRICE = 100
KEY = bytes(32)  # is replaced by the one that the story needs when it is played
WHOLE = 10**8


def dealings() -> Iterator[Story]:
    """All of them."""
    for steps in (*_selling(), *_calling(), *_granting(), _rewarding(), *_seeing()):
        yield Story(PRESET, tuple(steps))


def _selling() -> Iterator[list[Step]]:
    """One sells the keys to two videos, of which the other buys one; a wrong key is delivered. Who
    has led the buyer there must be known."""
    videos = [cid_of(RAW, ONE + bytes([turn])) for turn in range(2)]
    offered = [
        *(step_at(2 + turn, ONE, Commit(bytes(32)), turn) for turn in range(2)),
        *(step_at(20 + turn, ONE, publish(), turn) for turn in range(2)),
    ]
    for slot, video in enumerate(videos, 30):
        offered.append(step_at(slot, ONE, CommitKey(video, commitment_to(SECRET))))
        offered.append(step_at(slot + 10, ONE, SetOffer(video, NATIVE, PRICE, 0, 0, ())))
    offered.append(step_at(49, THIRD, SetAuthority(Authority(1, (WeightedKey(THIRD, 2),)))))
    offered.sort(key=lambda step: step.slot)
    bought = [*offered, step_at(50, OTHER, Buy(videos[0], NATIVE, PRICE, KEY, THIRD))]
    delivered = [*bought, step_at(51, ONE, Deliver(videos[0], OTHER, bytes(80)))]
    disputed = [*delivered, step_at(52, OTHER, Dispute(videos[0], SECRET))]
    yield from (bought, delivered, disputed)


def _calling() -> Iterator[list[Step]]:
    """The other calls one, twice, and a third; what is taken part in is rewarded the day after."""
    opened = [
        step_at(2, POLICY, SetAsset(NATIVE, is_payable=True)),
        *(_offer(slot, who) for slot, who in ((3, ONE), (4, THIRD))),
        *(step_at(slot, OTHER, _call(who)) for slot, who in ((5, ONE), (6, ONE), (7, THIRD))),
    ]
    accepted = [*opened, step_at(8, ONE, Accept(0, KEY))]
    settled = [*accepted, step_at(9, OTHER, Settle(0, 60, True, bytes(64), bytes(64)))]
    yield from (accepted, [*opened, step_at(8, ONE, Decline(0))], settled)
    yield [*settled, step_at(10, ONE, Rate(0, 5))]
    later = [step_at(step.slot + 20, step.sender, step.action) for step in settled]
    yield [*_attested(2, ONE, OTHER), *_rules(10), *later, step_at(30 + DAY_SLOTS, ONE, Claim())]


def _offer(slot: int, who: bytes) -> Step:
    return step_at(slot, who, SetProfile("audio", ("en",), ("music",), NATIVE, PRICE, True))


def _call(who: bytes) -> Open:
    return Open(who, NATIVE, PRICE, 10, SIGNER.public)


def _rules(slot: int) -> list[Step]:
    """From this slot on each call is rewarded with a whole token out of a reserve."""
    done = (
        Create("USDT", "Tether", 6, 2**63, True, True, None),
        IssueToPot("reserve", NATIVE, 10**6 * WHOLE, ""),
        SetAside("community", "reserve", NATIVE, 10**6 * WHOLE, None),
        OpenPair(NATIVE, "USDT", 100, 10**6, 10**12, 10**5),
        SetRules("community", "USDT", 500_000, 600_000, Weights(WHOLE, 0, 0, 10), 10**6 * WHOLE),
    )
    return [step_at(place, POLICY, action) for place, action in enumerate(done, slot)]


def _granting() -> Iterator[list[Step]]:
    """Persons run nodes, and one delegates to a node of theirs for a day."""
    nodes = [each.public for each in PRODUCERS[1:3]]
    registered = [
        step_at(2, POLICY, SetGrants("treasury", 1, 1, 1, 1, DAY_SLOTS)),
        *_attested(3, ONE, *nodes),
        *(_register(10 + i, who) for i, who in enumerate(nodes)),
        step_at(12, ONE, Bond(PRICE)),
        step_at(13, ONE, Approve((nodes[0],))),
    ]
    delegated = [*registered, step_at(14, ONE, Delegate(nodes[0]))]
    yield from (delegated, [*delegated, step_at(14 + DAY_SLOTS, ONE, ClaimGrant())])


def _rewarding() -> list[Step]:
    """A person likes another's video, and claims what being active has earned the day after."""
    video = cid_of(RAW, OTHER + b"\0")
    counts = KINDS, INDICATORS
    return [
        step_at(2, POLICY, SetPool("treasury", WHOLE, 500_000, 2_000_000, 600_000, *counts)),
        *_attested(3, ONE),
        step_at(5, OTHER, Commit(bytes(32))),
        step_at(25, OTHER, publish()),
        step_at(30, ONE, Like(video)),
        step_at(2 + DAY_SLOTS, ONE, ClaimReward((0,))),
    ]


def _seeing() -> Iterator[list[Step]]:
    """A person has seen a video of one, and a third submits that."""
    video, viewer = cid_of(RAW, ONE + bytes([0])), SIGNER.public
    yield [
        *_attested(2, viewer),
        step_at(5, ONE, Commit(bytes(32)), 0),
        step_at(20, ONE, publish(), 0),
        step_at(30, THIRD, CountViews((SignedView(video, viewer, 0, KEY, bytes(64)),))),
    ]


def _attested(slot: int, *persons: bytes) -> list[Step]:
    """From this slot on these are persons."""
    attester = PEOPLE[5]
    attested = enumerate(persons, slot + 1)
    return [
        step_at(slot, POLICY, SetAttester(attester, attests=True)),
        *(step_at(place, attester, Attest(who, KEY)) for place, who in attested),
    ]


def _register(slot: int, who: bytes) -> Step:
    return step_at(slot, who, RegisterNode("node", cid_of(RAW, b"profile")))
