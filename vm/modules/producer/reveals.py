"""Reveals: each block shows its producer's next one, and chains of them follow one another."""

from consensus.beacon import check_reveal
from consensus.errors import Invalid, InvalidBlock
from consensus.kinds import AccountId
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.producer.tables import BEACONS, NOT_REGISTERED, Beacon, Commitment, producer
from vm.view import View

SALT_REUSED = producer.error("salt-reused", "A new chain of reveals needs a new salt.")
ALREADY = producer.error("already-recommitted", "The next chain of reveals is fixed already.")
USED_UP = producer.error("reveals-used-up", "The producer has no reveals left on this fork.")


@producer.event
@record("producer.recommitted")
class Recommitted(Record):
    """A producer has registered the chain of reveals that follows the one in use."""

    producer: AccountId
    following: Commitment


@producer.action(gas=2_000, duty=True)
@record("producer.recommit")
class Recommit(Action):
    """Register the chain of reveals that follows when the one in use is used up: once for each,
    and before its last reveal, so that a producer can never choose between two reveals."""

    following: Commitment

    def apply(self, context: Context) -> None:
        beacon = BEACONS.get(context.state, context.sender)
        if beacon is None:
            raise NOT_REGISTERED.failed()
        if beacon.following is not None:
            raise ALREADY.failed()
        if beacon.used >= beacon.chain.length:
            raise USED_UP.failed()
        if self.following.salt == beacon.chain.salt:
            raise SALT_REUSED.failed(field="following.salt")
        BEACONS.put(context.state, replace(beacon, following=self.following), context.sender)
        context.emit(Recommitted(context.sender, self.following))


@producer.begin_block
def take_reveal(context: Context) -> None:
    """Check the block's reveal against its producer's commitment, and move that on."""
    beacon = current_beacon(context.state, context.block.producer)
    try:
        check_reveal(beacon.last, context.block.reveal)
    except Invalid as error:
        raise error.within("header") from None
    moved = replace(beacon, last=context.block.reveal, used=beacon.used + 1)
    BEACONS.put(context.state, moved, context.block.producer)


def current_beacon(view: View, producer_id: bytes) -> Beacon:
    """The chain of reveals that the producer's next block draws on: `RevealChain(seed,
    chain.salt, chain.length).reveal(used)`. Raises InvalidBlock if there is none."""
    beacon = BEACONS.get(view, producer_id)
    if beacon is None:
        raise InvalidBlock(
            "not a registered producer", field="header.producer", code=NOT_REGISTERED.code
        )
    if beacon.used < beacon.chain.length:
        return beacon
    if beacon.following is None:
        raise InvalidBlock(USED_UP.sentence, field="header.producer", code=USED_UP.code)
    return Beacon(beacon.following, beacon.following.end, 0, None)
