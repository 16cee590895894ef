"""What attacks on grants, tasks and airdrops gain."""

from itertools import count

import pytest

from consensus.merkle import merkle_proof, merkle_root
from tests.vm.test_tasks import ENTRIES, NODE, PROOF, A, B, C, Guild
from tests.vm.world import FUNDS, key
from vm.modules.chain import chain_constants
from vm.modules.personhood.tables import BOND_UNITS
from vm.modules.stake import Approve, Bond, Unbond, release_due
from vm.modules.tasks import Claim, ClaimGrant, Delegate, Judge, MakeAirdrop, RegisterNode, Take
from vm.modules.tokens import Transfer

KEPT_S = 60
HOLDER, NODE_GRANT = 10, 100


def delegating() -> Guild:
    """Anna delegates, and says so."""
    guild = Guild()
    guild.act(NODE, RegisterNode("p0", PROOF))
    guild.act(A, Bond(100))
    guild.act(A, Approve((NODE,)))
    assert guild.act(A, Delegate(NODE)) == "ok"
    return guild


@pytest.mark.parametrize("away", [Approve(()), Unbond(100)])
def test_coming_back_just_in_time_gains_nothing(away: Approve | Unbond) -> None:
    guild = delegating()
    guild.wait(KEPT_S - 2)
    assert guild.act(A, away) == "ok"
    guild.act(A, Bond(1))
    guild.wait(1)
    assert guild.act(A, Approve((NODE,))) == "ok"
    guild.wait(1)
    assert guild.act(A, ClaimGrant()) == "tasks.not-begun"
    assert guild.act(A, Delegate(NODE)) == "ok"
    guild.wait(KEPT_S - 1)
    assert guild.act(A, ClaimGrant()) == "tasks.too-early", "the whole time is kept anew"
    guild.wait(1)
    assert guild.act(A, ClaimGrant()) == "ok"


def test_delegating_again_after_the_grant_gains_nothing() -> None:
    guild = delegating()
    guild.wait(KEPT_S)
    assert guild.act(A, ClaimGrant()) == "ok"
    for choice in (Approve(()), Approve((NODE,))):
        assert guild.act(A, choice) == "ok"
    assert guild.act(A, Delegate(NODE)) == guild.act(A, ClaimGrant()) == "tasks.already-granted"
    assert guild.held(A) == FUNDS - 100 + HOLDER


def test_many_accounts_of_nobody_gain_nothing() -> None:
    guild, before = delegating(), FUNDS - 100
    fakes = [key(f"fake {i}").public for i in range(8)]
    for fake in fakes:
        guild.act(A, Transfer(fake, "REEL", 1, ""))
        guild.act(fake, Bond(1))
        guild.act(fake, Approve((NODE,)))
        assert guild.act(fake, Delegate(NODE)) == "ok"
    guild.wait(KEPT_S)
    assert {guild.act(fake, ClaimGrant()) for fake in fakes} == {"tasks.not-a-person"}
    assert {guild.act(fake, RegisterNode("x", PROOF)) for fake in fakes} == {"tasks.not-a-person"}
    assert guild.held(A) + sum(guild.held(fake) for fake in fakes) == before - len(fakes)


def test_one_bond_makes_a_person_of_one_account_in_each_unbonding_time() -> None:
    """Where a bond makes a person, it can be moved on: one more grant in each unbonding time."""
    guild, bond = Guild(), 1_000
    BOND_UNITS.set(guild.world.state, bond)
    guild.act(A, Transfer(key("mole 0").public, "REEL", bond, ""))
    unbonding_s = chain_constants(guild.world.state).unbonding_s
    grants = 0
    for i in count():
        mole, following = key(f"mole {i}").public, key(f"mole {i + 1}").public
        guild.act(mole, Bond(bond))
        if guild.act(mole, RegisterNode("x", PROOF)) != "ok":
            break
        grants += 1
        assert guild.act(following, RegisterNode("x", PROOF)) == "tasks.not-a-person"
        assert guild.act(mole, Unbond(bond)) == "ok"
        guild.wait(unbonding_s - 1)
        guild.step(release_due)
        assert guild.act(mole, Transfer(following, "REEL", bond, "")) != "ok", "not sooner"
        guild.wait(1)
        guild.step(release_due)
        assert guild.act(mole, Transfer(following, "REEL", bond, "")) == "ok"
    assert grants == 1_000 // NODE_GRANT, "until the pot of 1,000 is empty"


def test_another_s_evidence_pays_nobody_whom_the_committee_refuses() -> None:
    """Evidence is public, and another can claim by it first: the committee says whose it is."""
    guild = Guild()
    guild.task(places=1)
    assert guild.act(C, Claim(1, PROOF)) == "ok"
    assert guild.act(A, Claim(1, PROOF)) == "ok", "a claim takes no place"
    assert guild.decide(Judge(1, (A,), (C,))) == "ok"
    assert (guild.held(A), guild.held(C)) == (FUNDS + 7, 0)


def test_another_s_entry_of_a_snapshot_pays_only_whom_it_names() -> None:
    guild = Guild()
    guild.act(B, MakeAirdrop("REEL", 100, merkle_root(ENTRIES), 3, guild.soon()))
    seen = Take(1, 20, 1, merkle_proof(ENTRIES, 1))
    assert guild.act(A, seen) == "tasks.not-an-entry"
    assert guild.act(C, seen) == "ok"
    assert (guild.held(A), guild.held(C)) == (FUNDS, 20)
