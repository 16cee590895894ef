"""Light answers over HTTP, and the whole way from the command line to the state and back."""

import json
from pathlib import Path

import httpx
import pytest
import trio

import cli
from consensus.address import format_address
from consensus.light import anchor_state, genesis_state
from consensus.light_answer import (
    EVENTS,
    MAX_FACT_BYTES,
    RECEIPTS,
    TRANSACTIONS,
    Facts,
    LightAnswer,
    decode_anchor,
    decode_answer,
    decode_steps,
    verify_answer,
)
from consensus.light_rows import CONSTANTS_KEY, terms_of
from consensus.tree_proof import MAX_PROVED_ROWS
from node.api import light_endpoint
from node.api.app import make_app
from node.client import Client
from node.commands import light_options
from node.light.answers import (
    NO_DYNASTY_PROOF,
    NOT_YET_FINAL,
    TOO_MANY_STEPS,
    LightAnswers,
    Unprovable,
)
from tests.api.world import ALICE, BASE_URL, BOB, GENESIS, World, code_of, open_world
from tests.node.network import transfer
from vm.modules.account import SENDERS
from vm.modules.tokens import BALANCES, Balance

BOBS_BALANCE = BALANCES.state_key(BOB.public, "REEL")
TERMS = terms_of(next(row.value for row in GENESIS.rows if row.key == CONSTANTS_KEY))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light_endpoint, "TRY_AGAIN_S", 0)


@pytest.fixture
def paid(world: World) -> World:
    world.slots([1, 2, 3], [transfer(world.chain, ALICE, BOB.public, 5_000, 0)])
    return world


def get(world: World, path: str) -> httpx.Response:
    async def run() -> httpx.Response:
        async with world.client() as http:
            return await http.get(f"/v1/light/{path}")

    return trio.run(run)


def facts_of(world: World, path: str) -> Facts:
    response = get(world, path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/cbor")
    state = genesis_state(GENESIS.header, GENESIS.producer_set, TERMS)
    return verify_answer(state, decode_answer(response.content))[1]


def test_rows_prove_themselves(paid: World) -> None:
    nonce = SENDERS.state_key(BOB.public)
    facts = facts_of(paid, f"rows?key={BOBS_BALANCE.hex()}&key={nonce.hex()}&dynasty=0")
    assert facts.rows == {BOBS_BALANCE: Balance(5_000).encode(), nonce: None}
    assert facts.place.id == paid.chain.fork.final.id


def test_the_newest_final_block_proves_itself(paid: World) -> None:
    assert facts_of(paid, "final").rows == {}
    assert facts_of(paid, "rows").rows == {}


def test_blocks_transactions_and_events_prove_themselves(paid: World) -> None:
    identity = transfer(paid.chain, ALICE, BOB.public, 5_000, 0).id
    facts = facts_of(paid, f"transactions/{identity.hex()}")
    assert facts.items_of(TRANSACTIONS) == [identity]
    assert len(facts.items_of(RECEIPTS)) == 1
    assert facts.block is not None
    height = facts.block.height
    assert facts_of(paid, f"blocks/{height}").block == facts.block
    assert len(facts_of(paid, f"events/{height}/0").items_of(EVENTS)) == 1


def test_steps_and_anchors(paid: World) -> None:
    assert decode_steps(get(paid, "steps?dynasty=0").content) == ()
    for height in (0, 1, 2):
        block_id = paid.chain.blocks.id_at(height)
        assert block_id is not None
        anchor = decode_anchor(get(paid, f"anchors/{block_id}").content)
        assert anchor_state(anchor, height, block_id).terms == TERMS


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (f"transactions/{bytes(32).hex()}", (404, "not-found", "")),
        ("blocks/99", (404, "not-found", "")),
        ("events/1/99", (404, "not-found", "")),
        (f"anchors/{GENESIS.header.id()}x", (400, "invalid-encoding", "block_id")),
        (
            "anchors/bafyreibdo3q35e26mmuxh2xcgaf6a73ysofjy3hsibhuexshy2qf5ucc6a",
            (404, "not-found", ""),
        ),
        ("blocks/-1", (400, "invalid-encoding", "height")),
        ("blocks/01", (400, "invalid-encoding", "height")),
        ("blocks/9999999999999999", (400, "invalid-encoding", "height")),
        ("events/1/x", (400, "invalid-encoding", "index")),
        ("transactions/00", (400, "invalid-encoding", "id")),
        ("rows?key=0", (400, "invalid-encoding", "key")),
        ("rows?key=AB", (400, "invalid-encoding", "key")),
        ("rows?key=", (400, "invalid-encoding", "key")),
        (f"rows?key={'ab' * 1025}", (400, "invalid-encoding", "key")),
        ("rows?dynasty=-1", (400, "invalid-encoding", "dynasty")),
        ("rows?other=1", (400, "unknown-parameter", "other")),
        ("final?key=00", (400, "unknown-parameter", "key")),
    ],
)
def test_what_cannot_be_proved(paid: World, path: str, refusal: tuple[int, str, str]) -> None:
    assert code_of(get(paid, path)) == refusal


