"""Governance: bodies vote in stages, and what passes is carried out, all or nothing."""

import pytest

from tests.vm.assembly import (
    ASSET,
    DAY_S,
    HOLDERS,
    PRODUCING,
    Assembly,
    members,
    person,
    stage,
)
from tests.vm.world import PRODUCERS, pay
from vm.declare import Action
from vm.modules.fee import BURN_PPM
from vm.modules.gov import (
    DEPOSITS_POT,
    Admit,
    Decided,
    Dismiss,
    EndPolicy,
    Propose,
    Resolve,
    SetBody,
    SetPolicy,
    StagePassed,
    Vote,
    Withdraw,
    policy_id,
)
from vm.modules.gov.closing import CLOSINGS_A_BLOCK
from vm.modules.gov.constitution import Resolved
from vm.modules.gov.proposing import Proposed
from vm.modules.gov.voting import Voted
from vm.modules.parameter import CHANGES, Change, Changed
from vm.modules.parameter import Set as SetParameter
from vm.modules.producer import BONDED_POT
from vm.modules.stake import BONDS, Bonded, Unbond
from vm.modules.tokens import balance_of, debit, fill_pot, mint, pot_of

COUNCIL = [person(i) for i in range(5)]
OUTSIDER = person(77)


@pytest.fixture
def hall() -> Assembly:
    made = Assembly()
    made.found("council", members(10), *COUNCIL)
    made.found("holders", HOLDERS)
    made.found("producers", PRODUCING)
    made.permit("motion", stage("council", 60))
    return made


# Stages


def test_the_vote_that_decides_the_last_stage_carries_the_proposal_out(hall: Assembly) -> None:
    assert hall.propose("motion", Resolve("more light")) == "ok"
    for voter in COUNCIL[:2]:
        assert hall.vote(voter) == "ok"
    assert hall.status() == "open"
    hall.chain.events.clear()
    assert hall.vote(COUNCIL[2], "yes") == "ok"
    assert hall.status() == "passed"
    assert hall.chain.events == [
        Voted(1, 0, COUNCIL[2], "yes", 1),
        Resolved("more light"),
        Decided(1, "passed", ""),
    ]
    assert hall.sound() == []


def test_who_proposes_and_has_a_vote_votes_yes_thereby(hall: Assembly) -> None:
    hall.permit("any", stage("council", 20))
    assert hall.propose("any", by=COUNCIL[0]) == "ok"
    assert hall.status() == "passed"
    assert hall.propose("motion", by=COUNCIL[0]) == "ok"
    assert hall.vote(COUNCIL[0], proposal=2) == "gov.voted-already"
    assert hall.tally(number=2).yes == 1


