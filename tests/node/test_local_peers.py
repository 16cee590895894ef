"""Who dials whom in a local network."""

import pytest

from consensus.errors import InvalidEncoding
from node.local.peers import MAX_DEGREE, nodes_to_dial, parse_shape

SIZES = range(1, 22)


Links = list[frozenset[int]]


def links(nodes: int, shape: str | None = None, seed: bytes = b"") -> Links:
    wanted = None if shape is None else parse_shape(shape)
    return [
        frozenset((place, other))
        for place, dialled in enumerate(nodes_to_dial(nodes, wanted, seed))
        for other in dialled
    ]


def degrees(nodes: int, made: Links) -> list[int]:
    """How many links each node has."""
    return [sum(place in link for link in made) for place in range(nodes)]


def distances(made: Links) -> list[int]:
    """How many links it takes from node 0 to every other that can be reached."""
    found = {0: 0}
    frontier = [0]
    for place in frontier:
        for link in made:
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
    assert max(degrees(nodes, made)) <= MAX_DEGREE
    reached = distances(made)
    assert len(reached) == nodes
    assert max(reached) <= (1 if nodes <= MAX_DEGREE + 1 else 2)


@pytest.mark.parametrize("nodes", range(3, 22))
def test_no_node_leaves_all_dialling_to_others(nodes: int) -> None:
    assert sum(1 for dialled in nodes_to_dial(nodes) if not dialled) <= nodes // 2


@pytest.mark.parametrize(
    "shape", ["mesh", "ring", "star", "line", "random:2", "random:3", "random:4"]
)
@pytest.mark.parametrize("nodes", SIZES)
def test_every_shape_is_connected_and_no_link_is_dialled_twice(nodes: int, shape: str) -> None:
    made = links(nodes, shape)
    assert len(set(made)) == len(made)
    assert all(len(link) == 2 and max(link) < nodes for link in made)
    assert len(distances(made)) == nodes


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("mesh", [20] * 21),
        ("ring", [2] * 21),
        ("star", [20] + [1] * 20),
        ("line", [1] + [2] * 19 + [1]),
        ("random:4", [4] * 21),
        ("random:20", [20] * 21),
    ],
)
def test_a_shape_has_the_links_of_its_name(shape: str, expected: list[int]) -> None:
    assert degrees(21, links(21, shape)) == expected
    if shape == "line":
        assert distances(links(21, shape)) == list(range(21))
    if shape == "ring":
        assert max(distances(links(21, shape))) == 10


@pytest.mark.parametrize("nodes", SIZES)
@pytest.mark.parametrize("degree", [2, 3, 4, 7])
def test_a_random_shape_has_nearly_the_degree_asked_for(nodes: int, degree: int) -> None:
    found = degrees(nodes, links(nodes, f"random:{degree}"))
    most = min(degree, nodes - 1)
    assert max(found) <= most
    assert sum(found) >= nodes * most - 2


def test_a_random_shape_follows_from_its_seed() -> None:
    assert links(21, "random:4", b"a") == links(21, "random:4", b"a") != links(21, "random:4", b"b")


@pytest.mark.parametrize("text", ["mesh", "ring", "star", "line", "random:2", "random:20"])
def test_a_shape_reads_as_it_is_written(text: str) -> None:
    assert str(parse_shape(text)) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is expected"),
        ("Mesh", "mesh, ring, star, line or random:DEGREE is expected"),
        ("random", "random:DEGREE is expected, such as random:4"),
        ("random:x", "is expected"),
        ("random:1", "2 to 20 links, not 1"),
        ("random:21", "2 to 20 links, not 21"),
        ("random:-4", "is expected"),
        ("x" * 1000, "is expected"),
    ],
)
def test_a_shape_that_is_none(text: str, sentence: str) -> None:
    with pytest.raises(InvalidEncoding, match=sentence):
        parse_shape(text)
