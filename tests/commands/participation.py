"""A chain on which people take part: alice decides alone, bob attests, and there is something to
earn. The producers may publish tasks too."""

from consensus.cid import RAW, cid_of
from consensus.record import replace
from genesis.file import Genesis, make_genesis
from tests.api.world import ALICE, BOB, GENESIS, SEATS
from vm.modules.account.attesting import ATTESTATIONS, Attestation
from vm.modules.checkin import RULES, Rules
from vm.modules.gov import POLICIES
from vm.modules.steps import SCHEDULE, Schedule
from vm.modules.tasks import GRANTS, NODES, Grants, Node
from vm.modules.tokens import count_minted, fill_pot, mint

TOKEN = 10**8
NORTH = min(SEATS)  # a producer that has registered as a node, and is approved
SCOPES = ("tasks.publish", "tasks.accept", "tasks.judge", "tasks.approve_nodes")


def participation_genesis() -> Genesis:
    """Check-ins share a tenth of 1,000 REEL a day; a node gets 100 REEL and 50, a holder 10 and 5
    after a minute; rewards are tripled on day 1. Alice is attested, and bob has 100 REEL."""
    state = GENESIS.state()
    council, treasury = POLICIES.get(state, "council"), POLICIES.get(state, "treasury")
    assert council is not None
    assert treasury is not None
    POLICIES.put(state, replace(council, scopes=(*council.scopes, *SCOPES)), "council")
    left = tuple(scope for scope in treasury.scopes if scope not in SCOPES[1:])
    POLICIES.put(state, replace(treasury, scopes=left), "treasury")
    for pot in ("participation", "issue"):
        count_minted(state, "REEL", 1_000 * TOKEN)
        fill_pot(state, pot, "REEL", 1_000 * TOKEN)
    RULES.put(state, Rules(0, 1, 100_000, "participation"))
    grants = (100 * TOKEN, 50 * TOKEN, 10 * TOKEN, 5 * TOKEN)
    GRANTS.put(state, Grants("issue", *grants, 60))
    NODES.put(state, Node("north", cid_of(RAW, b"hello"), is_approved=True), NORTH)
    SCHEDULE.put(state, Schedule((1,), 2, 3))
    ATTESTATIONS.put(state, Attestation(BOB.public, bytes(32), 0), ALICE.public)
    mint(state, BOB.public, "REEL", 100 * TOKEN)
    return make_genesis(state)