def test_stages_follow_one_another_each_with_its_own_body_and_time(hall: Assembly) -> None:
    hall.permit("both", stage("council", 60), stage("producers", 51, open_s=2 * DAY_S))
    hall.propose("both")
    assert hall.vote(PRODUCERS[0].public) == "gov.no-vote"
    hall.wait(DAY_S // 2)
    for voter in COUNCIL[:3]:
        hall.vote(voter)
    assert hall.chain.events[-1] == StagePassed(1, 0)
    assert hall.vote(COUNCIL[3]) == "gov.no-vote"
    assert (hall.tally(1).size, hall.tally(1).closes_ms) == (4, hall.chain.time_ms + 2000 * DAY_S)
    for producer in PRODUCERS[:3]:
        assert hall.vote(producer.public) == "ok"
    assert hall.status() == "passed"
    assert (hall.tally(0).yes, hall.tally(1).yes) == (3, 3)


def test_it_is_rejected_as_soon_as_it_cannot_pass(hall: Assembly) -> None:
    hall.propose("motion")
    hall.vote(COUNCIL[0], "no")
    hall.vote(COUNCIL[1], "abstain")
    assert hall.status() == "open"
    hall.vote(COUNCIL[2], "no")
    assert hall.status() == "rejected"
    assert hall.vote(COUNCIL[3]) == "gov.not-open"


def test_at_its_deadline_a_stage_is_counted(hall: Assembly) -> None:
    hall.permit("few", stage("council", 50, of_votes=True))
    hall.propose("few")
    hall.propose("few")
    hall.vote(COUNCIL[0], "yes", 1)
    hall.chain.time_ms += 1000 * DAY_S - 1
    assert hall.vote(COUNCIL[1], "yes", 1) == "ok"
    hall.chain.time_ms += 1
    assert hall.vote(COUNCIL[2], "yes", 1) == "gov.too-late"
    hall.wait(0)
    assert (hall.status(1), hall.status(2)) == ("passed", "rejected")


def test_a_block_closes_a_bounded_number_of_stages(hall: Assembly) -> None:
    for _ in range(CLOSINGS_A_BLOCK + 1):
        hall.propose("motion")
    hall.wait(DAY_S)
    open_ = [n for n in range(1, CLOSINGS_A_BLOCK + 2) if hall.status(n) == "open"]
    assert open_ == [CLOSINGS_A_BLOCK + 1]
    hall.wait(1)
    assert hall.status(CLOSINGS_A_BLOCK + 1) == "rejected"


def test_the_body_counts_as_it_was_when_the_stage_opened(hall: Assembly) -> None:
    hall.propose("motion")
    hall.chain.world.height += 1
    hall.found("council", members(10), OUTSIDER)
    assert hall.vote(OUTSIDER) == "gov.no-vote"
    assert hall.tally().size == 5


def test_an_ex_member_has_no_vote_and_one_that_came_back_neither(hall: Assembly) -> None:
    hall.permit("rule", stage("council", 20), scopes=["gov.admit", "gov.dismiss"])
    hall.propose("motion")
    hall.propose("rule", Dismiss("council", COUNCIL[1], 0), by=COUNCIL[0])
    assert hall.vote(COUNCIL[1]) == "gov.no-vote"
    hall.chain.world.height += 1
    hall.propose("rule", Admit("council", COUNCIL[1]), by=COUNCIL[0])
    assert COUNCIL[1] in hall.roll("council")
    assert hall.vote(COUNCIL[1]) == "gov.no-vote"


def test_producers_vote_who_held_a_seat_at_the_opening_and_still_do(hall: Assembly) -> None:
    hall.permit("seats", stage("producers", 51))
    hall.propose("seats")
    assert hall.vote(PRODUCERS[0].public) == "ok"
    assert hall.tally().seated == tuple(sorted(p.public for p in PRODUCERS))
    assert hall.vote(OUTSIDER) == "gov.no-vote"


# Holders


def test_holders_vote_by_what_they_have_bonded_which_stays_bonded_till_the_close(
    hall: Assembly,
) -> None:
    hall.permit("tokens", stage("holders", 50, of_votes=True, quorum=40))
    for i, units in enumerate((600, 300, 100)):
        hall.bond(COUNCIL[i], units)
    hall.propose("tokens")
    assert hall.tally().size == 1000
    assert hall.vote(COUNCIL[0], "no") == "ok"
    assert hall.vote(OUTSIDER) == "gov.no-vote"
    assert hall.failure(COUNCIL[0], Unbond(1)) == ("stake.locked", "amount")
    hall.bond(COUNCIL[0], 50)
    assert hall.chain.act(COUNCIL[0], Unbond(50)) == "ok"
    hall.wait(DAY_S)
    assert hall.status() == "rejected"
    assert hall.chain.act(COUNCIL[0], Unbond(600)) == "ok"
    assert hall.sound() == []


def test_tokens_that_came_back_cannot_vote_again_while_the_vote_is_open(hall: Assembly) -> None:
    hall.permit("tokens", stage("holders", 90))
    hall.bond(COUNCIL[0], 500)
    hall.propose("tokens", by=COUNCIL[0])
    assert hall.tally().yes == 500
    assert hall.chain.act(COUNCIL[0], Unbond(500)) == "stake.locked"


def test_ten_thousand_vote_on_one_proposal_each_at_the_same_cost(hall: Assembly) -> None:
    hall.permit("tokens", stage("holders", 51))
    voters = [i.to_bytes(32, "big") for i in range(10_000)]
    state = hall.chain.world.state
    mint(state, COUNCIL[0], ASSET, 30_000)
    debit(state, COUNCIL[0], ASSET, 30_000)
    fill_pot(state, BONDED_POT, ASSET, 30_000)
    for voter in voters:
        BONDS.put(state, Bonded(3, ()), voter)
    hall.propose("tokens")
    writes = set()
    for voter in voters:
        before = state.savepoint()
        Vote(1, "yes").apply(hall.chain.context(voter))
        writes.add(state.savepoint() - before)
    assert len(writes) == 1
    assert hall.tally().yes == 30_000
    hall.wait(DAY_S)
    assert hall.status() == "passed"


# What a policy allows


def test_a_policy_carries_out_nothing_but_what_it_allows(hall: Assembly) -> None:
    hall.permit(
        "narrow", stage("council", 20), scopes=["gov.admit:council", "parameter.set:fee.burn_ppm"]
    )
    ok = SetParameter("fee.burn_ppm", 1)
    refused: list[tuple[Action, str, str]] = [
        (Resolve("x"), "gov.not-allowed", "actions[1]"),
        (Admit("holders", OUTSIDER), "gov.not-allowed", "actions[1]"),
        (SetParameter("fee.base_gas", 1), "gov.not-allowed", "actions[1]"),
        (pay(), "chain.not-governed", "actions[1]"),
    ]
    for action, code, field in refused:
        made = Propose("narrow", "t", "", (ok.pack(), action.pack()))
        assert hall.failure(COUNCIL[0], made) == (code, field)
    bad = Propose("narrow", "t", "", (["parameter.set", 1, "fee.burn_ppm", -1],))
    assert hall.failure(COUNCIL[0], bad) == ("invalid-encoding", "actions[0].value")
    assert hall.failure(COUNCIL[0], Propose("none", "t", "", (ok.pack(),))) == (
        "gov.unknown-policy",
        "policy",
    )


def test_parameters_change_by_proposal_within_bounds_and_on_record(hall: Assembly) -> None:
    hall.permit("rule", stage("council", 20), scopes=["parameter.set"])
    state = hall.chain.world.state
    assert hall.propose("rule", SetParameter("fee.burn_ppm", 7), by=COUNCIL[0]) == "ok"
    assert BURN_PPM.read(state) == 7
    assert Changed("fee.burn_ppm", 500_000, 7) in hall.chain.events
    assert CHANGES.get(state, "fee.burn_ppm", 1) == Change(500_000, 7)
    for bad, code in (
        (SetParameter("fee.burn_ppm", 500_001), "parameter.out-of-bounds"),
        (SetParameter("fee.unheard", 1), "parameter.unknown"),
    ):
        hall.propose("rule", SetParameter("fee.burn_ppm", 9), bad, by=COUNCIL[0])
        number = 2 if code.endswith("bounds") else 3
        assert (hall.status(number), hall.proposal(number).code) == ("failed", code)
        assert BURN_PPM.read(state) == 7


def test_a_proposal_cannot_change_the_policy_that_it_runs_under(hall: Assembly) -> None:
    hall.permit("rule", stage("council", 20), scopes=["gov.set_policy", "gov.end_policy"])
    for change in (
        SetPolicy("rule", (stage("council", 1),), ("gov.resolve",), None, 0),
        EndPolicy("rule"),
    ):
        made = Propose("rule", "t", "", (change.pack(),))
        assert hall.failure(COUNCIL[0], made) == ("gov.own-policy", "actions[0]")


def test_a_changed_policy_makes_its_open_proposals_void(hall: Assembly) -> None:
    hall.permit("rule", stage("council", 20), scopes=["gov.set_policy", "gov.end_policy"])
    hall.propose("motion")
    other = SetPolicy("motion", (stage("council", 1),), ("gov.resolve",), None, 0)
    assert hall.propose("rule", other, by=COUNCIL[0]) == "ok"
    assert hall.vote(COUNCIL[0]) == "gov.not-open"
    hall.wait(DAY_S)
    assert hall.status() == "void"
    assert hall.propose("rule", EndPolicy("motion"), by=COUNCIL[0]) == "ok"
    assert hall.status(3) == "passed"
    assert hall.propose("motion") == "gov.not-allowed"
    assert hall.propose("rule", EndPolicy("motion"), by=COUNCIL[0]) == "ok"
    assert hall.proposal(4).code == "gov.no-such-policy"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SetPolicy("new", (stage("nobody", 1),), ("gov.resolve",), None, 0), "gov.no-such-body"),
        (
            SetPolicy("new", (stage("council", 1),), ("token.transfer",), None, 0),
            "gov.no-such-scope",
        ),
        (SetPolicy("new", (stage("council", 1),), ("gov.resolve",), "no", 0), "gov.no-such-body"),
        (SetBody("council", HOLDERS), "gov.kind-fixed"),
        (SetBody("new", members(3, 4)), "gov.bad-body"),
        (SetBody("new", members(0)), "gov.bad-body"),
        (SetBody("new", members(9, drawn_from="new")), "gov.bad-body"),
        (SetBody("new", members(9, drawn_from="holders")), "gov.bad-body"),
        (SetBody("new", members(9, misses=3)), "gov.bad-body"),
        (SetBody("new", members(9, 3, seats=True)), "gov.bad-body"),
        (Admit("nobody", OUTSIDER), "gov.unknown-body"),
        (Admit("holders", OUTSIDER), "gov.no-members"),
        (Admit("council", COUNCIL[1]), "gov.already-member"),
        (Dismiss("council", person(78), 0), "gov.not-member"),
    ],
)
def test_what_fails_when_it_is_carried_out_changes_nothing(
    hall: Assembly, action: Action, code: str
) -> None:
    tags = ["gov.admit", "gov.dismiss", "gov.resolve", "gov.set_body", "gov.set_policy"]
    hall.permit("all", stage("council", 20), scopes=tags)
    assert hall.propose("all", Admit("council", OUTSIDER), action, by=COUNCIL[0]) == "ok"
    assert (hall.status(), hall.proposal().code) == ("failed", code)
    assert OUTSIDER not in hall.roll("council")
    assert hall.sound() == []


