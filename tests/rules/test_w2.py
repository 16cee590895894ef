"""W2: 9,000,000 are in the participation pool, and what is spent on redemptions returns to it."""

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, FUNDS
from vm.modules.redemption import POOL, Approve, Honour, MakeOffer, Redeem, SetPool

DISABLED = Disabled("vm.modules.redemption.redeeming.fill_pot", lambda *arguments: None)


def test_what_is_redeemed_returns_to_the_pool_of_nine_million() -> None:
    chain = Rehearsal.of(load_preset("wepos"))
    pool = POOL.get(chain.state)
    assert pool is not None
    assert chain.figures()["POS"].pots[pool.pot] == 9 * 10**6 * 10**8


def test_the_pool_has_more_by_what_was_paid() -> None:
    stage = Days()
    stage.decide(SetPool("participation"))
    stage.act(BEN.public, MakeOffer("A book", 70, 1, 60))
    stage.decide(Approve(1))
    assert stage.act(ANNA.public, Redeem(1, 70)) == "ok"
    assert stage.act(BEN.public, Honour(1)) == "ok"
    assert (stage.pot("participation"), stage.held(ANNA.public)) == (70, FUNDS - 70)
