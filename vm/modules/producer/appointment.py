"""Appointment: where a body says who holds the seats, only those that it appoints may stand."""

from consensus.kinds import AccountId
from consensus.record import Record, record
from vm.modules.producer.ranking import let_stand, let_withdraw
from vm.modules.producer.tables import CANDIDATES, OFFENCES, PRODUCERS, SUSPENSIONS, producer
from vm.table import Table
from vm.view import State, View

BY_APPOINTMENT = producer.parameter(
    "by_appointment",
    default=0,
    minimum=0,
    maximum=1,
    unit="0 or 1",
    sentence="Whether only producers that a body of governance appointed may stand (1), or all.",
)


@record("producer.appointment")
class Appointment(Record):
    """A producer that a body of governance has appointed."""


APPOINTMENTS: Table[Appointment, bytes] = producer.table(Appointment, producer=AccountId)

NOT_APPOINTED = producer.error(
    "not-appointed", "Who stands here is appointed by governance, and the producer is not."
)


def may_hold_seat(view: View, account: bytes) -> bool:
    """Whether an account is a producer that is not barred."""
    return PRODUCERS.get(view, account) is not None and OFFENCES.get(view, account) is None


def may_stand(view: View, account: bytes) -> bool:
    """Whether the rules of the chain let a producer stand if it wants to."""
    return not BY_APPOINTMENT.read(view) or APPOINTMENTS.get(view, account) is not None


def appoint(state: State, account: bytes) -> None:
    """Let a producer that is not barred stand for election from now on."""
    APPOINTMENTS.put(state, Appointment(), account)
    row = PRODUCERS.get(state, account)
    if row is not None and CANDIDATES.get(state, account) is None:
        let_stand(state, account, row.key)
        SUSPENSIONS.delete(state, account)


def dismiss(state: State, account: bytes) -> None:
    """Let a producer stand no longer."""
    APPOINTMENTS.delete(state, account)
    let_withdraw(state, account)
