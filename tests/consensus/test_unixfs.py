"""UnixFS ids against the vectors and a naive builder; reading against forged trees."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID

from consensus.cid import DAG_CBOR, DAG_PB, RAW, Cid, cid_of, parse_cid
from consensus.dagpb import FILE, PBLink, PBNode, UnixfsData, encode_node, encode_unixfs
from consensus.errors import InvalidEncoding, InvalidProof
from consensus.unixfs import (
    KUBO,
    MAX_AHEAD,
    MAX_CONTENT_BLOCK_BYTES,
    MAX_DIRECTORY_BYTES,
    MAX_FILE_DEPTH,
    MAX_FILE_LINKS,
    MAX_NODE_BYTES,
    MIN_INNER_BYTES,
    PROFILES,
    UNIXFS_2025,
    DirectoryEntry,
    FileBuilder,
    FileWalk,
    Profile,
    check_content_block,
    directory_node,
    file_of,
    profile_named,
    read_file,
)

DATA = Path(__file__).parents[1]
VECTORS = json.loads((DATA / "vectors/unixfs-cids.json").read_text())["vectors"]
BOUNDARIES = json.loads((DATA / "vectors/unixfs-boundaries.json").read_text())["vectors"]
SMALL = Profile("small", MIN_INNER_BYTES, 3)


def generated(seed: str, size: int) -> bytes:
    """The vectors' `sha256-counter` generator."""
    base = hashlib.sha256(seed.encode())
    out = bytearray()
    for i in range((size + 31) // 32):
        copy = base.copy()
        copy.update(i.to_bytes(8, "big"))
        out += copy.digest()
    return bytes(out[:size])


def counted(size: int) -> Iterator[bytes]:
    """The boundary vectors' `counter-64k` generator."""
    for i in range((size + 65_535) // 65_536):
        yield (i.to_bytes(8, "big") * 8192)[: size - i * 65_536]


def build(content: bytes, profile: Profile) -> tuple[Cid, dict[Cid, bytes]]:
    builder = FileBuilder(profile)
    blocks = dict(builder.feed(content)) | dict(builder.finish())
    return builder.root.cid, blocks


def naive_cid(codec: int, block: bytes) -> bytes:
    return bytes([1, codec, 0x12, 32]) + hashlib.sha256(block).digest()


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + varint(value // 128)


def naive_file(content: bytes, profile: Profile) -> tuple[bytes, int, set[bytes]]:
    """Root CID, Tsize and all CIDs of a file: the whole list of leaves, level after level."""

    def field(key: int, value: bytes) -> bytes:
        return bytes([key]) + varint(len(value)) + value

    step = profile.chunk_bytes
    chunks = [content[i : i + step] for i in range(0, len(content), step)] or [b""]
    row = [(naive_cid(0x55, chunk), len(chunk), len(chunk)) for chunk in chunks]
    seen = {cid for cid, _, _ in row}
    while len(row) > 1:
        groups = [row[i : i + profile.max_links] for i in range(0, len(row), profile.max_links)]
        row = []
        for group in groups:
            size = sum(item[1] for item in group)
            unixfs = b"\x08\x02\x18" + varint(size)
            unixfs += b"".join(b"\x20" + varint(item[1]) for item in group)
            block = b"".join(
                field(18, field(10, cid) + field(18, b"") + b"\x18" + varint(tsize))
                for cid, _, tsize in group
            ) + field(10, unixfs)
            tsize = len(block) + sum(item[2] for item in group)
            row.append((naive_cid(0x70, block), size, tsize))
        seen |= {cid for cid, _, _ in row}
    return row[0][0], row[0][2], seen


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if v["size"] is not None],
    ids=lambda v: f"{v['name']}-{v['size']}",
)
def test_the_vectors_files(vector: dict[str, str | int]) -> None:
    content = generated(str(vector["seed"]), int(vector["size"]))
    assert hashlib.sha256(content).hexdigest() == vector["sha256"]
    made = file_of([content], profile_named(str(vector["profile"])))
    assert (str(made.cid), made.tsize, made.size) == (
        vector["cid"],
        vector["tsize"],
        vector["size"],
    )


@pytest.mark.parametrize("vector", [v for v in VECTORS if "files" in v], ids=lambda v: v["profile"])
def test_the_vectors_directories(vector: dict[str, object]) -> None:
    entries = []
    files = vector["files"]
    assert isinstance(files, list)
    for file in files:
        content = generated(file["seed"], file["size"])
        made = file_of([content], profile_named(str(vector["profile"])))
        assert str(made.cid) == file["cid"]
        entries.append(DirectoryEntry(file["path"], made.cid, made.tsize))
    node = directory_node(reversed(entries))
    assert (str(node.cid), node.tsize) == (vector["cid"], vector["tsize"])
    assert cid_of(DAG_PB, node.data) == node.cid


@pytest.mark.parametrize("vector", BOUNDARIES, ids=lambda v: f"{v['profile'][:4]}-{v['size']}")
def test_sizes_around_chunks_and_fan_out(vector: dict[str, str | int]) -> None:
    size = int(vector["size"])
    made = file_of(counted(size), profile_named(str(vector["profile"])))
    assert (str(made.cid), made.tsize, made.size) == (vector["cid"], vector["tsize"], size)


@pytest.mark.parametrize("profile", [Profile("two", 2, 2), Profile("four", 4, 3)])
def test_every_small_size_agrees_with_the_naive_builder(profile: Profile) -> None:
    for size in range(130):  # up to seven levels
        content = bytes(range(size))
        cid, tsize, seen = naive_file(content, profile)
        builder = FileBuilder(profile)
        blocks = builder.feed(content) + builder.finish()
        assert (builder.root.cid.binary, builder.root.tsize) == (cid, tsize)
        assert builder.root.size == size
        assert {block_cid.binary for block_cid, _ in blocks} == seen
        assert blocks[-1][0] == builder.root.cid


@pytest.mark.parametrize("leaves", [174, 175, 174 * 174, 174 * 174 + 1])
def test_kubo_fan_out_agrees_with_the_naive_builder(leaves: int) -> None:
    profile = Profile("narrow", 2, KUBO.max_links)
    content = b"".join(i.to_bytes(2, "big") for i in range(leaves))
    cid, tsize, _ = naive_file(content, profile)
    made = file_of([content], profile)
    assert (made.cid.binary, made.tsize) == (cid, tsize)


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    profile = Profile("five", 5, 3)
    assert file_of(pieces, profile) == file_of([b"".join(pieces)], profile)


def test_a_real_video_in_pieces_and_at_once() -> None:
    content = (DATA / "data/small.mp4").read_bytes()
    for profile in PROFILES.values():
        root, blocks = build(content, profile)
        pieces = [content[i : i + 50_000] for i in range(0, len(content), 50_000)]
        assert file_of(pieces, profile).cid == root
        assert naive_file(content, profile)[0] == root.binary == bytes(CID.decode(str(root)))
        assert b"".join(read_file(root, blocks.__getitem__)) == content


def test_profiles_are_found_by_name() -> None:
    assert profile_named("kubo-cidv1-256k-174") is KUBO
    assert profile_named("unixfs-v1-2025") is UNIXFS_2025
    with pytest.raises(InvalidEncoding, match="known are kubo-cidv1-256k-174, unixfs-v1-2025"):
        profile_named("kubo")


def test_an_unfinished_builder_has_no_root() -> None:
    builder = FileBuilder()
    builder.feed(b"x")
    with pytest.raises(ValueError, match="not finished"):
        _ = builder.root


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/", "a\x00", "x" * 256, "é" * 128, "\ud800"]
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        DirectoryEntry(name, cid_of(RAW, b""), 0)
    assert caught.value.field == "name"


def test_directories_sort_by_bytes_and_refuse_repeats() -> None:
    entries = [DirectoryEntry(name, cid_of(RAW, b""), 0) for name in ("é", "z", "a")]
    node = directory_node(entries)
    places = [node.data.index(name.encode() + b"\x18") for name in ("a", "z", "é")]
    assert places == sorted(places)
    with pytest.raises(InvalidEncoding, match="twice"):
        directory_node([*entries, entries[0]])


def test_a_directory_beyond_one_block_is_refused() -> None:
    def entries(count: int) -> list[DirectoryEntry]:
        return [DirectoryEntry(f"{i:04}", cid_of(RAW, b""), 0) for i in range(count)]

    step = len(directory_node(entries(2)).data) - len(directory_node(entries(1)).data)
    most = (MAX_DIRECTORY_BYTES - 4) // step  # 4 bytes are the directory's own
    assert len(directory_node(entries(most)).data) > MAX_DIRECTORY_BYTES - step
    with pytest.raises(InvalidEncoding, match="split it") as caught:
        directory_node(entries(most + 1))
    assert caught.value.field == "entries"


CONTENT = generated("read", 11 * MIN_INNER_BYTES + 7)  # twelve leaves, three levels of nodes


def test_reading_gives_the_content_in_order() -> None:
    root, blocks = build(CONTENT, SMALL)
    leaves = list(read_file(root, blocks.__getitem__))
    assert b"".join(leaves) == CONTENT
    assert len(leaves) == 12
    assert list(read_file(cid_of(RAW, b""), lambda _: b"")) == [b""]


def test_reading_passes_on_what_the_source_raises() -> None:
    root, blocks = build(CONTENT, SMALL)
    del blocks[cid_of(RAW, CONTENT[-7:])]
    with pytest.raises(KeyError):
        list(read_file(root, blocks.__getitem__))


@given(st.data())
def test_a_changed_block_never_gets_through(data: st.DataObject) -> None:
    root, blocks = build(CONTENT, SMALL)
    cid = data.draw(st.sampled_from(sorted(blocks)))
    changed = bytearray(blocks[cid])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    blocks[cid] = bytes(changed)
    leaves: list[bytes] = []
    with pytest.raises(InvalidProof, match=str(cid)):
        leaves.extend(read_file(root, blocks.__getitem__))
    assert CONTENT.startswith(b"".join(leaves))


def test_blocks_are_checked_by_size_and_id() -> None:
    most = bytes(MAX_CONTENT_BLOCK_BYTES)
    check_content_block(cid_of(RAW, most), most)
    with pytest.raises(InvalidEncoding, match="at most"):
        check_content_block(cid_of(RAW, most + b"\x00"), most + b"\x00")
    with pytest.raises(InvalidProof):
        check_content_block(cid_of(DAG_PB, b"x"), b"y")


LEAF = generated("leaf", MIN_INNER_BYTES)


def forged(
    children: list[tuple[Cid, int, int | None]], name: str | None = "", sizes: int | None = None
) -> tuple[Cid, bytes]:
    """A file node of (child, block size, Tsize), with as many block sizes as asked."""
    links = tuple(PBLink(cid, name, tsize) for cid, _, tsize in children)
    message = UnixfsData(FILE, tuple(size for _, size, _ in children)[:sizes])
    data = encode_node(PBNode(links, encode_unixfs(message)))
    return cid_of(DAG_PB, data), data


def walk_all(walk: FileWalk, blocks: dict[Cid, bytes]) -> None:
    while not walk.done:
        for cid in walk.wanted():
            walk.accept(cid, blocks[cid])


def walk_forged(root: Cid, blocks: dict[Cid, bytes]) -> str:
    """The message with which both readers refuse a tree."""
    with pytest.raises(InvalidEncoding) as read:
        list(read_file(root, blocks.__getitem__))
    with pytest.raises(InvalidEncoding) as walked:
        walk_all(FileWalk(root), blocks)
    assert str(walked.value) == str(read.value)
    return str(read.value)


LEAF_CID = cid_of(RAW, LEAF)
N = len(LEAF)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (forged([(LEAF_CID, N + 1, N)]), "not as large"),
        (forged([(LEAF_CID, N, N + 1)]), "not as large"),
        (forged([(LEAF_CID, N, None)]), "have a size"),
        (forged([(LEAF_CID, N, N)], name="x"), "no name"),
        (forged([]), "1 to 1024 links"),
        (forged([(LEAF_CID, N, N)] * 2, sizes=1), "a size for each"),
        (forged([(LEAF_CID, N, N)] * (MAX_FILE_LINKS + 1)), "1 to 1024 links"),
        (forged([(LEAF_CID, N - 1, N), (LEAF_CID, N, N)]), "less than"),
        (forged([(cid_of(RAW, b""), 0, 0)]), "less than"),
        (forged([(cid_of(DAG_CBOR, b"\x80"), N, N)]), "raw or dag-pb"),
        (forged([(LEAF_CID, N, N)] * (MAX_NODE_BYTES // 40)), "node of a file has at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_lying_trees_are_refused(node: tuple[Cid, bytes], message: str) -> None:
    root, data = node
    blocks = {LEAF_CID: LEAF, cid_of(RAW, b""): b"", cid_of(DAG_CBOR, b"\x80"): b"\x80"}
    assert message in walk_forged(root, blocks | {root: data})


def test_a_file_as_deep_as_allowed_and_one_deeper() -> None:
    blocks = {LEAF_CID: LEAF}
    top, tsize = LEAF_CID, N
    for _ in range(MAX_FILE_DEPTH):
        top, data = forged([(top, N, tsize)])
        blocks[top] = data
        tsize += len(data)
    assert b"".join(read_file(top, blocks.__getitem__)) == LEAF
    deeper, data = forged([(top, N, tsize)])
    assert "deeper than" in walk_forged(deeper, blocks | {deeper: data})


def test_a_directory_is_not_a_file() -> None:
    node = directory_node([DirectoryEntry("a", LEAF_CID, N)])
    assert "directory" in walk_forged(node.cid, {node.cid: node.data})
    chain_block = cid_of(DAG_CBOR, b"\x80")
    assert "raw or dag-pb" in walk_forged(chain_block, {chain_block: b"\x80"})
    nothing = cid_of(DAG_PB, b"")
    assert "begins with its type" in walk_forged(nothing, {nothing: b""})


@given(st.randoms(use_true_random=False), st.integers(1, MAX_AHEAD))
def test_a_walk_in_any_order_gets_every_block(random: object, ahead: int) -> None:
    root, blocks = build(CONTENT, SMALL)
    walk = FileWalk(root)
    got = set()
    while not walk.done:
        wanted = walk.wanted(ahead)
        assert 1 <= len(wanted) <= ahead
        cid = random.choice(wanted)  # type: ignore[attr-defined]
        assert walk.accept(cid, blocks[cid])
        got.add(cid)
    assert got == set(blocks)
    assert walk.size == len(CONTENT)
    assert walk.wanted() == []


def test_a_walk_wants_blocks_in_order_of_reading_up_to_the_next_node() -> None:
    root, blocks = build(CONTENT, SMALL)
    leaves = [
        cid_of(RAW, CONTENT[i : i + MIN_INNER_BYTES])
        for i in range(0, len(CONTENT), MIN_INNER_BYTES)
    ]
    walk = FileWalk(root)
    for _ in range(3):  # down the left edge
        (node,) = [cid for cid in walk.wanted() if cid.codec == DAG_PB]
        walk.accept(node, blocks[node])
    *first, node = walk.wanted()
    assert first == leaves[:3]
    assert walk.accept(node, blocks[node])
    assert walk.wanted()[:6] == leaves[:6]
    assert walk.wanted(2) == leaves[:2]


def test_a_walk_asks_once_for_a_repeated_leaf() -> None:
    root, blocks = build(LEAF * 3, SMALL)
    walk = FileWalk(root)
    assert walk.size is None
    assert walk.accept(root, blocks[root])
    assert walk.wanted() == [LEAF_CID]
    assert walk.accept(LEAF_CID, LEAF)
    assert walk.done
    assert not walk.accept(LEAF_CID, LEAF)


def test_a_walk_ignores_what_it_did_not_ask_for_and_survives_lies() -> None:
    root, blocks = build(CONTENT, SMALL)
    walk = FileWalk(root)
    other = parse_cid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
    assert not walk.accept(other, b"not even its bytes")
    with pytest.raises(InvalidProof):
        walk.accept(root, blocks[root] + b"\x00")
    assert walk.wanted() == [root]
    assert walk.accept(root, blocks[root])
    assert not walk.accept(root, blocks[root])


def test_a_walk_refuses_a_file_that_is_too_large() -> None:
    root, blocks = build(CONTENT, SMALL)
    assert FileWalk(root, max_bytes=len(CONTENT)).accept(root, blocks[root])
    walk = FileWalk(root, max_bytes=len(CONTENT) - 1)
    with pytest.raises(InvalidEncoding, match=f"a file of {len(CONTENT)} bytes"):
        walk.accept(root, blocks[root])
    assert walk.wanted() == [root]
