"""`reelect light` with a saved state: where it begins, how it goes on, what others can check."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest

from consensus.address import format_address
from consensus.block import Header, vote_message
from consensus.certificate import certificate_bytes
from consensus.cid import RAW, cid_of
from consensus.light_answer import (
    LightAnswer,
    LightProof,
    decode_proof,
    encode_proof,
)
from consensus.record import replace
from node.candidate import header_of
from node.light import client as light_client
from node.light import saved as saved_module
from node.light.evidence import LightEvidence
from node.light.saved import load
from tests.api.world import ALICE, BOB, GENESIS, SEATS, World, open_world
from tests.commands.conftest import Answer
from tests.commands.light_nodes import Light, Proxy, Refusing, light_commands
from tests.node import handovers
from tests.node.bench import memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.network import make_genesis_of, transfer

HONEST = "http://honest:7480"
DAY_MS = 86_400_000


@pytest.fixture
def light(
    home: Path, capsys: pytest.CaptureFixture[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> Light:
    """Alice has paid Bob 5,000, and that is final."""
    world.slots([1, 2, 3], [transfer(world.chain, ALICE, BOB.public, 5_000, 0)])
    monkeypatch.setattr(light_client, "ASK_AGAIN_S", 0)
    return light_commands(home, capsys, world, monkeypatch)


@pytest.fixture
def changed(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Light:
    """A network whose producer set has changed three times."""
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    slots = epochs(chain, 4)
    run_epochs([chain], slots)
    folder = tmp_path / "changed"
    folder.mkdir()
    world = World(chain, folder)
    monkeypatch.setattr(world, "genesis_file", handovers.GENESIS.encode, raising=False)
    world.now_ms = chain.clock.start_ms(slots[-1])
    return light_commands(home, capsys, world, monkeypatch, handovers.GENESIS)


def checkpoint(light: Light, height: int) -> str:
    return f"{height}:{light.world.chain.blocks.id_at(height)}"


def final_height(light: Light) -> int:
    return light.world.chain.durable_final.height


# Init and sync


def test_a_client_that_begins_at_genesis(light: Light) -> None:
    made = light.json("init")
    assert made == {
        "chain": light.world.chain.id.hex(),
        "height": 0,
        "block": str(GENESIS.header.id()),
        "dynasty": 0,
        "unbonding_s": light.world.chain.constants.unbonding_s,
        "state": str(light.state_file),
    }
    found = light.json("sync")
    assert found["checkpoint"] == checkpoint(light, final_height(light))
    assert found["blocks"] == final_height(light)
    light.world.slots([4, 5])
    assert light.json("sync")["blocks"] == 2
    assert load(light.state_file).state.final.height == final_height(light)
    assert light("sync").out.startswith("checkpoint ")


def test_the_genesis_file_is_needed_no_more(light: Light) -> None:
    light("init")
    (light.home / "genesis.cbor").unlink()
    light.json("sync")
    assert light.json("query", "account", format_address(BOB.public))["balance"] == "5000"


def test_queries_go_on_from_the_saved_state_and_save_it(light: Light) -> None:
    light("init")
    light.world.slots([4, 5])
    found = light.json("query", "supply")
    state = load(light.state_file).state
    assert found["final"]["block"] == str(state.final.id)  # type: ignore[index]
    honest = light.nodes[HONEST]
    assert isinstance(honest, Proxy)
    assert honest.asked[-1].endswith("dynasty=0")


def test_queries_without_a_saved_state_save_none(light: Light) -> None:
    light.json("query", "supply")
    assert not light.state_file.exists()


@pytest.mark.parametrize("height", [0, 1, 2])
def test_a_client_that_begins_at_a_checkpoint(light: Light, height: int) -> None:
    (light.home / "genesis.cbor").unlink()
    made = light.json("init", "--checkpoint", checkpoint(light, height))
    assert (made["height"], made["chain"]) == (height, light.world.chain.id.hex())
    assert light.json("query", "account", format_address(BOB.public))["balance"] == "5000"
    assert light.json("sync")["blocks"] == 0


def test_a_state_elsewhere(light: Light, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "client"
    light("init", "--state", str(file))
    assert not light.state_file.exists()
    light.json("sync", "--state", str(file))
    assert load(file).state.final.height == final_height(light)
    assert light.json("query", "supply", "--state", str(file))["asset"] == "REEL"


def test_a_state_is_not_overwritten(light: Light) -> None:
    light("init")
    answer = light("init")
    assert (answer.code, answer.out) == (1, "")
    assert str(light.state_file) in answer.err
    assert "--state" in answer.err


@pytest.mark.parametrize("command", [["sync"], ["query", "supply", "--state", "none"]])
def test_no_saved_state(light: Light, command: list[str]) -> None:
    answer = light(*command)
    assert (answer.code, answer.out) == (1, "")
    assert "make one with `reelect light init`" in answer.err


def test_a_changed_set_is_followed_and_the_known_block_stays_below(changed: Light) -> None:
    changed("init", "--checkpoint", checkpoint(changed, 5))
    begun = load(changed.state_file).state
    found = changed.json("sync")
    assert found["set_changes"] == 3 - begun.dynasty
    assert found["dynasty"] == 3
    honest = changed.nodes[HONEST]
    assert isinstance(honest, Proxy)
    assert honest.asked[-1] == f"blocks/5?dynasty={begun.dynasty}"
    producers = changed.json("query", "producers")
    assert len(producers["items"]) == 7  # type: ignore[arg-type]


def test_a_node_without_the_old_blocks_is_enough_to_sync(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_world(tmp_path / "pruned", keep_blocks=3) as world:
        world.slots([1, 2, 3])
        light = light_commands(home, capsys, world, monkeypatch)
        light("init")
        light.json("sync")
        world.slots(range(4, 20))
        assert light.json("sync")["blocks"] == 16
        refused = light("query", "block", "5", "--json")
        assert (refused.code, refused.error["code"]) == (1, "pruned")


# Checkpoints that lie


def test_a_node_that_knows_no_such_block(light: Light) -> None:
    answer = light("init", "--checkpoint", f"7:{cid_of(RAW, b'no block')}")
    assert (answer.code, answer.out) == (1, "")
    assert not light.state_file.exists()


def test_a_node_that_gives_another_anchor_is_named(light: Light) -> None:
    liar = Proxy(light.world)
    raw = light.world.chain.blocks.at(1)
    assert raw is not None
    liar.body = lambda body: body.replace(header_of(raw).set_hash, bytes(32))
    url = light.add("liar", liar)
    answer = light("init", "--checkpoint", checkpoint(light, 1), "--node", url)
    assert (answer.code, answer.out) == (5, "")
    assert answer.err.startswith("reelect: anchor: ")
    assert url in answer.err
    (evidence,) = light.evidence
    assert LightEvidence.decode(evidence.read_bytes()).state is None
    nodes = ("--node", url, "--node", HONEST)
    answer = light("init", "--checkpoint", checkpoint(light, 1), *nodes)
    assert answer.code == 0
    assert "anchor: " in answer.err


def test_nodes_that_fail_are_passed_over(light: Light) -> None:
    broken, absent = light.add("broken", Refusing("broken", 500)), light.add("no", Refusing(None))
    nodes = ("--node", broken, "--node", absent, "--node", HONEST)
    answer = light("init", "--checkpoint", checkpoint(light, 1), *nodes)
    assert answer.code == 0
    assert "because of broken" in answer.err
    assert absent in answer.err
    refused = light("init", "--checkpoint", checkpoint(light, 1), "--node", absent, "--state", "x")
    assert refused.code == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--checkpoint", "nonsense"],
        ["--checkpoint", "1"],
        ["--checkpoint", "x:bafyreibdo3q35e26mmuxh2xcgaf6a73ysofjy3hsibhuexshy2qf5ucc6a"],
        ["--checkpoint", "1:bafy"],
    ],
)
def test_what_is_no_checkpoint(light: Light, arguments: list[str]) -> None:
    for command in (["init"], ["verify", "file"]):
        (light.home / "file").write_bytes(b"")
        answer = light(*command, *arguments)
        assert answer.code in (2, 5)
        if command == ["init"]:
            assert answer.err.startswith("reelect: --checkpoint: ")


def test_a_checkpoint_whose_height_and_id_are_of_two_blocks(light: Light) -> None:
    wrong = "2:" + checkpoint(light, 1).partition(":")[2]
    answer = light("init", "--checkpoint", wrong)
    assert answer.code == 2
    assert answer.err == "reelect: --checkpoint: the block of this id has height 1\n"
    both = ("--genesis", str(light.home / "genesis.cbor"))
    assert light("init", "--checkpoint", checkpoint(light, 1), *both).code == 2


# Age


def old(light: Light, days: float) -> None:
    light.now_ms = light.world.now_ms + int(days * DAY_MS)


@pytest.mark.parametrize("command", [["init"], ["query", "supply"]])
def test_an_old_genesis_is_refused_and_a_checkpoint_named(light: Light, command: list[str]) -> None:
    unbonding_days = light.world.chain.constants.unbonding_s / 86_400
    old(light, unbonding_days - 0.01)
    place = ["--state", "young"] if command == ["init"] else []
    assert light(*command, *place).code == 0
    old(light, unbonding_days + 1)
    answer = light(*command, "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.error["code"] == "old-anchor"
    message = str(answer.error["message"])
    assert "genesis" in message
    assert "--checkpoint" in message
    assert "--trust-old-anchor" in message
    assert light(*command, "--trust-old-anchor").code == 0


def test_an_old_checkpoint_is_refused_though_its_node_says_nothing_of_time(light: Light) -> None:
    """The clock and the unbonding time come from the genesis state that the block's id leads to."""
    old(light, 400)
    answer = light("init", "--checkpoint", checkpoint(light, 1), "--json")
    assert (answer.code, answer.error["code"]) == (1, "old-anchor")
    assert not light.state_file.exists()
    made = light("init", "--checkpoint", checkpoint(light, 1), "--trust-old-anchor")
    assert made.code == 0


