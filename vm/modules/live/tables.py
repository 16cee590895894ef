"""The module `live`: its parameters and rows, and what must hold between them (T7)."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.content import Title
from vm.modules.ranking import PLACES, ROOM
from vm.table import KeyPart, Table
from vm.view import View

live = Module("live", "Live rooms: prepaid data packets, the audience, and the weight it brings.")

MOST_PACKETS = 1_000_000
MOST_PRICE = 10**12
DAY_S = 24 * 3600

Packets = Annotated[int, Uint(MOST_PACKETS, 1)]
# Where players find the stream: its playlist's address, or as ipfs:// its content id.
Stream = Annotated[str, Text(256, 8, r"(https?|ipfs)://[!-~]+")]

PACKET_UNITS = live.parameter(
    "packet_units",
    default=1_000_000,
    minimum=1,
    maximum=MOST_PRICE,
    unit="units",
    sentence="The price of a live data packet, in native units: the platform's income (T7).",
)
LEAST_PACKETS = live.parameter(
    "least_packets",
    default=10,
    minimum=1,
    maximum=MOST_PACKETS,
    unit="packets",
    sentence="How many live data packets a room must hold to open (T7).",
)
MOST_SHOW_S = live.parameter(
    "most_show_s",
    default=DAY_S // 2,
    minimum=60,
    maximum=7 * DAY_S,
    unit="seconds",
    sentence="How long a show lasts at most; then its room is closed (T7).",
)
GUESTS_KEPT_S = live.parameter(
    "guests_kept_s",
    default=30 * DAY_S,
    minimum=60,
    maximum=366 * DAY_S,
    unit="seconds",
    sentence="How long after a show who was invited and who came stays on record (T7).",
)


@record("live.packets")
class Prepaid(Record):
    """The live data packets that an account holds, and the units that were paid for these."""

    packets: Counter
    units: Amount


@record("live.room")
class Room(Record):
    """The live room of an account while it is open: its show, where the stream is, whether every
    person may enter or only who is invited, and when it is closed at the latest (ms from the Unix
    epoch)."""

    show: Counter
    title: Title
    stream: Stream
    is_public: bool
    until_ms: Counter


@record("live.show")
class Show(Record):
    """A show by its number: whose, from when to when (ms from the Unix epoch; null: it goes on),
    how many were invited and how many came, each of whom used a packet, the points that these
    packets gave the room in the ranking, and how many watched at once at most, as its owner has
    said (null: it said nothing)."""

    owner: AccountId
    title: Title
    opened_ms: Counter
    closed_ms: Counter | None
    invited: Counter
    packets_used: Counter
    points: Amount
    peak: Counter | None


@record("live.held")
class Held(Record):
    """Lists an account's shows by number."""


@record("live.guest")
class Guest(Record):
    """Who is invited to a show, or has come to it."""

    is_invited: bool
    has_entered: bool


@record("live.due")
class Due(Record):
    """Lists the shows by when they are closed or, later, when their guests are forgotten."""


@record("live.numbering")
class Numbering(Record):
    """How many shows there ever were: the number of the next."""

    shows: Counter


PREPAID: Table[Prepaid, bytes] = live.table(Prepaid, owner=AccountId)
ROOMS: Table[Room, bytes] = live.table(Room, owner=AccountId)
SHOWS: Table[Show, int] = live.table(Show, show=Counter)
HELD: Table[Held, bytes, int] = live.table(Held, owner=AccountId, show=Counter)
GUESTS: Table[Guest, int, bytes] = live.table(Guest, show=Counter, account=AccountId)
DUE: Table[Due, int, int] = live.table(Due, time_ms=Counter, show=Counter)
NUMBERING: Table[Numbering] = live.table(Numbering)
AGENDA: Agenda[int] = Agenda(DUE, Due())

NOT_OPEN = live.error("not-open", "The account's live room is not open.")


def is_open(view: View, owner: bytes) -> bool:
    """Whether an account's live room is open."""
    return ROOMS.get(view, owner) is not None


def room_of(view: View, owner: bytes, *, field: str = "") -> Room:
    """An account's open room; raises ActionFailed if it is closed."""
    row = ROOMS.get(view, owner)
    if row is None:
        raise NOT_OPEN.failed(field=field)
    return row


def show_of(view: View, number: int) -> Show:
    """A show that there must be."""
    row = SHOWS.get(view, number)
    if row is None:
        raise RuntimeError(f"there is no show {number}")
    return row


@live.invariant
def rooms_agree(view: View) -> Iterator[str]:
    """Each open room has its show, is listed when it is due, and is in the ranking: no other is."""
    rooms = {row.show: row for _, row in ROOMS.every(view)}
    going = {number for (number,), show in SHOWS.every(view) if show.closed_ms is None}
    if going != set(rooms):
        yield f"the shows {sorted(going)} go on in the rooms {sorted(rooms)}"
    due = {show: time_ms for (time_ms, show), _ in DUE.every(view)}
    for number, row in rooms.items():
        if due.get(number) != row.until_ms:
            yield f"the show {number} is not listed to be closed at {row.until_ms}"
    wanted: set[tuple[KeyPart, ...]] = {key for key, _ in DUE.every(view)}
    yield from AGENDA.disagreements(view, wanted)
    if len(list(PLACES.every(view, ROOM))) != len(rooms):
        yield "the rooms in the ranking are not those that are open"


@live.invariant
def audiences_agree(view: View) -> Iterator[str]:
    """A show's counts are those of its guests while they are kept, and each show is listed."""
    invited, entered = Tally[int](), Tally[int]()
    for (number, _), guest in GUESTS.every(view):
        invited[number] += guest.is_invited
        entered[number] += guest.has_entered
    for (number,), show in SHOWS.every(view):
        found, counted = (invited[number], entered[number]), (show.invited, show.packets_used)
        if found != counted if show.closed_ms is None else found > counted:
            yield f"the show {number} has {found} guests, not {counted}"
        if HELD.get(view, show.owner, number) is None:
            yield f"the show {number} is not listed by its owner"
