"""The module `producer`: its rows, and what must hold between them."""

from collections.abc import Iterator
from typing import Annotated

from consensus.block import Slot
from consensus.evidence import OffenceName
from consensus.kinds import AccountId, Amount, Bytes, Counter, Digest, PublicKey, Text, Uint
from consensus.record import Record, part, record
from vm.declare import Module
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

producer = Module(
    "producer", "Who may hold a producer's seat, the reveals they commit to, and what bars them."
)

# Of any script; nothing that is not seen, such as marks that turn the direction of writing.
_LETTERS = r"0-9A-Za-z\u00c0-\u1fff\u2070-\u2fff\u3001-\ud7ff"
ProducerName = Annotated[str, Text(32, 1, f"[{_LETTERS}]([{_LETTERS} -]*[{_LETTERS}-])?")]
Website = Annotated[str, Text(128, 0, r"(https?://[!-~]+)?")]
Contact = Annotated[str, Text(128, 0, r"[^\n\t]*")]
Ppm = Annotated[int, Uint(PARTS_PER_MILLION)]


@part
class Commitment(Record):
    """The end of a hash chain of `length` reveals, made from a secret seed and this salt."""

    salt: Annotated[bytes, Bytes(32, 8)]
    end: Digest
    length: Annotated[int, Uint(2**24, 2)]


@part
class Profile(Record):
    """What a producer says about itself, for people to read; each may be empty."""

    website: Website
    contact: Contact
    description: Annotated[str, Text(512)]


@part
class Commission(Record):
    """The share of what a producer earns that it keeps for itself: `ppm` in the epochs before
    `from_epoch`, `next_ppm` from that one on."""

    ppm: Ppm
    next_ppm: Ppm
    from_epoch: Counter

    def at(self, epoch: int) -> int:
        """The share in an epoch, in ppm; only for the epochs since the last change."""
        return self.next_ppm if epoch >= self.from_epoch else self.ppm


def fixed_commission(ppm: int) -> Commission:
    """A share that is not about to change."""
    return Commission(ppm, ppm, 0)


NO_PROFILE = Profile("", "", "")
FIRST_COMMISSION = fixed_commission(100_000)


@record("producer.producer")
class Producer(Record):
    """A registered producer: its consensus key, which is not its account's, its name, what it
    says about itself, and the share of its earnings that it keeps. The producers of genesis begin
    with nothing said and 100,000 ppm."""

    key: PublicKey
    name: ProducerName
    profile: Profile = NO_PROFILE
    commission: Commission = FIRST_COMMISSION


@record("producer.key")
class KeyOwner(Record):
    """Whose consensus key it is, and when (ms from the Unix epoch) that producer had another
    instead or was none any more; null while it is its key. No key is ever registered twice."""

    producer: AccountId
    retired_ms: Counter | None = None


@record("producer.candidate")
class Candidate(Record):
    """A producer that stands for election, with its consensus key and the votes that it is ranked
    by."""

    key: PublicKey
    votes: Amount


@record("producer.rank")
class Rank(Record):
    """A candidate in the order of an election, with its consensus key: most votes first, as the
    key part `votes_below` is by how much they are fewer than 2^64 - 1, then by id."""

    key: PublicKey


@record("producer.votes")
class Votes(Record):
    """The units of stake that are bonded by those who approve an account."""

    units: Amount


@record("producer.beacon")
class Beacon(Record):
    """A producer's reveals: the chain in use, the last reveal (at first the chain's end), how
    many are used, and the chain that follows when all are."""

    chain: Commitment
    last: Digest
    used: Counter
    following: Commitment | None


@record("producer.suspension")
class Suspension(Record):
    """A producer that was suspended and has not stood again: the epoch in which it missed too
    much, how many blocks it made in it, and of how many."""

    epoch: Counter
    produced: Counter
    slots: Counter


@record("producer.offence")
class Offence(Record):
    """A producer that is barred from election for ever: what it did and the (later) slot it did
    it in, the height of the block that says so, and who reported it."""

    offence: OffenceName
    slot: Slot
    height: Counter
    reporter: AccountId


PRODUCERS: Table[Producer, bytes] = producer.table(Producer, producer=AccountId)
KEYS: Table[KeyOwner, bytes] = producer.table(KeyOwner, key=PublicKey)
CANDIDATES: Table[Candidate, bytes] = producer.table(Candidate, producer=AccountId)
RANKS: Table[Rank, int, bytes] = producer.table(Rank, votes_below=Amount, producer=AccountId)
VOTES: Table[Votes, bytes] = producer.table(Votes, producer=AccountId)
BEACONS: Table[Beacon, bytes] = producer.table(Beacon, producer=AccountId)
SUSPENSIONS: Table[Suspension, bytes] = producer.table(Suspension, producer=AccountId)
OFFENCES: Table[Offence, bytes] = producer.table(Offence, producer=AccountId)

NOT_REGISTERED = producer.error("not-registered", "The account is not a registered producer.")
BARRED = producer.error("barred", "The producer is barred from election for ever.")


@producer.invariant
def registrations_agree(view: View) -> Iterator[str]:
    """Each producer has its key's row and its reveals; the keys of others are retired."""
    keys = {key: row.producer for (key,), row in KEYS.every(view) if row.retired_ms is None}
    for (account,), row in PRODUCERS.every(view):
        if keys.pop(row.key, None) != account:
            yield f"producer {account.hex()}: its key has no row of its own"
        if BEACONS.get(view, account) is None:
            yield f"producer {account.hex()}: it has no reveals"
    for key in keys:
        yield f"key {key.hex()}: no producer has it"
    for (account,), _ in BEACONS.every(view):
        if PRODUCERS.get(view, account) is None:
            yield f"reveals of {account.hex()}: not a producer"


@producer.invariant
def candidates_may_stand(view: View) -> Iterator[str]:
    """Each candidate is a producer, under its key, that is not barred; who is has had a key."""
    for (account,), candidate in CANDIDATES.every(view):
        row = PRODUCERS.get(view, account)
        if row is None or row.key != candidate.key:
            yield f"candidate {account.hex()}: not a producer with this key"
        if OFFENCES.get(view, account) is not None:
            yield f"candidate {account.hex()}: it is barred"
    owners = {row.producer for _, row in KEYS.every(view)}
    for (account,), _ in OFFENCES.every(view):
        if account not in owners:
            yield f"offence of {account.hex()}: it has had no key"
