"""W5: grants for nodes and for delegating, tasks approved with evidence, airdrops by snapshot."""

from consensus.merkle import merkle_proof, merkle_root
from tests.rules.disabled import Disabled
from tests.vm.test_tasks import ENTRIES, NODE, PROOF, A, B, C, Guild
from tests.vm.world import FUNDS
from vm.modules.stake import Approve, Bond
from vm.modules.tasks import (
    ApproveNodes,
    Claim,
    ClaimGrant,
    Delegate,
    Judge,
    MakeAirdrop,
    RegisterNode,
    Take,
)

DISABLED = Disabled("vm.modules.tasks.granting.credit", lambda *arguments: None)


def test_a_node_a_holder_an_author_and_a_snapshot_get_what_they_are_due() -> None:
    guild = Guild()
    before = guild.held(NODE)
    assert guild.act(NODE, RegisterNode("p0", PROOF)) == "ok"
    assert guild.decide(ApproveNodes((NODE,))) == "ok"
    assert guild.held(NODE) == before + 100 + 50
    guild.act(A, Bond(1))
    guild.act(A, Approve((NODE,)))
    guild.act(A, Delegate(NODE))
    guild.wait(60)
    assert guild.act(A, ClaimGrant()) == "ok"
    assert guild.held(A) == FUNDS - 1 + 10 + 5
    guild.task()
    assert guild.act(C, Claim(1, PROOF)) == "ok"
    assert guild.decide(Judge(1, (C,), ())) == "ok"
    guild.act(B, MakeAirdrop("REEL", 100, merkle_root(ENTRIES), 3, guild.soon()))
    assert guild.act(C, Take(1, 20, 1, merkle_proof(ENTRIES, 1))) == "ok"
    assert guild.held(C) == 7 + 20