def test_a_client_that_did_not_sync_for_too_long(light: Light) -> None:
    light("init")
    light.json("sync")
    old(light, 400)
    for command in (["sync"], ["query", "supply"], ["watch", "--for-blocks", "1"]):
        answer = light(*command, "--json")
        assert (answer.code, answer.error["code"]) == (1, "old-anchor")
        assert f"height {final_height(light)}," in str(answer.error["message"])
    assert light("sync", "--trust-old-anchor").code == 0


def test_a_genesis_older_than_the_state_is_no_matter_to_one_that_syncs(light: Light) -> None:
    light("init")
    light.json("sync")
    days = light.world.chain.constants.unbonding_s / 86_400 + 5
    slots = int(days * DAY_MS) // light.world.chain.constants.slot_ms
    (light.home / "genesis.cbor").unlink()
    light.now_ms = light.world.now_ms
    light.world.slots([slots, slots + 1, slots + 2])
    light.json("sync")
    light.now_ms = None
    assert light.json("query", "supply")["asset"] == "REEL"


# The file


def test_no_changed_byte_of_a_state_is_accepted(light: Light) -> None:
    light("init")
    light.json("sync")
    good = light.state_file.read_bytes()
    chance = Random(1)
    for place in [0, 1, len(good) - 1, *(chance.randrange(len(good)) for _ in range(40))]:
        changed = bytearray(good)
        changed[place] ^= chance.randrange(1, 256)
        light.state_file.write_bytes(bytes(changed))
        answer = light("query", "supply")
        assert (answer.code, answer.out) == (1, "")
        assert str(light.state_file) in answer.err
        assert "light init" in answer.err
    for cut in (b"", good[:10], good[:-1], good + b"\x00"):
        light.state_file.write_bytes(cut)
        assert light("sync").code == 1
    light.state_file.write_bytes(good)
    light.json("sync")


