"""Files from neighbours: from several at once, over others, broken off, and against bad ones."""

from pathlib import Path

import pytest
import trio

from consensus.cid import RAW, Cid, cid_of
from consensus.record import Record
from node.content.file_fetch import FetchState, FileFetch
from node.content.session import MAX_WAITING_BYTES
from p2p.identity import PeerId
from p2p.messages import Content, ContentBlock, GetContent, Have, WantHave
from storage.content import AddedFile
from storage.content_pin import PinKind
from tests.node.content.nodes import (
    ContentNode,
    Register,
    Serve,
    add_file,
    content_of,
    line,
    new_node,
    ring,
    running,
    star,
)
from tests.p2p.nodes import PATIENCE_S, eventually

MIB = 1024 * 1024
MUCH = 2**40


@pytest.fixture
def register() -> Register:
    return Register()


def with_sources(folder: Path, register: Register, count: int) -> list[ContentNode]:
    """So many nodes over one store, and one over another."""
    first = new_node(folder, register, 1)
    others = [new_node(folder, register, i + 2, store=first.store) for i in range(count - 1)]
    return [first, *others, new_node(folder, register, count + 1)]


async def fetched(node: ContentNode, root: Cid, max_bytes: int = MUCH) -> FileFetch:
    """The fetch of a file, ended."""
    with trio.fail_after(PATIENCE_S):
        fetch = node.exchange.fetches.begin(root, max_bytes)
        await fetch.ended.wait()
    return fetch


async def until_known(node: ContentNode, file: AddedFile, holders: int = 1) -> None:
    """Return when the node knows so many holders of a file."""
    await eventually(lambda: len(node.exchange.providers.holders(file.cid)) == holders)


def lying(node: ContentNode) -> Serve:
    """It says that it has what it holds, and gives other bytes for it."""

    async def serve(peer: PeerId, request: Record) -> Record | None:
        answer = await node.exchange.serve(peer, request)
        if isinstance(answer, Content):
            blocks = [ContentBlock(b.cid, b.data[:-1] + b"?") for b in answer.blocks]
            return Content(tuple(blocks))
        return answer

    return serve


def stalling(node: ContentNode) -> Serve:
    """It says what it has and never gives any of it."""

    async def serve(peer: PeerId, request: Record) -> Record | None:
        if isinstance(request, GetContent):
            await trio.sleep_forever()
        return await node.exchange.serve(peer, request)

    return serve


