"""Files that `reelect light export` writes prove the same to the verifier in JavaScript and to
`reelect light verify`, and neither believes them any more once they are changed."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.hashing import DIGEST_BYTES
from genesis.file import parse_genesis
from node.light import client as light_client
from node.light.saved import at_genesis
from tests.api.world import ALICE, BOB, World, open_world
from tests.commands.light_nodes import Light, light_commands
from tests.light_verifier.forgeries import sealed
from tests.light_verifier.running import Trusted, agreed, in_javascript
from tests.node import handovers
from tests.node.bench import memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.network import key, transfer
from tests.vm.world import publish

VIDEO = cid_of(RAW, b"film")
CAROL = format_address(key("carol").public)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, without settings from outside."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("REELECT_CONFIG", raising=False)
    monkeypatch.setattr(light_client, "ASK_AGAIN_S", 0)
    return tmp_path


@pytest.fixture
def light(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Light]:
    """Alice has paid Bob 5,000 and published VIDEO; the final block is of height 29."""
    with open_world(home / "world") as world:
        paid = transfer(world.chain, ALICE, BOB.public, 5_000, 0)
        world.publish(publish(b"film", title="Film", size_bytes=4), range(1, 31), paid)
        yield light_commands(home, capsys, world, monkeypatch)


@pytest.fixture
def changed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Light:
    """A network whose producer set has changed three times, to five, five and seven members."""
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    slots = epochs(chain, 4)
    run_epochs([chain], slots)
    (home / "world").mkdir()
    world = World(chain, home / "world")
    monkeypatch.setattr(world, "genesis_file", handovers.GENESIS.encode, raising=False)
    world.now_ms = chain.clock.start_ms(slots[-1])
    return light_commands(home, capsys, world, monkeypatch, handovers.GENESIS)


def trusting_genesis(light: Light) -> Trusted:
    content = (light.home / "genesis.cbor").read_bytes()
    return Trusted(content, at_genesis(parse_genesis(content)).state)


def questions(light: Light) -> dict[str, list[str]]:
    """Facts of every kind, and what `reelect light export` calls them."""
    paid = transfer(light.world.chain, ALICE, BOB.public, 5_000, 0).id.hex()
    final = light.world.chain.durable_final.header.height
    return {
        "account": ["account", format_address(BOB.public)],
        "account without rows": ["account", CAROL],
        "row": ["row", "token.balance", format_address(ALICE.public), "REEL"],
        "absent row": ["row", "token.balance", CAROL, "REEL"],
        "constants": ["row", "chain.constants"],
        "history": ["row", "chain.progress"],
        "parameter": ["parameter", "fee.base_gas"],
        "default parameter": ["parameter", "content.mib_gas"],
        "transaction": ["transaction", paid],
        "event": ["event", "1", "0"],
        "fees": ["event", "1", "2"],
        "genesis block": ["block", "0"],
        "past block": ["block", "13"],
        "final block": ["block", str(final)],
        "producers": ["producers"],
        "supply": ["supply"],
        "video": ["video", str(VIDEO)],
    }


def exported(light: Light, *question: str, options: tuple[str, ...] = ()) -> Path:
    """The file with an answer."""
    file = light.home / f"{len(list(light.home.glob('*.proof')))}.proof"
    light.json("export", *question, "--output", str(file), *options)
    return file


def assert_verified(light: Light, path: Path, found: dict[str, Any], *options: str) -> None:
    """`reelect light verify` prints what the verifier in JavaScript found."""
    printed: dict[str, Any] = light.json("verify", str(path), *options)
    assert "rejected" not in found
    assert found["chain"] == printed["chain"]
    assert found["dynasty"] == printed["dynasty"]
    assert found["final"] == {
        "height": printed["final"]["height"],
        "id": printed["final"]["block"],
    }
    absent = [row["value"] is None for row in found["rows"]]
    assert absent == [row["row"] is None for row in printed["rows"]]
    assert (found["block"] is None) == (printed["block"] is None)
    if printed["block"] is not None:
        assert found["block"]["height"] == printed["block"]["height"]
        assert found["block"]["id"] == printed["block"]["block"]
    assert [each["list"] for each in found["items"]] == [each["list"] for each in printed["items"]]


def test_facts_of_every_kind(light: Light) -> None:
    asked = questions(light)
    paths = [exported(light, *question) for question in asked.values()]
    files = [path.read_bytes() for path in paths]
    found = agreed(light.home / "files", files, trusting_genesis(light))
    for path, each in zip(paths, found, strict=True):
        assert_verified(light, path, each)
    facts: dict[str, Any] = dict(zip(asked, found, strict=True))
    [absent] = facts["absent row"]["rows"]
    assert absent["value"] is None
    lists = [item["list"] for item in facts["transaction"]["items"]]
    assert lists == ["transactions", "receipts"]


def test_after_changes_of_the_set(changed: Light) -> None:
    asked = [
        ["account", format_address(handovers.ALICE.public)],
        ["row", "token.balance", CAROL, "REEL"],
        ["block", "2"],
        ["producers"],
    ]
    paths = [exported(changed, *question) for question in asked]
    files = [path.read_bytes() for path in paths]
    found = agreed(changed.home / "files", files, trusting_genesis(changed))
    for path, each in zip(paths, found, strict=True):
        assert_verified(changed, path, each)
        assert each["dynasty"] == 3


@pytest.mark.parametrize("height", [0, 6])
def test_from_a_checkpoint(changed: Light, height: int) -> None:
    place = f"{height}:{changed.world.chain.blocks.id_at(height)}"
    changed.json("init", "--checkpoint", place)
    path = exported(changed, "block", "2")
    options = ["--checkpoint", place] if height else []
    trusted = Trusted(checkpoint=place) if height else trusting_genesis(changed)
    [found] = agreed(changed.home / "files", [path.read_bytes()], trusted)
    if height:
        (changed.home / "genesis.cbor").unlink()
    assert_verified(changed, path, found, *options)


def test_no_changed_file_is_believed(changed: Light) -> None:
    chance = Random(3)
    path = exported(changed, "account", format_address(handovers.ALICE.public))
    good = path.read_bytes()
    files = [good[:-1], good + b"\0", good[:-DIGEST_BYTES]]
    for seal in (True,) * 12 + (False,) * 3:
        content = bytearray(good[:-DIGEST_BYTES])
        content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        files.append(sealed(bytes(content)) if seal else bytes(content) + good[-DIGEST_BYTES:])
    found = in_javascript(changed.home / "files", files, trusting_genesis(changed))
    for file, each in zip(files, found, strict=True):
        path.write_bytes(file)
        answer = changed("verify", str(path), "--json")
        assert (answer.code, answer.out) == (5, "")
        assert each == {"rejected": answer.error["field"]}
