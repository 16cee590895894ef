"""P2: for each payer floor(fee x 10^8 x factor / price) is released, split with the provider."""

from fractions import Fraction
from math import floor

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.consumption import PRICE, TOKEN, WHOLE, Consumption
from tests.vm.world import ANNA, CLEO, FUNDS
from vm.modules.rebate import RULES, Claim

DISABLED = Disabled("vm.modules.rebate.releasing.worth_of", lambda *arguments: 0)


def test_a_fee_of_two_usdt_and_a_bit_is_worth_what_the_formula_says() -> None:
    stage, fee, factor, consumer = Consumption(), 2_345_679, 271_828, 314_159
    stage.rule(factor=factor, consumer=consumer)
    stage.pay(ANNA.public, CLEO.public, fee)
    stage.live()
    worth = Fraction(fee * TOKEN * factor, WHOLE * PRICE)
    candy = floor(floor(worth) * Fraction(consumer, WHOLE))
    rest = floor(worth * Fraction(WHOLE - consumer, WHOLE))
    assert stage.released == floor(worth)
    assert stage.act(ANNA.public, Claim()) == stage.act(CLEO.public, Claim()) == "ok"
    assert stage.held(ANNA.public) == FUNDS + candy
    assert stage.held(CLEO.public) == rest


def test_calling_oneself_costs_more_than_it_gains_even_who_holds_everything() -> None:
    """Of a fee the caller gets back the factor in tokens, and 80 % as the only holder there is."""
    rules = RULES.get(Rehearsal.of(load_preset("palchain")).state)
    assert rules is not None
    for share in (Fraction(0), Fraction(1, 100), Fraction(1, 2), Fraction(1)):
        back = Fraction(rules.factor_ppm, WHOLE) + Fraction(80, 100) * share
        assert back <= 1