def meanwhile(light: Light, change: Callable[[], object]) -> Proxy:
    """The honest node; while it is asked, something else happens."""
    honest = light.nodes[HONEST]
    assert isinstance(honest, Proxy)

    def before(_: str) -> None:
        change()

    honest.before = before
    return honest


def test_a_slow_command_does_not_put_the_state_back(light: Light) -> None:
    light("init")
    begun, answered = light.state_file.read_bytes(), list[bytes]()
    honest = meanwhile(light, lambda: None)
    honest.body = lambda body: answered.append(body) or body  # type: ignore[func-returns-value]
    light.json("query", "supply")
    honest.body = lambda body: body
    light.world.slots([4, 5])
    light.json("sync")
    newer = light.state_file.read_bytes()
    light.state_file.write_bytes(begun)
    honest = meanwhile(light, lambda: light.state_file.write_bytes(newer))
    honest.body = lambda _: answered[0]
    found = light.json("query", "supply")
    assert found["final"]["height"] < final_height(light)  # type: ignore[index]
    assert light.state_file.read_bytes() == newer


def test_a_command_does_not_replace_another_client_that_was_begun_meanwhile(
    light: Light, tmp_path: Path
) -> None:
    other = tmp_path / "other.cbor"
    other.write_bytes(make_genesis_of(SEATS.values(), [BOB]).encode())
    light("init", "--genesis", str(other), "--state", str(tmp_path / "other"))
    foreign = (tmp_path / "other").read_bytes()
    light("init")
    meanwhile(light, lambda: light.state_file.write_bytes(foreign))
    answer = light("query", "supply")
    assert (answer.code, answer.out) == (1, "")
    assert str(light.state_file) in answer.err
    assert light.state_file.read_bytes() == foreign


