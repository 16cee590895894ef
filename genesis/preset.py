"""Presets: the choices a chain starts from, as commented TOML."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, TypeVar

from consensus.errors import Invalid, InvalidGenesis
from consensus.kinds import Amount, Asset, Json, Text, Uint
from consensus.producers import MAX_PRODUCERS
from consensus.record import Record, kind_of, part
from consensus.schedule import min_epoch_slots
from genesis.government import Government, parse_government
from vm.modules.chain import MAX_EPOCH_SLOTS, MaxUnfinalBlocks, NetworkName, SlotMs, UnbondingS
from vm.modules.economy import DayS
from vm.modules.fee import TREASURY, Price
from vm.modules.possession import STORAGE_POT
from vm.modules.rewards import POOL_POT
from vm.modules.tokens import Pot
from vm.registry import REGISTRY

# A chain made from a preset may grow to the largest set.
PresetEpochSlots = Annotated[int, Uint(MAX_EPOCH_SLOTS, min_epoch_slots(MAX_PRODUCERS))]

_SECTIONS = (
    "chain",
    "economy",
    "asset",
    "funding",
    "pots",
    "fee_prices",
    "parameters",
    "bodies",
    "policies",
)
FUNDED_POTS = (POOL_POT, STORAGE_POT, TREASURY)  # that genesis may fill


@part
class ChainSection(Record):
    """`[chain]`: what can never be changed after genesis."""

    network: NetworkName
    slot_ms: SlotMs
    epoch_slots: PresetEpochSlots
    max_unfinal_blocks: MaxUnfinalBlocks
    unbonding_s: UnbondingS


@part
class EconomySection(Record):
    """`[economy]`: how long the community's day is, never changed either."""

    day_s: DayS


@part
class AssetSection(Record):
    """`[asset]`: the native asset; `cap` is the most that may ever be minted."""

    symbol: Asset
    name: Annotated[str, Text(64, 1)]
    decimals: Annotated[int, Uint(18)]
    cap: Amount


@part
class FundingSection(Record):
    """`[funding]`: how many accounts a local network funds, and with how much."""

    accounts: Annotated[int, Uint(100)]
    account_units: Amount


@dataclass(frozen=True, slots=True)
class Preset:
    """A checked preset. `pots`: units of the native asset that genesis puts into named pots;
    `fee_prices`: units of an asset for a million gas; `parameters`: those that differ from their
    defaults."""

    chain: ChainSection
    economy: EconomySection
    asset: AssetSection
    funding: FundingSection
    pots: Mapping[str, int]
    fee_prices: Mapping[str, int]
    parameters: Mapping[str, int]
    government: Government


def preset_names() -> list[str]:
    """The presets that come with the program."""
    files = resources.files("genesis").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load_preset(name: str) -> Preset:
    """A preset that comes with the program; raises InvalidGenesis for an unknown name."""
    if name not in preset_names():
        raise InvalidGenesis(f"no preset {name[:80]!r}; there are {', '.join(preset_names())}")
    text = resources.files("genesis").joinpath(f"{name}.toml").read_text("utf-8")
    return parse_preset(text)


def parse_preset(text: str) -> Preset:
    """Read a preset; raises InvalidGenesis naming the key at fault."""
    try:
        document: dict[str, Json] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidGenesis(f"not TOML: {error}") from None
    for name in document:
        if name not in _SECTIONS:
            raise InvalidGenesis(f"unknown section; known are {', '.join(_SECTIONS)}", field=name)
    try:
        return Preset(
            _section(document, "chain", ChainSection),
            _section(document, "economy", EconomySection),
            _section(document, "asset", AssetSection),
            _section(document, "funding", FundingSection),
            _pots(_table(document, "pots")),
            _prices(_table(document, "fee_prices")),
            _parameters(_table(document, "parameters")),
            parse_government(_table(document, "bodies"), _table(document, "policies")),
        )
    except Invalid as error:
        raise InvalidGenesis(error.message, field=error.field) from None


S = TypeVar("S", bound=Record)


def _table(document: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    section = document.get(name, {})
    if not isinstance(section, dict):
        raise InvalidGenesis(f"a section [{name}] is expected", field=name)
    return section


def _section(document: Mapping[str, Json], name: str, cls: type[S]) -> S:
    section = _table(document, name)
    try:
        return cls.from_json(section)
    except Invalid as error:
        raise error.within(name) from None


def _pots(section: Mapping[str, Json]) -> dict[str, int]:
    pots: dict[str, int] = {}
    for pot, units in section.items():
        try:
            if pot not in FUNDED_POTS:
                raise InvalidGenesis(f"no such pot; known are {', '.join(FUNDED_POTS)}")
            pots[pot] = Pot.from_json({"amount": units}).amount
        except Invalid as error:
            raise InvalidGenesis(error.message, field=f"pots.{pot}") from None
    return pots


def _prices(section: Mapping[str, Json]) -> dict[str, int]:
    prices: dict[str, int] = {}
    for asset, units in section.items():
        try:
            kind_of(Asset).unpack(asset)
            prices[asset] = Price.from_json({"units": units}).units
        except Invalid as error:
            raise InvalidGenesis(error.message, field=f"fee_prices.{asset}") from None
    return prices


def _parameters(section: Mapping[str, Json]) -> dict[str, int]:
    values: dict[str, int] = {}
    for module, inner in section.items():
        if not isinstance(inner, dict):
            raise InvalidGenesis("spelled module.name", field=f"parameters.{module}")
        for short, value in inner.items():
            parameter = REGISTRY.parameters.get(f"{module}.{short}")
            if parameter is None:
                raise InvalidGenesis("no such parameter", field=f"parameters.{module}.{short}")
            try:
                values[parameter.name] = parameter.check(value)
            except Invalid as error:
                raise error.within("parameters") from None
    return values
