"""What users of a rehearsed chain spend: each day one has a gift made to order by another, at a
price of which the platform's fee is what is wanted (P2, P4, P8)."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from consensus.cid import RAW, cid_of
from consensus.codec import UINT64_MAX
from consensus.errors import InvalidGenesis
from consensus.keys import KeyPair
from consensus.transaction import Transaction
from vm.declare import Action
from vm.modules.account import next_nonce
from vm.modules.fee import PRICES
from vm.modules.gifts import FEE_PPM, NUMBERING, Deliver, OrderGift
from vm.modules.rebate import RULES
from vm.modules.tokens import GatewayIssue, asset_row
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

_CONSUMER, _PROVIDER = (KeyPair.from_seed(bytes([kind]) * 32) for kind in (3, 4))
_BRIEF, _MADE = cid_of(RAW, b"brief"), cid_of(RAW, b"made")
_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Spending:
    """A consumer and a provider who hold nothing at the beginning. The gateway issues the consumer
    the day's price of a gift, and both on the first day a whole token for their transactions."""

    asset: str
    fees: int
    price: int
    gateway: KeyPair

    @classmethod
    def of(cls, view: View, fees: int, keys: Mapping[bytes, KeyPair]) -> Self:
        """Spending of which the platform takes so many units a day of the asset in which fees are
        rewarded; `keys` are those of the preset's roles. Raises InvalidGenesis if that cannot be
        on this chain."""
        asset, fee_ppm = rewarded_asset(view), FEE_PPM.read(view)
        gateway = asset_row(view, asset).gateway
        if gateway is None or gateway not in keys:
            raise InvalidGenesis(f"no role of the preset issues {asset} as its gateway")
        if not fee_ppm:
            raise InvalidGenesis("gifts bring no fee: gifts.fee_ppm is 0")
        if PRICES.get(view, asset) is None:
            raise InvalidGenesis(f"transactions cannot be paid in {asset}: it has no fee price")
        price = -(-fees * PARTS_PER_MILLION // fee_ppm)
        if not 0 < price <= UINT64_MAX:
            raise InvalidGenesis(f"a payment of {price} units a day cannot be made")
        return cls(asset, fees, price, keys[gateway])

    def transactions(self, view: View, chain: bytes, height: int) -> tuple[Transaction, ...]:
        """Those of a day, for the block of this height on this state."""
        numbering = NUMBERING.get(view)
        number = 1 if numbering is None else numbering.order
        daily = (
            (self.gateway, [GatewayIssue(_CONSUMER.public, self.asset, self.price, "")]),
            (_CONSUMER, [OrderGift(_PROVIDER.public, self.asset, self.price, _BRIEF, _WAIT_S)]),
            (_PROVIDER, [Deliver(number, _MADE)]),
        )
        made = daily if number > 1 else ((self.gateway, self._first_issues(view)), *daily)
        sent: Tally[bytes] = Tally()
        transactions = []
        for key, actions in made:
            nonce = next_nonce(view, key.public) + sent[key.public]
            transactions.append(self._signed(chain, height, nonce, key, actions))
            sent[key.public] += 1
        return tuple(transactions)

    def _first_issues(self, view: View) -> list[Action]:
        whole = 10 ** asset_row(view, self.asset).decimals
        return [
            GatewayIssue(key.public, self.asset, whole, "for transactions")
            for key in (_CONSUMER, _PROVIDER)
        ]

    def _signed(
        self, chain: bytes, height: int, nonce: int, key: KeyPair, actions: Sequence[Action]
    ) -> Transaction:
        return Transaction(
            chain=chain,
            sender=key.public,
            payer=None,
            nonce=nonce,
            valid_until_height=height,
            fee_asset=self.asset,
            max_fee=UINT64_MAX,
            actions=tuple(action.pack() for action in actions),
            signatures=(),
        ).signed(key)


def rewarded_asset(view: View) -> str:
    """The asset in which fees are rewarded (P2); raises InvalidGenesis if there is none."""
    rules = RULES.get(view)
    if rules is None:
        raise InvalidGenesis("the preset rewards no fees: its set-up has no rebate.set_rules")
    return rules.quote
