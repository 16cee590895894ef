"""Claiming: an account takes what its holdings have earned."""

from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.dividends.holdings import holding
from vm.modules.dividends.opening import is_open
from vm.modules.dividends.sharing import put_earned, settle_account
from vm.modules.dividends.tables import (
    EARNED,
    PAIR,
    UNCLAIMED_POT,
    UNIT_PARTS,
    dividends,
    earned_parts,
)
from vm.modules.tokens import credit, drain_pot
from vm.view import View

NO_PAIR = dividends.error("no-pair", "The asset's holders are not paid in this one.")
NOTHING_EARNED = dividends.error("nothing-earned", "The account has earned nothing to claim yet.")


@dividends.event
@record("dividends.claimed")
class Claimed(Record):
    """An account has got what it had earned by holding an asset."""

    account: AccountId
    held: Asset
    paid: Asset
    amount: Amount


@dividends.action(gas=3_000)
@record("dividends.claim")
class Claim(Action):
    """Take what the sender's holdings of an asset have earned in another, in whole units; what is
    less than a unit stays earned (P4)."""

    held: Asset
    paid: Asset

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if not is_open(state, self.held, self.paid):
            raise NO_PAIR.failed(f"{self.held} earns no {self.paid} here", field="paid")
        parts = settle_account(state, sender, self.held, self.paid)
        amount, rest = divmod(parts, UNIT_PARTS)
        if not amount:
            raise NOTHING_EARNED.failed()
        put_earned(state, sender, self.held, self.paid, rest)
        drain_pot(state, UNCLAIMED_POT, self.paid, amount)
        credit(state, sender, self.paid, amount)
        context.emit(Claimed(sender, self.held, self.paid, amount))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (EARNED.state_key(sender, self.held, self.paid),)


def claimable(view: View, account: bytes, held: str, paid: str) -> int:
    """The whole units that an account could claim in the next block."""
    pair = PAIR.get(view, held, paid)
    row = EARNED.get(view, account, held, paid)
    units = holding(view, account, held)
    return 0 if pair is None else earned_parts(pair, row, units) // UNIT_PARTS
