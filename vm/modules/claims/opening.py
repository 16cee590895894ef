"""Opening a migration, out of a community's pot; and its end, when the rest goes where it is to."""

from typing import Annotated

from consensus.kinds import Amount, Asset, Counter, Digest, Uint
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.claims.tables import (
    AGENDA,
    MIGRATIONS,
    UNCLAIMED_POT,
    Holders,
    Migration,
    MigrationName,
    claims,
)
from vm.modules.dividends import is_open
from vm.modules.pots import Destination, give
from vm.modules.tokens import (
    CommunityPot,
    PositiveAmount,
    asset_row,
    drain_pot,
    fill_pot,
    pot_of,
)

ENDED_A_BLOCK = 16
LONGEST_S = 10 * 366 * 86_400

OpenS = Annotated[int, Uint(LONGEST_S, 1)]

EXISTS = claims.error("exists", "A migration has this name already: names are not used again.")
UNFUNDED = claims.error("unfunded", "The pot holds less than the snapshot's holdings together.")
BAD_LEFTOVER = claims.error("bad-leftover", "What is left over cannot go there.")


@claims.event
@record("claims.opened")
class Opened(Record):
    """A migration can be claimed from now on, until a time (ms from the Unix epoch)."""

    migration: MigrationName
    asset: Asset
    units: PositiveAmount
    until_ms: Counter


@claims.event
@record("claims.over")
class Over(Record):
    """A migration is over; what nobody has claimed went to a destination, or was burned."""

    migration: MigrationName
    to: Destination
    asset: Asset
    left: Amount


@claims.action(gas=20_000, governed=True)
@record("claims.open")
class OpenMigration(Action):
    """Let the holders of a snapshot claim an asset for `open_s` seconds (ECONOMIES section 0).
    `root` and `holders` are the Merkle root and the size of the list of its holdings, `units` is
    what these are together and `pot` must hold. What is unclaimed then goes to `leftover`."""

    migration: MigrationName
    asset: Asset
    pot: CommunityPot
    units: PositiveAmount
    root: Digest
    holders: Holders
    open_s: OpenS
    leftover: Destination

    @property
    def subject(self) -> str:
        return self.migration

    def in_words(self) -> str:
        return (
            f"let {self.holders} Ethereum holders claim {self.units} units of {self.asset} out of "
            f"the pot {self.pot} for {self.open_s} seconds, as the migration {self.migration}"
        )

    def apply(self, context: Context) -> None:
        state, to = context.state, self.leftover
        asset_row(state, self.asset)
        if MIGRATIONS.get(state, self.migration) is not None:
            raise EXISTS.failed(field="migration")
        if not to.is_one or (to.holders is not None and not is_open(state, to.holders, self.asset)):
            raise BAD_LEFTOVER.failed(field="leftover")
        held = pot_of(state, self.pot, self.asset)
        if held < self.units:
            raise UNFUNDED.failed(
                f"the pot {self.pot} holds {held} units of {self.asset}, not {self.units}",
                field="units",
            )
        drain_pot(state, self.pot, self.asset, self.units)
        fill_pot(state, UNCLAIMED_POT, self.asset, self.units)
        until_ms = context.block.time_ms + 1000 * self.open_s
        row = Migration(
            self.asset, self.root, self.holders, self.units, self.units, 0, until_ms, to, False
        )
        MIGRATIONS.put(state, row, self.migration)
        AGENDA.add(state, until_ms, self.migration)
        context.emit(Opened(self.migration, self.asset, self.units, until_ms))


@claims.begin_block
def end_migrations(context: Context) -> None:
    """Let what nobody has claimed in time go where it is to, of a bounded number a block."""
    state = context.state
    for _, name in AGENDA.take(state, context.block.time_ms, limit=ENDED_A_BLOCK):
        row = MIGRATIONS.get(state, name)
        if row is None:
            raise RuntimeError(f"the migration {name} is listed and does not exist")
        MIGRATIONS.put(state, replace(row, is_over=True), name)
        drain_pot(state, UNCLAIMED_POT, row.asset, row.left)
        give(state, row.leftover, row.asset, row.left)
        context.emit(Over(name, row.leftover, row.asset, row.left))
