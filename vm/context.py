"""What an action sees: its block, the state, who acts, and where events go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from consensus.cid import Cid
from consensus.codec import Wire
from consensus.errors import ActionFailed
from consensus.producers import ProducerSet
from consensus.record import Record
from vm.view import State


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The facts of a block that its transactions may depend on.

    `chain` is the digest of the genesis header; `time_ms` the start of the block's slot, from
    the Unix epoch; `producer` the account id of its producer; `beacon` the beacon after this
    block's `reveal`. `members` hold the seats after it: the set that takes over, if one
    does. `epoch`, `epoch_beacon`, `final_height`, `handover_slot` and `handover_height` are
    those of `consensus.finality.ChainBlock`.
    """

    chain: bytes
    parent: Cid
    height: int
    slot: int
    time_ms: int
    producer: bytes
    reveal: bytes
    beacon: bytes
    epoch: int
    epoch_beacon: bytes
    dynasty: int
    members: ProducerSet
    final_height: int
    handover_slot: int
    handover_height: int


class Proposed(Protocol):
    """The governed actions of all modules, for who holds some until they may be carried out."""

    def check(self, wires: Sequence[list[Wire]]) -> tuple[str, ...]:
        """The actions' types; raises ActionFailed, naming `[i]` and the field, for what is none."""

    def carry_out(self, sender: bytes, wires: Sequence[list[Wire]]) -> ActionFailed | None:
        """Carry them out for `sender`, all or nothing: None, or why it failed, naming `[i]`."""


@dataclass(frozen=True, slots=True)
class Context:
    """An action's surroundings. `sender` is the account that acts; in a step of the block
    itself, its producer; in an action of a proposal that passed, the policy."""

    block: BlockContext
    state: State
    sender: bytes
    emit: Callable[[Record], None]
    proposed: Proposed
