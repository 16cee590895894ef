"""`reelect db export`, `import`, `snapshots`: a state goes from one node to another in a file."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import consensus.snapshot
from genesis.file import Genesis, parse_genesis
from node.chain import Chain
from node.config.sources import load_config
from node.new_node import create_node, seat_keys
from node.snapshots.taking import take_snapshot
from storage.database import META_ROW, Database
from storage.snapshot_file import SnapshotFile
from storage.snapshot_import import SnapshotImport
from storage.snapshots import SnapshotStore
from tests.commands.conftest import Answer, Run
from tests.node.network import (
    FUNDS,
    key,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
    transfer,
)
from vm.modules.tokens import balance_of

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
OTHER = make_genesis_of(SEATS.values(), [BOB])


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus.snapshot, "CHUNK_BYTES", 1_000)


class Host:
    """A node's folder and the commands that look after it."""

    def __init__(self, folder: Path, run: Run, genesis: Genesis = GENESIS) -> None:
        made = create_node(folder, [], {"p2p.port": 0, "api.port": 0})
        made.config.node.genesis.write_bytes(genesis.encode())
        self.config = load_config(made.file, (), {})
        self.file = made.file
        self.data = self.config.node.data_dir
        self._genesis = genesis
        self._run = run

    def run(self, command: str, *arguments: str) -> Answer:
        """A command on this node."""
        return self._run("db", command, *arguments, "--config", str(self.file))

    def database(self) -> Database:
        """Its database, open."""
        self.data.mkdir(parents=True, exist_ok=True)
        return Database.open(self.data / "chain")

    def forget(self) -> None:
        """Lose the database."""
        shutil.rmtree(self.data / "chain")

    def grow(self, first: int, last: int, *, snapshots: bool) -> None:
        """Blocks of these slots, with a payment each, and a snapshot of the last final state."""
        with self.database() as database:
            chain = Chain(self._genesis, database)
            chain.replay()
            for slot in range(first, last + 1):
                pending = transfer(chain, ALICE, BOB.public, 1, slot - 1)
                run_slots([chain], SEATS, [slot], [pending])
            if snapshots:
                store = SnapshotStore(self.data / "snapshots")
                take_snapshot(store, chain.state.view().reader)


@pytest.fixture
def old(home: Path, run: Run) -> Host:
    """A node at final height 7 with snapshots of 4 and 7."""
    made = Host(home / "old", run)
    made.grow(1, 5, snapshots=True)
    made.grow(6, 8, snapshots=True)
    return made


@pytest.fixture
def new(home: Path, run: Run) -> Host:
    return Host(home / "new", run)


def refused(answer: Answer, code: int, *parts: str) -> None:
    assert (answer.code, answer.out) == (code, "")
    for part in parts:
        assert part in answer.err


# snapshots, export


def test_snapshots_are_listed_the_newest_first_while_the_node_runs(old: Host) -> None:
    with old.database():
        listed = old.run("snapshots", "--json")
    assert listed.code == 0
    assert [int(line.split()[0]) for line in old.run("snapshots").out.splitlines()[1:]] == [7, 4]
    assert listed.out.count('"state_root"') == 2


def test_where_no_node_is_there_are_no_snapshots_to_list(home: Path, run: Run) -> None:
    refused(run("db", "snapshots", "--set", "node.data_dir=none"), 1, "none", "--config")


def test_the_newest_or_a_wanted_one_is_exported_while_the_node_runs(old: Host, home: Path) -> None:
    with old.database():
        made = old.run("export", "state", "--json").json
        second = old.run("export", "older", "--height", "4", "--json").json
    assert (made["height"], second["height"]) == (7, 4)
    file = SnapshotFile.open(home / "state")
    assert made["block"] == str(file.manifest.block_id)
    assert made["chunks"] == len(file.manifest.chunks) > 3
    assert (home / "state").read_bytes() == (old.data / "snapshots/7.snapshot").read_bytes()
    refused(old.run("export", "none", "--height", "5"), 1, "--height", "there are: 7, 4")
    refused(old.run("export", "state"), 1, "state", "not overwritten")


def test_a_stopped_node_without_a_snapshot_takes_one(home: Path, run: Run) -> None:
    host = Host(home / "host", run)
    refused(host.run("export", "state"), 1, "holds no chain")
    host.grow(1, 6, snapshots=False)
    with host.database():
        refused(host.run("export", "state"), 1, "in use by process", "storage.snapshot_blocks")
    assert host.run("export", "state", "--json").json["height"] == 5
    assert host.run("snapshots", "--json").out.count('"height": 5') == 1


def test_a_damaged_snapshot_is_not_exported(old: Host, home: Path) -> None:
    path = old.data / "snapshots" / "7.snapshot"
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    refused(old.run("export", "state"), 5, str(path), "chunk 0")
    assert not (home / "state").exists()


# import


@pytest.fixture
def exported(old: Host, home: Path) -> Path:
    assert old.run("export", "state").code == 0
    return home / "state"


def test_a_new_node_goes_on_with_the_state(old: Host, new: Host, exported: Path) -> None:
    made = new.run("import", str(exported), "--json").json
    assert (made["height"], made["chain"], made["found_chunks"]) == (7, GENESIS.chain.hex(), 0)
    with new.database() as database, old.database() as theirs:
        chain, original = Chain(GENESIS, database), Chain(GENESIS, theirs)
        original.replay()
        assert balance_of(chain.state.view(), BOB.public, "REEL") == 7
        for block in original.head_chain():
            take_block(chain, block.raw)
        run_slots([original, chain], SEATS, [9, 10, 11])
        assert chain.durable_final.id == original.durable_final.id
    refused(new.run("import", str(exported)), 1, str(new.data), "has a chain already")


