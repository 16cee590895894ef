"""Producers: who may hold a seat, and the reveals they are committed to."""

from dataclasses import replace
from typing import Annotated

from consensus.beacon import check_reveal
from consensus.errors import Invalid, InvalidBlock
from consensus.kinds import AccountId, Bytes, Counter, Digest, PublicKey, Text, Uint
from consensus.producers import MAX_PRODUCERS, Member, ProducerSet, producer_set
from consensus.record import Record, part, record
from vm.context import Context
from vm.declare import Action, Module
from vm.table import Table
from vm.view import State, View

producer = Module("producer", "Who may hold a producer's seat, and the reveals they commit to.")

ProducerName = Annotated[str, Text(32, 1, "[a-z0-9][a-z0-9-]*")]


@part
class Commitment(Record):
    """The end of a hash chain of `length` reveals, made from a secret seed and this salt."""

    salt: Annotated[bytes, Bytes(32, 8)]
    end: Digest
    length: Annotated[int, Uint(2**24, 2)]


@record("producer.producer")
class Producer(Record):
    """A registered producer: its consensus key, which is not its account's, and its name."""

    key: PublicKey
    name: ProducerName


@record("producer.beacon")
class Beacon(Record):
    """A producer's reveals: the chain in use, the last reveal (at first the chain's end), how
    many are used, and the chain that follows when all are."""

    chain: Commitment
    last: Digest
    used: Counter
    following: Commitment | None


PRODUCERS: Table[Producer, bytes] = producer.table(Producer, producer=AccountId)
BEACONS: Table[Beacon, bytes] = producer.table(Beacon, producer=AccountId)

NOT_REGISTERED = producer.error("not-registered", "The account is not a registered producer.")
SALT_REUSED = producer.error("salt-reused", "A new chain of reveals needs a new salt.")
ALREADY = producer.error("already-recommitted", "The next chain of reveals is fixed already.")
USED_UP = producer.error("reveals-used-up", "The producer has no reveals left on this fork.")


@producer.event
@record("producer.recommitted")
class Recommitted(Record):
    """A producer has registered the chain of reveals that follows the one in use."""

    producer: AccountId
    following: Commitment


@producer.action(gas=2_000)
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


def register(state: State, producer_id: bytes, row: Producer, chain: Commitment) -> None:
    """Write a producer's rows."""
    PRODUCERS.put(state, row, producer_id)
    BEACONS.put(state, Beacon(chain, chain.end, 0, None), producer_id)


def elect(view: View) -> ProducerSet:
    """The set that this state elects: the first 21 registered producers by id."""
    rows = PRODUCERS.scan(view, limit=MAX_PRODUCERS)
    return producer_set([Member(account_id, row.key) for (account_id,), row in rows])
