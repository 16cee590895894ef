"""From a preset, producers and allocations to the genesis of a chain."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from consensus.errors import Invalid, InvalidGenesis
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS
from genesis.file import Genesis, make_genesis
from genesis.government import Founders, put_government
from genesis.preset import Preset
from genesis.producer_record import ProducerRecord
from genesis.setup import carry_out
from vm.modules.account import let_attest
from vm.modules.chain import CONSTANTS, FIRST_PROGRESS, PROGRESS, ChainConstants
from vm.modules.economy import ECONOMY, EconomyConstants
from vm.modules.fee import PRICES, Price
from vm.modules.producer import Producer, let_withdraw, ranked, register
from vm.modules.tokens import ASSETS, AssetRow, count_minted, fill_pot, mint
from vm.overlay import EmptyView, Overlay
from vm.registry import REGISTRY
from vm.view import State

NO_ROLES: Mapping[str, bytes] = MappingProxyType({})


def build_genesis(
    preset: Preset,
    producers: Sequence[ProducerRecord],
    allocations: Sequence[tuple[bytes, int]],
    genesis_time_ms: int,
    *,
    slot_ms: int | None = None,
    epoch_slots: int | None = None,
    spares: Sequence[ProducerRecord] = (),
    attesters: Sequence[bytes] = (),
    roles: Mapping[str, bytes] = NO_ROLES,
) -> Genesis:
    """The genesis in which these producers hold the seats and these accounts native units.

    `genesis_time_ms` is the start of slot 0 from the Unix epoch; `slot_ms` and `epoch_slots`
    override the preset's; `roles` are the accounts that its set-up names; `spares` are
    registered too but do not stand for election; `attesters` are accounts that attest others.
    Raises InvalidGenesis naming what cannot be.
    """
    state = Overlay(EmptyView())
    try:
        _put_constants(state, preset, genesis_time_ms, slot_ms, epoch_slots)
        ECONOMY.put(state, EconomyConstants(preset.economy.day_s, 0))
        _put_economy(state, preset, allocations)
        put_producers(state, producers)
        _register(state, spares, "spares")
        for spare in spares:
            let_withdraw(state, spare.producer)
        for attester in attesters:
            let_attest(state, attester)
        put_government(
            state,
            preset.government,
            Founders(
                [account for account, _ in allocations],
                [item.producer for item in producers],
                [item.producer for item in spares],
            ),
            genesis_time_ms,
        )
        members = ranked(state)
        if members is not None:
            carry_out(state, preset.setup, roles, members, genesis_time_ms)
        _check_prices(state, preset)
        return make_genesis(state)
    except Invalid as error:
        raise preset.located(error) from None


def _put_constants(
    state: State,
    preset: Preset,
    genesis_time_ms: int,
    slot_ms: int | None,
    epoch_slots: int | None,
) -> None:
    chain = preset.chain
    constants = ChainConstants(
        chain.network,
        genesis_time_ms,
        chain.slot_ms if slot_ms is None else slot_ms,
        chain.epoch_slots if epoch_slots is None else epoch_slots,
        chain.max_unfinal_blocks,
        chain.unbonding_s,
        preset.asset.symbol,
    )
    CONSTANTS.put(state, constants)
    PROGRESS.put(state, FIRST_PROGRESS)


def _put_economy(state: State, preset: Preset, allocations: Sequence[tuple[bytes, int]]) -> None:
    asset = preset.asset
    ASSETS.put(
        state,
        AssetRow(asset.name, asset.decimals, 0, 0, asset.cap, True, asset.tradable, None),
        asset.symbol,
    )
    for account, units in allocations:
        mint(state, account, asset.symbol, units)
    for pot, units in preset.pots.items():
        count_minted(state, asset.symbol, units)
        fill_pot(state, pot, asset.symbol, units)
    for symbol, units in preset.fee_prices.items():
        PRICES.put(state, Price(units), symbol)
    for name, parameter in REGISTRY.parameters.items():
        parameter.set(state, preset.parameters.get(name, parameter.default))


def _check_prices(state: State, preset: Preset) -> None:
    for symbol in preset.fee_prices:
        if ASSETS.get(state, symbol) is None:
            raise InvalidGenesis("no asset of this symbol", field=f"fee_prices.{symbol}")


def put_producers(state: State, producers: Sequence[ProducerRecord]) -> None:
    """Write the rows of a chain's first producers; raises Invalid naming what cannot be."""
    if not MIN_PRODUCERS <= len(producers) <= MAX_PRODUCERS:
        raise InvalidGenesis(
            f"{len(producers)} producers; {MIN_PRODUCERS} to {MAX_PRODUCERS} are needed",
            field="producers",
        )
    _register(state, producers, "producers")


def _register(state: State, records: Sequence[ProducerRecord], field: str) -> None:
    for i, item in enumerate(records):
        try:
            item.check()
            register(state, item.producer, Producer(item.key, item.name), item.commitment)
        except Invalid as error:
            raise error.within(f"{field}[{i}]") from None
