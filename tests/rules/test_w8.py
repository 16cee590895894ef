"""W8: a catalogue of limited stock; vouchers are handed on, and honoured by the provider."""

from tests.rules.disabled import Disabled
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO
from vm.modules.redemption import HandOn, Honour, MakeOffer, Redeem, SetPool
from vm.modules.redemption.offering import Approve

DISABLED = Disabled("vm.modules.redemption.redeeming._settle", lambda *arguments, **named: None)


def test_one_ticket_is_sold_once_handed_on_and_honoured_once() -> None:
    stage = Days()
    stage.decide(SetPool("participation"))
    stage.act(BEN.public, MakeOffer("A dinner", 10, 1, 60))
    stage.decide(Approve(1))
    assert stage.act(ANNA.public, Redeem(1, 10)) == "ok"
    assert stage.act(ANNA.public, Redeem(1, 10)) == "redemption.sold-out"
    assert stage.act(ANNA.public, HandOn(1, CLEO.public)) == "ok"
    assert stage.act(ANNA.public, HandOn(1, ANNA.public)) == "redemption.not-the-holder"
    assert stage.act(BEN.public, Honour(1)) == "ok"
    assert stage.act(BEN.public, Honour(1)) == "redemption.unknown-voucher"
