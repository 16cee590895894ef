"""The far end of a connection, as a process of its own: `python bench/link_far_end.py KIND`.

It prints the port that it listens on, and serves until it is killed. On a connection of bare TLS
or of a link it sends as many frames as the other side's four bytes say, again and again; as a
network it answers GetContent.
"""

import secrets
import socket
import sys
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.gossip_nodes import CHAIN, LOOPBACK, QUIET, key, status  # noqa: E402
from consensus.cid import RAW, Cid, cid_of  # noqa: E402
from consensus.record import Record  # noqa: E402
from p2p.frames import HEAD_BYTES, frame_bytes  # noqa: E402
from p2p.handler import Verdict  # noqa: E402
from p2p.handshake import Admission  # noqa: E402
from p2p.identity import PeerId, server_context  # noqa: E402
from p2p.messages import (  # noqa: E402
    BY_TYPE,
    MAX_CONTENT_BLOCK_BYTES,
    Content,
    ContentBlock,
    GetContent,
    Status,
)
from p2p.network import Network  # noqa: E402
from p2p.transport import Transport  # noqa: E402

FAR = 1  # its number, which makes its identity
HANDSHAKE_S = 5.0
COUNT_BYTES = 4
DATA = bytes(MAX_CONTENT_BLOCK_BYTES)
CID: Cid = cid_of(RAW, DATA)
ANSWER = Content((ContentBlock(CID, DATA),))
PAYLOAD = ANSWER.encode()
FRAME_BYTES = HEAD_BYTES + len(PAYLOAD)


def frame() -> bytes:
    """The answer as it travels, made anew."""
    return frame_bytes(BY_TYPE[Content].number, 1, PAYLOAD)


class ContentHandler:
    """A Handler that has one block of content."""

    def status(self) -> Status:
        return status()

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        return Verdict.IGNORE

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        return ANSWER if isinstance(request, GetContent) else None

    def connected(self, peer: PeerId) -> None: ...

    def disconnected(self, peer: PeerId) -> None: ...


def serve_bare() -> None:
    """One connection of a socket that the standard library's `ssl` has wrapped."""
    context, _ = server_context(key(FAR))
    with socket.create_server((LOOPBACK, 0)) as listener:
        _say(listener.getsockname()[1])
        stream = context.wrap_socket(listener.accept()[0], server_side=True)
        data = frame()
        while asked := stream.recv(COUNT_BYTES):
            for _ in range(int.from_bytes(asked, "big")):
                stream.sendall(data)


async def serve_link() -> None:
    """One link."""
    (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)
    _say(listener.socket.getsockname()[1])
    link = await transport(FAR).accept(await listener.accept())
    while asked := await link.stream.receive_some(COUNT_BYTES):
        for _ in range(int.from_bytes(asked, "big")):
            await link.stream.send_all(frame())


async def serve_network() -> None:
    """Any peers of a network."""
    network = Network(key(FAR), CHAIN, ContentHandler(), QUIET)
    async with trio.open_nursery() as nursery:
        await nursery.start(network.run)
        _say(network.listen_port)


def transport(number: int) -> Transport:
    """What makes the links of a node."""
    return Transport(key(number), CHAIN, Admission(), secrets.token_bytes, HANDSHAKE_S)


def _say(port: int) -> None:
    print(port, flush=True)


def main() -> None:
    """Serve."""
    kind = sys.argv[1]
    if kind == "bare":
        serve_bare()
    else:
        trio.run({"link": serve_link, "network": serve_network}[kind])


if __name__ == "__main__":
    main()
