"""Makes a local network: keys, funded accounts, genesis, and a folder for each node."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consensus.errors import Invalid
from consensus.kinds import Kind
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS
from consensus.record import kind_of
from genesis.build import build_genesis
from genesis.file import MAX_GENESIS_BYTES, Genesis, parse_genesis
from genesis.preset import PresetEpochSlots, load_preset
from genesis.producer_record import ProducerRecord
from genesis.seats import Seats
from node.config.setting import Raw
from node.failure import Refused, Usage
from node.files import read_bounded, write_new
from node.local.accounts import (
    FIRST_SEAT_INDEX,
    MAX_SPARE_SEATS,
    LocalAccounts,
    make_local_accounts,
    producer_name,
    read_local_accounts,
    write_local_accounts,
)
from node.local.folder import FORMAT, LocalFolder, LocalNetworkForm
from node.local.ports import LOOPBACK
from node.local.process import LOG_FILE
from node.new_node import create_node, seat_keys
from node.wallet.derivation import master_seed, new_mnemonic
from vm.modules.chain import SlotMs
from vm.modules.economy import DayS

DEFAULT_NODES = 4
DEFAULT_PRESET = "devnet"
_NODE_SETTINGS: dict[str, Raw] = {
    "node.genesis": "../genesis.cbor",
    "client.genesis": "../genesis.cbor",
    "p2p.host": LOOPBACK,
    "log.file": LOG_FILE,
}
# A producer's account begins with this part of what a person's has: enough for fees.
PRODUCER_FUNDS_DIVISOR = 1000


@dataclass(frozen=True, slots=True)
class LocalWishes:
    """What `reelect up` was asked for; None: whatever is there, or the default."""

    nodes: int | None = None
    preset: str | None = None
    slot_ms: int | None = None
    epoch_slots: int | None = None
    seats: int | None = None
    spare_seats: int | None = None
    day_s: int | None = None


@dataclass(frozen=True, slots=True)
class LocalChain:
    """A local network that exists."""

    form: LocalNetworkForm
    genesis: Genesis
    accounts: LocalAccounts


def choose_form(folder: LocalFolder, wishes: LocalWishes) -> LocalNetworkForm:
    """The form of the network in this folder, or of the one to be made in it.

    Raises Refused for wishes that contradict the network that exists, Usage for impossible
    ones.
    """
    form = folder.form()
    if form is None:
        return _new_form(wishes)
    _check_wishes(form, wishes)
    return form


def open_or_create(
    folder: LocalFolder, form: LocalNetworkForm, genesis_time_ms: Callable[[int], int]
) -> LocalChain:
    """The network in this folder, made if there is none; the caller owns the folder.

    `genesis_time_ms` gives a new chain's beginning for so many nodes, once all keys are made.
    """
    if folder.form() is None:
        _create(folder, form, genesis_time_ms)
    return _read(folder, form)


def _check_wishes(form: LocalNetworkForm, wishes: LocalWishes) -> None:
    for option, wish, there in (
        ("--nodes", wishes.nodes, form.nodes),
        ("--preset", wishes.preset, form.preset),
        ("--slot-ms", wishes.slot_ms, form.slot_ms),
        ("--epoch-slots", wishes.epoch_slots, form.epoch_slots),
        ("--seats", wishes.seats, form.seats),
        ("--spare-seats", wishes.spare_seats, form.spare_seats),
        ("--day-s", wishes.day_s, form.day_s),
    ):
        if wish not in (None, there):
            raise Refused(
                f"the network that exists has {there}, and keeps it; leave the option out to go "
                "on with that chain, or delete it with `reelect reset`",
                field=option,
                code="other-network",
            )


def _new_form(wishes: LocalWishes) -> LocalNetworkForm:
    nodes = DEFAULT_NODES if wishes.nodes is None else wishes.nodes
    preset = DEFAULT_PRESET if wishes.preset is None else wishes.preset
    if not 1 <= nodes <= MAX_PRODUCERS:
        raise Usage(f"1 to {MAX_PRODUCERS} nodes, not {nodes}", field="--nodes")
    try:
        chosen = load_preset(preset)
    except Invalid as error:
        raise Usage(error.message, field="--preset") from None
    slot_ms = chosen.chain.slot_ms if wishes.slot_ms is None else wishes.slot_ms
    epoch_slots = chosen.chain.epoch_slots if wishes.epoch_slots is None else wishes.epoch_slots
    _check_option("--slot-ms", kind_of(SlotMs), slot_ms)
    _check_option("--epoch-slots", kind_of(PresetEpochSlots), epoch_slots)
    seats = _seats(wishes.seats, nodes)
    spare_seats = _spare_seats(wishes.spare_seats, len(chosen.seats.spares), nodes, seats)
    day_s = chosen.economy.day_s if wishes.day_s is None else wishes.day_s
    _check_option("--day-s", kind_of(DayS), day_s)
    if len(chosen.setup.roles) > chosen.funding.accounts:
        raise Usage(
            f"it names {len(chosen.setup.roles)} accounts; a local network has as many as its "
            f"funding.accounts says, {chosen.funding.accounts}",
            field="--preset",
        )
    return LocalNetworkForm(FORMAT, nodes, preset, slot_ms, epoch_slots, seats, spare_seats, day_s)


def _check_option(option: str, kind: Kind, value: int) -> None:
    try:
        kind.pack(value)
    except Invalid as error:
        raise Usage(error.message, field=option) from None


def _seats(wish: int | None, nodes: int) -> int:
    """How many producers there are to be in the first set; each node has one at least."""
    if wish is None:
        return MAX_PRODUCERS
    if not MIN_PRODUCERS <= wish <= MAX_PRODUCERS:
        raise Usage(f"{MIN_PRODUCERS} to {MAX_PRODUCERS} seats, not {wish}", field="--seats")
    if nodes > wish:
        raise Usage(f"{nodes} nodes cannot share {wish} seats", field="--seats")
    return wish


def _spare_seats(wish: int | None, usual: int, nodes: int, seats: int) -> int:
    """How many there are to be; a node has at most MAX_PRODUCERS seats in all."""
    room = nodes * MAX_PRODUCERS - seats
    if wish is None:
        return min(usual, room)
    if not 0 <= wish <= MAX_SPARE_SEATS:
        raise Usage(f"0 to {MAX_SPARE_SEATS} spare seats, not {wish}", field="--spare-seats")
    if wish > room:
        raise Usage(
            f"a node has at most {MAX_PRODUCERS} seats: so many spare ones need more --nodes",
            field="--spare-seats",
        )
    return wish


def _create(
    folder: LocalFolder, form: LocalNetworkForm, genesis_time_ms: Callable[[int], int]
) -> None:
    folder.begin(form)
    preset = load_preset(form.preset, form.day_s)
    mnemonic = new_mnemonic()
    seats = form.seats + form.spare_seats
    roles = tuple(preset.setup.roles)
    accounts = make_local_accounts(mnemonic, preset.funding.accounts, seats, roles)
    write_local_accounts(folder.accounts_file, accounts)
    records = _create_nodes(folder, form.nodes, mnemonic, _called(preset.seats, form.seats, seats))
    units = preset.funding.account_units
    genesis = build_genesis(
        preset,
        records[: form.seats],
        [(account, units) for account in accounts.accounts]
        + [(account, units // PRODUCER_FUNDS_DIVISOR) for account in accounts.producers],
        genesis_time_ms(form.nodes),
        slot_ms=form.slot_ms,
        epoch_slots=form.epoch_slots,
        spares=records[form.seats :],
        roles=accounts.of_roles(),
    )
    write_new(folder.genesis_file, genesis.encode())
    folder.finish()


def _called(seats: Seats, first: int, count: int) -> list[str]:
    """What the producers are called, in order: the spare ones after the first set."""
    usual = [producer_name(place) for place in range(count)]
    named = [*seats.producers[:first], *usual[len(seats.producers) : first], *seats.spares]
    return [*named[:count], *usual[len(named) :]]


def _create_nodes(
    folder: LocalFolder, nodes: int, mnemonic: str, called: Sequence[str]
) -> list[ProducerRecord]:
    """Every seat's producer record, in order; the seats are dealt to the nodes in turn."""
    master = master_seed(mnemonic)
    seats = [
        seat_keys(master, producer_name(i), FIRST_SEAT_INDEX + i, name)
        for i, name in enumerate(called)
    ]
    records: dict[bytes, ProducerRecord] = {}
    for place in range(nodes):
        made = create_node(folder.node(place), seats[place::nodes], _NODE_SETTINGS)
        records |= {item.producer: item for item in made.records.values()}
    return [records[seat.account.public] for seat in seats]


def _read(folder: LocalFolder, form: LocalNetworkForm) -> LocalChain:
    raw = read_bounded(folder.genesis_file, MAX_GENESIS_BYTES)
    accounts = read_local_accounts(folder.accounts_file)
    try:
        return LocalChain(form, parse_genesis(raw), accounts)
    except Invalid as error:
        raise Refused(str(error), field=str(folder.genesis_file), code=error.code) from None
