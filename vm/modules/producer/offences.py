"""Offences: evidence against a producer bars it from election for ever."""

from consensus.block import Slot
from consensus.errors import InvalidEvidence
from consensus.evidence import Evidence, OffenceName, check_evidence
from consensus.kinds import AccountId
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.producer.ranking import let_withdraw
from vm.modules.producer.tables import KEYS, OFFENCES, Offence, producer
from vm.view import View

UNKNOWN_KEY = producer.error("unknown-key", "The evidence is against a key of no producer.")
ALREADY_BARRED = producer.error("already-barred", "The producer is punished already: once is all.")
NOT_PROVED = producer.error("not-proved", "The evidence does not show the offence that it names.")


@producer.event
@record("producer.barred")
class Barred(Record):
    """A producer is barred from election for ever: what it did, in which slot, who reported."""

    producer: AccountId
    offence: OffenceName
    slot: Slot
    reporter: AccountId


@producer.action(gas=5_000, duty=True)
@record("producer.report")
class Report(Action):
    """Show evidence that a producer broke the rules: it no longer stands for election and never
    will. Each producer can be reported once."""

    evidence: Evidence

    def apply(self, context: Context) -> None:
        state, evidence = context.state, self.evidence
        owner = KEYS.get(state, evidence.key)
        if owner is None:
            raise UNKNOWN_KEY.failed(field="evidence.key")
        if OFFENCES.get(state, owner.producer) is not None:
            raise ALREADY_BARRED.failed(field="evidence.key")
        try:
            check_evidence(evidence, context.block.chain)
        except InvalidEvidence as error:
            raise NOT_PROVED.failed(error.message, field=f"evidence.{error.field}") from None
        slot = evidence.first.header.slot  # of a surround, the later of the two
        row = Offence(evidence.offence, slot, context.block.height, context.sender)
        OFFENCES.put(state, row, owner.producer)
        let_withdraw(state, owner.producer)
        context.emit(Barred(owner.producer, evidence.offence, slot, context.sender))


def is_punished(view: View, key: bytes) -> bool:
    """Whether the producer of this consensus key is barred."""
    owner = KEYS.get(view, key)
    return owner is not None and OFFENCES.get(view, owner.producer) is not None


def is_punishable(view: View, key: bytes) -> bool:
    """Whether evidence against this consensus key can still be reported: it is a producer's,
    and that is not barred yet."""
    owner = KEYS.get(view, key)
    return owner is not None and OFFENCES.get(view, owner.producer) is None
