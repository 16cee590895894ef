"""A live room on the chain of a test's node."""

from consensus.address import format_address
from consensus.record import replace
from consensus.transaction import EncodedTransaction
from tests.api.world import ALICE, World
from tests.node.network import signed
from vm.declare import Action
from vm.modules.content import CreateSpace
from vm.modules.live import BuyPackets, CloseRoom, OpenRoom

OWNER = format_address(ALICE.public)
PACKETS = 10
PATH = f"/live/{OWNER}/index.m3u8"


def send(world: World, *actions: Action) -> None:
    """Alice's transaction of these actions, in a block of its own."""
    nonce = world.next_nonce(ALICE.public)
    unsigned = signed(world.chain, ALICE, actions[0], nonce).transaction
    made = replace(unsigned, actions=tuple(each.pack() for each in actions)).signed(ALICE)
    slot = world.chain.fork.head.slot + 1
    world.slots([slot], [EncodedTransaction.of(made)])


def open_room(world: World) -> None:
    """Alice opens a space and her room."""
    opening = OpenRoom("A concert", f"http://127.0.0.1:7480{PATH}", True)
    send(world, CreateSpace("alices", "music", "Alice's"), BuyPackets(PACKETS), opening)


def open_again(world: World) -> None:
    """Alice opens her room for another show."""
    send(world, OpenRoom("Another", f"http://127.0.0.1:7480{PATH}", True))


def close_room(world: World) -> None:
    """Alice closes her room."""
    send(world, CloseRoom(None))
