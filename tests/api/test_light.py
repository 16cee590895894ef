"""Light answers over HTTP, and the whole way from the command line to the state and back."""

import json
from pathlib import Path

import httpx
import pytest
import trio

import cli
from consensus.address import format_address
from consensus.light import LightAnswer, decode_answer, genesis_state, verify_answer
from node.api import light_endpoint
from node.api.app import make_app
from node.chain import Chain
from node.client import Client
from node.commands import light
from node.light_answers import NO_DYNASTY_PROOF, NOT_YET_FINAL, Unprovable, light_answer
from node.query.answers import PROBLEM_PREFIX
from tests.api.world import ALICE, BASE_URL, BOB, GENESIS, World
from tests.node.network import transfer
from vm.modules.tokens import BALANCES, Balance

BOBS_BALANCE = BALANCES.state_key(BOB.public, "REEL")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light_endpoint, "TRY_AGAIN_S", 0)


@pytest.fixture
def paid(world: World) -> World:
    world.slots([1, 2, 3], [transfer(world.chain, ALICE, BOB.public, 5_000, 0)])
    return world


def get(world: World, key: str) -> httpx.Response:
    async def run() -> httpx.Response:
        async with world.client() as http:
            return await http.get(f"/v1/light/rows/{key}")

    return trio.run(run)


def test_an_answer_proves_itself(paid: World) -> None:
    response = get(paid, BOBS_BALANCE.hex())
    assert (response.status_code, response.headers["content-type"]) == (200, "application/cbor")
    state = genesis_state(GENESIS.header, GENESIS.producer_set)
    state, value = verify_answer(state, BOBS_BALANCE, decode_answer(response.content))
    assert value == Balance(5_000).encode()
    assert state.final_id == paid.chain.fork.final.id


@pytest.mark.parametrize("key", ["0", "AB", "zz", "00/11", "ab" * 1025])
def test_keys_that_cannot_be(world: World, key: str) -> None:
    response = get(world, key)
    assert response.status_code == (404 if "/" in key else 400)
    assert response.json()["field"] == ("" if "/" in key else "state_key")


def test_nothing_is_final_yet(world: World) -> None:
    response = get(world, BOBS_BALANCE.hex())
    assert response.status_code == 503
    assert response.json()["type"] == PROBLEM_PREFIX + NOT_YET_FINAL
    assert response.headers["retry-after"] == "1"


def test_a_moment_between_two_blocks_is_waited_for(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [Unprovable("a moment", code=NOT_YET_FINAL)] * (light_endpoint.TRIES - 1)

    def answer(chain: Chain, key: bytes) -> LightAnswer:
        if moments:
            raise moments.pop()
        return light_answer(chain, key)

    monkeypatch.setattr(light_endpoint, "light_answer", answer)
    assert get(paid, BOBS_BALANCE.hex()).status_code == 200
    assert moments == []


def test_a_dynasty_without_proof_is_not_waited_for(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def answer(_: Chain, key: bytes) -> LightAnswer:
        asked.append(key)
        raise Unprovable("no proof", code=NO_DYNASTY_PROOF)

    monkeypatch.setattr(light_endpoint, "light_answer", answer)
    response = get(paid, BOBS_BALANCE.hex())
    assert response.json()["type"] == PROBLEM_PREFIX + NO_DYNASTY_PROOF
    assert "retry-after" not in response.headers
    assert asked == [BOBS_BALANCE]


class Wire(httpx.AsyncBaseTransport):
    """The way to a node, on which one byte of each answer's body is changed (None: none)."""

    def __init__(self, world: World, place: int | None) -> None:
        self._node = httpx.ASGITransport(make_app(world.services))
        self._place = place

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._node.handle_async_request(request)
        body = bytearray(await response.aread())
        if self._place is not None:
            body[self._place % len(body)] ^= 1
        return httpx.Response(response.status_code, headers=response.headers, content=bytes(body))


def reelect(world: World, place: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Ask for Bob's account over a Wire; the exit code."""
    file = folder / "genesis.cbor"
    file.write_bytes(GENESIS.encode())
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(light, "Client", lambda url: Client(url, transport=Wire(world, place)))
    bob = format_address(BOB.public)
    options = ["--node", BASE_URL, "--genesis", str(file), "--json"]
    return cli.run(["light", "query", "account", bob, *options])


def test_the_command_asks_a_node(
    paid: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reelect(paid, None, tmp_path, monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["balance"] == "5000"


@pytest.mark.parametrize("place", [0, 20, 333, 500, 700, 1000, -40, -1])
def test_the_command_refuses_a_changed_byte(
    paid: World,
    place: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reelect(paid, place, tmp_path, monkeypatch) == 5
    out, err = capsys.readouterr()
    checks = {"encoding", "key", "certificate", "final header", "state proof"}
    assert out == ""
    assert json.loads(err)["error"]["field"] in checks
