"""What `reelect net` asks of a running network: done, refused, and garbage survived."""

import json
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.lowlevel

from consensus.record import replace
from node.failure import Failure, Refused, TimedOut, Unreachable, Usage
from node.local import control_server
from node.local.control import (
    HEAL,
    KILL,
    LINK,
    MAX_ADDRESS_BYTES,
    MAX_LINE_BYTES,
    PARTITION,
    PAUSE,
    RESTART,
    RESUME,
    SHOW,
    STOP,
    ControlledNetwork,
    ControlRequest,
    ask,
    socket_address,
)
from node.local.control_server import MAX_CALLERS, ControlServer, listening
from node.local.folder import LocalFolder
from node.local.live_status import disturbances
from node.local.network import LocalNetwork
from node.local.process import NodeEnded, NodeProcess
from p2p.links import NO_FAULTS, LinkFaults

NODES = 4
IDS = [bytes([place]) * 32 for place in range(NODES)]


class Pretended(NodeProcess):
    """A node without a process, which runs."""

    def __init__(self, place: int) -> None:
        super().__init__(Path(f"node-{place}"))
        self.api = f"http://127.0.0.1:{place + 1}"
        self.runs = True

    @property
    def pid(self) -> int:
        return 1000

    @property
    def is_running(self) -> bool:
        return self.runs

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False

    def kill(self) -> None:
        self.runs, self._was_told_to_end = False, True

    async def stop(self) -> None:
        self.kill()

    async def wait(self) -> None:
        return

    async def start(self) -> None:
        self.runs, self._is_paused = True, False


class Pretence(LocalNetwork):
    """A network of such nodes; `told` are the faults that each was told last."""

    def __init__(self) -> None:
        self.nodes: list[NodeProcess] = [Pretended(place) for place in range(NODES)]
        self.ids = IDS
        self.shape = None
        self.faults = NO_FAULTS
        self.groups = [list(range(NODES))]
        self.told: dict[str, LinkFaults] = {}
        self.failure: Failure | None = None
        self.started: list[str] = []

    async def tell_faults(self, node: NodeProcess) -> None:
        if self.failure is not None and node is self.nodes[1]:
            raise self.failure
        if node.state.value == "running":
            self.told[node.name] = self.faults_of(node)

    async def start_node(self, node: NodeProcess) -> None:
        if self.failure is not None:
            raise self.failure
        await node.start()

    def blocked(self, place: int) -> tuple[bytes, ...]:
        return self.told[self.nodes[place].name].blocked

    def states(self) -> list[str]:
        return [node.state.value for node in self.nodes]


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder.at(tmp_path)


@asynccontextmanager
async def serving(folder: LocalFolder) -> AsyncIterator[Pretence]:
    """A network that takes requests."""
    network = Pretence()
    server = ControlServer(network, lambda node: network.started.append(node.name))
    with listening(folder) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, listener)
            yield network
            nursery.cancel_scope.cancel()


def in_time(main: Callable[[], Awaitable[None]]) -> None:
    """Only a hanging test takes so long."""

    async def limited() -> None:
        with trio.fail_after(60):
            await main()

    trio.run(limited)


def of(action: str, *nodes: str) -> ControlRequest:
    return ControlRequest(action, nodes=nodes)


def parted(*groups: str) -> ControlRequest:
    return ControlRequest(PARTITION, groups=tuple(tuple(group.split(",")) for group in groups))


