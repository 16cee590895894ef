"""Who holds a seat, who stands for election, and whom the next one would elect."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from consensus.address import format_address, parse_address
from consensus.record import Record
from consensus.schedule import epoch_of
from node.client import Client
from node.commands.asking import find_account
from node.config.sections import ClientSection
from node.failure import Refused, Usage
from node.query.answers import ProducerInfo, ProducersAnswer, StatusAnswer
from node.query.chain_view import Finality
from vm.modules.producer import (
    NOT_REGISTERED,
    OFFENCES,
    PRODUCERS,
    RANKS,
    SUSPENSIONS,
    VOTES,
    Offence,
    Producer,
    Rank,
    Suspension,
    Votes,
    elect,
)
from vm.modules.rewards import SHARINGS, UNSHARED, Sharing, Unshared
from vm.overlay import EmptyView, Overlay
from vm.table import Table

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Standing:
    """A registered producer. `member` is its seat in the newest block's set, if it has one;
    `here`: the node that was asked runs it; `votes`: the units bonded for it; `earned`: by all
    its blocks and votes, also what it has shared; `elected`: the next election gives it a seat
    unless votes or candidates change."""

    producer: bytes
    row: Producer
    member: ProducerInfo | None
    here: bool
    stands: bool
    votes: int
    earned: int
    offence: Offence | None
    suspension: Suspension | None
    elected: bool


@dataclass(frozen=True, slots=True)
class Standings:
    """All registered producers in the order of their names, and the answers they come from."""

    items: tuple[Standing, ...]
    answer: ProducersAnswer
    status: StatusAnswer

    @property
    def next_epoch(self) -> int:
        """The epoch that follows the clock's; its first block elects the set anew."""
        return epoch_of(max(self.status.slot, 0), self.status.epoch_slots) + 1

    @property
    def next_epoch_slot(self) -> int:
        """The first slot of that epoch."""
        return self.next_epoch * self.status.epoch_slots

    def time_ms(self, slot: int) -> int:
        """When a slot begins: Unix milliseconds."""
        return self.status.genesis_time_ms + slot * self.status.slot_ms

    def seconds_until(self, slot: int) -> float:
        """How long that is by the node's clock."""
        return (self.time_ms(slot) - self.status.time_ms) / 1000


async def read_standings(client: Client) -> Standings:
    """The producers as the node's newest block has them."""
    status = await client.status()
    answer = await client.producers()
    producers = await _rows(client, PRODUCERS, Producer)
    ranks = await _ranks(client)
    votes = await _rows(client, VOTES, Votes)
    offences = await _rows(client, OFFENCES, Offence)
    suspensions = await _rows(client, SUSPENSIONS, Suspension)
    earned = await _earned(client)
    members = {item.producer: item for item in answer.items}
    elected = _elected(ranks) or frozenset(members)
    candidates = {producer for _, producer, _ in ranks}
    items = [
        Standing(
            producer=producer,
            row=row,
            member=members.get(producer),
            here=producer in status.seats,
            stands=producer in candidates,
            votes=votes[producer].units if producer in votes else 0,
            earned=earned[producer],
            offence=offences.get(producer),
            suspension=suspensions.get(producer),
            elected=producer in elected,
        )
        for producer, row in producers.items()
    ]
    items.sort(key=lambda item: (len(item.row.name), item.row.name, item.producer))
    return Standings(tuple(items), answer, status)


async def _rows(client: Client, table: Table[R, bytes], row: type[R]) -> dict[bytes, R]:
    """A table's rows by account."""
    return {
        parse_address(str(item.key["producer"])): row.from_json(item.row)
        async for item in client.rows(table.name, finality=Finality.HEAD)
    }


async def _earned(client: Client) -> Counter[bytes]:
    """What producers have earned in all, shared or not."""
    sharings = await _rows(client, SHARINGS, Sharing)
    earned = Counter({producer: row.earned for producer, row in sharings.items()})
    async for item in client.rows(UNSHARED.name, finality=Finality.HEAD):
        for unshared in Unshared.from_json(item.row).earned:
            earned[unshared.producer] += unshared.units
    return earned


async def _ranks(client: Client) -> list[tuple[int, bytes, Rank]]:
    """The candidates in the order of an election."""
    return [
        (
            int(str(item.key["votes_below"])),
            parse_address(str(item.key["producer"])),
            Rank.from_json(item.row),
        )
        async for item in client.rows(RANKS.name, finality=Finality.HEAD)
    ]


def _elected(ranks: Sequence[tuple[int, bytes, Rank]]) -> frozenset[bytes] | None:
    """Whom a state of these candidates elects; None: the set stays as it is."""
    state = Overlay(EmptyView())
    for below, producer, row in ranks:
        RANKS.put(state, row, below, producer)
    found = elect(state)
    return None if found is None else frozenset(member.producer for member in found.members)


async def find_standing(
    client: Client, found: Standings, section: ClientSection, text: str
) -> Standing:
    """The producer of this address, name or @handle; one's own names come first."""
    try:
        account = await find_account(client, section, text, "PRODUCER")
    except Usage:
        named = [item for item in found.items if item.row.name == text]
        if not named:
            raise
        if len(named) > 1:
            addresses = ", ".join(format_address(item.producer) for item in named)
            raise Refused(
                f"{len(named)} producers have this name; name one by its address: {addresses}",
                field="PRODUCER",
                code="ambiguous",
            ) from None
        return named[0]
    for item in found.items:
        if item.producer == account:
            return item
    raise Refused(NOT_REGISTERED.sentence, field="PRODUCER", code=NOT_REGISTERED.code)
