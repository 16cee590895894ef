"""Which nodes of a local network dial which: the shape that their links make."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from consensus.errors import InvalidEncoding
from consensus.producers import MAX_PRODUCERS

MAX_DEGREE = 6
# Each node is linked to those so many places on (and back): of all such triples, one of the few
# by which any two of up to 21 nodes are at most two links apart.
_CHORDS = (1, 5, 8)
if 2 * len(_CHORDS) > MAX_DEGREE:
    raise ValueError("a node gets two links by each chord")
_NAMES = ("mesh", "ring", "star", "line")
_RANDOM = "random"
_MIN_RANDOM_DEGREE = 2  # those of a ring, which holds all together
_RANDOM_TRIES = 100

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape that was asked for: `mesh` links all with all, `ring` each with the next, `star` all
    with the first, `line` is a ring with one link cut, `random` links each with `degree` others."""

    name: str
    degree: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.degree}" if self.degree else self.name


def parse_shape(text: str) -> Shape:
    """Read mesh, ring, star, line or random:DEGREE; raises InvalidEncoding."""
    if text in _NAMES:
        return Shape(text)
    found = re.fullmatch(f"{_RANDOM}:([0-9]{{1,3}})", text, re.ASCII)
    if not found:
        raise InvalidEncoding(
            f"{', '.join(_NAMES)} or {_RANDOM}:DEGREE is expected, such as {_RANDOM}:4, "
            f"got {text[:40]!r}"
        )
    degree = int(found[1])
    if not _MIN_RANDOM_DEGREE <= degree < MAX_PRODUCERS:
        raise InvalidEncoding(
            f"a node has {_MIN_RANDOM_DEGREE} to {MAX_PRODUCERS - 1} links, not {degree}"
        )
    return Shape(_RANDOM, degree)


def nodes_to_dial(nodes: int, shape: Shape | None = None, seed: bytes = b"") -> list[list[int]]:
    """For each node the places of those that it dials; every link is dialled from one end.

    Without a shape up to MAX_DEGREE + 1 nodes are all linked with each other, more have few links
    each and short ways between all. A random shape follows from `seed`.
    """
    dialled: list[list[int]] = [[] for _ in range(nodes)]
    linked: set[frozenset[int]] = set()
    for place, other in _links(nodes, shape, seed):
        link = frozenset((place, other))
        if len(link) == 2 and link not in linked:
            linked.add(link)
            dialled[place].append(other)
    return dialled


def _links(nodes: int, shape: Shape | None, seed: bytes) -> Iterator[Pair]:
    """The links, some perhaps twice or from a node to itself."""
    everybody = range(1, nodes)
    if shape is None:
        yield from _steps(nodes, everybody if nodes <= MAX_DEGREE + 1 else _CHORDS)
    elif shape.name == "mesh":
        yield from _steps(nodes, everybody)
    elif shape.name == "ring":
        yield from _steps(nodes, (1,))
    elif shape.name == "star":
        yield from ((place, 0) for place in everybody)
    elif shape.name == "line":
        yield from ((place, place + 1) for place in range(nodes - 1))
    else:
        yield from _random_links(nodes, shape.degree, random.Random(seed))  # noqa: S311


def _steps(nodes: int, steps: range | tuple[int, ...]) -> Iterator[Pair]:
    for step in steps:
        yield from ((place, (place + step) % nodes) for place in range(nodes))


def _random_links(nodes: int, degree: int, chance: random.Random) -> list[Pair]:
    """A ring in random order and, while there is room, random links more: at most `degree` for
    each node, and mostly just as many."""
    wanted = nodes * min(degree, nodes - 1) // 2
    links: list[Pair] = []
    for _ in range(_RANDOM_TRIES):
        links = _some_random_links(nodes, degree, chance)
        if len(links) >= wanted:
            break
    return links


def _some_random_links(nodes: int, degree: int, chance: random.Random) -> list[Pair]:
    order = chance.sample(range(nodes), nodes)
    ring = [(order[place], other) for place, other in enumerate(order[1:] + order[:1])]
    links = ring[:-1] if nodes <= 2 else ring
    linked = {frozenset(link) for link in links}
    degrees = Counter(place for link in links for place in link)
    pairs = [pair for pair in combinations(range(nodes), 2) if frozenset(pair) not in linked]
    for pair in chance.sample(pairs, len(pairs)):
        if all(degrees[place] < degree for place in pair):
            links.append(pair)
            degrees.update(pair)
    return links
