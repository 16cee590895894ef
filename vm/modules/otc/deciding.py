"""Disputes: whether a payment outside the chain was made, somebody must say."""

from consensus.kinds import Counter
from consensus.record import record
from vm.context import Context
from vm.declare import Action
from vm.modules.otc.settling import dispute, finish
from vm.modules.otc.tables import DISPUTED, OVER, PAID, SALE_AGENDA, Sale, otc, sale_row

NOT_A_PARTY = otc.error("not-a-party", "Only the sale's seller or buyer can do this.")
NOT_PAID = otc.error("not-paid", "Only a sale that is marked as paid can be disputed.")
NOT_DISPUTED = otc.error("not-disputed", "The sale is not disputed.")
NOT_THE_ARBITER = otc.error("not-the-arbiter", "Only the sale's arbiter can decide on it.")


@otc.action(gas=4_000)
@record("otc.dispute")
class Dispute(Action):
    """As the seller or the buyer of a sale that is marked as paid, ask for a decision at once
    (K9)."""

    sale: Counter

    def apply(self, context: Context) -> None:
        row = sale_row(context.state, self.sale)
        if context.sender not in (row.seller, row.buyer):
            raise NOT_A_PARTY.failed(field="sale")
        if row.status != PAID:
            raise NOT_PAID.failed(f"it is {row.status}", field="sale")
        SALE_AGENDA.remove(context.state, row.due_ms, self.sale)
        dispute(context, self.sale, row)


@otc.action(gas=6_000)
@record("otc.decide")
class Decide(Action):
    """As the arbiter of a disputed sale, say whether the buyer has paid: who is right has what was
    sold and both bonds (K9)."""

    sale: Counter
    has_paid: bool

    def apply(self, context: Context) -> None:
        row = _disputed(context, self.sale)
        if row.arbiter != context.sender:
            raise NOT_THE_ARBITER.failed(field="sale")
        _decide(context, self.sale, row, has_paid=self.has_paid)


@otc.action(gas=6_000, governed=True)
@record("otc.rule")
class Rule(Action):
    """Decide on a disputed sale that has no arbiter: who is right has what was sold and both bonds
    (K9)."""

    sale: Counter
    has_paid: bool

    def in_words(self) -> str:
        return f"rule that the buyer of sale {self.sale} has {'' if self.has_paid else 'not '}paid"

    def apply(self, context: Context) -> None:
        row = _disputed(context, self.sale)
        if row.arbiter is not None:
            raise NOT_THE_ARBITER.failed(field="sale")
        _decide(context, self.sale, row, has_paid=self.has_paid)


def _disputed(context: Context, number: int) -> Sale:
    row = sale_row(context.state, number)
    if row.status != DISPUTED:
        raise NOT_DISPUTED.failed(f"it is {row.status}", field="sale")
    if context.block.time_ms >= row.due_ms:
        raise OVER.failed(field="sale")
    return row


def _decide(context: Context, number: int, row: Sale, *, has_paid: bool) -> None:
    SALE_AGENDA.remove(context.state, row.due_ms, number)
    loser = row.seller if has_paid else row.buyer
    finish(context, number, row, is_bought=has_paid, loser=loser)
