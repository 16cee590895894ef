"""Random networks: no two final histories, final never goes back, finality resumes by itself.

A failing seed is run alone with `pytest tests/consensus/test_random_networks.py -k "[17]"`.
"""

import pytest

from tests.consensus.network import Network, Plan


def plan_of(seed: int) -> Plan:
    """Small and large sets, with and without changes, healed early and late."""
    return Plan(
        seed=seed,
        producers=(4, 7)[seed % 2],
        spare=2,
        healed_slot=14 + 12 * (seed % 3),
        changes=seed % 4 < 2,
    )


@pytest.mark.parametrize("seed", range(60))
def test_finality_is_one_history_and_resumes(seed: int) -> None:
    network = Network(plan_of(seed))
    network.run()
    assert network.recovered_slot is not None
    assert network.recovered_slot <= network.allowed_slot


def test_a_run_is_a_function_of_its_seed() -> None:
    traces = []
    for seed in (3, 3, 7):
        network = Network(plan_of(seed))
        network.run()
        traces.append(network.trace())
    assert traces[0] == traces[1] != traces[2]


def test_the_networks_are_put_through_what_they_claim() -> None:
    handovers = before = final_before = forks = 0
    for seed in (0, 1, 4, 5, 8, 9, 12, 13, 16, 17):
        network = Network(plan_of(seed))
        network.run()
        handovers += network.handovers
        before += network.handovers_before_healing
        final_before += network.final_before_healing
        forks += len(network.archive) - max(network.final)
    assert handovers > before > 0
    assert final_before > 0
    assert forks > 0
