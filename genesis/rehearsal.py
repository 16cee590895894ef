"""A preset's schedule rehearsed: its days go by on the chain's real transition, one block each.

Nobody takes part but one producer and, if fees are paid, a consumer and a provider
(`genesis/spending.py`), so that what is seen follows from the preset and the fees alone.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from consensus.beacon import RevealChain, next_beacon
from consensus.cid import DAG_CBOR, cid_of
from consensus.errors import InvalidGenesis
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.keys import KeyPair
from consensus.producers import MIN_PRODUCERS
from consensus.transaction import EncodedTransaction, Transaction
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.preset import Preset
from genesis.producer_record import ProducerRecord, make_producer_record
from genesis.setup import ROLE_MARK
from genesis.spending import Spending
from vm.context import BlockContext
from vm.modules.chain import chain_constants
from vm.modules.dividends.holdings import circulating
from vm.modules.economy import economy_constants, today
from vm.modules.producer import Commitment
from vm.modules.revenue import ACCOUNTS
from vm.modules.tokens import ASSETS, POTS
from vm.modules.vesting import GRANTS, RESERVES, unlocked_of
from vm.overlay import EmptyView, Overlay
from vm.receipt import OK
from vm.registry import REGISTRY
from vm.transition import execute_block
from vm.view import View

MAX_DAYS = 10_000
_SALT = b"rehearsal"


@dataclass(frozen=True, slots=True)
class AssetFigures:
    """Where an asset's units are at one time: how many were ever minted and burned, let out of
    reserves, unlocked of grants, are anybody's holding, and in which pots the others are; and how
    many of it the platform has taken as fees so far, and passed on to holders and to operations."""

    minted: int
    burned: int
    released: int
    unlocked: int
    circulating: int
    fees: int
    to_holders: int
    to_operations: int
    pots: dict[str, int]


class Rehearsal:
    """A chain of a preset without people, but for those who pay `fees` units a day in platform fees
    in the asset in which these are rewarded; `keys` are those of its roles."""

    def __init__(self, genesis: Genesis, keys: Mapping[bytes, KeyPair], fees: int = 0) -> None:
        self.state = Overlay(EmptyView())
        for row in genesis.rows:
            self.state.put(row.key, row.value)
        self.day = 0
        self._genesis = genesis
        self._reveals = _reveals(0)
        self._spending = Spending.of(self.state, fees, keys) if fees else None
        self._revenue: Tally[tuple[str, str]] = Tally()

    @classmethod
    def of(cls, preset: Preset, fees: int = 0) -> Self:
        """The chain that begins now, with producers and accounts of nobody. Raises InvalidGenesis
        if fees cannot be paid on it."""
        keys = {role: _role_key(role) for role in preset.setup.roles}
        roles = {role: key.public for role, key in keys.items()}
        genesis = build_genesis(preset, _producers(), [], 0, roles=roles)
        return cls(genesis, {key.public: key for key in keys.values()}, fees)

    @property
    def fee_asset(self) -> str | None:
        """The asset in which fees are paid, if any are."""
        return None if self._spending is None else self._spending.asset

    def live_day(self) -> None:
        """The day's one block, at its beginning; raises InvalidBlock, or InvalidGenesis for what is
        paid in it and fails."""
        block = self._block()
        spent: tuple[Transaction, ...] = ()
        if self._spending is not None:
            spent = self._spending.transactions(self.state, self._genesis.chain, block.height)
        outcome = execute_block(self.state, block, map(EncodedTransaction.of, spent))
        for receipt in outcome.receipts:
            if receipt.status != OK:
                raise InvalidGenesis(f"nothing can be paid on day {self.day}: {receipt.status}")
        for key, value in outcome.writes.items():
            self.state.delete(key) if value is None else self.state.put(key, value)
        for (_, asset), account in ACCOUNTS.every(self.state, today(self.state)):
            self._revenue["fees", asset] += account.fees
            self._revenue["to holders", asset] += account.to_holders
            self._revenue["to operations", asset] += account.to_operations
        self.day += 1

    def wrong(self) -> list[str]:
        """A sentence for each invariant that the state breaks."""
        return list(REGISTRY.broken_invariants(self.state))

    def figures(self) -> dict[str, AssetFigures]:
        """Those of each asset."""
        return {
            asset: _figures(self.state, asset, self._revenue)
            for (asset,), _ in ASSETS.every(self.state)
        }

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


def rehearse(chain: Rehearsal, days: int) -> Iterator[Rehearsal]:
    """The chain after each of so many days."""
    for _ in range(days):
        chain.live_day()
        yield chain


def _role_key(role: str) -> KeyPair:
    return KeyPair.from_seed(sha256(f"{ROLE_MARK}{role}".encode()))


def _producers() -> list[ProducerRecord]:
    return [_producer(place) for place in range(MIN_PRODUCERS)]


def _producer(place: int) -> ProducerRecord:
    account, key = (KeyPair.from_seed(bytes([kind, place]) * 16) for kind in (1, 2))
    commitment = Commitment(_SALT, _reveals(place).commitment, MAX_DAYS)
    return make_producer_record(account, key, f"p{place}", commitment)


def _reveals(place: int) -> RevealChain:
    return RevealChain(bytes([place]) * 32, _SALT, MAX_DAYS)


def _figures(view: View, asset: str, revenue: Mapping[tuple[str, str], int]) -> AssetFigures:
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
        *(revenue["fees", asset], revenue["to holders", asset], revenue["to operations", asset]),
        dict(sorted(pots.items())),
    )
