"""The worst gaps of finality."""

from tests.soak.finality import FinalityWatch


def test_the_worst_gap_of_the_network_is_kept() -> None:
    watch = FinalityWatch()
    for at_s, slot, final in ((10, 20, 18), (11, 22, 20), (12, 24, 20), (15, 30, 20), (16, 32, 31)):
        watch.see(at_s, slot, {"a": final, "b": final - 1}, set())
    assert (watch.gap_s, watch.gap_at_s, watch.gap_slots) == (5, 16, 10)
    assert watch.final_slot == 31
    assert watch.node_slots == 0


def test_one_node_with_a_newer_block_is_enough() -> None:
    watch = FinalityWatch()
    watch.see(0, 10, {"a": 9, "b": 3}, set())
    watch.see(1, 12, {"b": 3}, set())
    assert (watch.gap_slots, watch.gap_s) == (3, 1)


def test_nodes_are_compared_only_while_nothing_disturbs_them() -> None:
    watch = FinalityWatch()
    watch.see(0, 10, {"a": 9, "b": 3, "c": 5}, {"a", "c", "silent"})
    assert (watch.node, watch.node_slots) == ("c", 5)