def test_more_rows_than_a_proof_is_of(paid: World) -> None:
    keys = "&".join(f"key={i:04x}" for i in range(MAX_PROVED_ROWS + 1))
    assert code_of(get(paid, f"rows?{keys}")) == (400, "invalid-encoding", "key")
    keys = keys.rpartition("&")[0]
    assert len(facts_of(paid, f"rows?{keys}").rows) == MAX_PROVED_ROWS


def test_more_bytes_of_rows_than_an_answer_holds(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light_endpoint, "MAX_FACT_BYTES", 8)
    response = get(paid, f"rows?key={BOBS_BALANCE.hex()}")
    assert code_of(response) == (400, "invalid-encoding", "key")
    assert MAX_FACT_BYTES > 8


def test_old_blocks_that_are_not_kept(tmp_path: Path) -> None:
    with open_world(tmp_path / "pruned", keep_blocks=3) as world:
        paying = transfer(world.chain, ALICE, BOB.public, 5_000, 0)
        world.slots(range(1, 12), [paying])
        for path in ("blocks/2", "events/2/0"):
            assert code_of(get(world, path)) == (410, "pruned", "")
        refused = get(world, f"transactions/{paying.id.hex()}")
        assert code_of(refused) == (404, "not-found", "")
        assert "older blocks are not kept" in refused.json()["detail"]
        assert facts_of(world, "blocks/0").block == GENESIS.header


def test_nothing_is_final_yet(world: World) -> None:
    response = get(world, f"rows?key={BOBS_BALANCE.hex()}")
    assert code_of(response) == (503, NOT_YET_FINAL, "")
    assert response.headers["retry-after"] == "1"


class Moments:
    """Takes the place of an answer: raises some errors first."""

    def __init__(self, world: World, code: str, times: int) -> None:
        self._light = LightAnswers(world.chain)
        self.left = [Unprovable("a moment", code=code)] * times
        self.asked = 0

    def final(self, dynasty: int) -> LightAnswer:
        """In its place."""
        self.asked += 1
        if self.left:
            raise self.left.pop()
        return self._light.rows([BOBS_BALANCE], dynasty)


def test_a_moment_between_two_blocks_is_waited_for(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments(paid, NOT_YET_FINAL, light_endpoint.TRIES - 1)
    monkeypatch.setattr(LightAnswers, "final", moments.final)
    assert get(paid, "final").status_code == 200
    assert moments.left == []


@pytest.mark.parametrize(("code", "status"), [(NO_DYNASTY_PROOF, 503), (TOO_MANY_STEPS, 422)])
def test_what_does_not_pass_is_not_waited_for(
    paid: World, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    moments = Moments(paid, code, 9)
    monkeypatch.setattr(LightAnswers, "final", moments.final)
    response = get(paid, "final")
    assert code_of(response) == (status, code, "")
    assert "retry-after" not in response.headers
    assert moments.asked == 1


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


@pytest.fixture
def clock(paid: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock is the world's."""
    monkeypatch.setattr(light_options, "now_ms", lambda: paid.now_ms)


def reelect(world: World, place: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Ask for Bob's account over a Wire; the exit code."""
    file = folder / "genesis.cbor"
    file.write_bytes(GENESIS.encode())
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(
        light_options, "Client", lambda url, **_: Client(url, transport=Wire(world, place))
    )
    bob = format_address(BOB.public)
    options = ["--node", BASE_URL, "--genesis", str(file), "--json"]
    return cli.run(["light", "query", "account", bob, *options])


@pytest.mark.usefixtures("clock")
def test_the_command_asks_a_node(
    paid: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reelect(paid, None, tmp_path, monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["balance"] == "5000"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("place", [0, 20, 333, 500, 700, 1000, 1500, 2000, -40, -1])
def test_the_command_refuses_a_changed_byte(
    paid: World,
    place: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reelect(paid, place, tmp_path, monkeypatch) == 5
    out, err = capsys.readouterr()
    checks = {"encoding", "question", "certificate", "final header", "rows", "state proof"}
    assert out == ""
    assert json.loads(err)["error"]["field"] in checks
