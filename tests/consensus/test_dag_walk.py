"""Walks of DAGs against naive ones: order, ranges, repeats, bounds."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consensus.dag_walk as walks
from consensus.block import Header
from consensus.cid import DAG_CBOR, DAG_PB, RAW, Cid, cid_of
from consensus.dag_walk import (
    EVERYTHING,
    MAX_DIRECTORY_DEPTH,
    DagWalk,
    Scope,
    Span,
    Visit,
    entity_bytes,
)
from consensus.dagpb import decode_node, decode_unixfs
from consensus.errors import InvalidEncoding
from consensus.hashing import ZERO_DIGEST
from consensus.record import replace
from consensus.unixfs import (
    MAX_DIRECTORY_BYTES,
    MIN_INNER_BYTES,
    DirectoryEntry,
    FileBuilder,
    Profile,
    directory_entries,
    directory_node,
)

SMALL = Profile("small", MIN_INNER_BYTES, 3)
# One of three fillings for each chunk, so that some repeat and whole subtrees do.
contents = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=24).flatmap(
    lambda chunks: st.integers(0, MIN_INNER_BYTES).map(
        lambda last: b"".join(chunk * MIN_INNER_BYTES for chunk in chunks) + b"z" * last
    )
)


def build(content: bytes) -> tuple[Cid, dict[Cid, bytes]]:
    builder = FileBuilder(SMALL)
    blocks = dict(builder.feed(content)) | dict(builder.finish())
    return builder.root.cid, blocks


def walked(walk: DagWalk, blocks: dict[Cid, bytes]) -> Iterator[Visit]:
    while (cid := walk.next) is not None:
        assert walk.following(3)[0] == cid
        yield walk.accept(blocks[cid])
    assert walk.following(3) == []


def naive(cid: Cid, blocks: dict[Cid, bytes], span: Span, start: int = 0) -> Iterator[Cid]:
    """The blocks of a file that a span needs, by recursion."""
    yield cid
    if cid.codec == DAG_PB:
        node = decode_node(blocks[cid])
        for link, size in zip(node.links, decode_unixfs(node.data or b"").blocksizes, strict=True):
            if start < span.stop and start + size > span.start:
                yield from naive(link.hash, blocks, span, start)
            start += size


@given(contents, st.integers(0, 26_000), st.integers(1, 26_000))
def test_a_span_visits_its_own_blocks_and_gives_its_own_bytes(
    content: bytes, start: int, length: int
) -> None:
    root, blocks = build(content)
    span = Span(start, start + length)
    visits = list(walked(DagWalk(root, Scope.ENTITY, span), blocks))
    assert [visit.cid for visit in visits] == list(naive(root, blocks, span))
    assert b"".join(visit.content for visit in visits) == content[start : start + length]
    assert all(visit.data == blocks[visit.cid] and visit.is_new for visit in visits)


@given(contents, st.none() | st.tuples(st.integers(0, 26_000), st.integers(1, 26_000)))
def test_without_repeats_every_block_is_new_once(
    content: bytes, bounds: tuple[int, int] | None
) -> None:
    root, blocks = build(content)
    span = EVERYTHING if bounds is None else Span(bounds[0], sum(bounds))
    visits = list(walked(DagWalk(root, Scope.ENTITY, span, repeats=False), blocks))
    new = [visit.cid for visit in visits if visit.is_new]
    assert new == list(dict.fromkeys(naive(root, blocks, span)))
    if span == EVERYTHING:
        assert len(visits) == len(new)


def test_a_bomb_without_repeats_costs_no_more_than_its_blocks() -> None:
    root, blocks = build(bytes(MIN_INNER_BYTES * 3**6))  # 1 + 3 + … + 3^6 places, 7 blocks
    assert len(blocks) == 7
    visits = list(walked(DagWalk(root, repeats=False), blocks))
    assert len(visits) == 7
    size = entity_bytes(root, blocks[root])
    assert size == MIN_INNER_BYTES * 3**6
    tail = DagWalk(root, Scope.ENTITY, Span(1, size), repeats=False)
    assert sum(visit.is_new for visit in walked(tail, blocks)) == 7


def test_directories_are_walked_in_order_as_far_as_the_scope_says() -> None:
    film, blocks = build(bytes(range(256)) * 15 + b"end")
    text = cid_of(RAW, b"text")
    inner = directory_node([DirectoryEntry("film", film, 1), DirectoryEntry("text", text, 4)])
    outer = directory_node([DirectoryEntry("a", inner.cid, 1), DirectoryEntry("b", text, 4)])
    blocks |= {text: b"text", inner.cid: inner.data, outer.cid: outer.data}
    file = list(naive(film, blocks, EVERYTHING))
    once = list(dict.fromkeys(file))
    assert len(once) < len(file)

    def cids(walk: DagWalk) -> list[Cid]:
        return [visit.cid for visit in walked(walk, blocks) if visit.is_new]

    assert cids(DagWalk(outer.cid)) == [outer.cid, inner.cid, *file, text, text]
    assert cids(DagWalk(outer.cid, repeats=False)) == [outer.cid, inner.cid, *once, text]
    known = DagWalk(outer.cid, repeats=False, visited=[outer.cid, text])
    assert cids(known) == [inner.cid, *once]
    assert cids(DagWalk(outer.cid, Scope.ENTITY)) == [outer.cid]
    assert cids(DagWalk(outer.cid, Scope.BLOCK)) == [outer.cid]
    assert cids(DagWalk(film, Scope.BLOCK)) == [film]
    assert entity_bytes(outer.cid, outer.data) is None
    assert entity_bytes(film, blocks[film]) == 3843


def test_directories_too_deep_are_refused() -> None:
    cid, data = cid_of(RAW, b""), b""
    blocks = {cid: data}
    for _ in range(MAX_DIRECTORY_DEPTH + 1):
        node = directory_node([DirectoryEntry("d", cid, 0)])
        cid, blocks[node.cid] = node.cid, node.data
    with pytest.raises(InvalidEncoding, match="deeper"):
        list(walked(DagWalk(cid), blocks))


def test_a_walk_without_repeats_remembers_so_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    root, blocks = build(b"".join(bytes([i]) * MIN_INNER_BYTES for i in range(3)))
    monkeypatch.setattr(walks, "MAX_DISTINCT", 3)
    with pytest.raises(InvalidEncoding, match="dups=y"):
        list(walked(DagWalk(root, repeats=False), blocks))
    assert len(list(walked(DagWalk(root), blocks))) == 4


HEADER = Header(
    *(None, None, 0, 0, None, None, 0, ZERO_DIGEST, ZERO_DIGEST, None, None, None),
    *(ZERO_DIGEST, None, ZERO_DIGEST, ZERO_DIGEST, ZERO_DIGEST, ZERO_DIGEST),
)


def test_a_header_leads_to_genesis_by_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = [HEADER]
    for height in range(1, 6):
        parent = headers[-1].id()
        headers.append(replace(HEADER, parent=parent, height=height, final_if_qc=parent))
    blocks = {header.id(): header.encode() for header in headers}
    head = headers[-1].id()
    monkeypatch.setattr(walks, "MAX_DISTINCT", 2)  # a chain is as long as it is
    for repeats in (False, True):
        visits = walked(DagWalk(head, repeats=repeats), blocks)
        assert [visit.cid for visit in visits] == [each.id() for each in reversed(headers)]
    for scope in (Scope.BLOCK, Scope.ENTITY):
        assert [visit.cid for visit in walked(DagWalk(head, scope), blocks)] == [head]
    assert entity_bytes(head, blocks[head]) is None
    false = cid_of(DAG_CBOR, b"\x80")
    with pytest.raises(InvalidEncoding):
        DagWalk(false).accept(b"\x80")


def test_a_node_that_lies_is_refused() -> None:
    root, blocks = build(bytes(2 * MIN_INNER_BYTES))
    leaf = cid_of(RAW, b"short")
    forged = blocks[root].replace(cid_of(RAW, bytes(MIN_INNER_BYTES)).binary, leaf.binary, 1)
    walk = DagWalk(cid_of(DAG_PB, forged), Scope.ENTITY)
    walk.accept(forged)
    with pytest.raises(InvalidEncoding, match="as large as its parent says"):
        walk.accept(b"short")


NO_NAME = b"\x0a\x24" + cid_of(RAW, b"x").binary + b"\x12\x02.."


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("sharded directory", b"\x0a\x0a\x08\x05\x12\x01\x01\x28\x22\x30\x80\x02"),
        ("begins with its type", b""),
        ("are not names", b"\x12" + bytes([len(NO_NAME)]) + NO_NAME + directory_node([]).data),
        ("at most", bytes(MAX_DIRECTORY_BYTES + 1)),
    ],
)
def test_what_is_no_directory(message: str, data: bytes) -> None:
    for read in (directory_entries, lambda data: entity_bytes(cid_of(DAG_PB, data), data)):
        with pytest.raises(InvalidEncoding, match=message):
            read(data)


def test_a_directory_twice_the_same_name_is_refused() -> None:
    single = directory_node([DirectoryEntry("a", cid_of(RAW, b"x"), 1)]).data
    link = single[: single[1] + 2]
    assert directory_entries(single) == (DirectoryEntry("a", cid_of(RAW, b"x"), 1),)
    with pytest.raises(InvalidEncoding, match="twice"):
        directory_entries(link + single)
