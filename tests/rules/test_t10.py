"""T10: a part of what advertisers pay is business income, the rest refills the reward pool."""

from fractions import Fraction

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.buyer import Buyer
from tests.vm.exchange import POLICY, A, sell
from vm.modules.buyback import RULES, Rule
from vm.modules.pots import SPLITS, Destination, SetSplit, Share
from vm.modules.tokens import IssueToPot, pot_of

DISABLED = Disabled("vm.modules.buyback._fill_cheapest", lambda *arguments: None)

PAID = 12_345_678  # units of USDT
BUSINESS = Fraction(3, 10)


def test_of_a_price_a_part_is_income_and_the_rest_buys_for_the_reward_pool() -> None:
    chain = Buyer()
    operations = Share(int(BUSINESS * 10**6), Destination("operations", None, None))
    chain.must(POLICY, SetSplit("advertising", (operations,), Destination("ads", None, None)))
    chain.must(A, sell(900, 1_000))
    chain.must(POLICY, IssueToPot("advertising", "USDT", PAID, ""))
    chain.turn()
    income = PAID * BUSINESS // 1
    rest = PAID * (1 - BUSINESS) // 1
    assert pot_of(chain.world.state, "operations", "USDT") == income
    assert chain.pots() == (0, 1_000, rest - 1_000 * 900), "what nobody sold for goes in kind"
    assert chain.faults() == []


def test_the_preset_sends_what_advertisers_pay_this_way() -> None:
    state = Rehearsal.of(load_preset("wetoken")).state
    split = SPLITS.get(state, "advertising")
    assert split is not None
    assert [(ppm, to.pot) for ppm, to in split.parts] == [
        (300_000, "operations"),
        (700_000, "buying"),
    ]
    assert RULES.get(state, "buying") == Rule("WET", "USDT", "incentive")
