"""The state against the final block's root: once from all its rows, without the stored pages of
the tree, and once from the pages."""

from collections.abc import Iterable, Iterator

from consensus import tree
from consensus.codec import decode
from consensus.errors import Invalid
from consensus.hashing import DIGEST_BYTES, ZERO_DIGEST, sha256
from consensus.tree_range import Prefix, range_hash
from node.upkeep.faults import TELL_EACH, Fault, Mend, Tell
from storage.database import PAGE_ROW, STATE_ROW, KeyValueReader
from storage.rows import every_row

_LEAF_BYTES = 2 * DIGEST_BYTES
_BUCKETS = 256  # by the first byte of a path


def state_faults(reader: KeyValueReader, root: bytes, tell: Tell) -> Iterator[Fault]:
    """What is wrong with the rows of the state, and with the pages of its tree.

    Takes 64 bytes of memory a row. Raises DatabaseError.
    """
    found = root_of_rows(_leaves(reader, tell))
    if found != root:
        yield Fault(
            "state", f"has rows whose root is {found.hex()}; the final block's is {root.hex()}"
        )
    # Pages are made from rows; while these are wrong there is nothing to make them from.
    mend = Mend.PAGES if found == root else Mend.REPLAY
    are_pages_good = True
    for fault in page_faults(reader, root, mend, tell):
        are_pages_good = False
        yield fault
    if found != root and are_pages_good:
        yield from _wrong_rows(reader, tell)


def _leaves(reader: KeyValueReader, tell: Tell) -> Iterator[bytes]:
    for number, (key, value) in enumerate(every_row(reader, STATE_ROW)):
        yield tree.key_path(key[len(STATE_ROW) :]) + sha256(value)
        if number % TELL_EACH == 0:
            tell("state", number)


def _wrong_rows(reader: KeyValueReader, tell: Tell) -> Iterator[Fault]:
    """The rows that are not in the tree, whose pages are good."""
    wanted: dict[bytes, bytes] = {}
    for _, page in every_row(reader, PAGE_ROW):
        for node in _slots(page):
            if len(node) == _LEAF_BYTES:
                wanted[node[:DIGEST_BYTES]] = node[DIGEST_BYTES:]
    for number, (key, value) in enumerate(every_row(reader, STATE_ROW)):
        state_key = key[len(STATE_ROW) :]
        value_hash = wanted.pop(tree.key_path(state_key), None)
        if value_hash is None:
            yield Fault("state row", f"{_name(state_key)} is left over")
        elif value_hash != sha256(value):
            yield Fault("state row", f"{_name(state_key)} is wrong")
        if number % TELL_EACH == 0:
            tell("state rows", number)
    if wanted:
        yield Fault("state row", f"is missing, with {len(wanted) - 1} others")


def _name(key: bytes) -> str:
    """The table and the key of a row."""
    try:
        wire = decode(key)
    except Invalid:
        return key.hex()
    table = wire[0] if isinstance(wire, list) and wire else None
    return f"{table} {key.hex()}" if isinstance(table, str) else key.hex()


def _slots(page: bytes) -> list[bytes]:
    """The nodes in a page of the tree."""
    return tree.Subtree.whole(lambda _: page).slots


def root_of_rows(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree of these leaves (path ‖ hash of the value), in any order."""
    buckets = [bytearray() for _ in range(_BUCKETS)]
    for leaf in leaves:
        buckets[leaf[0]] += leaf
    subtrees = [_subtree(byte, bucket) for byte, bucket in enumerate(buckets)]
    while len(subtrees) > 1:
        subtrees = [_joined(subtrees[i], subtrees[i + 1]) for i in range(0, len(subtrees), 2)]
    return subtrees[0][0]


def _subtree(byte: int, bucket: bytearray) -> tuple[bytes, int]:
    """Hash and number of the rows whose paths begin with a byte."""
    leaves = sorted(
        (bytes(bucket[at : at + DIGEST_BYTES]), bytes(bucket[at + DIGEST_BYTES : at + _LEAF_BYTES]))
        for at in range(0, len(bucket), _LEAF_BYTES)
    )
    return range_hash(Prefix(8, bytes([byte])), leaves), len(leaves)


def _joined(left: tuple[bytes, int], right: tuple[bytes, int]) -> tuple[bytes, int]:
    rows = left[1] + right[1]
    if rows > 1:
        return tree.inner_hash(left[0], right[0]), rows
    return (left[0] if left[1] else right[0]), rows


def page_faults(reader: KeyValueReader, root: bytes, mend: Mend, tell: Tell) -> Iterator[Fault]:
    """Pages that are missing, damaged or left over, in the tree with this root.

    Pages come in the order of a walk that sees each page before those below it, so what is
    still to come is known: its place and hash, the next one last.
    """
    awaited = [] if root == ZERO_DIGEST else [(tree.ROOT_POSITION, root)]
    spoilt: bytes | None = None  # nothing is known of the pages below this one
    for number, (key, page) in enumerate(every_row(reader, PAGE_ROW)):
        position = key[len(PAGE_ROW) :]
        while awaited and awaited[-1][0] < position:
            spoilt = awaited.pop()[0]
            yield _page_fault(spoilt, "is missing", mend)
        if awaited and awaited[-1][0] == position:
            below = _below(position, page, awaited.pop()[1])
            if below is None:
                spoilt = position
                yield _page_fault(position, "is not as the page above it says", mend)
            else:
                awaited += below
        elif spoilt is None or not position.startswith(spoilt):
            yield _page_fault(position, "is left over", mend)
        if number % TELL_EACH == 0:
            tell("state pages", number)
    for position, _ in reversed(awaited):
        yield _page_fault(position, "is missing", mend)


def _below(position: bytes, page: bytes, wanted: bytes) -> list[tuple[bytes, bytes]] | None:
    """The pages below, the first one last; None if this page has not the wanted hash."""
    try:
        subtree = tree.Subtree.whole(lambda _: page)
    except tree.DamagedTree:
        return None
    is_single = subtree.leaf is not None and position != tree.ROOT_POSITION
    if is_single or subtree.hash != wanted:
        return None
    return [
        (position + bytes((slot,)), node)
        for slot, node in reversed(list(enumerate(subtree.slots)))
        if len(node) == DIGEST_BYTES
    ]


def _page_fault(position: bytes, what: str, mend: Mend) -> Fault:
    nibbles = "".join(f"{nibble:x}" for nibble in position)
    return Fault("state page", f"{nibbles or 'at the root'} {what}", mend=mend)