def test_a_partition_is_made_replaced_and_healed(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            answer = await ask(folder, parted("node-0,1", "node2"))
            assert answer.groups == (("node-0", "node-1"), ("node-2",), ("node-3",))
            assert network.blocked(0) == (IDS[2], IDS[3])
            assert network.blocked(2) == (IDS[0], IDS[1], IDS[3])
            assert disturbances(network) == "  partition 0,1|2|3"
            answer = await ask(folder, parted("3"))
            assert answer.groups == (("node-3",), ("node-0", "node-1", "node-2"))
            assert network.blocked(0) == (IDS[3],)
            answer = await ask(folder, of(HEAL))
            assert answer.groups == (("node-0", "node-1", "node-2", "node-3"),)
            assert set(network.told.values()) == {NO_FAULTS}
            assert disturbances(network) == ""

    in_time(main)


def test_links_change_in_what_is_given(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            await ask(folder, ControlRequest(LINK, latency_ms=80, loss_ppm=10_000))
            answer = await ask(folder, ControlRequest(LINK, jitter_ms=20, loss_ppm=0))
            assert (answer.latency_ms, answer.jitter_ms, answer.loss_ppm) == (80, 20, 0)
            assert set(network.told.values()) == {LinkFaults(80, 20, 0)}
            await ask(folder, parted("0"))
            assert network.told["node-0"] == LinkFaults(80, 20, 0, tuple(IDS[1:]))

    in_time(main)


def test_nodes_are_paused_killed_and_started_again(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            await ask(folder, of(PAUSE, "1", "node-1"))
            await ask(folder, of(KILL, "2"))
            answer = await ask(folder, of(STOP, "node-3"))
            assert network.states() == ["running", "paused", "stopped", "stopped"]
            assert [node.state for node in answer.nodes] == network.states()
            assert [node.pid for node in answer.nodes] == [1000, 1000, None, None]
            assert disturbances(network) == "  node-1 paused  node-2 stopped  node-3 stopped"
            assert not any(node.ended_by_itself for node in network.nodes)
            await ask(folder, parted("0,1", "2,3"))
            assert set(network.told) == {"node-0"}  # a paused one cannot answer
            await ask(folder, of(RESUME, "1"))
            assert network.blocked(1) == (IDS[2], IDS[3])
            await ask(folder, of(RESTART, "0", "2", "3"))
            assert network.states() == ["running"] * NODES
            assert network.started == ["node-0", "node-2", "node-3"]
            await ask(folder, of(KILL, "0", "1", "2", "3"))
            assert network.states() == ["stopped"] * NODES

    in_time(main)


@pytest.mark.parametrize(
    ("request_", "family", "field", "sentence"),
    [
        (parted("0,1", "1,2"), Usage, "GROUPS", "node-1 is there twice"),
        (parted("0", "node-0"), Usage, "GROUPS", "node-0 is there twice"),
        (parted("0,1,2,3"), Usage, "GROUPS", "all nodes are in one group"),
        (ControlRequest(PARTITION), Usage, "GROUPS", "all nodes are in one group"),
        (parted("0", ""), Usage, "GROUPS", "no node has the name ''"),
        (parted("0", "4"), Usage, "GROUPS", "'4'; there is node-0 to node-3"),
        (of(PAUSE), Usage, "NODE", "name a node"),
        (of(KILL, "all"), Usage, "NODE", "'all'"),
        (of(KILL, "node-1 "), Refused, "node-1", "does not run"),
        (of(PAUSE, "0", "-1"), Usage, "NODE", "'-1'"),
        (of(PAUSE, "0", "٣"), Usage, "NODE", "no node"),
        (of(PAUSE, "x" * 41), Usage, "nodes[0]", "41 bytes"),
        (of(PAUSE, *("0",) * 22), Usage, "nodes", "22 items"),
        (of("explode", "0"), Usage, "action", "explode"),
        (ControlRequest(LINK), Usage, "", "--latency, --jitter or --loss"),
        (ControlRequest(LINK, latency_ms=2001), Usage, "latency_ms", "2001"),
    ],
)
def test_what_means_nothing_is_named_and_changes_nothing(
    folder: LocalFolder,
    request_: ControlRequest,
    family: type[Failure],
    field: str,
    sentence: str,
) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            if family is Refused:
                await ask(folder, request_)
                request = replace(request_, action=PAUSE)
            else:
                request = request_
            before = network.states()
            with pytest.raises(family) as caught:
                await ask(folder, request)
            assert caught.value.field == field
            assert sentence in caught.value.message
            assert network.states() == before
            assert (network.groups, network.faults) == ([[0, 1, 2, 3]], NO_FAULTS)

    in_time(main)


def test_a_node_that_does_not_take_its_faults_is_named(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            network.failure = TimedOut("no answer")
            with pytest.raises(Unreachable, match=r"node-1 did not take it \(no answer\)"):
                await ask(folder, parted("0"))
            assert set(network.told) == {"node-0", "node-2", "node-3"}

    in_time(main)


def test_a_node_that_does_not_start_is_named(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            network.failure = NodeEnded("ended with code 1", field="node-2", last_errors=[])
            with pytest.raises(Refused, match="node-2: ended with code 1") as caught:
                await ask(folder, of(RESTART, "2"))
            assert caught.value.code == "node-ended"
            assert network.started == []

    in_time(main)


GARBAGE = [
    b"",
    b"hello",
    b"\xff\xfe\x00",
    b"[]",
    b"{}",
    b"1" * 5000,
    b"[" * 10_000,
    b'{"action": "pause"}',
    b'{"action": "pause", "nodes": "node-0", "groups": []}',
    b'{"action": "pause", "nodes": [0], "groups": []}',
    b'{"action": "pause", "nodes": ["\\ud800"], "groups": []}',
    b'{"action": "pause", "nodes": ["\\u001b[2J"], "groups": []}',
    b'{"action": "link", "nodes": [], "groups": [], "latency_ms": 1e400}',
    b'{"\\u0001\\ud800": 1}',
    b'{"' + b"x" * 60_000 + b'": 1}',
    json.dumps({"action": "show", "nodes": ["\n"] * 30, "groups": []}).encode(),
]


def test_garbage_gets_an_error_and_the_connection_goes_on(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder) as network:
            async with await trio.open_unix_socket(str(folder.control_socket)) as stream:
                received = bytearray()
                for line in GARBAGE:
                    await stream.send_all(line + b"\n")
                    while b"\n" not in received:
                        received += await stream.receive_some()
                    answer, _, rest = bytes(received).partition(b"\n")
                    received = bytearray(rest)
                    error = json.loads(answer)["error"]
                    assert error["exit_code"] == 1
                    assert len(error["message"]) <= 1000
                    assert error["message"].isprintable()
            assert network.states() == ["running"] * NODES
            assert len((await ask(folder, of(SHOW))).nodes) == NODES

    in_time(main)


def test_a_line_without_end_is_cut_off(folder: LocalFolder) -> None:
    async def main() -> None:
        async with serving(folder):
            async with await trio.open_unix_socket(str(folder.control_socket)) as stream:
                await stream.send_all(b"x" * (MAX_LINE_BYTES + 1))
                received = b""
                while part := await stream.receive_some():
                    received += part
                assert str(MAX_LINE_BYTES) in json.loads(received)["error"]["message"]
            assert len((await ask(folder, of(SHOW))).nodes) == NODES

    in_time(main)


def test_callers_that_hang_are_sent_away_and_stop_nobody(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask_again() -> ControlledNetwork:
        while True:
            try:
                return await ask(folder, of(SHOW))
            except Unreachable:  # there was no place
                await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with serving(folder):
            hanging = [
                await trio.open_unix_socket(str(folder.control_socket)) for _ in range(MAX_CALLERS)
            ]
            await hanging[0].send_all(b'{"action": ')
            assert len((await ask_again()).nodes) == NODES
            for stream in hanging:
                assert await stream.receive_some() == b""
                await stream.aclose()

    monkeypatch.setattr(control_server, "CALLER_S", 0.05)
    in_time(main)


def test_the_socket_is_for_its_owner_and_goes_with_the_network(folder: LocalFolder) -> None:
    folder.control_socket.write_text("of one that was killed")

    async def main() -> None:
        async with serving(folder):
            mode = folder.control_socket.stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
        assert not folder.control_socket.exists()

    in_time(main)


def test_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = LocalFolder.at(tmp_path / ("x" * 100) / ("y" * 100))
    folder.root.mkdir(parents=True)
    assert len(str(folder.control_socket)) > MAX_ADDRESS_BYTES

    async def main() -> None:
        async with serving(folder):
            assert len((await ask(folder, of(SHOW))).nodes) == NODES
        assert not folder.control_socket.exists()

    in_time(main)


def test_a_name_that_is_too_long_is_explained_where_there_is_no_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.local.control._OPEN_FILES", str(tmp_path / "none"))
    with (
        pytest.raises(Refused, match="choose a shorter --data-dir"),
        socket_address(tmp_path / ("x" * 100)),
    ):
        pass


@pytest.mark.parametrize("left", ["nothing", "no folder", "a file", "a socket"])
def test_nobody_is_there(tmp_path: Path, left: str) -> None:
    folder = LocalFolder.at(tmp_path / "none" if left == "no folder" else tmp_path)
    if left == "a file":
        folder.control_socket.write_text("")
    if left == "a socket":
        with listening(folder):
            folder.control_socket.rename(tmp_path / "kept")
        (tmp_path / "kept").rename(folder.control_socket)

    async def main() -> None:
        with pytest.raises(Unreachable, match="start one with `reelect up`"):
            await ask(folder, of(SHOW))

    in_time(main)


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (b"", Unreachable),
        (b"hello\n", Refused),
        (b'{"network": 1}\n', Refused),
        (b"{}\n", Unreachable),
    ],
)
def test_an_answer_that_means_nothing(
    folder: LocalFolder, answer: bytes, family: type[Failure]
) -> None:
    async def reply(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        await stream.aclose()

    async def main() -> None:
        with listening(folder) as listener:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, reply, [listener])
                with pytest.raises(family):
                    await ask(folder, of(SHOW))
                nursery.cancel_scope.cancel()

    in_time(main)
