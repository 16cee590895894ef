"""Slashing: evidence against a producer costs it stake, and bars it from election for ever."""

from consensus.block import Slot
from consensus.errors import InvalidEvidence
from consensus.evidence import Evidence, OffenceName, check_evidence
from consensus.kinds import AccountId, Amount
from consensus.producers import ProducerSet
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.chain import chain_constants
from vm.modules.producer import KEYS, OFFENCES, KeyOwner, Offence, let_withdraw
from vm.modules.stake import forfeit
from vm.modules.tokens import count_burned, credit
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

slashing = Module("slashing", "What evidence costs the producer that it is against.")

STAKE_PPM = slashing.parameter(
    "stake_ppm",
    default=100_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The share of its own stake that an offence costs a producer, also of what it has "
    "unbonded and not got back yet.",
)
REPORTER_PPM = slashing.parameter(
    "reporter_ppm",
    default=50_000,
    minimum=0,
    maximum=500_000,
    unit="ppm",
    sentence="The share of what is taken that goes to who reported it, rounded down; the rest is "
    "burned.",
)

UNKNOWN_KEY = slashing.error("unknown-key", "The evidence is against a key of no producer.")
KEY_RETIRED = slashing.error(
    "key-retired", "The key was replaced so long ago that its producer answers for it no more."
)
ALREADY_BARRED = slashing.error("already-barred", "The producer is punished already: once is all.")
NOT_PROVED = slashing.error("not-proved", "The evidence does not show the offence that it names.")


@slashing.event
@record("slashing.punished")
class Punished(Record):
    """A producer is barred from election for ever: what it did, in which slot, who reported it,
    and what was taken of its stake: burned, and given to the reporter."""

    producer: AccountId
    offence: OffenceName
    slot: Slot
    reporter: AccountId
    burned: Amount
    rewarded: Amount


@slashing.action(gas=8_000, duty=True)
@record("slashing.report")
class Report(Action):
    """Show evidence that a producer broke the rules: it loses a share of its stake, no longer
    stands for election and never will. Each producer can be reported once."""

    evidence: Evidence

    def apply(self, context: Context) -> None:
        state, evidence = context.state, self.evidence
        owner = KEYS.get(state, evidence.key)
        if owner is None:
            raise UNKNOWN_KEY.failed(field="evidence.key")
        if OFFENCES.get(state, owner.producer) is not None:
            raise ALREADY_BARRED.failed(field="evidence.key")
        if not _answers(state, owner, evidence.key, context.block.members, context.block.time_ms):
            raise KEY_RETIRED.failed(field="evidence.key")
        try:
            check_evidence(evidence, context.block.chain)
        except InvalidEvidence as error:
            raise NOT_PROVED.failed(error.message, field=f"evidence.{error.field}") from None
        slot = evidence.first.header.slot  # of a surround, the later of the two
        row = Offence(evidence.offence, slot, context.block.height, context.sender)
        OFFENCES.put(state, row, owner.producer)
        let_withdraw(state, owner.producer)
        burned, rewarded = _take(context, owner.producer)
        context.emit(
            Punished(owner.producer, evidence.offence, slot, context.sender, burned, rewarded)
        )


def _take(context: Context, producer: bytes) -> tuple[int, int]:
    """Take the producer's share; what was burned, and what the reporter got."""
    state, asset = context.state, chain_constants(context.state).native_asset
    taken = forfeit(context, producer, STAKE_PPM.read(state))
    rewarded = taken * REPORTER_PPM.read(state) // PARTS_PER_MILLION
    count_burned(state, asset, taken - rewarded)
    credit(state, context.sender, asset, rewarded)
    return taken - rewarded, rewarded


def is_punished(view: View, key: bytes) -> bool:
    """Whether the producer of this consensus key is barred."""
    owner = KEYS.get(view, key)
    return owner is not None and OFFENCES.get(view, owner.producer) is not None


def is_punishable(view: View, key: bytes, seats: ProducerSet, time_ms: int) -> bool:
    """Whether evidence against this consensus key can be reported in a block of this time after
    which these hold the seats: it is a producer's who answers for it and is not barred yet."""
    owner = KEYS.get(view, key)
    if owner is None or OFFENCES.get(view, owner.producer) is not None:
        return False
    return _answers(view, owner, key, seats, time_ms)


def _answers(view: View, owner: KeyOwner, key: bytes, seats: ProducerSet, time_ms: int) -> bool:
    """Whether the producer answers for its key: for a retired one as long as that holds a seat,
    and for the unbonding time."""
    if owner.retired_ms is None or seats.key_of(owner.producer) == key:
        return True
    return time_ms <= owner.retired_ms + 1000 * chain_constants(view).unbonding_s
