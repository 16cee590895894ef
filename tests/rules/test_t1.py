"""T1: one cryptographic identity for each user, that needs no node of its own: it signs, and any
node takes what it signed."""

from consensus.errors import InvalidTransaction
from consensus.transaction import Transaction
from tests.rules.disabled import Disabled
from tests.vm.fans import Fans
from tests.vm.world import ANNA, BEN, World, pay
from vm.modules.account import (
    Authority,
    ClaimHandle,
    SetAuthority,
    WeightedKey,
    account_named,
    check_authorization,
)

DISABLED = Disabled("vm.modules.account.tables.Authority.is_met_by", lambda *arguments: True)


def test_only_the_keys_of_an_identity_act_for_it() -> None:
    world = World.begin()
    assert not _is_taken(world, world.order(pay(BEN, 5), by=BEN, sender=ANNA.public))
    assert _is_taken(world, world.order(pay(BEN, 5), by=ANNA))


def _is_taken(world: World, transaction: Transaction) -> bool:
    try:
        check_authorization(world.state, transaction)
    except InvalidTransaction:
        return False
    return True


def test_an_identity_keeps_its_id_when_its_keys_change_and_its_handle_is_its_alone() -> None:
    fans = Fans()
    fans.must(ANNA.public, ClaimHandle("anna-of-fans"))
    assert fans.act(BEN.public, ClaimHandle("anna-of-fans")) != "ok"
    fans.must(ANNA.public, SetAuthority(Authority(1, (WeightedKey(BEN.public, 1),))))
    assert account_named(fans.world.state, "anna-of-fans") == ANNA.public
