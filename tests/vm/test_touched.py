"""What a transaction tells that it will touch, beside what it then does."""

from consensus.transaction import Transaction
from tests.vm.world import ANNA, BEN, PRODUCERS, World, pay
from vm.modules.account import SENDERS
from vm.modules.producer import Stand
from vm.modules.tokens import BALANCES
from vm.registry import REGISTRY
from vm.touched import touched_keys


def written_by(world: World, *transactions: Transaction) -> set[bytes]:
    """What a block writes for these transactions beyond what an empty block does."""
    empty = World(world.genesis, world.genesis.state())
    return set(world.run(*transactions).writes) - set(empty.run().writes)


def test_a_transfer_touches_what_it_says_and_no_other_row_of_an_account() -> None:
    world = World.begin()
    order = world.order(pay(), pay(to=PRODUCERS[1]), payer=BEN)
    keys = touched_keys(order)
    assert sorted(keys) == sorted(
        [
            *(SENDERS.state_key(key.public) for key in (ANNA, BEN)),
            *(BALANCES.state_key(key.public, "REEL") for key in (ANNA, BEN, PRODUCERS[1])),
        ]
    )
    shared = written_by(world, order) - set(keys)
    shared.remove(BALANCES.state_key(PRODUCERS[0].public, "REEL"))  # its fees, once a block
    assert {REGISTRY.table_of(key).name for key in shared} <= {"token.asset", "token.pot"}


def test_an_action_need_not_tell() -> None:
    order = World.begin().order(Stand(False), by=PRODUCERS[0])
    sender = PRODUCERS[0].public
    assert touched_keys(order) == (SENDERS.state_key(sender), BALANCES.state_key(sender, "REEL"))
