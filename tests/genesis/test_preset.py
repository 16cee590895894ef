"""Presets: those that come with the program build, and what is wrong in one is named."""

from pathlib import Path

import pytest

from consensus.errors import InvalidGenesis
from genesis.build import build_genesis
from genesis.preset import MAX_PRESET_BYTES, load_preset, parse_preset, preset_names
from genesis.setup import stand_ins
from tests.vm.world import ANNA, BEN, GENESIS_TIME_MS, producer_records
from vm.modules.fee import BURN_PPM, PRICES, TREASURY_PPM
from vm.modules.gov import POLICIES, ROLL, size_of
from vm.modules.rewards import POOL_POT
from vm.modules.tokens import ASSETS, balance_of, pot_of
from vm.registry import REGISTRY

GOOD = """
summary = "a village"
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
tradable = true
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
    roles = stand_ins(preset.setup.roles)
    made = build_genesis(preset, producer_records(), allocations, GENESIS_TIME_MS, roles=roles)
    assert list(REGISTRY.broken_invariants(made.state())) == []


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


def test_a_preset_fills_pots_within_the_cap() -> None:
    text = GOOD.replace("[fee_prices]", '[pots]\ntreasury = 3\n"rewards.pool" = 987\n[fee_prices]')
    preset = parse_preset(text)
    state = build_genesis(preset, producer_records(), [(ANNA.public, 10)], 0).state()
    assert (pot_of(state, "treasury", "LEAF"), pot_of(state, POOL_POT, "LEAF")) == (3, 987)
    row = ASSETS.get(state, "LEAF")
    assert row is not None
    assert (row.minted, row.cap) == (1_000, 1_000)
    with pytest.raises(InvalidGenesis, match="cap"):
        build_genesis(preset, producer_records(), [(ANNA.public, 11)], 0)


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
        ("[fee_prices]", '[pots]\n"prizes.gold" = 7\n[fee_prices]', "pots.prizes.gold"),
        ("[fee_prices]", "[pots]\ntreasury = -1\n[fee_prices]", "pots.treasury"),
        ("[fee_prices]", "[pots]\nrewards.pool = 7\n[fee_prices]", "pots.rewards"),
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


GOVERNED = (
    GOOD
    + """
[bodies.all]
kind = "holders"
[bodies.elders]
kind = "members"
cap = 5
first_accounts = 1
term_s = 60
[bodies.seats]
kind = "members"
cap = 21
least = 4
seats = true
first_producers = true
[policies.law]
stages = [
    { body = "elders", percent = 100, open_s = 60 },
    { body = "all", percent = 51, of_votes = true, open_s = 60 },
]
scopes = ["parameter.set:fee.base_gas", "gov.resolve"]
proposers = "elders"
"""
)


def test_a_preset_founds_bodies_and_policies() -> None:
    text = GOVERNED.replace("fee.burn_ppm = 0", "producer.by_appointment = 1")
    state = build_genesis(
        parse_preset(text), producer_records(), [(ANNA.public, 5), (BEN.public, 5)], 1000
    ).state()
    elder = ROLL.get(state, "elders", ANNA.public)
    assert elder is not None
    assert (elder.height, elder.until_ms, size_of(state, "elders")) == (0, 61_000, 1)
    seats = [account for (_, account), _ in ROLL.every(state, "seats")]
    assert seats == sorted(item.producer for item in producer_records())
    law = POLICIES.get(state, "law")
    assert law is not None
    assert [stage.body for stage in law.stages] == ["elders", "all"]
    assert (law.deposit, law.revision, law.proposers) == (0, 1, "elders")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('kind = "holders"', 'kind = "heirs"', "bodies.all.kind"),
        ('kind = "holders"', 'kind = "holders"\nfirst_accounts = 1', "bodies.all.kind"),
        ('kind = "holders"', 'kind = "holders"\ncap = 1', "bodies.all.kind"),
        ("[bodies.all]", "[bodies.All]", "bodies.All"),
        ("cap = 5", "cap = 5\ncolour = 1", "bodies.elders.colour"),
        ("cap = 5\nfirst_accounts = 1", "cap = 1\nfirst_accounts = 2", "bodies.elders.cap"),
        ("least = 4", "least = 3", "bodies.seats.least"),
        ("first_producers = true", "first_accounts = 1", "bodies.seats.first_accounts"),
        ("percent = 100", "percent = 101", "policies.law.stages[0].percent"),
        ("percent = 100, ", "", "policies.law.stages[0].percent"),
        ('body = "all"', 'body = "none"', "policies.law.stages[1].body"),
        ('"gov.resolve"]', '"gov.vote"]', "policies.law.scopes[1]"),
        ('"gov.resolve"]', '"gov resolve"]', "policies.law.scopes[1]"),
        ('proposers = "elders"', 'proposers = "none"', "policies.law.proposers"),
        ("[policies.law]", "[policies]\nlaw = 1\n[policies.other]", "policies.law"),
    ],
)
def test_what_is_wrong_with_a_government_is_named(old: str, new: str, field: str) -> None:
    assert old in GOVERNED
    allocations = [(ANNA.public, 5), (BEN.public, 5)]
    with pytest.raises(InvalidGenesis) as caught:
        build_genesis(parse_preset(GOVERNED.replace(old, new)), producer_records(), allocations, 0)
    assert caught.value.field == field


SET_UP = (
    GOOD
    + """
