"""`reelect db check`, `repair`, `stats`, `compact`: a stopped node's database looked after."""

import os
from pathlib import Path

import pytest

from consensus.cid import RAW, cid_of
from node.config.sections import Config
from node.config.sources import load_config
from node.new_node import create_node
from node.node import open_storage
from node.validator import JOURNAL_FILE
from storage.blocks import BlockStore
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    META_ROW,
    RECEIPTS_ROW,
    STATE_ROW,
    Database,
    DatabaseError,
)
from storage.journal import Journal, JournalError
from storage.snapshots import SNAPSHOTS
from tests.commands.conftest import Answer, Run
from tests.node.network import key, make_genesis_of, make_seats, run_slots, transfer

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
FINAL_HEIGHT = 7


class Stopped:
    """A node's folder, and commands with its configuration."""

    def __init__(self, folder: Path, run: Run) -> None:
        made = create_node(folder, [], {"p2p.host": "127.0.0.1", "p2p.port": 0, "api.port": 0})
        made.config.node.genesis.write_bytes(GENESIS.encode())
        self.config: Config = load_config(made.file, (), {})
        self.data = self.config.node.data_dir
        self.chain = self.data / "chain"
        self._file = made.file
        self._run = run

    def run(self, *arguments: str) -> Answer:
        """`reelect db …`"""
        return self._run("db", *arguments, "--config", str(self._file))

    def change(self, *rows: tuple[bytes, bytes | None]) -> None:
        """Damage the database."""
        with Database.open(self.chain) as database:
            database.write(rows, sync=True)

    def height(self) -> int:
        """Start the node and see where it is."""
        with open_storage(self.config) as storage:
            return storage.chain.durable_final.height


@pytest.fixture
def node(home: Path, run: Run) -> Stopped:
    """A node with a few blocks, payments and content."""
    made = Stopped(home / "node", run)
    with open_storage(made.config) as storage:
        for slot in range(1, FINAL_HEIGHT + 2):
            run_slots(
                [storage.chain],
                SEATS,
                [slot],
                [transfer(storage.chain, ALICE, BOB.public, 5, slot - 1)],
            )
        for block in (b"one", b"two"):
            storage.content.put(cid_of(RAW, block), block)
    return made


def _key(kind: bytes, height: int) -> bytes:
    return kind + height.to_bytes(8, "big")


def _refused(answer: Answer, *parts: str) -> None:
    assert answer.code == 1
    for part in parts:
        assert part in answer.err


# check


def test_a_good_database_has_no_faults(node: Stopped) -> None:
    report = node.run("check", "--content", "--json").json
    with Database.open(node.chain) as database:
        final = BlockStore(database).meta()
    assert final is not None
    assert report == {
        "database": str(node.chain),
        "final_height": FINAL_HEIGHT,
        "final_block": str(final.id),
        "fault_count": 0,
        "faults": [],
    }
    assert node.run("check").out.splitlines()[-1].split() == ["faults", "0"]


def test_each_fault_is_named_and_the_exit_code_says_so(node: Stopped) -> None:
    node.change((_key(BLOCK_ID_ROW, 3), None), (_key(RECEIPTS_ROW, 5), b"?"))
    answer = node.run("check", "--json")
    _refused(answer, "2", "reelect db repair")
    assert answer.error["code"] == "faults"
    faults = answer.json["faults"]
    assert isinstance(faults, list)
    assert [(fault["kind"], fault["height"]) for fault in faults] == [
        ("block id", 3),
        ("results", 5),
    ]
    assert [fault["mend"] for fault in faults] == ["writes", "replay"]
    answer = node.run("check")
    _refused(answer, "faults found: 2")
    lines = answer.out.splitlines()
    assert lines[0] == "block id at height 3 is missing"
    assert lines[1].startswith("results at height 5 are damaged: ")
    assert lines[-2:] == ["1 of kind block id", "1 of kind results"]


def test_a_damaged_file_is_named(node: Stopped) -> None:
    file = next((node.chain / "leveldb").glob("MANIFEST-*"))
    file.write_bytes(file.read_bytes()[:-9] + b"damaged!!")
    answer = node.run("check")
    _refused(answer, "reelect db repair")
    assert answer.out.startswith("database cannot be opened: ")
    assert f"manifest {file}: the record at byte" in answer.out


def test_journal_and_content_are_looked_at_too(node: Stopped) -> None:
    (node.data / JOURNAL_FILE).write_bytes(b"bla")
    block = next((node.data / "content").rglob("baf*"))
    block.write_bytes(b"other")
    told = node.run("check").out
    assert str(block) not in told
    assert told.startswith(f"signing journal {node.data / JOURNAL_FILE} is damaged")
    answer = node.run("check", "--content")
    assert f"content {block} is damaged" in answer.out
    assert "repair" not in answer.err


def test_a_node_that_signs_nothing_needs_no_journal(node: Stopped) -> None:
    (node.data / JOURNAL_FILE).unlink()
    assert node.run("check", "--json").json["fault_count"] == 0


def test_a_node_without_a_database_is_told_so_and_gets_none(home: Path, run: Run) -> None:
    node = Stopped(home / "new", run)
    for command in ("check", "repair", "stats", "compact"):
        _refused(node.run(command), str(node.chain), "does not exist")
    assert not node.chain.exists()


