"""Deciding: what becomes of a proposal when its vote is over, and when its grace is.

What passed is paid in the proportion in which the shares are still there: who stays invests its own
part and not that of those who leave, so that leaving with some of one's accounts gains nothing.
"""

from consensus.kinds import Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.fund.tables import (
    AGENDA,
    FAILED,
    FUNDS,
    HELD_POT,
    KEPT_MS,
    PAID,
    PASSED,
    PROPOSALS,
    REJECTED,
    VOTING,
    Fund,
    Proposal,
    Status,
    fund,
    fund_row,
    proposal_row,
    put_proposal,
)
from vm.modules.tokens import credit, drain_pot

DUE_A_BLOCK = 32


@fund.event
@record("fund.decided")
class Decided(Record):
    """A proposal has passed its vote, or is rejected; was paid so many units in the end, or failed
    as the fund had less."""

    fund: Counter
    proposal: Counter
    status: Status
    paid_units: Amount


@fund.begin_block
def go_on(context: Context) -> None:
    """Let what is due become of a bounded number of proposals a block."""
    state, now_ms = context.state, context.block.time_ms
    for _, number, proposal in AGENDA.take(state, now_ms, limit=DUE_A_BLOCK):
        row = proposal_row(state, number, proposal)
        if row.status == VOTING:
            _count(context, number, proposal, row)
        elif row.status == PASSED:
            _pay(context, number, proposal, row)
        else:
            PROPOSALS.delete(state, number, proposal)


def passes(row: Proposal, quorum: int) -> bool:
    """Whether more shares are for a proposal than against it, and enough have voted."""
    return row.yes > row.no and (row.yes + row.no) * 100 >= quorum * row.shares


def reject(context: Context, number: int, of: Fund, proposal: int, row: Proposal) -> Fund:
    """End an open proposal, which is not on the agenda, that does not pass; a deposit that is still
    held is the fund's. Returns the fund, which is not written."""
    lost = of.terms.deposit_units if row.status == VOTING else 0
    _end(context, number, proposal, replace(row, status=REJECTED))
    return replace(_without(of, proposal), liquid=of.liquid + lost)


def _count(context: Context, number: int, proposal: int, row: Proposal) -> None:
    state, of = context.state, fund_row(context.state, number)
    if not passes(row, of.terms.quorum):
        FUNDS.put(state, reject(context, number, of, proposal, row), number)
        return
    drain_pot(state, HELD_POT, of.terms.asset, of.terms.deposit_units)
    credit(state, row.proposer, of.terms.asset, of.terms.deposit_units)
    due_ms = context.block.time_ms + 1000 * of.terms.grace_s
    put_proposal(state, number, proposal, replace(row, status=PASSED, due_ms=due_ms))
    context.emit(Decided(number, proposal, PASSED, 0))


def _pay(context: Context, number: int, proposal: int, row: Proposal) -> None:
    state, of = context.state, fund_row(context.state, number)
    if not passes(row, of.terms.quorum):
        FUNDS.put(state, reject(context, number, of, proposal, row), number)
        return
    units = row.units * of.shares // row.shares
    if units > of.liquid:
        FUNDS.put(state, _without(of, proposal), number)
        _end(context, number, proposal, replace(row, status=FAILED))
        return
    drain_pot(state, HELD_POT, of.terms.asset, units)
    credit(state, row.to, of.terms.asset, units)
    FUNDS.put(state, replace(_without(of, proposal), liquid=of.liquid - units), number)
    _end(context, number, proposal, replace(row, status=PAID, paid_units=units))


def _without(of: Fund, proposal: int) -> Fund:
    return replace(of, open=tuple(other for other in of.open if other != proposal))


def _end(context: Context, number: int, proposal: int, row: Proposal) -> None:
    """A proposal is over: it is kept for a while to be looked at."""
    over = replace(row, due_ms=context.block.time_ms + KEPT_MS)
    put_proposal(context.state, number, proposal, over)
    context.emit(Decided(number, proposal, over.status, over.paid_units))