def test_a_command_does_not_bring_back_a_state_that_was_removed_meanwhile(light: Light) -> None:
    light("init")
    meanwhile(light, light.state_file.unlink)
    assert light.json("query", "supply")["asset"] == "REEL"
    assert not light.state_file.exists()


def test_what_another_command_saw_final_meanwhile_must_be_final_here(light: Light) -> None:
    light("init")
    begun = light.state_file.read_bytes()
    light.json("sync")
    saved = load(light.state_file)
    final = replace(saved.state.final, id=cid_of(RAW, b"another block"))
    twin_bytes = saved_module._sealed(saved.at(replace(saved.state, final=final), saved.newest))
    light.state_file.write_bytes(begun)
    meanwhile(light, lambda: light.state_file.write_bytes(twin_bytes))
    answer = light("query", "supply", "--json")
    assert (answer.code, answer.error["code"]) == (5, "conflicting-final")
    (evidence,) = light.evidence
    assert LightEvidence.decode(evidence.read_bytes()).state != saved.state
    assert light.state_file.read_bytes() == twin_bytes


def test_a_crash_while_saving_leaves_the_state_before(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    light("init")
    before = light.state_file.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", str(light.state_file))

    monkeypatch.setattr("node.files.os.replace", fail)
    answer = light("sync")
    assert (answer.code, light.state_file.read_bytes()) == (1, before)
    assert [file.name for file in light.state_file.parent.iterdir()] == ["state.cbor"]


def test_a_state_of_another_chain(light: Light, tmp_path: Path) -> None:
    other = tmp_path / "other.cbor"
    other.write_bytes(make_genesis_of(SEATS.values(), [BOB]).encode())
    light("init", "--genesis", str(other))
    answer = light("query", "account", format_address(BOB.public))
    assert answer.code == 0
    assert "of another chain than the genesis file" in answer.err
    named = light("query", "supply", "--state", str(light.state_file))
    assert named.code == 5
    genesis = str(light.home / "genesis.cbor")
    both = light("sync", "--genesis", genesis)
    assert (both.code, "another chain" in both.err) == (1, True)
    assert saved_module.load(light.state_file).state.final.height == 0


# Two histories


def twin(light: Light) -> Callable[[LightAnswer], LightAnswer]:
    """Another final block of the same height, for which a quorum has voted too."""

    def alter(answer: LightAnswer) -> LightAnswer:
        final = replace(answer.final, reveal=bytes(32))
        target = replace(answer.target, parent=final.id(), final_if_qc=final.id())
        block = answer.block
        if block is not None and block.header == answer.final:
            block = replace(block, header=final)
        certificate = votes(light.world, target)
        return replace(answer, target=target, final=final, certificate=certificate, block=block)

    return alter


def votes(world: World, target: Header) -> bytes:
    message = vote_message(world.chain.id, target.id())
    keys = {seat.account.public: seat.consensus for seat in SEATS.values()}
    members = world.chain.genesis.producer_set
    signatures = {
        place: keys[member.producer].sign(message) for place, member in enumerate(members.members)
    }
    return certificate_bytes(members, signatures)


def test_two_final_histories_stop_the_client_until_people_have_looked(light: Light) -> None:
    light("init")
    liar = Proxy(light.world)
    liar.alter(twin(light))
    url = light.add("twin", liar)
    answer = light("sync", "--node", HONEST, "--node", url, "--json")
    assert (answer.code, answer.out) == (5, "")
    assert answer.error["code"] == "conflicting-final"
    (evidence,) = light.evidence
    assert str(evidence) in str(answer.error["message"])
    kept = LightEvidence.decode(evidence.read_bytes())
    assert kept.newest is not None
    for command in (
        ["sync"],
        ["query", "supply"],
        ["watch"],
        ["export", "supply", "--output", "x"],
    ):
        again = light(*command)
        assert (again.code, again.out) == (1, "")
        assert str(evidence) in again.err
    evidence.unlink()
    light.json("sync")


def test_another_history_than_the_saved_one(light: Light) -> None:
    light("init")
    light.json("sync")
    liar = Proxy(light.world)
    liar.alter(twin(light))
    before = light.state_file.read_bytes()
    answer = light("sync", "--node", light.add("twin", liar))
    assert (answer.code, answer.out) == (5, "")
    kept = LightEvidence.decode(light.evidence[0].read_bytes())
    assert kept.newest == load(light.state_file).newest
    assert light.state_file.read_bytes() == before


# Watch


class Living(Proxy):
    """Each question finds another slot's block; Bob is paid in one of them."""

    def __init__(self, world: World, pay_in: int = -1) -> None:
        super().__init__(world)
        self._pay_in = pay_in
        self.before = self._live

    def _live(self, _: str) -> None:
        slot = self._world.chain.fork.head.slot + 1
        ready = []
        if slot == self._pay_in:
            ready = [transfer(self._world.chain, ALICE, BOB.public, 1, 1)]
        self._world.slots([slot], ready)


@pytest.fixture
def living(light: Light, monkeypatch: pytest.MonkeyPatch) -> Light:
    light.nodes[HONEST] = Living(light.world, pay_in=5)
    monkeypatch.setattr("node.commands.light_watch.MAX_POLL_S", 0)
    return light


def watched(answer: Answer) -> list[dict[str, dict[str, object]]]:
    assert answer.code == 0
    return [json.loads(line) for line in answer.out.splitlines()]


def test_final_blocks_as_they_come(living: Light) -> None:
    found = watched(living("watch", "--for-blocks", "4", "--json"))
    heights = [line["final"]["height"] for line in found]
    assert heights == [3, 4, 5, 6]
    ids = [line["final"]["block"] for line in found]
    assert ids == [str(living.world.chain.blocks.id_at(height)) for height in heights]  # type: ignore[arg-type]
    assert not living.state_file.exists()
    answer = living("watch", "--for-blocks", "1")
    assert answer.out.startswith("final 7 ")


def test_a_row_is_printed_when_it_changes(living: Light) -> None:
    living("init")
    row = ("token.balance", format_address(BOB.public), "REEL")
    found = watched(living("watch", *row, "--for-blocks", "5", "--json"))
    amounts = [line["row"]["row"] for line in found if "row" in line]
    assert amounts == [{"amount": "5000"}, {"amount": "5001"}]
    assert "row" in found[0]
    assert load(living.state_file).state.final.height == 7


def test_a_node_that_goes_away_while_it_is_watched(living: Light) -> None:
    honest = living.nodes[HONEST]
    assert isinstance(honest, Living)
    live, failures = honest.before, iter([False, True, True, False, False])

    def sometimes(path: str) -> None:
        if next(failures, False):
            raise httpx.ConnectError("refused")
        live(path)

    honest.before = sometimes
    answer = living("watch", "--for-blocks", "3", "--json")
    assert len(watched(answer)) == 3
    assert answer.err.count("going on") == 1


def test_what_cannot_be_watched(light: Light) -> None:
    assert light("watch", "--for-blocks", "0").code == 2
    assert light("watch", "token.nothing").code == 2
    assert light("watch", "token.balance", "x").code == 2
    none = light.add("none", Refusing(None))
    assert light("watch", "--node", none).code == 3


# Files that prove


def verified(light: Light, *arguments: str) -> dict[str, object]:
    """What `reelect light verify` finds, with no node in reach."""
    nodes, light.nodes = light.nodes, {}
    try:
        return light.json("verify", *arguments)
    finally:
        light.nodes = nodes


KINDS = [
    ["account", format_address(BOB.public)],
    ["row", "token.balance", format_address(BOB.public), "REEL"],
    ["row", "token.asset", "OTHER"],
    ["video", "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"],
    ["block", "1"],
    ["event", "1", "0"],
    ["producers"],
    ["parameter", "fee.base_gas"],
    ["supply"],
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(kind[:2]))
def test_every_kind_of_fact_is_proved_by_a_file_alone(light: Light, kind: list[str]) -> None:
    written = light.json("export", *kind, "--output", "proof")
    asked = light.json("query", *kind)
    assert {name: written[name] for name in asked} == asked
    assert written["size_bytes"] == Path("proof").stat().st_size
    genesis = str(light.home / "genesis.cbor")
    found = verified(light, "proof", "--genesis", genesis)
    assert found["final"] == asked["final"]
    assert found["chain"] == light.world.chain.id.hex()
    assert light("verify", "proof").code == 0


def test_a_transaction_in_a_file(light: Light) -> None:
    identity = transfer(light.world.chain, ALICE, BOB.public, 5_000, 0).id.hex()
    light("export", "transaction", identity, "--output", "proof")
    found = verified(light, "proof")
    items = found["items"]
    assert isinstance(items, list)
    assert items[0] == {"list": "transactions", "item": identity}
    assert items[1]["item"]["status"] == "ok"
    assert found["block"]["height"] == 1  # type: ignore[index]
    out = light("verify", "proof").out
    assert f"item     {identity}" in out
    assert "ok" in out


def test_a_file_has_the_steps_from_genesis_though_the_client_knows_more(changed: Light) -> None:
    changed("init")
    changed.json("sync")
    alice = format_address(handovers.ALICE.public)
    changed("export", "account", alice, "--output", "proof")
    found = verified(changed, "proof")
    assert (found["set_changes"], found["dynasty"]) == (3, 3)
    assert len(found["members"]) == 7  # type: ignore[arg-type]
    assert found["trusted"] == f"0:{handovers.GENESIS.header.id()}"
    assert decode_proof(Path("proof").read_bytes()).anchor is None


def test_a_file_from_a_checkpoint_on(changed: Light) -> None:
    (changed.home / "genesis.cbor").unlink()
    known = checkpoint(changed, 7)
    changed("init", "--checkpoint", known)
    changed.json("sync")
    changed("export", "supply", "--output", "proof")
    found = verified(changed, "proof", "--checkpoint", known)
    assert found["trusted"] == known
    refused = changed("verify", "proof", "--json")
    assert (refused.code, refused.error["field"]) == (5, "anchor")
    assert f"--checkpoint {known}" in str(refused.error["message"])
    other = checkpoint(changed, 6)
    assert changed("verify", "proof", "--checkpoint", other).code == 5


def test_a_file_from_genesis_on_has_no_checkpoint(light: Light) -> None:
    light("export", "supply", "--output", "proof")
    answer = light("verify", "proof", "--checkpoint", checkpoint(light, 1))
    assert answer.code == 5
    assert "--genesis" in answer.err
    both = ("--checkpoint", checkpoint(light, 1), "--genesis", str(light.home / "genesis.cbor"))
    assert light("verify", "proof", *both).code == 2


def test_a_damaged_file(light: Light) -> None:
    light("export", "account", format_address(BOB.public), "--output", "proof")
    good = Path("proof").read_bytes()
    chance = Random(2)
    for _ in range(30):
        place = chance.randrange(len(good))
        changed = bytearray(good)
        changed[place] ^= chance.randrange(1, 256)
        Path("damaged").write_bytes(bytes(changed))
        answer = light("verify", "damaged")
        assert (answer.code, answer.out) == (5, "")
        assert answer.err.startswith("reelect: encoding: ")
    for cut in (b"", good[:-1], good + b"\x00", b"<html>"):
        Path("damaged").write_bytes(cut)
        assert light("verify", "damaged").code == 5


def test_a_forged_file_names_the_failed_check(light: Light, tmp_path: Path) -> None:
    light("export", "account", format_address(BOB.public), "--output", "proof")
    answer = decode_proof(Path("proof").read_bytes()).answer
    hidden = tuple(replace(row, value=None) for row in answer.rows)
    forgeries = {
        "state proof": replace(answer, rows=hidden),
        "certificate": replace(answer, certificate=answer.certificate[:-64]),
        "final header": replace(answer, final=replace(answer.final, slot=99)),
    }
    for check, forged in forgeries.items():
        Path("forged").write_bytes(encode_proof(LightProof(None, forged)))
        refused = light("verify", "forged", "--json")
        assert (refused.code, refused.error["field"]) == (5, check)
    other = tmp_path / "other.cbor"
    other.write_bytes(make_genesis_of(SEATS.values(), [BOB]).encode())
    refused = light("verify", "proof", "--genesis", str(other), "--json")
    assert (refused.code, refused.error["field"]) == (5, "certificate")


def test_files_are_not_overwritten_and_must_be_there(light: Light) -> None:
    Path("proof").write_bytes(b"mine")
    answer = light("export", "supply", "--output", "proof")
    assert (answer.code, Path("proof").read_bytes()) == (1, b"mine")
    assert light("verify", "none").code == 1
    assert light("export", "supply").code == 2


def test_an_old_file_is_believed_only_if_that_is_wished(light: Light) -> None:
    light("export", "supply", "--output", "proof")
    old(light, 400)
    answer = light("verify", "proof", "--json")
    assert (answer.code, answer.error["code"]) == (1, "old-anchor")
    assert light("verify", "proof", "--trust-old-anchor").code == 0
