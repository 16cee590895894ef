"""What an offence costs: the producer's own stake, exactly, and nobody else's."""

import pytest

from tests.vm.offences import offend
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BEN, CONSENSUS, FUNDS, PRODUCERS
from vm.modules.chain import chain_constants
from vm.modules.producer import CANDIDATES, votes_of
from vm.modules.slashing import REPORTER_PPM, STAKE_PPM, Punished, Report
from vm.modules.stake import BONDS, Approve, Bond, Bonded, Unbond, release_due
from vm.modules.stake.releasing import releases_of
from vm.modules.tokens import ASSETS, balance_of, mint
from vm.registry import REGISTRY

GUILTY = PRODUCERS[0].public
ASSET = "REEL"


@pytest.fixture
def stage() -> Stage:
    """The guilty one has 699 units bonded for itself and 305 that come back; Anna votes for it
    with 500."""
    made = Stage()
    mint(made.world.state, GUILTY, ASSET, 1004)
    made.act(GUILTY, Bond(1004))
    made.act(GUILTY, Approve((GUILTY,)))
    made.act(GUILTY, Unbond(305))
    made.act(ANNA.public, Bond(500))
    made.act(ANNA.public, Approve((GUILTY,)))
    made.events.clear()
    return made


def report(stage: Stage) -> Report:
    return Report(offend(stage.world.genesis, CONSENSUS[0], slot=7))


def coming(stage: Stage) -> list[int]:
    return [each.units for each in releases_of(stage.world.state, GUILTY)]


def burned(stage: Stage) -> int:
    row = ASSETS.get(stage.world.state, ASSET)
    return 0 if row is None else row.burned


def test_a_share_of_bond_and_releases_is_burned_but_for_the_reporters(stage: Stage) -> None:
    assert stage.act(BEN.public, report(stage)) == "ok"
    (punished,) = stage.events
    # 10% of 699 and of 305, each rounded down: 69 + 30; 5% of these 99 is 4
    assert isinstance(punished, Punished)
    assert (punished.producer, punished.reporter) == (GUILTY, BEN.public)
    assert (punished.burned, punished.rewarded) == (95, 4)
    state = stage.world.state
    assert BONDS.get(state, GUILTY) == Bonded(630, (GUILTY,))
    assert coming(stage) == [275]
    assert burned(stage) == 95
    assert balance_of(state, BEN.public, ASSET) == FUNDS + 4
    assert BONDS.get(state, ANNA.public) == Bonded(500, (GUILTY,))
    assert votes_of(state, GUILTY) == 630 + 500
    assert list(REGISTRY.broken_invariants(state)) == []


def test_everything_can_be_taken(stage: Stage) -> None:
    state = stage.world.state
    STAKE_PPM.set(state, 1_000_000)
    REPORTER_PPM.set(state, 0)
    assert stage.act(BEN.public, report(stage)) == "ok"
    assert (BONDS.get(state, GUILTY), coming(stage), burned(stage)) == (None, [], 1004)
    assert votes_of(state, GUILTY) == 500
    assert list(REGISTRY.broken_invariants(state)) == []
    stage.time_ms += 1000 * chain_constants(state).unbonding_s
    stage.step(release_due)
    assert balance_of(state, GUILTY, ASSET) == 0


def test_who_has_nothing_at_stake_loses_its_seat_only(stage: Stage) -> None:
    other = Report(offend(stage.world.genesis, CONSENSUS[1], slot=7))
    assert stage.act(BEN.public, other) == "ok"
    assert burned(stage) == 0
    assert balance_of(stage.world.state, BEN.public, ASSET) == FUNDS
    assert CANDIDATES.get(stage.world.state, PRODUCERS[1].public) is None


def test_a_second_report_takes_nothing(stage: Stage) -> None:
    assert stage.act(BEN.public, report(stage)) == "ok"
    assert stage.act(ANNA.public, report(stage)) == "slashing.already-barred"
    assert burned(stage) == 95
