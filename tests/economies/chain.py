"""A chain of a preset without consensus, of which each block does one thing.

Its accounts, keys and producers follow from the preset, so that what was done on it once can be
done again.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

from consensus.beacon import RevealChain, next_beacon
from consensus.cid import DAG_CBOR, cid_of
from consensus.errors import ActionFailed
from consensus.hashing import ZERO_DIGEST
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.preset import load_preset
from genesis.producer_record import make_producer_record
from tests.vm.world import CONSENSUS, GENESIS_TIME_MS, PRODUCERS, key
from vm.context import BlockContext
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.economy import economy_constants
from vm.modules.gov import policy_id
from vm.modules.producer import Commitment
from vm.modules.tokens import AssetRow, Balance, Pot
from vm.overlay import EmptyView, Overlay
from vm.registry import REGISTRY
from vm.running import Running
from vm.table import TableDeclaration
from vm.view import View

PEOPLE = [key(f"person {place}").public for place in range(6)]
POLICY = policy_id("any")
SALT = b"the walk"
MOST_BLOCKS = 20_000


@dataclass(frozen=True)
class Beginning:
    """What chains of a preset begin with. The first producer makes the blocks, no more."""

    genesis: Genesis
    accounts: tuple[bytes, ...]
    reveals: RevealChain


@lru_cache
def beginning_of(preset: str) -> Beginning:
    """The genesis of a preset with the accounts that act on it."""
    loaded = load_preset(preset)
    roles = {role: key(role).public for role in loaded.setup.roles}
    units = loaded.funding.account_units
    reveals = [RevealChain(bytes([i]) * 32, SALT, MOST_BLOCKS) for i in range(4)]
    records = [
        make_producer_record(
            PRODUCERS[i], CONSENSUS[i], f"p{i}", Commitment(SALT, chain.commitment, MOST_BLOCKS)
        )
        for i, chain in enumerate(reveals)
    ]
    grants = [(account, units) for account in PEOPLE if units]
    genesis = build_genesis(loaded, records, grants, GENESIS_TIME_MS, roles=roles)
    others = [each.public for each in PRODUCERS[1:]]
    return Beginning(genesis, (*PEOPLE, *others, *roles.values()), reveals[0])


class Chain:
    """`state` is that after the newest block, whose `height` and `slot` are kept here."""

    def __init__(self, preset: str) -> None:
        self.begun = beginning_of(preset)
        self.state = Overlay(EmptyView())
        self.keep({row.key: row.value for row in self.begun.genesis.rows})
        self._constants = chain_constants(self.state)
        self.day_slots = self.slots(economy_constants(self.state).day_s)
        self.height = self.slot = 1
        self._blocks = 0

    def slots(self, seconds: int) -> int:
        """How many slots go by in this time."""
        return 1000 * seconds // self._constants.slot_ms

    def fork(self, writes: Mapping[bytes, bytes | None]) -> "Chain":
        """A chain that goes on from what a block here has written, and leaves this one as it is."""
        made = copy(self)
        made.state = Overlay(self.state)
        made.keep(writes)
        return made

    def begin_block(self, slot: int, height: int | None = None) -> Running:
        """The next block, in this slot, before it does anything; with `height`, as if there had
        been empty blocks before it."""
        self.height = self.height + 1 if height is None else height
        self.slot = slot
        self._blocks += 1
        block = self.block()
        running = Running(block, Overlay(self.state), REGISTRY)
        context = running.context(block.producer, None)
        for step in REGISTRY.block_steps:
            step(context)
        return running

    def end_block(self, running: Running) -> dict[bytes, bytes | None]:
        """What the block has written, which is not kept yet."""
        context = running.context(PRODUCERS[0].public, None)
        for step in REGISTRY.end_steps:
            step(context)
        return running.state.writes()

    def keep(self, writes: Mapping[bytes, bytes | None]) -> None:
        """Make this part of the state."""
        for state_key, value in writes.items():
            if value is None:
                self.state.delete(state_key)
            else:
                self.state.put(state_key, value)

    def block(self) -> BlockContext:
        """The facts of the newest block."""
        begun = self.begun
        reveal = begun.reveals.reveal(self._blocks - 1)
        return BlockContext(
            chain=begun.genesis.chain,
            parent=cid_of(DAG_CBOR, b""),
            height=self.height,
            slot=self.slot,
            time_ms=self._constants.genesis_time_ms + self.slot * self._constants.slot_ms,
            producer=PRODUCERS[0].public,
            reveal=reveal,
            beacon=next_beacon(ZERO_DIGEST, reveal),
            epoch=0,
            epoch_beacon=ZERO_DIGEST,
            dynasty=0,
            members=begun.genesis.producer_set,
            final_height=self.height - 1,
            handover_slot=0,
            handover_height=0,
            voters=tuple(sorted(each.public for each in PRODUCERS[1:])),
        )


def attempt(running: Running, sender: bytes, action: Action) -> ActionFailed | None:
    """Carry out the action for this account, or as a proposal's if it is governed."""
    if REGISTRY.actions[action.tag].governed:
        return running.context(sender, 0).declared.carry_out(sender, [action.pack()])
    failure = running.run(sender, [action], 0)
    return None if failure is None else failure[1]


def unbalanced(before: View, writes: Mapping[bytes, bytes | None]) -> Iterator[str]:
    """A sentence for each asset of which these writes, to the state `before`, make as much more
    held or burned as they do not mint, and for each that passes its cap."""
    more: Tally[str] = Tally()
    for state_key, value in writes.items():
        table = REGISTRY.table_of(state_key)
        if table.row in (AssetRow, Balance, Pot):
            asset = str(table.key_parts(state_key)[-1])
            more[asset] += _counted(table, value) - _counted(table, before.get(state_key))
            if _is_above_cap(table, value):
                yield f"more of {asset} is minted above the cap"
    for asset, units in more.items():
        if units:
            yield f"{units} of {asset} came from nowhere"


def _counted(table: TableDeclaration, value: bytes | None) -> int:
    """What a row adds to what is held, burned and not minted."""
    row = None if value is None else table.row.decode(value)
    if isinstance(row, AssetRow):
        return row.burned - row.minted
    return row.amount if isinstance(row, Balance | Pot) else 0


def _is_above_cap(table: TableDeclaration, value: bytes | None) -> bool:
    row = None if value is None else table.row.decode(value)
    return isinstance(row, AssetRow) and row.minted > row.cap
