"""Which asset pays a fee: what is named, the chain's own, or what the payer has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.file import Genesis, make_genesis
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.fee import PRICES, Price
from vm.modules.tokens import ASSETS, AssetRow, mint

USDT = 10**6


def two_assets() -> Genesis:
    """USDT pays fees, GOLD does not. Bob has both and no REEL, Alice has REEL and USDT."""
    state = GENESIS.state()
    for symbol in ("GOLD", "USDT"):
        ASSETS.put(state, AssetRow(symbol, 6, 0, 0, 10**12, True, True, None), symbol)
        mint(state, BOB.public, symbol, 10 * USDT)
    mint(state, ALICE.public, "USDT", 10 * USDT)
    PRICES.put(state, Price(2_000), "USDT")
    return make_genesis(state)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", two_assets())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node."""


@pytest.mark.parametrize(
    ("sender", "options", "asset"),
    [
        ("bob", (), "USDT"),
        ("alice", (), "REEL"),
        ("alice", ("--fee-asset", "USDT"), "USDT"),
        ("bob", ("--payer", "alice"), "REEL"),
    ],
)
def test_the_fee_is_paid_in_what_the_payer_has(
    run: Run, sender: str, options: tuple[str, ...], asset: str
) -> None:
    command = ("tx", "transfer", "alice", "1", "--asset", "USDT", "--from", sender, *options)
    answer = run(*command)
    assert (answer.code, answer.err) == (0, "")
    fields = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert fields["fee"].endswith(f" {asset}")


@pytest.mark.parametrize(
    ("asset", "code"), [("GOLD", "fee.asset-not-accepted"), ("NONE", "refused")]
)
def test_an_asset_that_pays_no_fees_is_refused(run: Run, asset: str, code: str) -> None:
    command = ("tx", "transfer", "alice", "1", "--asset", "USDT", "--from", "bob")
    answer = run(*command, "--fee-asset", asset, "--json")
    assert (answer.code, answer.out, answer.error["code"]) == (1, "", code)
