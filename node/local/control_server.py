"""Does what commands ask of a running local network: see node/local/control.py."""

import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import trio

from consensus.errors import InvalidEncoding
from consensus.record import replace
from node.failure import Failure, Refused, Unreachable, Usage, failure_of
from node.files import PRIVATE
from node.local.control import (
    HEAL,
    KILL,
    LINK,
    PARTITION,
    PAUSE,
    RESTART,
    RESUME,
    SHOW,
    STOP,
    ControlAnswer,
    ControlError,
    ControlledNetwork,
    ControlledNode,
    ControlRequest,
    line_of,
    next_line,
    socket_address,
)
from node.local.folder import LocalFolder
from node.local.network import LocalNetwork
from node.local.process import NodeProcess, NodeState
from node.output import printable

MAX_CALLERS = 16
CALLER_S = 10.0  # for a request to come, and for an answer to be taken
_MAX_TEXT = 1_000
_NODE = re.compile("(?:node-?)?([0-9]{1,2})", re.ASCII)
_NODE_FIELD, _GROUPS_FIELD = "NODE", "GROUPS"


@contextmanager
def listening(folder: LocalFolder) -> Iterator[trio.SocketListener]:
    """The socket for requests; only for who holds the folder (LocalFolder.owned)."""
    file = folder.control_socket
    file.unlink(missing_ok=True)  # of one that was killed
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with socket_address(file) as address:
            listener.bind(address)
        try:
            os.chmod(file, PRIVATE)  # nobody can connect before it listens
            listener.listen(MAX_CALLERS)
            yield trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        finally:
            file.unlink(missing_ok=True)


