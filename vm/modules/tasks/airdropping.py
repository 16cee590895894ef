"""Airdrops: a sponsor gives the accounts of a snapshot something, each of which takes its own.

The snapshot is a Merkle list (RFC 6962) of entries, so that nothing goes through all of them.
"""

from typing import Annotated

from consensus.errors import InvalidProof
from consensus.kinds import AccountId, Amount, Asset, Counter, Digest, Uint
from consensus.merkle import verify_merkle
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.tasks.tables import (
    AIRDROP_AGENDA,
    AIRDROPS,
    AIRDROPS_POT,
    CLOSED_A_BLOCK,
    NUMBERING,
    TAKEN,
    Airdrop,
    Entry,
    Taken,
    check_end,
    numbering_of,
    sweep,
    tasks,
)
from vm.modules.tokens import PositiveAmount, asset_row, credit, debit, drain_pot, fill_pot
from vm.view import View

DEEPEST = 32
HASH_GAS = 50

UNKNOWN_AIRDROP = tasks.error("unknown-airdrop", "There is no such airdrop, or it is over.")
TAKEN_ALREADY = tasks.error("already-taken", "The entry was taken already.")
NOT_AN_ENTRY = tasks.error("not-an-entry", "This is no entry of the airdrop's snapshot.")
USED_UP = tasks.error("used-up", "Less is left of the airdrop than the entry says.")


@tasks.event
@record("tasks.airdropped")
class Airdropped(Record):
    """A sponsor gives so much to the accounts of a snapshot."""

    airdrop: Counter
    sponsor: AccountId
    asset: Asset
    units: Amount


@tasks.event
@record("tasks.airdrop_over")
class AirdropOver(Record):
    """An airdrop is over: its sponsor has got back what nobody took."""

    airdrop: Counter
    returned: Amount


@tasks.action(gas=8_000)
@record("tasks.airdrop")
class MakeAirdrop(Action):
    """Give an amount to the accounts of a snapshot, until a time within 366 days; what nobody has
    taken then comes back (W5)."""

    asset: Asset
    units: PositiveAmount
    root: Digest
    size: Annotated[int, Uint(2**DEEPEST, 1)]
    until_ms: Counter

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        asset_row(state, self.asset)
        check_end(context, self.until_ms)
        debit(state, sender, self.asset, self.units, field="units")
        fill_pot(state, AIRDROPS_POT, self.asset, self.units)
        numbering = numbering_of(state)
        row = Airdrop(sender, self.asset, self.root, self.size, self.units, self.until_ms)
        AIRDROPS.put(state, row, numbering.airdrop)
        AIRDROP_AGENDA.add(state, self.until_ms, numbering.airdrop)
        NUMBERING.put(state, replace(numbering, airdrop=numbering.airdrop + 1))
        context.emit(Airdropped(numbering.airdrop, sender, self.asset, self.units))


@tasks.action(gas=4_000, free=True)
@record("tasks.take")
class Take(Action):
    """Take what an airdrop's snapshot has for the sender, with the proof that it does (W5)."""

    airdrop: Counter
    units: PositiveAmount
    place: Counter
    proof: Annotated[tuple[Digest, ...], AtMost(DEEPEST)]

    def derived_gas(self, view: View) -> int:
        return HASH_GAS * len(self.proof)

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = AIRDROPS.get(state, self.airdrop)
        if row is None or context.block.time_ms >= row.until_ms:
            raise UNKNOWN_AIRDROP.failed(field="airdrop")
        if TAKEN.get(state, self.airdrop, self.place) is not None:
            raise TAKEN_ALREADY.failed(field="place")
        entry = Entry(sender, self.units).encode()
        try:
            verify_merkle(row.root, entry, self.place, row.size, self.proof)
        except InvalidProof as error:
            raise NOT_AN_ENTRY.failed(error.message, field="proof") from None
        if self.units > row.left:
            raise USED_UP.failed(f"{row.left} are left", field="units")
        TAKEN.put(state, Taken(), self.airdrop, self.place)
        AIRDROPS.put(state, replace(row, left=row.left - self.units), self.airdrop)
        drain_pot(state, AIRDROPS_POT, row.asset, self.units)
        credit(state, sender, row.asset, self.units)


@tasks.begin_block
def end_airdrops(context: Context) -> None:
    """Give sponsors back what nobody has taken in time, and remove what lists who has taken
    something, of a bounded number of airdrops and rows a block."""
    state, now_ms = context.state, context.block.time_ms
    for _, number in AIRDROP_AGENDA.take(state, now_ms, limit=CLOSED_A_BLOCK):
        row = AIRDROPS.get(state, number)
        if row is not None:
            drain_pot(state, AIRDROPS_POT, row.asset, row.left)
            credit(state, row.sponsor, row.asset, row.left)
            AIRDROPS.delete(state, number)
            context.emit(AirdropOver(number, row.left))
        if not sweep(state, TAKEN, number):
            AIRDROP_AGENDA.add(state, now_ms, number)
