"""The folder of a local network: what lies where, and who may use it.

lock            held by the running `reelect up`; its text is the process id
network.json    what the network is; while it is being made or deleted it has the name
                network.draft, and only a folder with one of the two is ever cleared
genesis.cbor    the genesis file
accounts.json   the funded accounts
client.toml     configuration of the commands that ask this network
control.sock    where the running `reelect up` takes the requests of `reelect net`
node-0/ …       a node's own folder (node/new_node.py), with node.log and node.err
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from consensus.errors import Invalid
from consensus.kinds import Text, Uint
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS
from consensus.record import Record, part
from genesis.preset import PresetEpochSlots
from node.failure import Refused
from node.files import read_bounded, sync_folder, write_new
from node.local.accounts import MAX_SPARE_SEATS
from vm.modules.chain import SlotMs
from vm.modules.economy import DayS

DEFAULT_FOLDER = Path("~/.reelect/local")
FORMAT = "reelect-local/3"
_MAX_FILE_BYTES = 4096
_NODE_PREFIX = "node-"


@part
class LocalNetworkForm(Record):
    """What a local network is from its first start on: how many nodes, from which preset, with
    slots of how many milliseconds, epochs of how many slots, how many producers in the first set
    and beyond it, and days of how many seconds."""

    format: Annotated[str, Text(32, 1, FORMAT)]
    nodes: Annotated[int, Uint(MAX_PRODUCERS, 1)]
    preset: Annotated[str, Text(1024, 1)]
    slot_ms: SlotMs
    epoch_slots: PresetEpochSlots
    seats: Annotated[int, Uint(MAX_PRODUCERS, MIN_PRODUCERS)]
    spare_seats: Annotated[int, Uint(MAX_SPARE_SEATS)]
    day_s: DayS


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """The paths in a local network's folder."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Self:
        """The folder that a person's spelling of its path means."""
        return cls(path.expanduser().absolute())

    @property
    def lock_file(self) -> Path:
        """Held by the process that runs the network."""
        return self.root / "lock"

    @property
    def form_file(self) -> Path:
        """What the network is."""
        return self.root / "network.json"

    @property
    def draft_file(self) -> Path:
        """What the network is to be, while it is made, or was, while it is deleted."""
        return self.root / "network.draft"

    @property
    def genesis_file(self) -> Path:
        """The chain's genesis."""
        return self.root / "genesis.cbor"

    @property
    def accounts_file(self) -> Path:
        """The funded accounts."""
        return self.root / "accounts.json"

    @property
    def client_file(self) -> Path:
        """The configuration of commands."""
        return self.root / "client.toml"

    @property
    def control_socket(self) -> Path:
        """Where the running network takes requests."""
        return self.root / "control.sock"

    def node(self, place: int) -> Path:
        """A node's folder."""
        return self.root / f"{_NODE_PREFIX}{place}"

    @property
    def exists(self) -> bool:
        """Whether a network lives here, or what is left of one half made or deleted."""
        return self.form_file.exists() or self.draft_file.exists()

    def form(self) -> LocalNetworkForm | None:
        """The network that lives here, if any; raises Refused for a file that is damaged."""
        if not self.form_file.exists():
            return None
        try:
            return LocalNetworkForm.from_json(
                json.loads(read_bounded(self.form_file, _MAX_FILE_BYTES))
            )
        except (Invalid, ValueError, RecursionError) as error:
            raise Refused(
                f"not of a local network that this version knows ({error}); "
                "`reelect reset` begins anew",
                field=str(self.form_file),
            ) from error

    def begin(self, form: LocalNetworkForm) -> None:
        """Begin to make a network; what an interrupted beginning left is deleted.

        Raises Refused if there is anything else here.
        """
        if self.draft_file.exists():
            self.clear()
        found = sorted(item.name for item in self.root.iterdir() if item != self.lock_file)
        if found:
            raise Refused(
                f"holds {found[0]!r} and no local network; choose an empty folder",
                field=str(self.root),
            )
        write_new(self.draft_file, json.dumps(form.to_json(), indent=2).encode() + b"\n")

    def finish(self) -> None:
        """Declare the network made."""
        os.rename(self.draft_file, self.form_file)
        sync_folder(self.root)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder, made if needed; raises Refused naming the process that holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 20, 0).decode("ascii", "replace") or "unknown"
            raise Refused(
                f"in use by `reelect up`, process {owner}: stop it first (Ctrl-C there)",
                field=str(self.root),
                code="in-use",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)

    def clear(self) -> None:
        """Delete the network; raises Refused, and deletes nothing, if anything here is not its."""
        strange = sorted(item.name for item in self.root.iterdir() if not self._is_ours(item))
        if strange:
            raise Refused(
                f"holds {strange[0]!r}, which no local network puts there: move it away",
                field=str(self.root),
            )
        if self.form_file.exists():
            os.rename(self.form_file, self.draft_file)
        for item in self.root.iterdir():
            if item.is_dir():
                shutil.rmtree(item)
            elif item not in (self.lock_file, self.draft_file):
                item.unlink()
        self.draft_file.unlink()

    def _is_ours(self, item: Path) -> bool:
        if item.is_dir():
            number = item.name.removeprefix(_NODE_PREFIX)
            return number.isdigit() and item == self.node(int(number))
        files = (
            self.lock_file,
            self.form_file,
            self.draft_file,
            self.genesis_file,
            self.accounts_file,
            self.client_file,
            self.control_socket,
        )
        return any(item == file or item.name.startswith(f".{file.name}.") for file in files)