class ControlServer:
    """Answers requests, one at a time those that change something.

    `started` is told of each node that was started anew. No caller can stop the server: it waits
    CALLER_S for each, and serves MAX_CALLERS at once.
    """

    def __init__(self, network: LocalNetwork, started: Callable[[NodeProcess], None]) -> None:
        self._network = network
        self._started = started
        self._one_by_one = trio.Lock()
        self._callers = trio.CapacityLimiter(MAX_CALLERS)
        self._actions: dict[str, Callable[[ControlRequest], Awaitable[None]]] = {
            PARTITION: self._partition,
            HEAL: self._heal,
            LINK: self._change_links,
            PAUSE: self._pause,
            RESUME: self._resume,
            KILL: self._kill,
            STOP: self._stop,
            RESTART: self._restart,
        }

    async def serve(self, listener: trio.SocketListener) -> None:
        """Serve until cancelled."""
        await trio.serve_listeners(self._attend, [listener])

    async def _attend(self, stream: trio.SocketStream) -> None:
        async with stream:
            if self._callers.available_tokens:
                async with self._callers:
                    with suppress(trio.BrokenResourceError, trio.TooSlowError):
                        await self._converse(stream)

    async def _converse(self, stream: trio.SocketStream) -> None:
        waiting = bytearray()
        line: bytes | None = b""
        while line is not None:
            with trio.fail_after(CALLER_S):
                try:
                    line = await next_line(stream, waiting)
                except ValueError as error:
                    await stream.send_all(line_of(_refusal(InvalidEncoding(str(error)))))
                    return
            if line is not None:
                answer = await self._answer(line)
                with trio.fail_after(CALLER_S):
                    await stream.send_all(line_of(answer))

    async def _answer(self, line: bytes) -> ControlAnswer:
        try:
            request = _request(line)
            if request.action != SHOW:
                async with self._one_by_one:
                    await self._actions[request.action](request)
        except Exception as error:
            return _refusal(error)
        return ControlAnswer(network=self._shown())

    def _shown(self) -> ControlledNetwork:
        network, groups = self._network, self._network.groups
        return ControlledNetwork(
            nodes=tuple(
                ControlledNode(
                    name=node.name,
                    id=node_id,
                    state=node.state.value,
                    pid=node.pid if node.is_running else None,
                    api=node.api,
                )
                for node, node_id in zip(network.nodes, network.ids, strict=True)
            ),
            shape=None if network.shape is None else str(network.shape),
            latency_ms=network.faults.latency_ms,
            jitter_ms=network.faults.jitter_ms,
            loss_ppm=network.faults.loss_ppm,
            groups=tuple(tuple(network.nodes[i].name for i in group) for group in groups),
        )

    # Links

    async def _partition(self, request: ControlRequest) -> None:
        groups = [[self._place(name, _GROUPS_FIELD) for name in names] for names in request.groups]
        named = [place for group in groups for place in group]
        for place in named:
            if named.count(place) > 1:
                raise Usage(f"node-{place} is there twice", field=_GROUPS_FIELD)
        rest = [place for place in range(len(self._network.nodes)) if place not in named]
        parts = [group for group in (*groups, rest) if group]
        if len(parts) < 2:
            raise Usage("all nodes are in one group: nothing would be cut", field=_GROUPS_FIELD)
        self._network.groups = parts
        await self._tell_all()

    async def _heal(self, _: ControlRequest) -> None:
        self._network.groups = [list(range(len(self._network.nodes)))]
        await self._tell_all()

    async def _change_links(self, request: ControlRequest) -> None:
        wishes = {
            name: value
            for name in ("latency_ms", "jitter_ms", "loss_ppm")
            if (value := getattr(request, name)) is not None
        }
        if not wishes:
            raise Usage("nothing is to change: give --latency, --jitter or --loss")
        self._network.faults = replace(self._network.faults, **wishes)
        await self._tell_all()

    async def _tell_all(self) -> None:
        failed: dict[str, Failure] = {}

        async def tell(node: NodeProcess) -> None:
            try:
                await self._network.tell_faults(node)
            except Failure as error:
                failed[node.name] = error

        async with trio.open_nursery() as nursery:
            for node in self._network.nodes:
                nursery.start_soon(tell, node)
        if failed:
            why = next(iter(failed.values()))
            raise Unreachable(
                f"{', '.join(sorted(failed))} did not take it ({why}); the others did"
            )

    # Nodes

    async def _pause(self, request: ControlRequest) -> None:
        for node in self._running(request.nodes):
            node.pause()

    async def _resume(self, request: ControlRequest) -> None:
        for node in self._running(request.nodes):
            node.resume()
            await self._network.tell_faults(node)

    async def _kill(self, request: ControlRequest) -> None:
        for node in self._named(request.nodes):
            node.kill()
            await node.wait()

    async def _stop(self, request: ControlRequest) -> None:
        for node in self._named(request.nodes):
            await node.stop()

    async def _restart(self, request: ControlRequest) -> None:
        for node in self._named(request.nodes):
            await node.stop()
            await self._network.start_node(node)
            self._started(node)

    def _running(self, names: Sequence[str]) -> list[NodeProcess]:
        found = self._named(names)
        for node in found:
            if node.state is NodeState.STOPPED:
                raise Refused(
                    f"does not run: start it with `reelect net restart {node.name}`",
                    field=node.name,
                    code="not-running",
                )
        return found

    def _named(self, names: Sequence[str]) -> list[NodeProcess]:
        if not names:
            raise Usage("name a node or more", field=_NODE_FIELD)
        places = dict.fromkeys(self._place(name, _NODE_FIELD) for name in names)
        return [self._network.nodes[place] for place in places]

    def _place(self, name: str, field: str) -> int:
        """The place of the node that a person means: node-3, node3 or 3."""
        found = _NODE.fullmatch(name.strip())
        count = len(self._network.nodes)
        if found and int(found[1]) < count:
            return int(found[1])
        known = "node-0" if count == 1 else f"node-0 to node-{count - 1}"
        raise Usage(f"no node has the name {name!r}; there is {known}", field=field)


def _request(line: bytes) -> ControlRequest:
    try:
        return ControlRequest.from_json(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise InvalidEncoding(f"not JSON: {error}") from error


def _refusal(error: Exception) -> ControlAnswer:
    """The answer to what was refused; a bug is raised."""
    failure = failure_of(error)
    if failure is None:
        raise error
    return ControlAnswer(
        error=ControlError(
            failure.code,
            printable(failure.field)[:_MAX_TEXT],
            printable(failure.message)[:_MAX_TEXT],
            failure.exit_code,
        )
    )
