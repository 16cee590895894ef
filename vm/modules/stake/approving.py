"""Approving: an account names the producers that it wants to hold seats."""

from collections.abc import Sequence
from typing import Annotated

from consensus.address import format_address
from consensus.kinds import AccountId
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.producer import PRODUCERS, VOTES, change_votes
from vm.modules.stake.bonding import CHOICES_GAS
from vm.modules.stake.tables import BONDS, MAX_CHOICES, MOST_CHOICES, Bonded, stake
from vm.view import View

Choices = Annotated[tuple[AccountId, ...], AtMost(MOST_CHOICES)]

NOTHING_BONDED = stake.error(
    "nothing-bonded", "An account approves by what it has bonded: bond something first."
)
TOO_MANY = stake.error("too-many-choices", "More producers than an account may approve.")
TWICE = stake.error("chosen-twice", "A producer is approved once at most.")
NO_PRODUCER = stake.error("no-producer", "Only registered producers can be approved.")


@stake.event
@record("stake.approved")
class Approved(Record):
    """An account approves these producers and no others from now on."""

    account: AccountId
    producers: Choices


@stake.action(gas=2_000 + 2 * CHOICES_GAS, free=True)
@record("stake.approve")
class Approve(Action):
    """Approve these producers, each with all that the account has bonded, and no others any more;
    none is a choice, too. What is bonded later counts for them as well (W7)."""

    producers: Choices

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = BONDS.get(state, sender)
        if row is None:
            raise NOTHING_BONDED.failed()
        self._check(context.state, row.approved)
        approved = tuple(sorted(self.producers))
        for producer in sorted(set(row.approved) - set(approved)):
            change_votes(state, producer, -row.units)
        for producer in sorted(set(approved) - set(row.approved)):
            change_votes(state, producer, row.units)
        BONDS.put(state, Bonded(row.units, approved), sender)
        context.emit(Approved(sender, approved))

    def _check(self, view: View, before: Sequence[bytes]) -> None:
        most = MAX_CHOICES.read(view)
        if len(self.producers) > most:
            raise TOO_MANY.failed(
                f"{len(self.producers)} producers; at most {most}", field="producers"
            )
        seen: set[bytes] = set()
        for i, producer in enumerate(self.producers):
            if producer in seen:
                raise TWICE.failed(field=f"producers[{i}]")
            seen.add(producer)
            if producer not in before and PRODUCERS.get(view, producer) is None:
                raise NO_PRODUCER.failed(
                    f"{format_address(producer)} is not a registered producer",
                    field=f"producers[{i}]",
                )

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        votes = [VOTES.state_key(producer) for producer in self.producers]
        return (BONDS.state_key(sender), *votes)
