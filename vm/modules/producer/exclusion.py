"""Exclusion: a proposal keeps a producer from standing for a time; the next in votes takes its
seat at the next election."""

from typing import Annotated

from consensus.address import format_address
from consensus.kinds import AccountId, Counter, Uint
from consensus.producers import MIN_PRODUCERS
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import MAX_UNBONDING_S
from vm.modules.producer.ranking import let_withdraw
from vm.modules.producer.tables import CANDIDATES, NOT_REGISTERED, PRODUCERS, RANKS, producer
from vm.table import Table
from vm.view import View

# So that the end of an exclusion that begins in any slot can be written.
MAX_EXCLUSION_S = MAX_UNBONDING_S


@record("producer.exclusion")
class Exclusion(Record):
    """Until when (ms from the Unix epoch) a producer must not stand for election."""

    until_ms: Counter


EXCLUSIONS: Table[Exclusion, bytes] = producer.table(Exclusion, producer=AccountId)

EXCLUDED = producer.error("excluded", "A proposal keeps the producer from standing for a time.")
TOO_FEW_LEFT = producer.error("too-few-left", "Fewer than 4 producers would stand.")


@producer.event
@record("producer.excluded")
class Excluded(Record):
    """A producer stands no longer, and must not until a time (ms from the Unix epoch)."""

    producer: AccountId
    until_ms: Counter


@producer.action(gas=4_000, governed=True)
@record("producer.exclude")
class Exclude(Action):
    """Keep a producer from standing for election for so many seconds: its seat goes to the next in
    votes when the next set takes over. It stands again when it asks to, after that; 0 ends an
    exclusion, and withdraws nobody."""

    producer: AccountId
    excluded_s: Annotated[int, Uint(MAX_EXCLUSION_S)]

    def in_words(self) -> str:
        who = format_address(self.producer)
        if not self.excluded_s:
            return f"let the producer {who} stand for election again"
        return f"keep the producer {who} from standing for election for {self.excluded_s} s"

    def apply(self, context: Context) -> None:
        state = context.state
        if PRODUCERS.get(state, self.producer) is None:
            raise NOT_REGISTERED.failed(field="producer")
        if not self.excluded_s:
            EXCLUSIONS.delete(state, self.producer)
            context.emit(Excluded(self.producer, context.block.time_ms))
            return
        stands = CANDIDATES.get(state, self.producer) is not None
        if stands and len(list(RANKS.scan(state, limit=MIN_PRODUCERS + 1))) <= MIN_PRODUCERS:
            raise TOO_FEW_LEFT.failed(field="producer")
        until_ms = context.block.time_ms + 1000 * self.excluded_s
        let_withdraw(state, self.producer)
        EXCLUSIONS.put(state, Exclusion(until_ms), self.producer)
        context.emit(Excluded(self.producer, until_ms))


def is_excluded(view: View, account: bytes, now_ms: int) -> bool:
    """Whether a proposal keeps a producer from standing now."""
    row = EXCLUSIONS.get(view, account)
    return row is not None and row.until_ms > now_ms
