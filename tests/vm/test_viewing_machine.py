"""Offers, purchases, deliveries, disputes and time-outs in any order, against a naive model."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.sealed_key import viewing_key_of
from tests.vm.shop import CONTENT_KEY, POLICY, VIDEO, Shop, sealed, secret
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.declare import Action
from vm.modules.account import SENDERS, Sender
from vm.modules.tokens import balance_of, conserved, pot_of
from vm.modules.viewing import (
    ESCROW_POT,
    SPENDING,
    Buy,
    CloseOffer,
    Deliver,
    Dispute,
    Grant,
    SetOffer,
    Spending,
    viewing,
)

OWNER = ANNA.public
PEOPLE = [ANNA.public, BEN.public, CLEO.public, key("dora").public]
ASSETS = ["REEL", "USDT"]
WHO, ASSET = st.sampled_from(PEOPLE), st.sampled_from(ASSETS)
PRICE = st.one_of(st.integers(1, 20), st.integers(1, 10**6), st.sampled_from([FUNDS, 2 * FUNDS]))
PPM = st.one_of(st.integers(0, 10**6), st.sampled_from([0, 1, 999_999, 10**6]))
DELIVERY, DISPUTE = 600, 120
CHECKS = [conserved, *viewing.invariants]


@dataclass
class NaiveOffer:
    """As it was made, with exact shares."""

    asset: str
    price: int
    shares: dict[bytes, Fraction]


@dataclass
class NaivePurchase:
    """What was bought, and until when the next thing must happen."""

    asset: str
    price: int
    referrer: bytes | None
    share: Fraction
    secret: str
    until: int
    is_right: bool | None = None  # none: not delivered


class ViewingMachine(RuleBasedStateMachine):
    """The chain and the model agree to the unit after each step."""

    @initialize()
    def begin(self) -> None:
        """Nothing is sold yet; everybody is known, and Cleo has all USDT."""
        self.shop, self.now, self.number = Shop(), 0, 0
        self.shop.must(OWNER, CloseOffer(VIDEO))
        self.shop.issue("USDT", CLEO.public, 10**6)
        for person in PEOPLE:
            SENDERS.put(self.shop.world.state, Sender(1), person)
        self.balances = {(who, asset): 0 for who in PEOPLE for asset in ASSETS}
        self.balances |= {(ANNA.public, "REEL"): FUNDS, (BEN.public, "REEL"): FUNDS}
        self.balances[CLEO.public, "USDT"] = 10**6
        self.offer: NaiveOffer | None = None
        self.purchases: dict[bytes, NaivePurchase] = {}
        self.bought: set[bytes] = set()
        self.spent: dict[str, list[tuple[int, bool]]] = {asset: [] for asset in ASSETS}

    def done(self, sender: bytes, action: Action, *, good: bool) -> bool:
        """Whether it is done, which must be so just if it is `good`."""
        result = self.shop.act(sender, action)
        assert (result == "ok") is good, result
        return good

    @rule(asset=ASSET, price=PRICE, sharer=PPM, team=PPM, teams=st.sets(WHO, max_size=2))
    def set_offer(self, asset: str, price: int, sharer: int, team: int, teams: set[bytes]) -> None:
        """Any offer takes the place of the one before."""
        action = SetOffer(VIDEO, asset, price, sharer, team, tuple(sorted(teams)))
        if self.done(OWNER, action, good=True):
            ppm = {who: team if who in teams else sharer for who in PEOPLE}
            shares = {who: Fraction(ppm[who], 10**6) for who in PEOPLE}
            self.offer = NaiveOffer(asset, price, shares)

    @rule()
    def close_offer(self) -> None:
        """What was bought goes on."""
        if self.done(OWNER, CloseOffer(VIDEO), good=self.offer is not None):
            self.offer = None

    @rule(who=WHO, referrer=st.one_of(st.none(), WHO), other=st.integers(0, 9))
    def buy(self, who: bytes, referrer: bytes | None, other: int) -> None:
        """At the offer's price or, now and then, at another."""
        offer = self.offer or NaiveOffer("REEL", 5, {})
        price = offer.price + (other == 9)
        self.number += 1
        name = f"secret {self.number}"
        action = Buy(VIDEO, offer.asset, price, viewing_key_of(secret(name)), referrer)
        good = self.offer is not None and price == offer.price and who != OWNER
        good = good and who not in self.bought and referrer not in (who, OWNER)
        good = good and self.balances[who, offer.asset] >= price
        if self.done(who, action, good=good):
            share = Fraction(0) if referrer is None else offer.shares[referrer]
            self.balances[who, offer.asset] -= price
            self.bought.add(who)
            self.purchases[who] = NaivePurchase(
                offer.asset, price, referrer, share, name, self.now + DELIVERY
            )

    @rule(buyer=WHO, is_right=st.booleans(), by_owner=st.sampled_from([True, True, True, False]))
    def deliver(self, buyer: bytes, is_right: bool, by_owner: bool) -> None:
        """The right key or another, by the owner or by somebody."""
        purchase = self.purchases.get(buyer)
        name = "none" if purchase is None else purchase.secret
        box = sealed(name, CONTENT_KEY if is_right else b"x" * 32)
        good = by_owner and purchase is not None and purchase.is_right is None
        sender = OWNER if by_owner else POLICY
        if self.done(sender, Deliver(VIDEO, buyer, box), good=good) and purchase is not None:
            purchase.is_right, purchase.until = is_right, self.now + DISPUTE

    @rule(buyer=WHO, is_own=st.sampled_from([True, True, False]))
    def dispute(self, buyer: bytes, is_own: bool) -> None:
        """With the purchase's secret, or another."""
        purchase = self.purchases.get(buyer)
        name = purchase.secret if purchase is not None and is_own else "another"
        good = purchase is not None and is_own and purchase.is_right is False
        if self.done(buyer, Dispute(VIDEO, secret(name)), good=good):
            self.give_back(buyer)

    @rule(who=WHO)
    def grant(self, who: bytes) -> None:
        """Costs nothing and changes no purchase."""
        viewing_key = viewing_key_of(secret("granted"))
        action = Grant(VIDEO, who, viewing_key, sealed("granted"))
        self.done(OWNER, action, good=who != OWNER and who not in self.bought)

    @rule(seconds=st.sampled_from([0, 1, 59, DISPUTE, DELIVERY - DISPUTE, DELIVERY]))
    def wait(self, seconds: int) -> None:
        """Time passes, and what is due happens."""
        self.now += seconds
        self.shop.wait(seconds)
        for buyer, purchase in list(self.purchases.items()):
            if purchase.until > self.now:
                continue
            if purchase.is_right is None:
                self.give_back(buyer)
            else:
                self.pay_out(buyer)

    def give_back(self, buyer: bytes) -> None:
        """The whole price."""
        purchase = self.purchases.pop(buyer)
        self.balances[buyer, purchase.asset] += purchase.price
        self.bought.remove(buyer)

    def pay_out(self, buyer: bytes) -> None:
        """A wrong key that nobody has disputed in time is paid for, too."""
        purchase = self.purchases.pop(buyer)
        share = floor(purchase.price * purchase.share)
        self.balances[OWNER, purchase.asset] += purchase.price - share
        if purchase.referrer is not None:
            self.balances[purchase.referrer, purchase.asset] += share
        self.spent[purchase.asset].append((purchase.price, purchase.referrer is not None))

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it, and nothing came or went."""
        state = self.shop.world.state
        for asset in ASSETS:
            for who in PEOPLE:
                assert balance_of(state, who, asset) == self.balances[who, asset]
            escrow = sum(row.price for row in self.purchases.values() if row.asset == asset)
            assert pot_of(state, ESCROW_POT, asset) == escrow
            spent = self.spent[asset]
            expected = Spending(
                len(spent), sum(p for p, _ in spent), sum(p for p, referred in spent if referred)
            )
            assert (SPENDING.get(state, VIDEO, asset) or Spending(0, 0, 0)) == expected
        assert [fault for check in CHECKS for fault in check(state)] == []


TestViewingMachine = ViewingMachine.TestCase
TestViewingMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
