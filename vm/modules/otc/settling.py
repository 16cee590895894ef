"""The end of offers and sales: what is in escrow goes to whom it is due, also when nobody acts."""

from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.otc.offering import Withdrawn, give_offered
from vm.modules.otc.tables import (
    BOUGHT,
    DECIDE_S,
    DISPUTED,
    ESCROW_POT,
    OFFER_AGENDA,
    OPEN,
    PAID,
    SALE_AGENDA,
    SALES,
    Sale,
    offer_row,
    otc,
    put_sale,
    sale_row,
)
from vm.modules.tokens import credit, drain_pot

DUE_A_BLOCK = 32  # of offers, and of sales


@otc.event
@record("otc.disputed")
class Disputed(Record):
    """A sale is disputed: it can be decided on before a time (ms from the Unix epoch)."""

    sale: Counter
    due_ms: Counter


@otc.event
@record("otc.finished")
class Finished(Record):
    """A sale is over: what was sold has gone to this account, and to `loser` no bond."""

    sale: Counter
    to: AccountId
    loser: AccountId | None


@otc.begin_block
def go_on(context: Context) -> None:
    """Let what is due happen, to a bounded number of offers and sales a block."""
    state, now_ms = context.state, context.block.time_ms
    for _, number in OFFER_AGENDA.take(state, now_ms, limit=DUE_A_BLOCK):
        offer = offer_row(state, number)
        give_offered(context, number, offer, offer.maker)
        context.emit(Withdrawn(number))
    for _, number in SALE_AGENDA.take(state, now_ms, limit=DUE_A_BLOCK):
        sale = sale_row(state, number)
        if sale.status == PAID:
            dispute(context, number, sale)
        else:
            loser = sale.buyer if sale.status == BOUGHT else None
            finish(context, number, sale, is_bought=False, loser=loser)


def dispute(context: Context, number: int, row: Sale) -> None:
    """Let a paid sale, which is not on the agenda, be decided on."""
    due_ms = context.block.time_ms + 1000 * DECIDE_S.read(context.state)
    put_sale(context.state, number, replace(row, status=DISPUTED, due_ms=due_ms))
    context.emit(Disputed(number, due_ms))


def finish(
    context: Context, number: int, row: Sale, *, is_bought: bool, loser: bytes | None
) -> None:
    """End a sale that is not on the agenda any more: what was sold goes to the buyer, or back. Each
    side has its bond again, but for a loser, whose bond the other gets."""
    state, native = context.state, chain_constants(context.state).native_asset
    buyer = row.seller if row.buyer is None or row.status == OPEN else row.buyer
    to = buyer if is_bought else row.seller
    SALES.delete(state, number)
    drain_pot(state, ESCROW_POT, row.asset, row.units)
    credit(state, to, row.asset, row.units)
    drain_pot(state, ESCROW_POT, native, row.bonds * row.bond_units)
    sides = [row.seller] if row.status == OPEN else [row.seller, buyer]
    for side, other in zip(sides, reversed(sides), strict=True):
        credit(state, other if side == loser else side, native, row.bond_units)
    context.emit(Finished(number, to, loser))
