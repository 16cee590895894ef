"""Claiming: an account takes what it has earned by approving producers."""

from consensus.kinds import AccountId, Amount
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.rewards.settling import put_share, settled
from vm.modules.rewards.tables import OWED_POT, SHARES, FineAmount, rewards
from vm.modules.stake import CHOICES_GAS
from vm.modules.tokens import credit, drain_pot

NOTHING_EARNED = rewards.error(
    "nothing-earned", "The account has earned less than one unit since it last claimed."
)


@rewards.event
@record("rewards.claimed")
class Claimed(Record):
    """An account has taken what it had earned by approving producers."""

    account: AccountId
    amount: Amount


@rewards.action(gas=3_000 + CHOICES_GAS)
@record("rewards.claim")
class Claim(Action):
    """Take what the account has earned by approving producers, in whole units; the fraction
    remains. What producers have earned in the present epoch comes with its end."""

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        share = settled(state, sender)
        amount = share.earned.units
        if not amount:
            raise NOTHING_EARNED.failed()
        put_share(state, replace(share, earned=FineAmount(0, share.earned.fraction)), sender)
        asset = chain_constants(state).native_asset
        drain_pot(state, OWED_POT, asset, amount)
        credit(state, sender, asset, amount)
        context.emit(Claimed(sender, amount))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (SHARES.state_key(sender),)
