"""What is fixed at genesis, and whether a transaction is meant for this chain, now."""

from typing import Annotated

from consensus.block import MAX_SLOT
from consensus.errors import InvalidBlock
from consensus.hashing import ZERO_DIGEST
from consensus.history import NO_HISTORY, History
from consensus.kinds import JSON_INTEGER_MAX, Asset, Counter, Digest, Text, Uint
from consensus.producers import MIN_PRODUCERS
from consensus.record import Record, record
from consensus.schedule import min_epoch_slots
from consensus.transaction import Transaction
from vm.context import BlockContext, Context
from vm.declare import Module
from vm.table import Table
from vm.view import View

chain = Module("chain", "What is fixed at genesis.")

NetworkName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]{0,31}")]
MAX_GENESIS_TIME_MS = 2**52
MAX_SLOT_MS = 60_000

SlotMs = Annotated[int, Uint(MAX_SLOT_MS, 100)]
MAX_EPOCH_SLOTS = 1_000_000
# Enough for the smallest set: chains of few seats are made for simulations.
EpochSlots = Annotated[int, Uint(MAX_EPOCH_SLOTS, min_epoch_slots(MIN_PRODUCERS))]
MAX_UNBONDING_S = 366 * 24 * 3600
if MAX_GENESIS_TIME_MS + MAX_SLOT * MAX_SLOT_MS + 1000 * MAX_UNBONDING_S > JSON_INTEGER_MAX:
    raise ValueError("the time when a slot's unbonding ends must fit the integers of blocks")
UnbondingS = Annotated[int, Uint(MAX_UNBONDING_S, 60)]
MaxUnfinalBlocks = Annotated[int, Uint(10_000, 8)]


@record("chain.constants")
class ChainConstants(Record):
    """Slot length, epoch length, genesis time (ms from the Unix epoch), how many unfinal blocks
    may pile up before blocks stay empty, how long stake stays at risk after it is unbonded, so that
    older signatures may be of keys that risk nothing (seconds), and the native asset; never
    changed."""

    network: NetworkName
    genesis_time_ms: Annotated[int, Uint(MAX_GENESIS_TIME_MS)]
    slot_ms: SlotMs
    epoch_slots: EpochSlots
    max_unfinal_blocks: MaxUnfinalBlocks
    unbonding_s: UnbondingS
    native_asset: Asset


CONSTANTS: Table[ChainConstants] = chain.table(ChainConstants)


@record("chain.progress")
class Progress(Record):
    """How far the chain has come: the beacon, and the one that its epoch's schedule is drawn
    from; the height of the last block that certificates in it made final; slot and height of the
    last handover block; and the history of all block ids below. With it a node can go on from
    the state alone, and any past block is shown against a new header."""

    beacon: Digest
    epoch_beacon: Digest
    final_height: Counter
    handover_slot: Counter
    handover_height: Counter
    history: History


PROGRESS: Table[Progress] = chain.table(Progress)
# Each block reads another row and writes another: none of them is worth keeping decoded, and in a
# long stall, when all blocks are held, one key for all is enough.
_PROGRESS_KEY = PROGRESS.state_key()
FIRST_PROGRESS = Progress(ZERO_DIGEST, ZERO_DIGEST, 0, 0, 0, NO_HISTORY)

WRONG_CHAIN = chain.error("wrong-chain", "The transaction is for another chain.")
EXPIRED = chain.error("expired", "The height up to which the transaction was valid has passed.")
UNKNOWN_ACTION = chain.error("unknown-action", "No module declares this type of action.")
GOVERNED_ACTION = chain.error("governed-action", "Only a proposal that passed can do this.")
NOT_GOVERNED = chain.error("not-governed", "No proposal can do this: accounts send it.")


def chain_constants(view: View) -> ChainConstants:
    """What genesis fixed; raises InvalidBlock if the state lacks it."""
    constants = CONSTANTS.get(view)
    if constants is None:
        raise InvalidBlock("the state has no chain.constants row; it is not a chain's state")
    return constants


def chain_progress(view: View) -> Progress:
    """How far the chain has come in this state; raises InvalidBlock if the state lacks it."""
    row = view.get(_PROGRESS_KEY)
    if row is None:
        raise InvalidBlock("the state has no chain.progress row; it is not a chain's state")
    return Progress.decode(row)


@chain.begin_block
def note_progress(context: Context) -> None:
    """Note what the block adds to the chain, and its parent's id in the history."""
    block = context.block
    history = chain_progress(context.state).history.append(block.parent)
    progress = Progress(
        block.beacon,
        block.epoch_beacon,
        block.final_height,
        block.handover_slot,
        block.handover_height,
        history,
    )
    context.state.put(_PROGRESS_KEY, progress.encode())


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
