"""What is fixed at genesis, and whether a transaction is meant for this chain, now."""

from typing import Annotated

from consensus.block import MAX_SLOT
from consensus.errors import InvalidBlock
from consensus.kinds import JSON_INTEGER_MAX, Asset, Text, Uint
from consensus.producers import MIN_PRODUCERS
from consensus.record import Record, record
from consensus.schedule import min_epoch_slots
from consensus.transaction import Transaction
from vm.context import BlockContext
from vm.declare import Module
from vm.table import Table
from vm.view import View

chain = Module("chain", "What is fixed at genesis.")

NetworkName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]{0,31}")]
MAX_GENESIS_TIME_MS = 2**52
MAX_SLOT_MS = 60_000
if MAX_GENESIS_TIME_MS + MAX_SLOT * MAX_SLOT_MS > JSON_INTEGER_MAX:
    raise ValueError("the time of every slot must fit the integers that blocks may hold")

SlotMs = Annotated[int, Uint(MAX_SLOT_MS, 100)]
MAX_EPOCH_SLOTS = 1_000_000
# Enough for the smallest set: chains of few seats are made for simulations.
EpochSlots = Annotated[int, Uint(MAX_EPOCH_SLOTS, min_epoch_slots(MIN_PRODUCERS))]
MaxUnfinalBlocks = Annotated[int, Uint(10_000, 8)]


@record("chain.constants")
class ChainConstants(Record):
    """Slot length, epoch length, genesis time (ms from the Unix epoch), how many unfinal blocks
    may pile up before blocks stay empty, and the native asset; never changed."""

    network: NetworkName
    genesis_time_ms: Annotated[int, Uint(MAX_GENESIS_TIME_MS)]
    slot_ms: SlotMs
    epoch_slots: EpochSlots
    max_unfinal_blocks: MaxUnfinalBlocks
    native_asset: Asset


CONSTANTS: Table[ChainConstants] = chain.table(ChainConstants)

WRONG_CHAIN = chain.error("wrong-chain", "The transaction is for another chain.")
EXPIRED = chain.error("expired", "The height up to which the transaction was valid has passed.")
UNKNOWN_ACTION = chain.error("unknown-action", "No module declares this type of action.")


def chain_constants(view: View) -> ChainConstants:
    """What genesis fixed; raises InvalidBlock if the state lacks it."""
    constants = CONSTANTS.get(view)
    if constants is None:
        raise InvalidBlock("the state has no chain.constants row; it is not a chain's state")
    return constants


def check_place(transaction: Transaction, block: BlockContext) -> None:
    """Raise InvalidTransaction unless it is for this chain and not expired at this height."""
    if transaction.chain != block.chain:
        raise WRONG_CHAIN.refused(
            f"the transaction is for the chain {transaction.chain.hex()}, "
            f"this is {block.chain.hex()}",
            field="chain",
        )
    if transaction.valid_until_height < block.height:
        raise EXPIRED.refused(
            f"valid up to height {transaction.valid_until_height}, this is {block.height}; "
            "send it again with a later height",
            field="valid_until_height",
        )
