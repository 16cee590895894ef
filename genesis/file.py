"""The genesis file: the one thing that all nodes of a chain must be given.

DAG-CBOR of `["genesis", 1, header, members, rows]`: the genesis header, the first producer set
and every row of the first state. Nothing in it needs trust but its digest: all is recomputed.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

from consensus.block import Header
from consensus.codec import Wire, decode_at
from consensus.errors import Invalid, InvalidGenesis
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.kinds import Bytes
from consensus.merkle import merkle_root
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS, Member, ProducerSet
from consensus.record import AtMost, Record, part, record
from consensus.schedule import MIN_EPOCH_ROUNDS, min_epoch_slots
from consensus.tree import key_path
from consensus.tree_range import WHOLE, range_hash
from vm.modules.chain import FIRST_PROGRESS, PROGRESS, chain_constants
from vm.modules.economy import economy_constants
from vm.modules.producer import BEACONS, ranked
from vm.modules.tokens import ASSETS
from vm.overlay import EmptyView, Overlay
from vm.parameter import VALUES
from vm.registry import REGISTRY
from vm.view import View

# As much as a community's whole state: 100,000 accounts with their balances, nonces and videos.
MAX_GENESIS_BYTES = 64 * 1024 * 1024
MAX_GENESIS_ROWS = 500_000

_ARRAY_HEAD = b"\x85"  # of tag, version, header, members and rows

Members = Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS, MIN_PRODUCERS)]


@part
class Row(Record):
    """A state key and its value."""

    key: Annotated[bytes, Bytes(1024, 1)]
    value: Annotated[bytes, Bytes(65_536, 1)]


@part
class GenesisHead(Record):
    """What a node that has the first state, or a newer one, still needs of the genesis file."""

    header: Header
    members: Members

    @property
    def chain(self) -> bytes:
        """The chain's digest, which every record for it carries: H(header)."""
        return sha256(self.header.encode())

    @property
    def producer_set(self) -> ProducerSet:
        """S_0."""
        return ProducerSet(self.members)


@record("genesis")
class Genesis(Record):
    """A chain's beginning: header, first producer set, and the rows of the state by key."""

    header: Header
    members: Members
    rows: Annotated[tuple[Row, ...], AtMost(MAX_GENESIS_ROWS)]

    @property
    def head(self) -> GenesisHead:
        """All but the rows."""
        return GenesisHead(self.header, self.members)

    @property
    def chain(self) -> bytes:
        """The chain's digest, which every record for it carries: H(header)."""
        return self.head.chain

    @property
    def producer_set(self) -> ProducerSet:
        """S_0."""
        return self.head.producer_set

    def state(self) -> Overlay:
        """The first state, in memory."""
        overlay = Overlay(EmptyView())
        for row in self.rows:
            overlay.put(row.key, row.value)
        return overlay


def make_genesis(state: Overlay) -> Genesis:
    """The genesis of a first state; raises InvalidGenesis if the state cannot start a chain."""
    written = state.writes().items()
    rows = tuple(Row(key, value) for key, value in written if value is not None)
    try:
        members = _elected(state)
        made = Genesis(_header(rows, members), members.members, rows)
        _check_state(made, state)
    except Invalid as error:
        raise InvalidGenesis(error.message, field=error.field) from None
    return made


def parse_genesis(data: bytes) -> Genesis:
    """Read a genesis file and check all that it says; raises InvalidGenesis naming the part."""
    if len(data) > MAX_GENESIS_BYTES:
        raise InvalidGenesis(f"{len(data)} bytes; a genesis file has at most {MAX_GENESIS_BYTES}")
    try:
        genesis = Genesis.decode(data)
    except Invalid as error:
        raise _no_genesis(error) from None
    try:
        _check_order(genesis.rows)
        _check_state(genesis, genesis.state())
        _check_header(genesis)
    except Invalid as error:
        raise InvalidGenesis(error.message, field=error.field) from None
    return genesis


