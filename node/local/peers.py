"""Which nodes of a local network dial which: few connections each, and short ways between all."""

MAX_DEGREE = 6
# Each node is linked to those so many places on (and back): of all such triples, one of the few
# by which any two of up to 21 nodes are at most two links apart.
_CHORDS = (1, 5, 8)
if 2 * len(_CHORDS) > MAX_DEGREE:
    raise ValueError("a node gets two links by each chord")


def nodes_to_dial(nodes: int) -> list[list[int]]:
    """For each node the places of those that it dials; every link is dialled from one end.

    Up to MAX_DEGREE + 1 nodes are all linked with each other.
    """
    steps = range(1, nodes) if nodes <= MAX_DEGREE + 1 else _CHORDS
    dialled: list[list[int]] = [[] for _ in range(nodes)]
    linked: set[frozenset[int]] = set()
    for step in steps:
        for place in range(nodes):
            link = frozenset((place, (place + step) % nodes))
            if len(link) == 2 and link not in linked:
                linked.add(link)
                dialled[place].append((place + step) % nodes)
    return dialled