[accounts]
gateway = "issues coins"
[[setup]]
type = "token.create"
asset = "COIN"
name = "Coin"
decimals = 2
cap = 1_000
transferable = true
tradable = true
gateway = "@gateway"
[[setup]]  # which it may spend
type = "token.issue"
to = "@gateway"
asset = "COIN"
amount = 5
memo = ""
"""
)


def test_a_set_up_is_carried_out_in_order_with_the_accounts_in_their_roles() -> None:
    roles = {"gateway": ANNA.public}
    state = build_genesis(parse_preset(SET_UP), producer_records(), [], 0, roles=roles).state()
    coin = ASSETS.get(state, "COIN")
    assert coin is not None
    assert (coin.gateway, coin.minted, balance_of(state, ANNA.public, "COIN")) == (
        ANNA.public,
        5,
        5,
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "at"),
    [
        ('type = "token.issue"', 'type = "token.isue"', "setup[1].type", 'type = "token.isue"'),
        ('type = "token.issue"', 'type = "token.transfer"', "setup[1].type", '"token.transfer"'),
        ('type = "token.issue"\n', "", "setup[1].type", "[[setup]]  # which"),
        ("amount = 5", "amount = -5", "setup[1].amount", "amount = -5"),
        ("amount = 5", "", "setup[1].amount", "[[setup]]  # which"),
        ("amount = 5", "amount = 1_001", "setup[1].amount", "amount = 1_001"),
        ("amount = 5", "amount = 5\ncolour = 1", "setup[1].colour", "colour = 1"),
        ('to = "@gateway"', 'to = "@nobody"', "setup[1].to", 'to = "@nobody"'),
        ('gateway = "issues coins"', 'Gateway = "x"', "accounts.Gateway", "Gateway = "),
        ('gateway = "issues coins"', "gateway = 1", "accounts.gateway", "gateway = 1"),
        ('asset = "COIN"\namount', 'asset = "COINS"\namount', "setup[1].asset", '"COINS"'),
        ("[accounts]", "[setup]\n[accounts]", "", ""),
        ("slot_ms = 500", "slot_ms = 5", "chain.slot_ms", "slot_ms = 5"),
        ("fee.burn_ppm = 0", "fee.burn_ppm = -1", "parameters.fee.burn_ppm", "fee.burn_ppm = -1"),
        ("LEAF = 7", "LEAF = 7\nSTONE = 1", "fee_prices.STONE", "STONE = 1"),
    ],
)
def test_an_error_names_the_line_of_what_is_wrong(old: str, new: str, field: str, at: str) -> None:
    assert old in SET_UP
    text = SET_UP.replace(old, new, 1)
    with pytest.raises(InvalidGenesis) as caught:
        build_genesis(parse_preset(text), producer_records(), [], 0, roles={"gateway": ANNA.public})
    assert caught.value.field == field
    if field:
        line = next(n for n, each in enumerate(text.splitlines(), 1) if at in each)
        assert caught.value.message.startswith(f"line {line}: ")


def test_a_role_without_an_account_is_named_with_what_it_is_for() -> None:
    with pytest.raises(InvalidGenesis, match="issues coins") as caught:
        build_genesis(parse_preset(SET_UP), producer_records(), [], 0)
    assert caught.value.field == "accounts.gateway"


def test_a_preset_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    assert load_preset(str(file)).chain.network == "village"
    for data, told in ((b"\xff", "UTF-8"), (b"#" * (MAX_PRESET_BYTES + 1), "at most")):
        file.write_bytes(data)
        with pytest.raises(InvalidGenesis, match=told):
            load_preset(str(file))
    with pytest.raises(InvalidGenesis, match="No such file"):
        load_preset(str(tmp_path / "none.toml"))
