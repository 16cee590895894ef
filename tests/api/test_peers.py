"""Peers over the API: what is shown, who may ban, and what is refused."""

import pytest

from node.query.answers import PeersAnswer
from p2p.limits import DEFAULT_BUDGET_BYTES, PEER_BYTES
from p2p.network import PeerInfo
from p2p.peeraddress import parse_peer_address
from tests.api.world import World

PEER = b"p" * 32
ADDRESS = f"{PEER.hex()}@10.0.0.1:7400"
BAN, UNBAN, ADD = (f"/v1/admin/peers/{what}" for what in ("ban", "unban", "add"))


async def test_peers_are_shown_with_what_waits_for_them(world: World) -> None:
    seen = PeerInfo(PEER, "10.0.0.1:7400", "inbound", 12.5, None, 0.25, -3, 1_000, 42.7)
    world.network.connected = (seen,)
    world.network.bans[b"b" * 32] = 59.9
    async with world.client() as client:
        answer = PeersAnswer.from_json((await client.get("/v1/peers")).json())
    (item,) = answer.items
    assert (item.id, item.connected_ms, item.round_trip_ms) == (PEER, 12_500, 250)
    assert (item.points, item.queued_bytes) == (42, 1_000)
    assert [(b.id, b.seconds_left) for b in answer.banned] == [(b"b" * 32, 59)]
    assert answer.max_queued_bytes == DEFAULT_BUDGET_BYTES
    assert answer.max_peer_bytes == PEER_BYTES


async def test_banning_and_letting_in_again(world: World) -> None:
    async with world.client() as client:
        form = {"id": PEER.hex(), "duration_s": 3600, "reason": "it floods"}
        banned = await client.post(BAN, json=form)
        assert banned.json()["banned"] == [{"id": PEER.hex(), "seconds_left": 3600}]
        assert world.network.reasons == ["it floods"]
        await client.post(BAN, json={"id": PEER.hex(), "duration_s": 1})
        assert world.network.reasons[-1] == "by the operator"
        assert (await client.post(UNBAN, json={"id": PEER.hex()})).json()["banned"] == []


async def test_adding(world: World) -> None:
    async with world.client() as client:
        assert (await client.post(ADD, json={"address": ADDRESS})).status_code == 200
    assert world.network.added == [parse_peer_address(ADDRESS)]


@pytest.mark.parametrize(
    ("path", "form", "status", "code", "field"),
    [
        (BAN, {"id": "00", "duration_s": 1}, 400, "invalid-encoding", "id"),
        (BAN, {"id": PEER.hex(), "duration_s": 0}, 400, "invalid-encoding", "duration_s"),
        (BAN, {"id": PEER.hex(), "duration_s": 10**9}, 400, "invalid-encoding", "duration_s"),
        (BAN, {"id": PEER.hex()}, 400, "invalid-encoding", "duration_s"),
        (BAN, {"id": (b"n" * 32).hex(), "duration_s": 1}, 422, "own-id", "id"),
        (UNBAN, {"id": PEER.hex()}, 404, "not-found", ""),
        (ADD, {"address": f"{PEER.hex()}@10.0.0.1:70000"}, 400, "invalid-encoding", "address"),
        (ADD, {"address": "10.0.0.1:7400"}, 400, "invalid-encoding", "address"),
        (ADD, {"address": f"{(b'n' * 32).hex()}@10.0.0.1:1"}, 422, "own-id", "address"),
        (ADD, {"address": f"{(b'b' * 32).hex()}@10.0.0.1:1"}, 422, "banned", "address"),
    ],
)
async def test_what_is_refused(
    world: World, path: str, form: dict[str, object], status: int, code: str, field: str
) -> None:
    world.network.bans[b"b" * 32] = 60.0
    async with world.client() as client:
        response = await client.post(path, json=form)
    problem = response.json()
    found = (response.status_code, problem["type"].rpartition(":")[2], problem.get("field", ""))
    assert found == (status, code, field)
    assert list(world.network.bans) == [b"b" * 32]
    assert world.network.added == []


@pytest.mark.parametrize("path", [BAN, UNBAN, ADD])
async def test_strangers_change_nothing(world: World, path: str) -> None:
    forms = {"id": PEER.hex(), "duration_s": 1} if path == BAN else {"id": PEER.hex()}
    world.network.bans[PEER] = 60.0
    async with world.client(loopback=False) as client:
        assert (await client.post(path, json=forms)).status_code == 403
    async with world.client(loopback=False, admin_token="secret") as client:
        assert (await client.post(path, json=forms)).status_code == 401
    async with world.client() as client:
        plain = await client.post(path, content=b"{}", headers={"content-type": "text/plain"})
        assert plain.status_code == 415, "a page of a stranger may send this unasked"
    assert world.network.bans == {PEER: 60.0}
