"""Presets: those that come with the program build, and what is wrong in one is named."""

import pytest

from consensus.errors import InvalidGenesis
from genesis.build import build_genesis
from genesis.preset import load_preset, parse_preset, preset_names
from tests.vm.world import ANNA, GENESIS_TIME_MS, producer_records
from vm.modules.fee import BURN_PPM, PRICES, TREASURY_PPM

GOOD = """
[chain]
network = "village"
slot_ms = 500
epoch_slots = 63
max_unfinal_blocks = 64
unbonding_s = 3_600
[economy]
day_s = 86_400
[asset]
symbol = "LEAF"
name = "Leaf"
decimals = 2
cap = 1_000
[funding]
accounts = 1
account_units = 10
[fee_prices]
LEAF = 7
[parameters]
fee.burn_ppm = 0
"""


@pytest.mark.parametrize("name", preset_names())
def test_presets_that_come_with_the_program_build(name: str) -> None:
    preset = load_preset(name)
    funding = preset.funding
    allocations = [(bytes([i]) * 32, funding.account_units) for i in range(funding.accounts)]
    build_genesis(preset, producer_records(), allocations, GENESIS_TIME_MS)


def test_devnet_is_there() -> None:
    assert "devnet" in preset_names()


def test_a_preset_sets_constants_prices_and_parameters() -> None:
    preset = parse_preset(GOOD)
    assert (preset.chain.network, preset.asset.symbol, preset.funding.account_units) == (
        "village",
        "LEAF",
        10,
    )
    state = build_genesis(preset, producer_records(), [(ANNA.public, 10)], 0).state()
    price = PRICES.get(state, "LEAF")
    assert price is not None
    assert price.units == 7
    assert (BURN_PPM.read(state), TREASURY_PPM.read(state)) == (0, TREASURY_PPM.default)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("slot_ms = 500", "slot_ms = 5", "chain.slot_ms"),
        ("slot_ms = 500", "slot_ms = 500.0", "chain.slot_ms"),
        ("slot_ms = 500", "", "chain.slot_ms"),
        ("epoch_slots = 63", "epoch_slots = 62", "chain.epoch_slots"),
        ("slot_ms = 500", "slot_ms = 500\nslots = 1", "chain.slots"),
        ('"LEAF"', '"leaf"', "asset.symbol"),
        ("cap = 1_000", "cap = -1", "asset.cap"),
        ("accounts = 1", "accounts = 101", "funding.accounts"),
        ("LEAF = 7", "LEAF = 0", "fee_prices.LEAF"),
        ("LEAF = 7", "leaf = 7", "fee_prices.leaf"),
        ("fee.burn_ppm = 0", "fee.burn_ppm = 500_001", "parameters.fee.burn_ppm"),
        ("fee.burn_ppm = 0", "fee.burn_ppm = true", "parameters.fee.burn_ppm"),
        ("fee.burn_ppm = 0", "fee.burn = 0", "parameters.fee.burn"),
        ("fee.burn_ppm = 0", "burn_ppm = 0", "parameters.burn_ppm"),
        ("[funding]", "[funds]", "funds"),
        ("[chain]", "[chains]", "chains"),
        ("day_s = 86_400", "day_s = 0", "economy.day_s"),
        ("[asset]", "[[asset]]", "asset"),
        ("[asset]", "[asset", ""),
    ],
)
def test_what_is_wrong_in_a_preset_is_named(old: str, new: str, field: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidGenesis) as caught:
        parse_preset(GOOD.replace(old, new, 1))
    assert caught.value.field == field


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidGenesis, match="devnet"):
        load_preset("../devnet")
