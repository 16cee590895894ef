"""`reelect peers`: whom a node is connected to and whom it keeps out; ban, unban, add."""

import re
from pathlib import Path

from cyclopts import App

from consensus.errors import InvalidEncoding
from consensus.kinds import JSON_INTEGER_MAX
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table
from node.query.answers import PeerItem, PeersAnswer
from node.query.peer_forms import PeerAddition, PeerBan, PeerPardon
from p2p.peeraddress import parse_peer_address
from p2p.scoring import MAX_BAN_S

SHORT_ID = 16
LEAST_PREFIX = 4
UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

app = App(name="peers", help="Look at a node's peers; ban, unban and add them.")


@app.command(name="list")
async def list_(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List the connected peers, and those who are banned.

    POINTS count misbehaviour: 100 ban, half are forgiven in five minutes. QUEUED are bytes that
    wait to be sent to the peer, or to be judged.
    """
    async with options.client() as client:
        answer = await client.peers_and_bans()
    _show(answer, as_json=json)


@app.command
async def ban(
    peer: str,
    *,
    duration: str = "1h",
    reason: str | None = None,
    admin_token_file: Path | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Part from a peer and keep it out for a while, also over restarts.

    Parameters
    ----------
    peer
        Its node id, or the first digits of it if it is connected.
    duration
        For how long: a number with s, m, h or d, such as 30m; a year at most.
    reason
        Told to the peer and written to the log.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    duration_s = argument("--duration", parse_duration_s, duration)
    async with options.client(admin_token_file) as client:
        chosen = _find(await client.peers_and_bans(), peer)
        answer = await client.ban_peer(PeerBan(chosen, duration_s, reason))
    _show(answer, as_json=json)


@app.command
async def unban(
    peer: str,
    *,
    admin_token_file: Path | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Let a banned peer in again, and forget what it did.

    Parameters
    ----------
    peer
        Its node id, or the first digits of it.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    async with options.client(admin_token_file) as client:
        chosen = _find(await client.peers_and_bans(), peer)
        answer = await client.unban_peer(PeerPardon(chosen))
    _show(answer, as_json=json)


@app.command
async def add(
    address: str,
    *,
    admin_token_file: Path | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Tell the node of another that it may dial; it does when it needs peers.

    To have it dialled in any case and at every start, name it in `p2p.peers` of the configuration.

    Parameters
    ----------
    address
        NODE_ID@HOST:PORT, as the other node says it at its start.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    argument("ADDRESS", parse_peer_address, address)
    async with options.client(admin_token_file) as client:
        answer = await client.add_peer(PeerAddition(address))
    _show(answer, as_json=json)


def parse_duration_s(text: str) -> int:
    """Seconds of a duration such as 90s, 30m, 12h or 7d; raises InvalidEncoding."""
    found = re.fullmatch("([1-9][0-9]{0,8})([smhd])", text, re.ASCII)
    if not found:
        raise InvalidEncoding(
            f"a number with s, m, h or d is expected, such as 30m; got {text[:40]!r}"
        )
    duration_s = int(found[1]) * UNITS_S[found[2]]
    if duration_s > MAX_BAN_S:
        raise InvalidEncoding(f"{text} is too long: at most {MAX_BAN_S / UNITS_S['d']:g}d")
    return duration_s


def format_duration(duration_s: int) -> str:
    """A duration in its largest two units."""
    minutes, seconds = divmod(min(duration_s, JSON_INTEGER_MAX), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days}d", f"{hours}h", f"{minutes}m", f"{seconds}s"]
    first = next((i for i, part in enumerate(parts) if part[0] != "0"), 3)
    return " ".join(parts[first : first + 2])


def _find(answer: PeersAnswer, text: str) -> bytes:
    """The id that `text` is, or that alone of those in `answer` begins so; raises Usage and
    Refused."""
    if not re.fullmatch("[0-9a-f]{1,64}", text, re.ASCII):
        raise Usage(f"not a node id: 64 hex digits are expected, not {text[:80]!r}", field="PEER")
    if len(text) == 64:
        return bytes.fromhex(text)
    if len(text) < LEAST_PREFIX:
        raise Usage(f"at least {LEAST_PREFIX} digits of an id are needed", field="PEER")
    ids = [item.id for item in answer.items] + [item.id for item in answer.banned]
    found = [peer for peer in dict.fromkeys(ids) if peer.hex().startswith(text)]
    if len(found) > 1:
        raise Refused(f"{len(found)} ids begin with {text}: give more digits", field="PEER")
    if not found:
        raise Refused(
            f"no connected or banned peer's id begins with {text}; others need all 64 digits",
            field="PEER",
        )
    return found[0]


def _show(answer: PeersAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json())
        return
    columns = ("ID", "ADDRESS", "DIRECTION", "ROUND TRIP", "HEIGHT", "POINTS", "QUEUED", "SINCE")
    print_table(columns, map(_row, answer.items))
    if answer.banned:
        print_line("")
        print_table(
            ("BANNED", "FOR"),
            [(item.id.hex(), format_duration(item.seconds_left)) for item in answer.banned],
        )
    print_line("")
    print_fields({"queued in all": f"{answer.queued_bytes} of {answer.max_queued_bytes} bytes"})


def _row(peer: PeerItem) -> tuple[object, ...]:
    return (
        peer.id.hex()[:SHORT_ID],
        peer.address,
        peer.direction,
        None if peer.round_trip_ms is None else f"{peer.round_trip_ms} ms",
        peer.head_height,
        peer.points,
        peer.queued_bytes,
        format_duration(peer.connected_ms // 1000),
    )
