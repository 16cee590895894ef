"""The two rows of the state that a light client reads by itself, by the place of their fields.

vm/modules/chain.py declares them; a light client needs no more of the state machine than this.
"""

from consensus.codec import Wire, decode, encode
from consensus.errors import Invalid, InvalidProof
from consensus.history import History
from consensus.kinds import Counter
from consensus.record import Record, part

_CONSTANTS = "chain.constants"
_PROGRESS = "chain.progress"
CONSTANTS_KEY = encode([_CONSTANTS])
PROGRESS_KEY = encode([_PROGRESS])

_GENESIS_TIME, _SLOT, _UNBONDING = 3, 4, 7
_HISTORY = 7


@part
class Terms(Record):
    """What tells how old a block is, and how old one to begin from may be; fixed at genesis.

    `genesis_time_ms` is the start of slot 0 (ms from the Unix epoch), `unbonding_s` how long those
    who signed can still be made to pay for it (seconds).
    """

    genesis_time_ms: Counter
    slot_ms: Counter
    unbonding_s: Counter

    def start_ms(self, slot: int) -> int:
        """When a slot begins: ms from the Unix epoch."""
        return self.genesis_time_ms + slot * self.slot_ms


def terms_of(constants: bytes) -> Terms:
    """The terms in the row `chain.constants`; raises InvalidProof."""
    wire = _row(_CONSTANTS, constants, _UNBONDING)
    try:
        return Terms.unpack([wire[_GENESIS_TIME], wire[_SLOT], wire[_UNBONDING]])
    except Invalid as error:
        raise _unreadable(_CONSTANTS, error.message) from error


def history_of(progress: bytes) -> History:
    """The history of block ids in the row `chain.progress`; raises InvalidProof."""
    wire = _row(_PROGRESS, progress, _HISTORY)
    try:
        return History.unpack(wire[_HISTORY])
    except Invalid as error:
        raise _unreadable(_PROGRESS, error.message) from error


def _row(tag: str, value: bytes, last: int) -> list[Wire]:
    try:
        wire = decode(value)
    except Invalid as error:
        raise _unreadable(tag, error.message) from error
    if not isinstance(wire, list) or wire[:2] != [tag, 1] or len(wire) <= last:
        raise _unreadable(tag, "another record")
    return wire


def _unreadable(tag: str, why: str) -> InvalidProof:
    return InvalidProof(f"the row {tag} cannot be read: {why}")
