"""Registration: how an account becomes a producer, and proves that it holds the key it names."""

from consensus.codec import encode
from consensus.keys import verifies
from consensus.kinds import AccountId, PublicKey, Signature
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.account import acts_for
from vm.modules.producer.appointment import may_stand
from vm.modules.producer.ranking import let_stand
from vm.modules.producer.tables import (
    BEACONS,
    KEYS,
    PRODUCERS,
    Beacon,
    Commitment,
    KeyOwner,
    Producer,
    ProducerName,
    producer,
)
from vm.view import State

ALREADY_REGISTERED = producer.error("already-registered", "The account is a producer already.")
KEY_OF_ACCOUNT = producer.error(
    "key-of-account", "The consensus key must be another key than the account's own."
)
KEY_TAKEN = producer.error("key-taken", "The consensus key belongs to another producer.")
NOT_POSSESSED = producer.error(
    "key-signature", "The consensus key has not signed that this producer has it on this chain."
)


@producer.event
@record("producer.registered")
class Registered(Record):
    """An account has become a producer and stands for election."""

    producer: AccountId
    key: PublicKey
    name: ProducerName


@producer.action(gas=10_000)
@record("producer.register")
class Register(Action):
    """Become a producer that stands for election. `key_signature` is the consensus key's over
    ["producer-key", 1, chain, sender, key]; `commitment` is the first chain of reveals: a chain
    of another network must not be used again."""

    key: PublicKey
    name: ProducerName
    commitment: Commitment
    key_signature: Signature

    def apply(self, context: Context) -> None:
        row = Producer(self.key, self.name)
        register(context.state, context.sender, row, self.commitment)
        message = possession_message(context.block.chain, context.sender, self.key)
        if not verifies(self.key, message, self.key_signature):
            raise NOT_POSSESSED.failed(field="key_signature")
        context.emit(Registered(context.sender, self.key, self.name))


def possession_message(chain: bytes, producer_id: bytes, key: bytes) -> bytes:
    """What a consensus key signs to become this producer's on this chain and on no other."""
    return encode(["producer-key", 1, chain, producer_id, key])


def register(state: State, producer_id: bytes, row: Producer, commitment: Commitment) -> None:
    """Write the rows of a new producer, which stands for election if it may.

    Raises ActionFailed (already-registered, key-of-account, key-taken). That the key's holder
    agrees is the caller's to check.
    """
    if PRODUCERS.get(state, producer_id) is not None:
        raise ALREADY_REGISTERED.failed()
    if row.key == producer_id or acts_for(state, producer_id, row.key):
        raise KEY_OF_ACCOUNT.failed(field="key")
    if KEYS.get(state, row.key) is not None:
        raise KEY_TAKEN.failed(field="key")
    PRODUCERS.put(state, row, producer_id)
    KEYS.put(state, KeyOwner(producer_id), row.key)
    if may_stand(state, producer_id):
        let_stand(state, producer_id, row.key)
    BEACONS.put(state, Beacon(commitment, commitment.end, 0, None), producer_id)
