"""Attending: guests are invited and enter; each uses a packet, which votes for the room (T7)."""

from typing import Annotated

from consensus.address import format_address
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.live.prepaying import use_packet
from vm.modules.live.tables import (
    GUESTS,
    ROOMS,
    SHOWS,
    Guest,
    live,
    room_of,
    show_of,
)
from vm.modules.personhood import is_person
from vm.modules.ranking import ROOM, add_points
from vm.view import View

MOST_INVITED = 64  # by one action
INVITATION_GAS = 1_500

ALREADY_INVITED = live.error("already-invited", "The account is invited to this show already.")
OWN_ROOM = live.error("own-room", "The owner is no guest of its own room.")
NOT_INVITED = live.error(
    "not-invited", "Only who is invited may enter; every person if the room is public."
)
ALREADY_ENTERED = live.error("already-entered", "The account has entered this show already.")


@live.event
@record("live.invited")
class Invited(Record):
    """An account is invited to a show."""

    show: Counter
    account: AccountId


@live.event
@record("live.entered")
class Entered(Record):
    """A guest has entered a show and used a packet, which gave the room so many points."""

    show: Counter
    owner: AccountId
    account: AccountId
    points: Amount


@live.action(gas=2_000)
@record("live.invite")
class Invite(Action):
    """Invite accounts to the show in the sender's open room (T7)."""

    accounts: Annotated[tuple[AccountId, ...], AtMost(MOST_INVITED, 1)]

    def derived_gas(self, view: View) -> int:
        return INVITATION_GAS * len(self.accounts)

    def apply(self, context: Context) -> None:
        state, number = context.state, room_of(context.state, context.sender).show
        for place, account in enumerate(self.accounts):
            guest = GUESTS.get(state, number, account) or Guest(False, False)
            if account == context.sender:
                raise OWN_ROOM.failed(field=f"accounts[{place}]")
            if guest.is_invited:
                raise ALREADY_INVITED.failed(field=f"accounts[{place}]")
            GUESTS.put(state, replace(guest, is_invited=True), number, account)
            context.emit(Invited(number, account))
        show = show_of(state, number)
        SHOWS.put(state, replace(show, invited=show.invited + len(self.accounts)), number)


@live.action(gas=4_000, free=True)
@record("live.enter")
class Enter(Action):
    """Enter an open live room, once a show: it uses one of the room's packets, and what was paid
    for that votes for the room (T7)."""

    owner: AccountId

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        room = room_of(state, self.owner, field="owner")
        if self.owner == sender:
            raise OWN_ROOM.failed(field="owner")
        guest = GUESTS.get(state, room.show, sender) or Guest(False, False)
        if guest.has_entered:
            raise ALREADY_ENTERED.failed(field="owner")
        if not guest.is_invited and not (room.is_public and is_person(state, sender)):
            raise NOT_INVITED.failed(field="owner")
        points, show = use_packet(state, self.owner), show_of(state, room.show)
        GUESTS.put(state, replace(guest, has_entered=True), room.show, sender)
        counted = replace(show, packets_used=show.packets_used + 1, points=show.points + points)
        SHOWS.put(state, counted, room.show)
        add_points(context, ROOM, format_address(self.owner), points)
        context.emit(Entered(room.show, self.owner, sender, points))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (ROOMS.state_key(self.owner),)