def test_another_chains_genesis_file_is_refused(node: Stopped) -> None:
    other = make_genesis_of(SEATS.values(), [BOB])
    node.config.node.genesis.write_bytes(other.encode())
    for command in ("check", "repair"):
        _refused(node.run(command), f"{node.chain} belongs to another chain")
    assert node.chain.exists()


# repair


def test_a_repair_says_what_it_did(node: Stopped) -> None:
    assert node.run("repair", "--json").json["done"] == "none"
    assert node.run("repair").out.endswith("Nothing is wrong with the database.\n")
    node.change((_key(BLOCK_ID_ROW, 3), None))
    trial = node.run("repair", "--dry-run", "--json").json
    assert (trial["done"], trial["dry_run"], trial["fault_count"]) == ("mended", True, 1)
    assert node.run("check").code == 1
    answer = node.run("repair")
    assert answer.out.splitlines()[0] == "block id at height 3 is missing"
    assert answer.out.splitlines()[-1] == "What was wrong was written anew from the rows beside it."
    assert node.run("check").code == 0
    assert node.height() == FINAL_HEIGHT


def test_a_chain_is_made_anew_from_its_blocks(node: Stopped) -> None:
    node.change((META_ROW, None))
    done = node.run("repair", "--json").json
    assert (done["done"], done["final_height"]) == ("replayed", FINAL_HEIGHT)
    assert done["damaged"] == str(node.data / "chain.damaged-1")
    assert node.run("check").code == 0
    assert node.height() == FINAL_HEIGHT


def test_what_cannot_be_mended_makes_way_and_the_node_begins_anew(node: Stopped) -> None:
    node.change((META_ROW, None), (_key(BLOCK_ROW, 2), None))
    journal = (node.data / JOURNAL_FILE).read_bytes()
    snapshot = node.data / SNAPSHOTS / "7.snapshot"
    snapshot.write_bytes(b"")
    answer = node.run("repair")
    assert answer.code == 0
    command = f"reelect db import {snapshot} --config {node.data.parent / 'config.toml'}"
    assert answer.out.splitlines()[-1].endswith(command)
    assert "moved aside. Start the node, and it gets the chain from its peers." in answer.out
    assert (node.data / "chain.damaged-1" / "leveldb").is_dir()
    assert node.height() == 0
    assert (node.data / JOURNAL_FILE).read_bytes() == journal
    assert node.run("check", "--content").code == 0


# stats, compact


def test_stats_count_what_is_there(node: Stopped) -> None:
    report = node.run("stats", "--json").json
    kinds = report["kinds"]
    assert isinstance(kinds, list)
    rows = {kind["kind"]: kind["rows"] for kind in kinds}
    assert rows["block"] == rows["block id"] == rows["height of a block"] == FINAL_HEIGHT + 1
    assert rows["place of a transaction"] == FINAL_HEIGHT
    assert rows["end"] == rows["schema"] == rows["chain record"] == 1
    assert report["final_height"] == FINAL_HEIGHT
    content_bytes = report["content_bytes"]
    assert isinstance(content_bytes, int)
    assert content_bytes >= len("one" + "two")  # and their index
    assert all(int(str(report[name])) > 0 for name in ("chain_bytes", "free_bytes"))
    shown = node.run("stats").out.splitlines()
    assert ["block", str(FINAL_HEIGHT + 1)] in [line.split()[:2] for line in shown]


def test_compacting_gives_room_back_and_changes_nothing(node: Stopped) -> None:
    rows = [(STATE_ROW + b"%d" % i, bytes(10_000)) for i in range(300)]
    node.change(*rows)
    node.change(*((key, None) for key, _ in rows))
    report = node.run("compact", "--json").json
    assert int(str(report["bytes_after"])) < int(str(report["bytes_before"])) // 10
    assert node.run("check").code == 0
    assert node.height() == FINAL_HEIGHT


# One owner

COMMANDS = ("check", "repair", "stats", "compact")


def test_a_running_nodes_database_is_left_to_it(node: Stopped) -> None:
    """Nor does the second of two nodes, or a command that was refused, take it from the first."""
    with open_storage(node.config) as storage:
        for command in COMMANDS:
            answer = node.run(command)
            _refused(answer, f"{node.chain} is in use by process {os.getpid()}", "stop that node")
            assert answer.out == ""
        for _ in range(2):
            with pytest.raises(DatabaseError, match="is in use by process"):
                node.height()
        run_slots([storage.chain], SEATS, [FINAL_HEIGHT + 2, FINAL_HEIGHT + 3])
        assert storage.chain.durable_final.height == FINAL_HEIGHT + 2
    assert node.run("check").code == 0
    assert node.height() == FINAL_HEIGHT + 2


def test_a_database_that_is_looked_after_is_left_to_the_command(
    node: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[str] = []

    def begin_a_node(_database: object, _genesis: object) -> None:
        with pytest.raises(DatabaseError, match="is in use by process") as refused:
            node.height()
        refusals.append(str(refused.value))

    for module in ("node.commands.db_upkeep", "node.upkeep.repair"):
        monkeypatch.setattr(f"{module}.check_chain", begin_a_node)
    assert node.run("check").code == node.run("repair").code == 0
    assert len(refusals) == 2
    assert node.height() == FINAL_HEIGHT


def test_a_journal_that_is_in_use_keeps_a_node_out_and_frees_the_database(node: Stopped) -> None:
    with Journal.open(node.data / JOURNAL_FILE):
        with pytest.raises(JournalError, match="in use by process"):
            node.height()
        assert node.run("stats").code == 0
    assert node.height() == FINAL_HEIGHT