def test_only_the_body_that_proposes_may_propose(hall: Assembly) -> None:
    hall.permit("closed", stage("council", 60), proposers="council")
    assert hall.propose("closed", by=OUTSIDER) == "gov.may-not-propose"
    assert hall.propose("closed", by=COUNCIL[4]) == "ok"
    hall.permit("seated", stage("council", 60), proposers="producers")
    assert hall.propose("seated", by=COUNCIL[4]) == "gov.may-not-propose"
    assert hall.propose("seated", by=PRODUCERS[1].public) == "ok"
    hall.permit("owned", stage("council", 60), proposers="holders")
    assert hall.propose("owned", by=COUNCIL[4]) == "gov.may-not-propose"
    hall.bond(COUNCIL[4], 1)
    assert hall.propose("owned", by=COUNCIL[4]) == "ok"


# Deposits


@pytest.mark.parametrize(
    ("votes", "status", "kept"),
    [
        (["yes"] * 3, "passed", 0),
        (["no"] * 3, "vetoed", 100),
        (["no", "no", "abstain", "abstain", "abstain"], "rejected", 0),
        ([], "withdrawn", 0),
    ],
)
def test_the_deposit_comes_back_but_from_a_veto(
    hall: Assembly, votes: list[str], status: str, kept: int
) -> None:
    hall.permit("paid", stage("council", 60, veto=60), deposit=100)
    state = hall.chain.world.state
    assert hall.propose("paid", by=OUTSIDER) == "token.insufficient-balance"
    mint(state, OUTSIDER, ASSET, 100)
    assert hall.propose("paid", by=OUTSIDER) == "ok"
    assert (balance_of(state, OUTSIDER, ASSET), pot_of(state, DEPOSITS_POT, ASSET)) == (0, 100)
    for voter, choice in zip(COUNCIL, votes, strict=False):
        assert hall.vote(voter, choice) == "ok"
    if not votes:
        assert hall.chain.act(COUNCIL[0], Withdraw(1)) == "gov.not-proposer"
        assert hall.chain.act(OUTSIDER, Withdraw(1)) == "ok"
        assert hall.chain.act(OUTSIDER, Withdraw(1)) == "gov.not-open"
        hall.wait(DAY_S)
    assert hall.status() == status
    assert balance_of(state, OUTSIDER, ASSET) == 100 - kept
    assert pot_of(state, "treasury", ASSET) == kept
    assert pot_of(state, DEPOSITS_POT, ASSET) == 0
    assert hall.sound() == []


def test_votes_name_what_is_wrong_with_them(hall: Assembly) -> None:
    assert hall.failure(COUNCIL[0], Vote(1, "yes")) == ("gov.unknown-proposal", "proposal")
    assert hall.failure(COUNCIL[0], Withdraw(1)) == ("gov.unknown-proposal", "proposal")
    hall.propose("motion")
    assert hall.chain.events[-1] == Proposed(1, "motion", person(99_999), "a title")
    assert hall.vote(COUNCIL[0], "no") == "ok"
    assert hall.failure(COUNCIL[0], Vote(1, "yes")) == ("gov.voted-already", "proposal")


def test_no_key_is_a_policys() -> None:
    assert len({policy_id("a"), policy_id("b")}) == 2
