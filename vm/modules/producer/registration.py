"""Registration: how an account becomes a producer, proves that it holds the key it names, takes
another, and is a producer no longer.

A key that was replaced may hold a seat until a set with the new one takes over. Its producer
answers for it that long, and for the unbonding time from when it was replaced; after that, what
somebody signs with an old key that he has found costs nobody anything.
"""

from consensus.codec import encode
from consensus.keys import verifies
from consensus.kinds import AccountId, PublicKey, Signature
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.account import acts_for
from vm.modules.producer.appointment import may_stand
from vm.modules.producer.attendance import ATTENDANCE
from vm.modules.producer.exclusion import EXCLUDED, is_excluded
from vm.modules.producer.ranking import let_stand, let_withdraw
from vm.modules.producer.tables import (
    BARRED,
    BEACONS,
    CANDIDATES,
    KEYS,
    NOT_REGISTERED,
    OFFENCES,
    PRODUCERS,
    SUSPENSIONS,
    Beacon,
    Commitment,
    KeyOwner,
    Ppm,
    Producer,
    ProducerName,
    Profile,
    fixed_commission,
    producer,
)
from vm.modules.producer.updating import check_commission
from vm.view import State

ALREADY_REGISTERED = producer.error("already-registered", "The account is a producer already.")
KEY_OF_ACCOUNT = producer.error(
    "key-of-account", "The consensus key must be another key than the account's own."
)
KEY_TAKEN = producer.error(
    "key-taken", "The consensus key was registered before, by this or another producer."
)
SEATED = producer.error(
    "seated", "The producer holds a seat, or may: resign and wait until another set has taken over."
)
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


@producer.event
@record("producer.rotated")
class Rotated(Record):
    """A producer has another consensus key, which takes its seat at the next handover."""

    producer: AccountId
    key: PublicKey


@producer.event
@record("producer.deregistered")
class Deregistered(Record):
    """An account is a producer no longer."""

    producer: AccountId


@producer.action(gas=10_000)
@record("producer.register")
class Register(Action):
    """Become a producer that stands for election. `key_signature` is the consensus key's over
    ["producer-key", 1, chain, sender, key]; `commitment` is the first chain of reveals: a chain
    of another network must not be used again."""

    key: PublicKey
    name: ProducerName
    profile: Profile
    commission_ppm: Ppm
    commitment: Commitment
    key_signature: Signature

    def apply(self, context: Context) -> None:
        if is_excluded(context.state, context.sender, context.block.time_ms):
            raise EXCLUDED.failed()
        check_commission(context.state, self.commission_ppm)
        commission = fixed_commission(self.commission_ppm)
        row = Producer(self.key, self.name, self.profile, commission)
        register(context.state, context.sender, row, self.commitment)
        _check_possession(context, self.key, self.key_signature)
        context.emit(Registered(context.sender, self.key, self.name))


@producer.action(gas=10_000)
@record("producer.rotate")
class Rotate(Action):
    """Take another consensus key. It signs duties at once, and blocks and votes from the next
    handover on; until then the old key, if it holds a seat, does, so the node needs both.
    `key_signature` is the new key's, as in `producer.register`."""

    key: PublicKey
    key_signature: Signature

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = PRODUCERS.get(state, sender)
        if row is None:
            raise NOT_REGISTERED.failed()
        if OFFENCES.get(state, sender) is not None:
            raise BARRED.failed()
        _take_key(state, sender, self.key)
        _check_possession(context, self.key, self.key_signature)
        KEYS.put(state, KeyOwner(sender, context.block.time_ms), row.key)
        PRODUCERS.put(state, replace(row, key=self.key), sender)
        if CANDIDATES.get(state, sender) is not None:
            let_withdraw(state, sender)
            let_stand(state, sender, self.key)
        context.emit(Rotated(sender, self.key))


@producer.action(gas=5_000)
@record("producer.deregister")
class Deregister(Action):
    """Be a producer no longer: the account stands for election no more, and its name, profile,
    reveals and key are given up. It can register again, with a new key. It still answers for what
    the old one has signed."""

    def apply(self, context: Context) -> None:
        state, sender, block = context.state, context.sender, context.block
        row = PRODUCERS.get(state, sender)
        if row is None:
            raise NOT_REGISTERED.failed()
        if OFFENCES.get(state, sender) is not None:
            raise BARRED.failed()
        if sender in block.members.index or block.handover_height:
            raise SEATED.failed()
        let_withdraw(state, sender)
        KEYS.put(state, KeyOwner(sender, block.time_ms), row.key)
        PRODUCERS.delete(state, sender)
        BEACONS.delete(state, sender)
        ATTENDANCE.delete(state, sender)
        SUSPENSIONS.delete(state, sender)
        context.emit(Deregistered(sender))


def possession_message(chain: bytes, producer_id: bytes, key: bytes) -> bytes:
    """What a consensus key signs to become this producer's on this chain and on no other."""
    return encode(["producer-key", 1, chain, producer_id, key])


def register(state: State, producer_id: bytes, row: Producer, commitment: Commitment) -> None:
    """Write the rows of a new producer, which stands for election if it may.

    Raises ActionFailed (already-registered, barred, key-of-account, key-taken). That the key's
    holder agrees is the caller's to check.
    """
    if PRODUCERS.get(state, producer_id) is not None:
        raise ALREADY_REGISTERED.failed()
    if OFFENCES.get(state, producer_id) is not None:
        raise BARRED.failed()
    _take_key(state, producer_id, row.key)
    PRODUCERS.put(state, row, producer_id)
    if may_stand(state, producer_id):
        let_stand(state, producer_id, row.key)
    BEACONS.put(state, Beacon(commitment, commitment.end, 0, None), producer_id)


def _take_key(state: State, producer_id: bytes, key: bytes) -> None:
    if key == producer_id or acts_for(state, producer_id, key):
        raise KEY_OF_ACCOUNT.failed(field="key")
    if KEYS.get(state, key) is not None:
        raise KEY_TAKEN.failed(field="key")
    KEYS.put(state, KeyOwner(producer_id), key)


def _check_possession(context: Context, key: bytes, signature: bytes) -> None:
    message = possession_message(context.block.chain, context.sender, key)
    if not verifies(key, message, signature):
        raise NOT_POSSESSED.failed(field="key_signature")