async def test_a_video_arrives_whole_from_three_nodes_of_which_one_lies_and_one_stalls(
    tmp_path: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.content.sources.START_TIMEOUT_S", 1_000.0)  # it stalls for ever
    nodes = with_sources(tmp_path, register, 3)
    liar, staller, honest, asker = nodes
    file = add_file(honest, tmp_path, 50 * MIB)
    liar.answer, staller.answer = lying(liar), stalling(staller)
    async with running(nodes, star(3)):
        await until_known(asker, file, 3)
        fetch = await fetched(asker, file.cid)
        points = {peer.id: peer.points for peer in asker.network.peers()}
        banned = asker.network.banned()
    assert fetch.state is FetchState.WHOLE, fetch.reason
    assert (fetch.session.size, fetch.session.done_bytes) == (50 * MIB, 50 * MIB)
    assert fetch.session.sources == {honest.id}
    assert liar.id in banned or points[liar.id] > 0
    assert points[staller.id] == 0
    assert content_of(asker, file) == (tmp_path / f"file-{50 * MIB}-0").read_bytes()
    assert file.cid in asker.exchange.holdings


async def test_several_neighbours_share_the_work(tmp_path: Path, register: Register) -> None:
    nodes = with_sources(tmp_path, register, 2)
    file = add_file(nodes[0], tmp_path, 16 * MIB)
    async with running(nodes, star(2)):
        await until_known(nodes[2], file, 2)
        fetch = await fetched(nodes[2], file.cid)
    assert fetch.session.sources == {nodes[0].id, nodes[1].id}
    asked = [node.questions(GetContent) for node in nodes[:2]]
    assert min(asked) > 10
    assert sum(asked) < 2 * 64 + 10, "hardly any block is asked for twice"


async def test_what_is_not_announced_is_asked_about(tmp_path: Path, register: Register) -> None:
    nodes = [new_node(tmp_path, register, number) for number in range(1, 3)]
    file = add_file(nodes[0], tmp_path, MIB)
    register.files.clear()
    async with running(nodes, line(2)):
        fetch = await fetched(nodes[1], file.cid)
        assert nodes[1].exchange.providers.holders(file.cid) == []
    assert fetch.state is FetchState.WHOLE
    assert nodes[0].questions(WantHave) == 1


@pytest.mark.parametrize("shape", [line(6), ring(7)], ids=["line", "ring"])
async def test_content_comes_from_anywhere_in_a_connected_graph(
    tmp_path: Path, register: Register, shape: list[list[int]]
) -> None:
    nodes = [new_node(tmp_path, register, number + 1) for number in range(len(shape))]
    file = add_file(nodes[0], tmp_path, 3 * MIB)
    asker = nodes[len(shape) // 2 if shape[-1] != [len(shape) - 2] else -1]
    async with running(nodes, shape):
        await until_known(asker, file)
        assert all(route.hops > 0 for route in asker.exchange.providers.routes(file.cid))
        fetch = await fetched(asker, file.cid)
        block = next(iter(asker.store.read_file(file.cid)))
        cid = cid_of(RAW, block)
        asker.store.delete(cid)
        assert await asker.exchange.blocks.fetch(cid, file.cid) == block
    assert fetch.state is FetchState.WHOLE, fetch.reason
    between = [node for node in nodes if node not in (asker, nodes[0])]
    assert not any(node.store.has(file.cid) for node in between), "relays keep nothing"
    assert sum(node.exchange.serving.counts.relayed for node in between) >= 13


async def test_a_question_is_handed_on_as_far_as_it_may_go(
    tmp_path: Path, register: Register
) -> None:
    nodes = [new_node(tmp_path, register, number) for number in range(1, 5)]
    file = add_file(nodes[0], tmp_path, MIB)
    root, relay, asker = file.cid, nodes[2], nodes[3]
    leaf = cid_of(RAW, next(iter(nodes[0].store.read_file(root))))
    async with running(nodes, line(4)):
        await until_known(asker, file)
        for question, count in (
            (GetContent((leaf,), root, 2), 1),
            (GetContent((leaf,), root, 1), 0),  # the next one is no nearer
            (GetContent((leaf,), root, 0), 0),
            (GetContent((leaf,), None, 15), 0),
            (GetContent((leaf,), cid_of(RAW, b"nobody's"), 15), 0),
        ):
            answer = await asker.request(relay.id, question, 10)
            assert isinstance(answer, Content)
            assert len(answer.blocks) == count
        back = await nodes[1].request(relay.id, GetContent((leaf,), root, 15), 10)
        assert back == Content(()), "it is not handed back to the asker"
    assert [node.questions(GetContent) for node in nodes] == [1, 1, 6, 0]


async def test_a_broken_link_is_gone_around(tmp_path: Path, register: Register) -> None:
    nodes = [new_node(tmp_path, register, number) for number in range(1, 6)]
    file = add_file(nodes[0], tmp_path, MIB)
    async with running(nodes, ring(5)):
        asker, before = nodes[2], nodes[1]
        await until_known(asker, file)
        before.network.close()
        await eventually(lambda: len(asker.network.peers()) == 1)
        await until_known(asker, file)
        fetch = await fetched(asker, file.cid)
    assert fetch.state is FetchState.WHOLE, fetch.reason


async def test_a_fetch_that_was_broken_off_goes_on_where_it_was(
    tmp_path: Path, register: Register
) -> None:
    source = new_node(tmp_path, register, 1, max_upload_bytes_per_s=20 * MIB)
    asker = new_node(tmp_path, register, 2)
    file = add_file(source, tmp_path, 40 * MIB)
    async with running([source, asker], line(2)):
        fetch = asker.exchange.fetches.begin(file.cid, MUCH)
        await eventually(lambda: fetch.session.done_bytes > 20 * MIB)
    stored = sum(1 for _ in (tmp_path / "2" / "content").rglob("bafk*"))
    assert 60 <= stored < 161
    for node in (source, asker):
        node.store.close()
    source, asker = (new_node(tmp_path, register, number) for number in (1, 2))
    async with running([source, asker], line(2)):
        again = await fetched(asker, file.cid)
    assert again.state is FetchState.WHOLE
    assert source.questions(GetContent) <= 161 - stored
    assert content_of(asker, file) == content_of(source, file)


async def test_what_is_fetched_is_pinned_and_a_failed_replica_is_not(
    tmp_path: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.content.session.PATIENCE_S", 0.2)
    nodes = [new_node(tmp_path, register, number) for number in (1, 2)]
    wanted, replica = (add_file(nodes[0], tmp_path, size) for size in (2 * MIB, MIB))
    nowhere = cid_of(RAW, b"nowhere")
    store, fetches = nodes[1].store, nodes[1].exchange.fetches

    async def kinds(root: Cid, *, is_replica: bool) -> list[str]:
        with trio.fail_after(PATIENCE_S):
            await fetches.begin(root, MUCH, is_replica=is_replica).ended.wait()
        return [pin.kind for pin in store.pins_of(root)]

    async with running(nodes, line(2)):
        assert await kinds(wanted.cid, is_replica=False) == ["user"]
        assert await kinds(replica.cid, is_replica=True) == ["replica"]
        assert await kinds(nowhere, is_replica=True) == []
        assert await kinds(nowhere, is_replica=False) == ["user"], "the next fetch goes on there"
        asked = fetches.begin(cid_of(RAW, b"both"), MUCH, is_replica=True)
        assert await kinds(cid_of(RAW, b"both"), is_replica=False) == ["user"]
        assert asked.state is FetchState.FAILED
    assert store.missing(wanted.cid) == []


async def test_what_nobody_has_is_given_up(
    tmp_path: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.content.session.PATIENCE_S", 0.2)
    nodes = [new_node(tmp_path, register, number) for number in (1, 2)]
    async with running(nodes, line(2)):
        fetch = await fetched(nodes[1], cid_of(RAW, b"nowhere"))
    assert fetch.state is FetchState.FAILED
    assert "no neighbour gives what is missing" in fetch.reason


async def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path, register: Register) -> None:
    nodes = [new_node(tmp_path, register, number) for number in (1, 2)]
    file = add_file(nodes[0], tmp_path, 2 * MIB)
    async with running(nodes, line(2)):
        fetch = await fetched(nodes[1], file.cid, 2 * MIB - 1)
        assert "at most" in fetch.reason
        bad = cid_of(0x70, b"not a node")
        nodes[0].store.put(bad, b"not a node")
        fetch = await fetched(nodes[1], bad)
        assert fetch.state is FetchState.FAILED
        assert nodes[1].network.peers()[0].points == 0, "that is not the neighbour's fault"


async def test_who_says_it_has_it_and_gives_nothing_is_asked_after_others(
    tmp_path: Path, register: Register
) -> None:
    nodes = with_sources(tmp_path, register, 2)
    empty, honest, asker = nodes
    file = add_file(honest, tmp_path, 8 * MIB)

    async def serve(peer: PeerId, request: Record) -> Record | None:
        if isinstance(request, GetContent):
            return Content(())
        return await empty.exchange.serve(peer, request)

    empty.answer = serve
    async with running(nodes, star(2)):
        await until_known(asker, file, 2)
        fetch = await fetched(asker, file.cid)
    assert fetch.state is FetchState.WHOLE
    assert fetch.session.sources == {honest.id}
    assert empty.questions(GetContent) < honest.questions(GetContent)


async def test_content_that_is_taken_down_is_neither_given_nor_announced(
    tmp_path: Path, register: Register
) -> None:
    source, asker = nodes = [new_node(tmp_path, register, number) for number in (1, 2)]
    file, other = (add_file(source, tmp_path, MIB, seed) for seed in (1, 2))
    source.hidden.add(file.cid)
    async with running(nodes, line(2)):
        await until_known(asker, other)
        assert asker.exchange.providers.holders(file.cid) == []
        answer = await asker.request(source.id, WantHave((file.cid, other.cid)), 5)
        assert answer == Have(b"\2")
        leaf = cid_of(RAW, next(iter(source.store.read_file(file.cid))))
        for question in (GetContent((file.cid,)), GetContent((leaf,), file.cid)):
            assert await asker.request(source.id, question, 5) == Content(())


async def test_a_replica_of_what_is_taken_down_is_kept_no_longer(
    tmp_path: Path, register: Register
) -> None:
    node = new_node(tmp_path, register, 1)
    file = add_file(node, tmp_path, MIB)
    node.store.pin(file.cid, PinKind.REPLICA)
    node.exchange.holdings.add(file.cid, MIB, is_replica=True)
    node.hidden.add(file.cid)
    async with running([node], line(1)):
        await eventually(lambda: file.cid not in node.exchange.holdings)
        await eventually(lambda: node.store.pins_of(file.cid) == [])


async def test_a_greedy_neighbour_does_not_starve_another(
    tmp_path: Path, register: Register
) -> None:
    source, greedy, modest = nodes = [
        new_node(tmp_path, register, 1, max_upload_bytes_per_s=20 * MIB),
        new_node(tmp_path, register, 2),
        new_node(tmp_path, register, 3),
    ]
    file = add_file(source, tmp_path, 4 * MIB)
    leaves = [cid_of(RAW, data) for data in source.store.read_file(file.cid)]
    given = {node.id: 0 for node in (greedy, modest)}

    async def ask(node: ContentNode) -> None:
        while given[modest.id] < 60:
            answer = await node.request(source.id, GetContent((leaves[0],)), 60)
            assert isinstance(answer, Content)
            given[node.id] += len(answer.blocks)

    async with running(nodes, [[], [0], [0]]), trio.open_nursery() as nursery:
        for _ in range(15):
            nursery.start_soon(ask, greedy)
        for _ in range(4):
            nursery.start_soon(ask, modest)
    assert given[greedy.id] < 2 * given[modest.id] + 20


async def test_memory_of_a_fetch_is_bounded(tmp_path: Path, register: Register) -> None:
    source, asker = nodes = [new_node(tmp_path, register, number) for number in (1, 2)]
    file = add_file(source, tmp_path, 24 * MIB)
    open_questions, most = 0, 0

    async def serve(peer: PeerId, request: Record) -> Record | None:
        nonlocal open_questions, most
        open_questions += isinstance(request, GetContent)
        most = max(most, open_questions)
        await trio.lowlevel.checkpoint()
        answer = await source.exchange.serve(peer, request)
        open_questions -= isinstance(request, GetContent)
        return answer

    source.answer = serve
    async with running(nodes, line(2)):
        fetch = await fetched(asker, file.cid)
    assert fetch.state is FetchState.WHOLE
    assert 1 < most * 262_144 <= MAX_WAITING_BYTES
