"""A preset's schedule rehearsed: its days go by on the chain's real transition, one block each.

Nobody takes part but one producer, so that what is seen follows from the preset alone.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from consensus.beacon import RevealChain, next_beacon
from consensus.cid import DAG_CBOR, cid_of
from consensus.hashing import ZERO_DIGEST
from consensus.keys import KeyPair
from consensus.producers import MIN_PRODUCERS
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.preset import Preset
from genesis.producer_record import ProducerRecord, make_producer_record
from genesis.setup import stand_ins
from vm.context import BlockContext
from vm.modules.chain import chain_constants
from vm.modules.dividends.holdings import circulating
from vm.modules.economy import economy_constants
from vm.modules.producer import Commitment
from vm.modules.tokens import ASSETS, POTS
from vm.modules.vesting import GRANTS, RESERVES, unlocked_of
from vm.overlay import EmptyView, Overlay
from vm.registry import REGISTRY
from vm.transition import execute_block
from vm.view import View

MAX_DAYS = 10_000
_SALT = b"rehearsal"


@dataclass(frozen=True, slots=True)
class AssetFigures:
    """Where an asset's units are at one time: how many were ever minted and burned, let out of
    reserves, unlocked of grants, are anybody's holding, and in which pots the others are."""

    minted: int
    burned: int
    released: int
    unlocked: int
    circulating: int
    pots: dict[str, int]


class Rehearsal:
    """A chain of a preset without people."""

    def __init__(self, genesis: Genesis) -> None:
        self.state = Overlay(EmptyView())
        for row in genesis.rows:
            self.state.put(row.key, row.value)
        self.day = 0
        self._genesis = genesis
        self._reveals = _reveals(0)

    @classmethod
    def of(cls, preset: Preset) -> Self:
        """The chain that begins now, with producers and accounts of nobody."""
        roles = stand_ins(preset.setup.roles)
        return cls(build_genesis(preset, _producers(), [], 0, roles=roles))

    def live_day(self) -> None:
        """The day's one block, at its beginning."""
        outcome = execute_block(self.state, self._block(), ())
        for key, value in outcome.writes.items():
            self.state.delete(key) if value is None else self.state.put(key, value)
        self.day += 1

    def wrong(self) -> list[str]:
        """A sentence for each invariant that the state breaks."""
        return list(REGISTRY.broken_invariants(self.state))

    def figures(self) -> dict[str, AssetFigures]:
        """Those of each asset."""
        return {asset: _figures(self.state, asset) for (asset,), _ in ASSETS.every(self.state)}

    def _block(self) -> BlockContext:
        constants = chain_constants(self.state)
        day_ms = 1000 * economy_constants(self.state).day_s
        reveal = self._reveals.reveal(self.day)
        slot = 1 + self.day * day_ms // constants.slot_ms
        return BlockContext(
            chain=self._genesis.chain,
            parent=cid_of(DAG_CBOR, b""),
            height=self.day + 1,
            slot=slot,
            time_ms=constants.genesis_time_ms + slot * constants.slot_ms,
            producer=self._genesis.members[0].producer,
            reveal=reveal,
            beacon=next_beacon(ZERO_DIGEST, reveal),
            epoch=0,
            epoch_beacon=ZERO_DIGEST,
            dynasty=0,
            members=self._genesis.producer_set,
            final_height=self.day,
            handover_slot=0,
            handover_height=0,
            voters=(),
        )


def rehearse(preset: Preset, days: int) -> Iterator[Rehearsal]:
    """The chain after each of so many days."""
    chain = Rehearsal.of(preset)
    for _ in range(days):
        chain.live_day()
        yield chain


def _producers() -> list[ProducerRecord]:
    return [_producer(place) for place in range(MIN_PRODUCERS)]


def _producer(place: int) -> ProducerRecord:
    account, key = (KeyPair.from_seed(bytes([kind, place]) * 16) for kind in (1, 2))
    commitment = Commitment(_SALT, _reveals(place).commitment, MAX_DAYS)
    return make_producer_record(account, key, f"p{place}", commitment)


def _reveals(place: int) -> RevealChain:
    return RevealChain(bytes([place]) * 32, _SALT, MAX_DAYS)


def _figures(view: View, asset: str) -> AssetFigures:
    row = ASSETS.get(view, asset)
    if row is None:
        raise ValueError(f"there is no {asset}")
    released = sum(each.released for _, each in RESERVES.every(view) if each.asset == asset)
    unlocked = sum(
        unlocked_of(view, grant) for _, grant in GRANTS.every(view) if grant.asset == asset
    )
    pots = Tally({name: pot.amount for (name, held), pot in POTS.every(view) if held == asset})
    return AssetFigures(
        row.minted,
        row.burned,
        released,
        unlocked,
        circulating(view, asset),
        dict(sorted(pots.items())),
    )
