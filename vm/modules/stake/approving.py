"""Approving: an account names the producers that it wants to hold seats."""

from typing import Annotated

from consensus.kinds import AccountId
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.producer import PRODUCERS, change_votes
from vm.modules.stake.bonding import choices_gas
from vm.modules.stake.tables import BONDS, MAX_CHOICES, MOST_CHOICES, Bonded, stake
from vm.view import View

Choices = Annotated[tuple[AccountId, ...], AtMost(MOST_CHOICES)]

NOTHING_BONDED = stake.error(
    "nothing-bonded", "An account approves by what it has bonded: bond something first."
)
TOO_MANY = stake.error("too-many-choices", "More producers than an account may approve.")
TWICE = stake.error("chosen-twice", "A producer is approved once at most.")
NO_PRODUCER = stake.error("no-producer", "The account is not a registered producer.")


@stake.event
@record("stake.approved")
class Approved(Record):
    """An account approves these producers and no others from now on."""

    account: AccountId
    producers: Choices


@stake.action(gas=2_000)
@record("stake.approve")
class Approve(Action):
    """Approve these producers, each with all that the account has bonded, and no others any more;
    none is a choice, too. What is bonded later counts for them as well."""

    producers: Choices

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = BONDS.get(state, sender)
        if row is None:
            raise NOTHING_BONDED.failed()
        self._check(context)
        approved = tuple(sorted(self.producers))
        for producer in set(row.approved) - set(approved):
            change_votes(state, producer, -row.units)
        for producer in set(approved) - set(row.approved):
            change_votes(state, producer, row.units)
        BONDS.put(state, Bonded(row.units, approved), sender)
        context.emit(Approved(sender, approved))

    def _check(self, context: Context) -> None:
        most = MAX_CHOICES.read(context.state)
        if len(self.producers) > most:
            raise TOO_MANY.failed(
                f"{len(self.producers)} producers; at most {most}", field="producers"
            )
        seen: set[bytes] = set()
        for i, producer in enumerate(self.producers):
            if producer in seen:
                raise TWICE.failed(field=f"producers[{i}]")
            seen.add(producer)
            if PRODUCERS.get(context.state, producer) is None:
                raise NO_PRODUCER.failed(field=f"producers[{i}]")

    def derived_gas(self, view: View) -> int:
        return 2 * choices_gas(view)