def test_an_old_genesis_file_is_no_reason_to_believe_a_block(
    new: Host, old: Host, exported: Path
) -> None:
    block = str(old.run("export", "again", "--json").json["block"])
    other = str(old.run("export", "older", "--height", "4", "--json").json["block"])
    refused(new.run("import", str(exported), "--block", other), 5, str(exported), other, block)
    refused(new.run("import", str(exported), "--block", "x"), 2, "--block")
    answer = new.run("import", str(exported), "--block", block)
    assert (answer.code, answer.err) == (0, "")
    new.forget()
    answer = new.run("import", str(exported))
    assert answer.code == 0
    assert "older than the chain's unbonding time" in answer.err
    assert block in answer.err


def test_an_import_that_was_interrupted_goes_on(new: Host, exported: Path) -> None:
    file = SnapshotFile.open(exported)
    with new.database() as database:
        imported = SnapshotImport(database, file.manifest)
        for index in (2, 0, 1):
            imported.add(index, file.chunk(index))
    assert new.run("import", str(exported), "--json").json["found_chunks"] == 3
    with new.database() as database:
        assert Chain(GENESIS, database).durable_final.height == 7


def _changed(at: float) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        place = int(len(data) * at)
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    return change


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (_changed(0.01), 5, "chunk"),
        (_changed(0.3), 5, "chunk"),
        (lambda data: data[:-1], 1, "damaged"),
        (lambda data: b"text", 1, "not a snapshot's file"),
        (lambda data: data[:5000], 1, "damaged"),
        (lambda data: b"", 1, "not a snapshot's file"),
    ],
)
def test_an_altered_file_is_refused_and_makes_no_chain(
    new: Host, exported: Path, change: Callable[[bytes], bytes], code: int, said: str
) -> None:
    good = exported.read_bytes()
    exported.write_bytes(change(good))
    refused(new.run("import", str(exported)), code, str(exported), said)
    with new.database() as database:
        assert database.get(META_ROW) is None
    exported.write_bytes(good)
    assert new.run("import", str(exported)).code == 0


def test_no_changed_byte_of_a_file_gets_in(new: Host, exported: Path) -> None:
    good = exported.read_bytes()
    for at in range(0, len(good), 97):
        exported.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        answer = new.run("import", str(exported))
        assert answer.code in (1, 5), at
        assert str(exported) in answer.err


def test_a_state_of_another_chain_is_refused(home: Path, run: Run, exported: Path) -> None:
    other = Host(home / "other", run, OTHER)
    answer = other.run("import", str(exported), "--json")
    assert (answer.code, answer.error["code"]) == (5, "invalid-proof")
    assert "another chain" in str(answer.error["message"])


def test_nothing_is_imported_beside_an_alarm_or_a_running_node(new: Host, exported: Path) -> None:
    with new.database():
        refused(new.run("import", str(exported)), 1, "in use by process")
    (new.data / "conflict-1.cbor").write_bytes(b"evidence")
    refused(new.run("import", str(exported)), 1, "conflict-1.cbor")


def test_balances_are_those_of_the_old_node(new: Host, exported: Path) -> None:
    assert new.run("import", str(exported)).code == 0
    with new.database() as database:
        view = Chain(GENESIS, database).state.view()
        assert balance_of(view, ALICE.public, "REEL") < FUNDS - 7


# genesis from-snapshot


@pytest.fixture
def records(home: Path) -> list[str]:
    """The files of four new producers' records."""
    seats = [seat_keys(b"%64d" % i, f"seat-{i}", i) for i in range(4)]
    return [str(file) for file in create_node(home / "producers", seats, {}).records]


def test_a_chain_without_a_quorum_begins_anew(
    home: Path, run: Run, old: Host, exported: Path, records: list[str]
) -> None:
    genesis = str(old.config.node.genesis)
    start = ["--start", "2030-01-31T12:00:00Z"]
    command = ["genesis", "from-snapshot", str(exported), "--genesis", genesis, *start]
    made = run(*command, "--producer", *records, "--network", "again", "-o", "new.cbor", "--json")
    shown = made.json
    assert (shown["network"], shown["start"]) == ("again", "2030-01-31T12:00:00.000Z")
    new = parse_genesis((home / "new.cbor").read_bytes())
    assert shown["chain"] == new.chain.hex() != GENESIS.chain.hex()
    assert balance_of(new.state(), BOB.public, "REEL") == 7
    assert run("genesis", "show", "new.cbor", "--json").json["chain"] == shown["chain"]
    refused(run(*command, "--producer", *records, "-o", "new.cbor"), 1, "not overwritten")
    for arguments, code, said in (
        (["--producer", *records[:3]], 1, "3 producers"),
        (["--producer", str(exported)], 1, str(exported)),
        (["--producer", *records, "--network", "A B"], 1, "network"),
    ):
        refused(run(*command, *arguments, "-o", "none.cbor"), code, said)
    assert not (home / "none.cbor").exists()


def test_a_new_chain_begins_with_nothing_that_is_not_proved(
    home: Path, run: Run, old: Host, exported: Path, records: list[str]
) -> None:
    (home / "other.cbor").write_bytes(OTHER.encode())
    command = ["genesis", "from-snapshot", str(exported), "--producer", *records]
    refused(run(*command, "--genesis", "other.cbor"), 5, str(exported), "another chain")
    data = exported.read_bytes()
    exported.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    refused(run(*command, "--genesis", str(old.config.node.genesis)), 5, str(exported), "chunk 0")
    assert not (home / "genesis.cbor").exists()
