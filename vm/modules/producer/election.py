"""Election: who stands, and whom a state elects."""

from itertools import islice

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS, Member, ProducerSet, producer_set
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.producer.appointment import NOT_APPOINTED, may_stand
from vm.modules.producer.attendance import absentees
from vm.modules.producer.exclusion import EXCLUDED, is_excluded
from vm.modules.producer.ranking import let_stand, let_withdraw
from vm.modules.producer.tables import (
    BARRED,
    CANDIDATES,
    NOT_REGISTERED,
    OFFENCES,
    PRODUCERS,
    RANKS,
    SUSPENSIONS,
    producer,
)
from vm.modules.tokens import pot_of
from vm.view import View

BONDED_POT = "stake.bonded"

BOOTSTRAP_UNITS = producer.parameter(
    "bootstrap_units",
    default=0,
    minimum=0,
    maximum=UINT64_MAX,
    unit="native units",
    sentence="How much must be bonded before anybody is elected: till then those of genesis stay.",
)

UNCHANGED = producer.error("standing-unchanged", "The producer stands, or does not, as it is.")


@producer.event
@record("producer.standing")
class Standing(Record):
    """A producer stands for election from now on, or no longer."""

    producer: AccountId
    standing: bool


@producer.action(gas=2_000)
@record("producer.stand")
class Stand(Action):
    """Stand for election, or stop: the seat is kept until a set without it takes over."""

    standing: bool

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = PRODUCERS.get(state, sender)
        if row is None:
            raise NOT_REGISTERED.failed()
        if OFFENCES.get(state, sender) is not None:
            raise BARRED.failed()
        if self.standing and not may_stand(state, sender):
            raise NOT_APPOINTED.failed(field="standing")
        if self.standing and is_excluded(state, sender, context.block.time_ms):
            raise EXCLUDED.failed(field="standing")
        if self.standing == (CANDIDATES.get(state, sender) is not None):
            raise UNCHANGED.failed(field="standing")
        if self.standing:
            let_stand(state, sender, row.key)
            SUSPENSIONS.delete(state, sender)
        else:
            let_withdraw(state, sender)
        context.emit(Standing(sender, self.standing))


def elect(view: View) -> ProducerSet | None:
    """The set that this state elects at the end of an epoch; None, which leaves the set as it is,
    if fewer than 4 candidates are left or less is bonded than an election needs."""
    least = BOOTSTRAP_UNITS.read(view)
    if least and pot_of(view, BONDED_POT, chain_constants(view).native_asset) < least:
        return None
    return ranked(view)


def ranked(view: View) -> ProducerSet | None:
    """The 21 candidates with the most votes, of equals the first by producer id, without who has
    to be suspended; None if fewer than 4 are left."""
    absent = {absentee.producer for absentee in absentees(view)}
    rows = RANKS.scan(view, limit=MAX_PRODUCERS + len(absent))
    present = (Member(account, row.key) for (_, account), row in rows if account not in absent)
    members = list(islice(present, MAX_PRODUCERS))
    return producer_set(members) if len(members) >= MIN_PRODUCERS else None
