"""Presets: the choices a chain starts from, as commented TOML.

A preset is checked when it is read; an error says the line and the key.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeVar

from consensus.errors import Invalid, InvalidGenesis
from consensus.kinds import Amount, Asset, Json, Text, Uint
from consensus.producers import MAX_PRODUCERS
from consensus.record import Record, kind_of, part
from consensus.schedule import min_epoch_slots
from genesis.day_length import with_days_of, with_defaults_of
from genesis.government import Government, parse_government
from genesis.seats import Seats, parse_seats
from genesis.setup import Setup, parse_setup
from genesis.toml_lines import line_of
from vm.modules.chain import MAX_EPOCH_SLOTS, MaxUnfinalBlocks, NetworkName, SlotMs, UnbondingS
from vm.modules.economy import DayS
from vm.modules.fee import Price
from vm.modules.possession import STORAGE_POT
from vm.modules.rewards import POOL_POT
from vm.modules.tokens import CommunityPot, Pot
from vm.registry import REGISTRY

# A chain made from a preset may grow to the largest set.
PresetEpochSlots = Annotated[int, Uint(MAX_EPOCH_SLOTS, min_epoch_slots(MAX_PRODUCERS))]

_SECTIONS = (
    "summary",
    "chain",
    "economy",
    "asset",
    "funding",
    "pots",
    "fee_prices",
    "parameters",
    "seats",
    "bodies",
    "policies",
    "accounts",
    "setup",
)
MODULE_POTS = (POOL_POT, STORAGE_POT)  # that genesis may fill, beside the community's
MAX_PRESET_BYTES = 256 * 1024
PRESET_SUFFIX = ".toml"


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
    """`[asset]`: the native asset; `cap` is the most that may ever be minted. One that is not
    tradable is in no order book and no trade (W1)."""

    symbol: Asset
    name: Annotated[str, Text(64, 1)]
    decimals: Annotated[int, Uint(18)]
    cap: Amount
    tradable: bool


@part
class FundingSection(Record):
    """`[funding]`: how many accounts a local network funds, and with how much."""

    accounts: Annotated[int, Uint(100)]
    account_units: Amount


@dataclass(frozen=True, slots=True)
class Preset:
    """A checked preset. `summary`: one sentence; `pots`: units of the native asset that genesis
    puts into named pots; `fee_prices`: units of an asset for a million gas; `parameters`: those
    that differ from their defaults; `seats`: how a local network calls its producers; `text`: what
    it was read from."""

    summary: str
    chain: ChainSection
    economy: EconomySection
    asset: AssetSection
    funding: FundingSection
    pots: Mapping[str, int]
    fee_prices: Mapping[str, int]
    parameters: Mapping[str, int]
    seats: Seats
    government: Government
    setup: Setup
    text: str

    def located(self, error: Invalid) -> InvalidGenesis:
        """The error, which says in what line its field is, if it is in the preset."""
        return _located(self.text, error)


def preset_names() -> list[str]:
    """The presets that come with the program."""
    files = resources.files("genesis").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load_preset(name: str, day_s: int | None = None) -> Preset:
    """A preset that comes with the program, or one in a file whose name ends in `.toml`; with
    `day_s`, its days have so many seconds instead, and what lasts days shortens with them. Raises
    InvalidGenesis for an unknown name, or naming the line and key at fault."""
    return parse_preset(preset_text(name), day_s)


def preset_text(name: str) -> str:
    """The text of a preset; raises InvalidGenesis if there is none of this name."""
    if name.endswith(PRESET_SUFFIX):
        return _text_of(Path(name))
    if name not in preset_names():
        raise InvalidGenesis(
            f"no preset {name[:80]!r}; there are {', '.join(preset_names())}, and files whose "
            f"names end in {PRESET_SUFFIX}"
        )
    return resources.files("genesis").joinpath(f"{name}{PRESET_SUFFIX}").read_text("utf-8")


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_PRESET_BYTES + 1)
        if len(data) > MAX_PRESET_BYTES:
            raise InvalidGenesis(f"{file}: a preset has at most {MAX_PRESET_BYTES} bytes")
        return data.decode()
    except OSError as error:
        raise InvalidGenesis(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidGenesis(f"{file}: not UTF-8") from None


def parse_preset(text: str, day_s: int | None = None) -> Preset:
    """Read a preset, with days of `day_s` seconds if that is given; raises InvalidGenesis naming
    the line and key at fault."""
    try:
        document: dict[str, Json] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidGenesis(f"not TOML: {error}") from None
    try:
        preset = _read(document, text)
        usual_s = preset.economy.day_s
        if day_s is None or day_s == usual_s:
            return preset
        preset = _read(with_days_of(document, usual_s, day_s), text)
    except Invalid as error:
        raise _located(text, error) from None
    parameters = with_defaults_of(preset.parameters, REGISTRY.parameters, usual_s, day_s)
    return replace(preset, parameters=parameters)


def _located(text: str, error: Invalid) -> InvalidGenesis:
    line = line_of(text, error.field)
    where = "" if line is None else f"line {line}: "
    return InvalidGenesis(f"{where}{error.message}", field=error.field)


def _read(document: Mapping[str, Json], text: str) -> Preset:
    for name in document:
        if name not in _SECTIONS:
            raise InvalidGenesis(f"unknown section; known are {', '.join(_SECTIONS)}", field=name)
    return Preset(
        _summary(document),
        _section(document, "chain", ChainSection),
        _section(document, "economy", EconomySection),
        _section(document, "asset", AssetSection),
        _section(document, "funding", FundingSection),
        _pots(_table(document, "pots")),
        _prices(_table(document, "fee_prices")),
        _parameters(_table(document, "parameters")),
        parse_seats(_table(document, "seats")),
        parse_government(_table(document, "bodies"), _table(document, "policies")),
        parse_setup(_table(document, "accounts"), document.get("setup", [])),
        text,
    )


S = TypeVar("S", bound=Record)


def _summary(document: Mapping[str, Json]) -> str:
    summary = document.get("summary")
    if not isinstance(summary, str) or not summary:
        raise InvalidGenesis("one sentence that says what the preset is for", field="summary")
    return summary


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
            if pot not in MODULE_POTS:
                kind_of(CommunityPot).unpack(pot)
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
