"""What proposals do with the community's pots: pay out of them, and burn what they hold."""

from consensus.address import format_address
from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.tokens.holding import check_burnable, count_burned, credit, take_from_pot
from vm.modules.tokens.tables import CommunityPot, Memo, PositiveAmount, PotName, token


@token.event
@record("token.paid")
class Paid(Record):
    """An account was paid out of a pot."""

    pot: PotName
    to: AccountId
    asset: Asset
    amount: Amount
    memo: Memo


@token.event
@record("token.pot_burned")
class PotBurned(Record):
    """An amount that a pot held was burned."""

    pot: PotName
    asset: Asset
    amount: Amount
    memo: Memo


@token.action(gas=2_000, governed=True)
@record("token.pay")
class Pay(Action):
    """Pay an account out of a community's pot, such as the treasury."""

    pot: CommunityPot
    to: AccountId
    asset: Asset
    amount: PositiveAmount
    memo: Memo

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        to = format_address(self.to)
        return f"pay {self.amount} units of {self.asset} out of the pot {self.pot} to {to}"

    def apply(self, context: Context) -> None:
        take_from_pot(context.state, self.pot, self.asset, self.amount, field="amount")
        credit(context.state, self.to, self.asset, self.amount)
        context.emit(Paid(self.pot, self.to, self.asset, self.amount, self.memo))


@token.action(gas=2_000, governed=True)
@record("token.burn_pot")
class BurnPot(Action):
    """Burn for ever an amount that a community's pot holds."""

    pot: CommunityPot
    asset: Asset
    amount: PositiveAmount
    memo: Memo

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return f"burn {self.amount} units of {self.asset} that are in the pot {self.pot}"

    def apply(self, context: Context) -> None:
        check_burnable(context.state, self.asset)
        take_from_pot(context.state, self.pot, self.asset, self.amount, field="amount")
        count_burned(context.state, self.asset, self.amount)
        context.emit(PotBurned(self.pot, self.asset, self.amount, self.memo))