def parse_head(data: bytes) -> GenesisHead:
    """Read the beginning of a genesis file, in no time however many rows follow.

    For a node whose database says by the header's id that it was begun with this file: then all
    of it was checked once. Raises InvalidGenesis.
    """
    try:
        items, position = list[Wire](), len(_ARRAY_HEAD)
        if not data.startswith(_ARRAY_HEAD):
            raise InvalidGenesis("a record of type 'genesis' is expected")
        for _ in range(2 + len(GenesisHead.fields)):
            item, position = decode_at(data, position)
            items.append(item)
        if items[:2] != [Genesis.tag, Genesis.version]:
            raise InvalidGenesis(f"a record of type 'genesis', {Genesis.version} is expected")
        head = GenesisHead.unpack(items[2:])
        if head.header.set_hash != head.producer_set.hash:
            raise InvalidGenesis("not the set of the header", field="members")
    except Invalid as error:
        raise _no_genesis(error) from None
    return head


def _no_genesis(error: Invalid) -> InvalidGenesis:
    return InvalidGenesis(f"not a genesis file: {error.message}", field=error.field)


def _header(rows: Iterable[Row], members: ProducerSet) -> Header:
    """The only header that a genesis of these rows and members can have (FINALITY: genesis)."""
    leaves = sorted((key_path(row.key), sha256(row.value)) for row in rows)
    return Header(
        chain=None,
        parent=None,
        height=0,
        slot=0,
        producer=None,
        reveal=None,
        dynasty=0,
        set_hash=members.hash,
        next_set_hash=ZERO_DIGEST,
        handover=None,
        base=None,
        qc_target=None,
        qc_hash=sha256(b""),
        final_if_qc=None,
        state_root=range_hash(WHOLE, leaves),
        transactions_root=merkle_root([]),
        receipts_root=merkle_root([]),
        events_root=merkle_root([]),
    )


def _check_header(genesis: Genesis) -> None:
    expected = _header(genesis.rows, genesis.producer_set)
    for field in Header.fields:
        if getattr(genesis.header, field.name) != getattr(expected, field.name):
            raise InvalidGenesis(
                "does not follow from the file's rows and members; the file was altered",
                field=f"header.{field.name}",
            )


def _check_order(rows: tuple[Row, ...]) -> None:
    for i, (low, high) in enumerate(pairwise(rows)):
        if low.key >= high.key:
            raise InvalidGenesis("rows must be distinct and in order", field=f"rows[{i + 1}]")


def _check_state(genesis: Genesis, state: View) -> None:
    _check_rows(genesis.rows)
    if ASSETS.get(state, chain_constants(state).native_asset) is None:
        raise InvalidGenesis("has no token.asset row", field="chain.native_asset")
    if PROGRESS.get(state) != FIRST_PROGRESS:
        raise InvalidGenesis("not where a chain begins", field="chain.progress")
    economy_constants(state)
    for i, member in enumerate(genesis.members):
        if BEACONS.get(state, member.producer) is None:
            raise InvalidGenesis("has no producer.beacon row", field=f"members[{i}]")
    if _elected(state).members != genesis.members:
        raise InvalidGenesis("not the set that the state elects", field="members")
    if chain_constants(state).epoch_slots < min_epoch_slots(len(genesis.members)):
        raise InvalidGenesis(
            f"an epoch must have {MIN_EPOCH_ROUNDS} slots for each of the "
            f"{len(genesis.members)} producers",
            field="chain.epoch_slots",
        )
    for (name,), parameter in VALUES.every(state):
        if name not in REGISTRY.parameters:
            raise InvalidGenesis("no such parameter", field=f"parameters.{name}")
        REGISTRY.parameters[name].check(parameter.value)
    for sentence in REGISTRY.broken_invariants(state):
        raise InvalidGenesis(sentence, field="rows")


def _elected(state: View) -> ProducerSet:
    elected = ranked(state)
    if elected is None:
        raise InvalidGenesis(f"fewer than {MIN_PRODUCERS} producers stand", field="members")
    return elected


def _check_rows(rows: Iterable[Row]) -> None:
    for i, row in enumerate(rows):
        try:
            table = REGISTRY.table_of(row.key)
            table.key_parts(row.key)
            table.row.decode(row.value)
        except Invalid as error:
            raise error.within(f"rows[{i}]") from None
