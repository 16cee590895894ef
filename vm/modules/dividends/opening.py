"""Opening a pair: from then on the holders of an asset can be paid in another."""

from consensus.kinds import Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.dividends.holdings import circulating
from vm.modules.dividends.tables import (
    INDEX_BYTES,
    MOST_PAIRS,
    PAIR,
    PAIRS,
    Pair,
    PairName,
    Pairs,
    dividends,
)
from vm.modules.tokens import POTS, asset_row
from vm.view import State, View

MOST_POTS = 1_000  # that are read to count what circulates

PAIR_EXISTS = dividends.error("pair-exists", "The asset's holders can be paid in this one already.")
TOO_MANY_PAIRS = dividends.error("too-many-pairs", "No more pairs can be kept.")
TOO_MANY_POTS = dividends.error(
    "too-many-pots", "There are too many pots to count what circulates of the asset."
)


@dividends.event
@record("dividends.opened")
class Opened(Record):
    """The holders of an asset can be paid in another from now on."""

    held: Asset
    paid: Asset


@dividends.action(gas=20_000, governed=True)
@record("dividends.open")
class Open(Action):
    """Let the holders of an asset be paid in another, or in the same: a pot's split can then send
    them what comes in (P4)."""

    held: Asset
    paid: Asset

    @property
    def subject(self) -> str:
        return self.held

    def in_words(self) -> str:
        return f"let those who hold {self.held} be paid in {self.paid}"

    def apply(self, context: Context) -> None:
        state = context.state
        asset_row(state, self.held, field="held")
        asset_row(state, self.paid, field="paid")
        if sum(1 for _ in POTS.scan(state.before, limit=MOST_POTS + 1)) > MOST_POTS:
            raise TOO_MANY_POTS.failed()
        open_pair(state, PairName(self.held, self.paid), circulating(state.before, self.held))
        context.emit(Opened(self.held, self.paid))


def open_pair(state: State, name: PairName, units: int) -> None:
    """Write the rows of a new pair, of which so many units circulated when the last block was
    over; raises ActionFailed for one that there is, or one too many."""
    row = PAIRS.get(state)
    pairs = () if row is None else row.pairs
    if name in pairs:
        raise PAIR_EXISTS.failed(field="paid")
    if len(pairs) == MOST_PAIRS:
        raise TOO_MANY_PAIRS.failed(f"there are {MOST_PAIRS} already")
    listed = sorted((*pairs, name), key=lambda item: (item.held, item.paid))
    PAIRS.put(state, Pairs(tuple(listed)))
    PAIR.put(state, Pair(units, bytes(INDEX_BYTES), 0, 0), name.held, name.paid)


def is_open(view: View, held: str, paid: str) -> bool:
    """Whether the holders of one asset can be paid in the other."""
    return PAIR.get(view, held, paid) is not None
