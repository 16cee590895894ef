"""Holding a show: a space's owner opens its one live room, and closes it (T7)."""

from consensus.address import format_address
from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import note_viewers
from vm.modules.content import SPACES_OWNED, Title
from vm.modules.live.prepaying import prepaid_by
from vm.modules.live.tables import (
    AGENDA,
    GUESTS,
    GUESTS_KEPT_S,
    HELD,
    LEAST_PACKETS,
    MOST_SHOW_S,
    NUMBERING,
    ROOMS,
    SHOWS,
    Held,
    Numbering,
    Room,
    Show,
    Stream,
    live,
    room_of,
    show_of,
)
from vm.modules.ranking import ROOM, list_subject

DUE_A_BLOCK = 16
FORGOTTEN_A_BLOCK = 64  # guests of one show

ALREADY_OPEN = live.error("already-open", "The account's live room is open already.")
NO_SPACE = live.error("no-space", "A live room belongs to who owns a space: create one first.")
TOO_FEW_PACKETS = live.error("too-few-packets", "The room holds too few packets to open: buy some.")
PEAK_TOO_HIGH = live.error("peak-too-high", "No more can watch at once than have entered.")


@live.event
@record("live.opened")
class Opened(Record):
    """An account's live room is open, until this time at most (ms from the Unix epoch)."""

    owner: AccountId
    show: Counter
    title: Title
    stream: Stream
    is_public: bool
    until_ms: Counter


@live.event
@record("live.updated")
class Updated(Record):
    """An open room has this title and stream."""

    owner: AccountId
    title: Title
    stream: Stream


@live.event
@record("live.closed")
class Closed(Record):
    """A show is over."""

    owner: AccountId
    show: Counter
    packets_used: Counter
    peak: Counter | None


@live.action(gas=10_000)
@record("live.open")
class OpenRoom(Action):
    """Open the sender's live room, which must hold the least number of packets (T7): an owner of a
    space has one. Every person may enter if it is public, else only who is invited. `stream` is
    where standard players find it (T14)."""

    title: Title
    stream: Stream
    is_public: bool

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if ROOMS.get(state, sender) is not None:
            raise ALREADY_OPEN.failed()
        if not list(SPACES_OWNED.scan(state, sender, limit=1)):
            raise NO_SPACE.failed()
        held, least = prepaid_by(state, sender).packets, LEAST_PACKETS.read(state)
        if held < least:
            raise TOO_FEW_PACKETS.failed(f"it holds {held} packets; {least} are needed: buy some")
        numbering = NUMBERING.get(state) or Numbering(0)
        number, now_ms = numbering.shows, context.block.time_ms
        NUMBERING.put(state, Numbering(number + 1))
        until_ms = now_ms + 1000 * MOST_SHOW_S.read(state)
        ROOMS.put(state, Room(number, self.title, self.stream, self.is_public, until_ms), sender)
        SHOWS.put(state, Show(sender, self.title, now_ms, None, 0, 0, 0, None), number)
        HELD.put(state, Held(), sender, number)
        AGENDA.add(state, until_ms, number)
        list_subject(state, ROOM, format_address(sender), is_listed=True)
        context.emit(Opened(sender, number, self.title, self.stream, self.is_public, until_ms))


@live.action(gas=3_000)
@record("live.update")
class UpdateRoom(Action):
    """Give the sender's open room another title and stream (T7)."""

    title: Title
    stream: Stream

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = room_of(state, sender)
        ROOMS.put(state, replace(row, title=self.title, stream=self.stream), sender)
        context.emit(Updated(sender, self.title, self.stream))


@live.action(gas=5_000)
@record("live.close")
class CloseRoom(Action):
    """Close the sender's live room, and say how many watched at once at most (T7)."""

    peak: Counter | None

    def apply(self, context: Context) -> None:
        state, row = context.state, room_of(context.state, context.sender)
        entered = show_of(state, row.show).packets_used
        if self.peak is not None and self.peak > entered:
            raise PEAK_TOO_HIGH.failed(f"{entered} have entered", field="peak")
        AGENDA.remove(state, row.until_ms, row.show)
        _close(context, row.show, self.peak)


@live.begin_block
def close_due(context: Context) -> None:
    """Close the rooms whose time is over, and forget the guests of old shows, of a bounded number a
    block."""
    state = context.state
    for _, number in AGENDA.take(state, context.block.time_ms, limit=DUE_A_BLOCK):
        if show_of(state, number).closed_ms is None:
            _close(context, number, None)
        else:
            _forget_guests(context, number)


def _close(context: Context, number: int, peak: int | None) -> None:
    """Close a room. What lists its show is the caller's to remove."""
    state, now_ms, show = context.state, context.block.time_ms, show_of(context.state, number)
    SHOWS.put(state, replace(show, closed_ms=now_ms, peak=peak), number)
    ROOMS.delete(state, show.owner)
    list_subject(state, ROOM, format_address(show.owner), is_listed=False)
    AGENDA.add(state, now_ms + 1000 * GUESTS_KEPT_S.read(state), number)
    if peak is not None:
        note_viewers(context, peak)
    context.emit(Closed(show.owner, number, show.packets_used, peak))


def _forget_guests(context: Context, number: int) -> None:
    state = context.state
    guests = [key for key, _ in GUESTS.scan(state, number, limit=FORGOTTEN_A_BLOCK + 1)]
    for key in guests[:FORGOTTEN_A_BLOCK]:
        GUESTS.delete(state, *key)
    if len(guests) > FORGOTTEN_A_BLOCK:
        AGENDA.add(state, context.block.time_ms, number)  # the others' turn is the next block
