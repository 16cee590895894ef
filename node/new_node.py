"""A new node's folder: its keys, producer records and configuration.

config.toml              read by every command with --config
node.seed.json           identity in the network of nodes
seats/NAME/…seed.json    consensus and beacon seeds of each producer it runs
producers/NAME.json      what whoever builds the genesis needs: producer records
data/                    the chain's data and the signing journal, made with the keys: a journal
                         that is made later counts as lost (FINALITY: absence is always amnesia)
"""

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consensus.address import format_address
from consensus.beacon import RevealChain
from consensus.keys import KeyPair
from genesis.producer_record import ProducerRecord, make_producer_record
from node.config.file import config_toml
from node.config.sections import Config
from node.config.setting import Raw
from node.config.sources import load_config
from node.failure import Refused
from node.files import write_new
from node.validator import JOURNAL_FILE, create_journal
from node.wallet.derivation import KeyKind, derive_seed
from node.wallet.seed_file import create_seed_file
from vm.modules.producer import Commitment

CONFIG_FILE = "config.toml"
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class SeatKeys:
    """The keys of a producer to be: its account's, and the seeds of consensus and beacon; `name` is
    that of its files, `called` what it is called on the chain, if that is another."""

    name: str
    account: KeyPair
    consensus_seed: bytes
    beacon_seed: bytes
    called: str = ""


@dataclass(frozen=True, slots=True)
class NewNode:
    """What was written: the configuration and its file, the node's id, records by their file."""

    file: Path
    config: Config
    id: bytes
    records: Mapping[Path, ProducerRecord]


def seat_keys(master: bytes, name: str, index: int, called: str = "") -> SeatKeys:
    """The keys number `index` of a wallet's master seed."""
    return SeatKeys(
        name,
        KeyPair.from_seed(derive_seed(master, KeyKind.ACCOUNT, index)),
        derive_seed(master, KeyKind.CONSENSUS, index),
        derive_seed(master, KeyKind.BEACON, index),
        called,
    )


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make an empty folder to fill; all that is in it goes again if the filling fails.

    Raises Refused if there is anything in it already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Refused("not empty; nothing in it is overwritten: choose another", field=str(folder))
    try:
        yield
    except BaseException:
        for item in folder.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()
        raise


def create_node(folder: Path, seats: Sequence[SeatKeys], values: Mapping[str, Raw]) -> NewNode:
    """Write a node's files; `values` are settings by key, with paths relative to the folder.

    Raises Refused if a file exists and Usage if a value is wrong; see new_folder.
    """
    identity = secrets.token_bytes(32)
    create_seed_file(folder / "node.seed.json", KeyKind.NODE, identity)
    tables = [_write_seat(folder, seat) for seat in seats]
    records = {_record_file(folder, seat): _record(seat) for seat in seats}
    for file, made in records.items():
        write_new(file, json.dumps(made.to_file(), indent=2).encode() + b"\n")
    defaults: dict[str, Raw] = {
        "node.data_dir": "data",
        "node.genesis": "genesis.cbor",
        "node.key_file": "node.seed.json",
        "client.genesis": "genesis.cbor",
    }
    file = folder / CONFIG_FILE
    write_new(file, config_toml(defaults | dict(values), tables).encode())
    config = load_config(file, (), {})
    config.node.data_dir.mkdir(parents=True, exist_ok=True)
    keys = [KeyPair.from_seed(seat.consensus_seed).public for seat in seats]
    create_journal(config.node.data_dir / JOURNAL_FILE, keys)
    return NewNode(file, config, KeyPair.from_seed(identity).public, records)


def _write_seat(folder: Path, seat: SeatKeys) -> dict[str, str]:
    place = Path("seats") / seat.name
    table = {
        "account": format_address(seat.account.public),
        "consensus_key_file": str(place / "consensus.seed.json"),
        "beacon_seed_file": str(place / "beacon.seed.json"),
    }
    create_seed_file(folder / table["consensus_key_file"], KeyKind.CONSENSUS, seat.consensus_seed)
    create_seed_file(folder / table["beacon_seed_file"], KeyKind.BEACON, seat.beacon_seed)
    return table


def _record_file(folder: Path, seat: SeatKeys) -> Path:
    return folder / "producers" / f"{seat.name}.json"


def new_commitment(beacon_seed: bytes) -> Commitment:
    """The commitment to a new chain of reveals; making it takes a good part of a second."""
    salt = secrets.token_bytes(SALT_BYTES)
    chain = RevealChain(beacon_seed, salt)
    return Commitment(salt, chain.commitment, chain.length)


def _record(seat: SeatKeys) -> ProducerRecord:
    key = KeyPair.from_seed(seat.consensus_seed)
    commitment = new_commitment(seat.beacon_seed)
    return make_producer_record(seat.account, key, seat.called or seat.name, commitment)
