"""The module `packets`: its rows, and what must hold between them (K9)."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Digest, PublicKey, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import HEIGHT, Agenda
from vm.modules.tokens import POTS, Memo, PositiveAmount
from vm.table import KeyPart, Table
from vm.view import State, View

packets = Module("packets", "Red packets: amounts that those who come first share.")

HELD_POT = "packets.held"
MOST_PARTS = 100
LONGEST_MS = 31 * 24 * 3_600_000
KEPT_MS = 7 * 24 * 3_600_000  # how long a packet that is over can still be looked at

Parts = Annotated[int, Uint(MOST_PARTS, 1)]
Place = Annotated[int, Uint(MOST_PARTS - 1)]
EQUAL, RANDOM = "equal", "random"
Split = Annotated[str, Text(8, 1, f"{EQUAL}|{RANDOM}")]
OPEN, DRAWN, OVER = "open", "drawn", "over"
Status = Annotated[str, Text(8, 1, f"{OPEN}|{DRAWN}|{OVER}")]


@record("packets.numbering")
class Numbering(Record):
    """The number of the next packet."""

    packet: Counter


@record("packets.packet")
class Packet(Record):
    """An amount of `units`, of which `left` are still held, in so many shares, of which so many are
    claimed. `link` is the key that signs who may claim, if not anybody may. It is open until all
    shares are claimed or until `until_ms` (ms from the Unix epoch); then its random shares wait to
    be drawn at `draw_height`; then it is over, and is removed 7 days after `until_ms`."""

    sender: AccountId
    asset: Asset
    units: PositiveAmount
    parts: Parts
    split: Split
    link: PublicKey | None
    persons_only: bool
    greeting: Memo
    until_ms: Counter
    left: Amount
    claimed: Counter
    status: Status
    draw_height: Counter

    @property
    def equal_share(self) -> int:
        """A share of a packet in equal shares; what is left over goes back to its sender."""
        return self.units // self.parts

    @property
    def due_ms(self) -> int:
        """When it ends; or when it is removed, if it has."""
        return self.until_ms if self.status == OPEN else self.until_ms + KEPT_MS


@record("packets.claim")
class ClaimRow(Record):
    """That an account has claimed a share: as which in turn, from 0, and how many units that has
    brought; 0 until random shares are drawn."""

    place: Place
    units: Amount


@record("packets.invitation")
class Invitation(Record):
    """What the key of a packet's link signs, in its encoding: that on this chain this account may
    claim a share of it. No signature serves anybody else, so that seeing one is of no use."""

    chain: Digest
    packet: Counter
    account: AccountId


@record("packets.due")
class Due(Record):
    """Lists a packet by when it ends, or is removed."""


@record("packets.draw")
class Draw(Record):
    """Lists a packet by the height at which its shares are drawn."""


NUMBERING: Table[Numbering] = packets.table(Numbering)
PACKETS: Table[Packet, int] = packets.table(Packet, packet=Counter)
CLAIMS: Table[ClaimRow, int, bytes] = packets.table(ClaimRow, packet=Counter, account=AccountId)
DUE: Table[Due, int, int] = packets.table(Due, due_ms=Counter, packet=Counter)
DRAWS: Table[Draw, int, int] = packets.table(Draw, draw_height=Counter, packet=Counter)
AGENDA: Agenda[int] = Agenda(DUE, Due())
DRAW_AGENDA: Agenda[int] = Agenda(DRAWS, Draw(), HEIGHT)

UNKNOWN_PACKET = packets.error("unknown-packet", "There is no such packet, or it was removed.")


def packet_row(view: View, number: int) -> Packet:
    """The packet; raises ActionFailed (`packet`) if there is none."""
    row = PACKETS.get(view, number)
    if row is None:
        raise UNKNOWN_PACKET.failed(f"there is no packet {number}", field="packet")
    return row


def put_packet(state: State, number: int, row: Packet) -> None:
    """Write the packet, and list it by when it is due."""
    before = PACKETS.get(state, number)
    if before is None or before.due_ms != row.due_ms:
        if before is not None:
            AGENDA.remove(state, before.due_ms, number)
        AGENDA.add(state, row.due_ms, number)
    PACKETS.put(state, row, number)


@packets.invariant
def packets_are_kept(view: View) -> Iterator[str]:
    """The pot holds what is left of all packets, which are listed by when they are due."""
    rows = {number: row for (number,), row in PACKETS.every(view)}
    left: Tally[str] = Tally()
    for row in rows.values():
        left[row.asset] += row.left
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == HELD_POT}
    if held != +left:
        yield f"the pot {HELD_POT} holds {held}, {dict(left)} is left of packets"
    yield from AGENDA.disagreements(view, {(row.due_ms, n) for n, row in rows.items()})
    drawn: set[tuple[KeyPart, ...]] = {
        (row.draw_height, number) for number, row in rows.items() if row.status == DRAWN
    }
    yield from DRAW_AGENDA.disagreements(view, drawn)


@packets.invariant
def claims_are_counted(view: View) -> Iterator[str]:
    """Each packet has as many claims as it counts, one a place, and paid what it holds no more."""
    places: dict[int, list[int]] = {number: [] for (number,), _ in PACKETS.every(view)}
    paid: Tally[int] = Tally()
    for (number, _), claim in CLAIMS.every(view):
        places.setdefault(number, []).append(claim.place)
        paid[number] += claim.units
    for number, found in places.items():
        row = PACKETS.get(view, number)
        if row is None or sorted(found) != list(range(row.claimed)) or row.claimed > row.parts:
            yield f"the claims of packet {number} are not counted"
        elif row.status != OVER and row.left + paid[number] != row.units:
            yield f"packet {number} has paid {paid[number]} and holds {row.left} of {row.units}"
        elif row.status == OVER and row.left:
            yield f"packet {number} is over and holds {row.left}"
