"""Who dials whom in a local network."""

import pytest

from node.local.peers import MAX_DEGREE, nodes_to_dial

SIZES = range(1, 22)


def links(nodes: int) -> list[frozenset[int]]:
    return [
        frozenset((place, other))
        for place, dialled in enumerate(nodes_to_dial(nodes))
        for other in dialled
    ]


def distances(nodes: int) -> list[int]:
    """How many links it takes from node 0 to every other."""
    found = {0: 0}
    frontier = [0]
    for place in frontier:
        for link in links(nodes):
            for other in link - {place}:
                if place in link and other not in found:
                    found[other] = found[place] + 1
                    frontier.append(other)
    return list(found.values())


@pytest.mark.parametrize("nodes", SIZES)
def test_every_link_is_dialled_once_and_never_to_oneself(nodes: int) -> None:
    made = links(nodes)
    assert len(set(made)) == len(made)
    assert all(len(link) == 2 and max(link) < nodes for link in made)


@pytest.mark.parametrize("nodes", SIZES)
def test_few_links_each_and_at_most_two_between_any(nodes: int) -> None:
    made = links(nodes)
    degrees = [sum(place in link for link in made) for place in range(nodes)]
    assert max(degrees) <= MAX_DEGREE
    reached = distances(nodes)
    assert len(reached) == nodes
    assert max(reached) <= (1 if nodes <= MAX_DEGREE + 1 else 2)


@pytest.mark.parametrize("nodes", range(3, 22))
def test_no_node_leaves_all_dialling_to_others(nodes: int) -> None:
    assert sum(1 for dialled in nodes_to_dial(nodes) if not dialled) <= nodes // 2
