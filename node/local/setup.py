"""Makes a local network: keys, funded accounts, genesis, and a folder for each node."""

from collections.abc import Callable
from dataclasses import dataclass

from consensus.errors import Invalid
from consensus.producers import MAX_PRODUCERS
from consensus.record import kind_of
from genesis.build import build_genesis
from genesis.file import MAX_GENESIS_BYTES, Genesis, parse_genesis
from genesis.preset import load_preset
from genesis.producer_record import ProducerRecord
from node.config.setting import Raw
from node.failure import Refused, Usage
from node.files import read_bounded, write_new
from node.local.accounts import (
    MAX_ACCOUNTS,
    LocalAccounts,
    make_local_accounts,
    read_local_accounts,
    write_local_accounts,
)
from node.local.folder import FORMAT, LocalFolder, LocalNetworkForm
from node.local.ports import LOOPBACK
from node.local.process import LOG_FILE
from node.new_node import create_node, seat_keys
from node.wallet.derivation import master_seed, new_mnemonic
from vm.modules.chain import SlotMs

DEFAULT_NODES = 4
DEFAULT_PRESET = "devnet"
_NODE_SETTINGS: dict[str, Raw] = {
    "node.genesis": "../genesis.cbor",
    "client.genesis": "../genesis.cbor",
    "p2p.host": LOOPBACK,
    "log.file": LOG_FILE,
}
# The accounts of the seats follow those that people use.
FIRST_SEAT_INDEX = MAX_ACCOUNTS


@dataclass(frozen=True, slots=True)
class LocalWishes:
    """What `reelect up` was asked for; None: whatever is there, or the default."""

    nodes: int | None = None
    preset: str | None = None
    slot_ms: int | None = None


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
    try:
        kind_of(SlotMs).pack(slot_ms)
    except Invalid as error:
        raise Usage(error.message, field="--slot-ms") from None
    return LocalNetworkForm(FORMAT, nodes, preset, slot_ms)


def _create(
    folder: LocalFolder, form: LocalNetworkForm, genesis_time_ms: Callable[[int], int]
) -> None:
    folder.begin(form)
    preset = load_preset(form.preset)
    mnemonic = new_mnemonic()
    accounts = make_local_accounts(mnemonic, preset.funding.accounts)
    write_local_accounts(folder.accounts_file, accounts)
    records = _create_nodes(folder, form.nodes, mnemonic)
    genesis = build_genesis(
        preset,
        records,
        [(account, preset.funding.account_units) for account in accounts.accounts],
        genesis_time_ms(form.nodes),
        slot_ms=form.slot_ms,
    )
    write_new(folder.genesis_file, genesis.encode())
    folder.finish()


def _create_nodes(folder: LocalFolder, nodes: int, mnemonic: str) -> list[ProducerRecord]:
    """Every seat's producer record; the seats are dealt to the nodes in turn."""
    master = master_seed(mnemonic)
    seats = [seat_keys(master, f"producer-{i}", FIRST_SEAT_INDEX + i) for i in range(MAX_PRODUCERS)]
    records: list[ProducerRecord] = []
    for place in range(nodes):
        made = create_node(folder.node(place), seats[place::nodes], _NODE_SETTINGS)
        records += made.records.values()
    return records


def _read(folder: LocalFolder, form: LocalNetworkForm) -> LocalChain:
    raw = read_bounded(folder.genesis_file, MAX_GENESIS_BYTES)
    accounts = read_local_accounts(folder.accounts_file)
    try:
        return LocalChain(form, parse_genesis(raw), accounts)
    except Invalid as error:
        raise Refused(str(error), field=str(folder.genesis_file), code=error.code) from None
