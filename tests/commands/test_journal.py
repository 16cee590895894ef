"""The signing journal from the command line: looked at, copied, moved to one other node."""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from consensus.block import BlockRef
from consensus.cid import DAG_CBOR, cid_of
from consensus.voting import FRESH_STATE, SafetyState
from node.new_node import create_node
from node.validator import JOURNAL_FILE
from storage.journal import MAGIC, Journal, JournalEntry, JournalError
from tests.commands.conftest import Answer, Run

FINAL = BlockRef(cid_of(DAG_CBOR, b"final"), 7)
STATE = SafetyState(last_slot=9, lock_dynasty=1, lock_slot=8, floor=3, last_produced_slot=5)


@dataclass(frozen=True)
class Host:
    """A node of its own, and commands with its configuration."""

    folder: Path
    id: str
    keys: tuple[bytes, ...]
    run_command: Run

    @property
    def journal(self) -> Path:
        return self.folder / "data" / JOURNAL_FILE

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        with Journal.open(self.journal) as journal:
            return journal.entries

    def run(self, *arguments: str) -> Answer:
        """`reelect journal …` on this host."""
        config = str(self.folder / "config.toml")
        return self.run_command("journal", *arguments, "--config", config)


def _host(folder: Path, run: Run, *keys: bytes) -> Host:
    """A new node whose keys have signed nothing."""
    folder.mkdir()
    host = Host(folder, create_node(folder, [], {}).id.hex(), keys, run)
    with Journal.open(host.journal) as journal:
        journal.append([JournalEntry(key, FRESH_STATE, None) for key in keys])
    return host


@pytest.fixture
def old(home: Path, run: Run) -> Host:
    """A node with two keys, of which one has signed."""
    host = _host(home / "old", run, b"a" * 32, b"b" * 32)
    with Journal.open(host.journal) as journal:
        journal.append([JournalEntry(host.keys[0], STATE, FINAL)])
    return host


@pytest.fixture
def new(home: Path, run: Run) -> Host:
    """A node with a key of its own."""
    return _host(home / "new", run, b"c" * 32)


@pytest.fixture
def moved(old: Host, new: Host, home: Path) -> Path:
    """What hands the old node's states on to the new one."""
    assert old.run("fence", "--to", new.id, "moved.export").code == 0
    return home / "moved.export"


def _refused(answer: Answer, code: int, *words: str) -> None:
    assert (answer.code, answer.out) == (code, "")
    for word in words:
        assert word in answer.err


# show


def test_show_says_what_every_key_is_bound_to(old: Host) -> None:
    shown = old.run("show", "--json").json
    keys = shown.pop("keys")
    assert shown.pop("digest") == old.journal.read_bytes()[-32:].hex()
    assert shown == {
        "journal": str(old.journal),
        "moved_to": None,
        "size_bytes": old.journal.stat().st_size,
        "torn_bytes": 0,
    }
    assert isinstance(keys, list)
    assert [key["key"] for key in keys] == [key.hex() for key in old.keys]
    assert keys[0] == {
        "key": old.keys[0].hex(),
        "last_slot": 9,
        "lock": {"dynasty": 1, "slot": 8},
        "floor": 3,
        "last_produced_slot": 5,
        "final": {"id": str(FINAL.id), "slot": 7},
    }
    assert (keys[1]["last_slot"], keys[1]["final"]) == (0, None)


def test_show_for_people(old: Host) -> None:
    lines = old.run("show").out.splitlines()
    assert lines[1].split() == ["moved_to", "-"]
    first = [old.keys[0].hex(), "9", "1/8", "3", "5", "7", str(FINAL.id)]
    assert [line.split() for line in lines[-2:]] == [
        first,
        [old.keys[1].hex(), "0", "0/0", "0", "0", "-", "-"],
    ]


def test_a_running_nodes_journal_is_shown_and_copied(old: Host, home: Path) -> None:
    with Journal.open(old.journal) as journal:
        journal.append([JournalEntry(old.keys[1], STATE, FINAL)])
        with old.journal.open("ab") as half:
            half.write(b"\x00\x00")
        shown = old.run("show", "--json").json
        assert old.run("export", "copy").code == 0
    assert shown["torn_bytes"] == 2
    assert isinstance(shown["keys"], list)
    assert [key["last_slot"] for key in shown["keys"]] == [9, 9]
    assert (home / "copy").exists()


@pytest.mark.parametrize(
    "command", [("show",), ("export", "out"), ("fence", "--to", "0" * 64, "out")]
)
def test_without_a_journal_none_is_made(old: Host, home: Path, command: tuple[str, ...]) -> None:
    old.journal.unlink()
    _refused(old.run(*command), 1, str(old.journal), "does not exist")
    assert not old.journal.exists()
    assert not (home / "out").exists()


@pytest.mark.parametrize("command", ["show", "export", "fence", "import"])
def test_a_damaged_journal_is_refused(
    old: Host, new: Host, home: Path, moved: Path, command: str
) -> None:
    damaged = MAGIC + bytes(100)
    host = new if command == "import" else old
    host.journal.write_bytes(damaged)
    arguments = {
        "show": (),
        "export": ("out",),
        "fence": ("out", "--to", new.id),
        "import": (str(moved),),
    }
    _refused(host.run(command, *arguments[command]), 1, f"{host.journal} is damaged", "Move it")
    assert host.journal.read_bytes() == damaged
    assert not (home / "out").exists()


def test_settings_name_the_journal(old: Host, home: Path) -> None:
    data = f"node.data_dir={old.folder / 'data'}"
    answer = old.run_command("journal", "show", "--set", data, "--json")
    assert answer.json["journal"] == str(old.journal)
    _refused(old.run_command("journal", "show"), 1, str(home / ".reelect" / "node" / "data"))


# export


def test_a_copy_is_private_and_overwrites_nothing(old: Host, home: Path) -> None:
    answer = old.run("export", "copy", "--json").json
    assert answer == {
        "journal": str(old.journal),
        "moved_to": None,
        "export": "copy",
        "keys": 2,
    }
    copy = home / "copy"
    data = copy.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    _refused(old.run("export", "copy"), 1, "not overwritten")
    assert copy.read_bytes() == data


def test_a_copy_without_a_fence_hands_nothing_on(old: Host, new: Host) -> None:
    before = new.entries
    assert old.run("export", "copy").code == 0
    _refused(new.run("import", "copy"), 1, "carries no fence", "start this node without it")
    assert new.entries == before
    with Journal.open(old.journal) as journal:
        journal.check_writable()


# fence


def test_a_fenced_journal_refuses_to_sign(old: Host, new: Host, moved: Path) -> None:
    with Journal.open(old.journal) as journal:
        sentence = f"moved to node {new.id}: nothing is signed with it any more"
        with pytest.raises(JournalError, match=sentence):
            journal.append([JournalEntry(old.keys[1], STATE, FINAL)])
    assert old.run("show", "--json").json["moved_to"] == new.id
    assert stat.S_IMODE(moved.stat().st_mode) == 0o600


def test_a_fence_is_durable_before_its_export_is_written(
    old: Host, new: Host, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Journal, "fence", fail)
    _refused(old.run("fence", "--to", new.id, "out"), 1, "the disk is full")
    assert not (home / "out").exists()


def test_a_running_nodes_journal_is_not_fenced(old: Host, new: Host, home: Path) -> None:
    with Journal.open(old.journal) as journal:
        answer = old.run("fence", "--to", new.id, "out")
        _refused(answer, 1, "in use by process", "stop that node first")
        assert journal.moved_to is None
        journal.append([JournalEntry(old.keys[1], STATE, FINAL)])
    assert not (home / "out").exists()


def test_the_same_fence_again_writes_the_same_export(old: Host, new: Host, moved: Path) -> None:
    data, journal = moved.read_bytes(), old.journal.read_bytes()
    assert old.run("fence", "--to", new.id, "moved.export").code == 0
    answer = old.run("fence", "--to", new.id, "--json").json
    assert answer["export"] == f"journal-{new.id[:8]}.export"
    assert Path(str(answer["export"])).read_bytes() == data == moved.read_bytes()
    moved.write_bytes(b"another file")
    _refused(old.run("fence", "--to", new.id, "moved.export"), 1, "not overwritten")
    assert moved.read_bytes() == b"another file"
    assert old.journal.read_bytes() == journal


def test_a_journal_moves_to_one_node_only(old: Host, new: Host, home: Path, moved: Path) -> None:
    _refused(old.run("fence", "--to", "0" * 64, "out"), 1, f"moved to node {new.id} before")
    assert not (home / "out").exists()


def test_nothing_is_fenced_when_the_export_has_no_place(old: Host, new: Host, home: Path) -> None:
    (home / "out").write_text("mine")
    _refused(old.run("fence", "--to", new.id, "out"), 1, "not overwritten")
    assert old.run("show", "--json").json["moved_to"] is None


def test_a_fence_needs_the_id_of_another_node_and_something_to_move(
    old: Host, home: Path, run: Run
) -> None:
    _refused(old.run("fence", "--to", "0" * 63), 2, "--to", "64 hex digits")
    _refused(old.run("fence", "--to", old.id), 2, "--to", "the node's own id")
    follower = _host(home / "follower", run)
    _refused(follower.run("fence", "--to", old.id), 1, "nothing to move")
    assert old.run("show", "--json").json["moved_to"] is None
    assert follower.run("show", "--json").json["moved_to"] is None


# import


def test_states_go_on_exactly_where_they_were(old: Host, new: Host, moved: Path) -> None:
    before = new.entries
    answer = new.run("import", str(moved), "--json").json
    assert answer == {"journal": str(new.journal), "keys": [key.hex() for key in old.keys]}
    expected = {entry.key: entry for entry in (*before, *old.entries)}
    assert {entry.key: entry for entry in new.entries} == expected
    assert expected[old.keys[0]].state == STATE
    assert len(expected) == 3
    assert new.run("import", str(moved)).code == 0
    assert {entry.key: entry for entry in new.entries} == expected


def test_a_host_without_a_journal_gets_one(old: Host, new: Host, moved: Path) -> None:
    new.journal.unlink()
    new.journal.with_name(new.journal.name + ".lock").unlink()
    new.journal.parent.rmdir()
    assert new.run("import", str(moved)).code == 0
    assert new.entries == old.entries


def test_no_other_node_takes_it(old: Host, new: Host, home: Path, run: Run, moved: Path) -> None:
    other = _host(home / "other", run, b"d" * 32)
    before = other.journal.read_bytes()
    _refused(other.run("import", str(moved)), 1, f"is for node {new.id}", other.id, "only there")
    _refused(old.run("import", str(moved)), 1, f"is for node {new.id}", old.id)
    assert other.journal.read_bytes() == before


def test_a_changed_export_is_refused(new: Host, moved: Path) -> None:
    data, before = moved.read_bytes(), new.entries
    for i in range(0, len(data), 10):
        moved.write_bytes(data[:i] + bytes([data[i] ^ 4]) + data[i + 1 :])
        _refused(new.run("import", str(moved)), 1, str(moved))
    moved.write_bytes(data[:-1])
    _refused(new.run("import", str(moved)), 1, f"{moved} is damaged")
    moved.write_bytes(bytes(1_000_000))
    _refused(new.run("import", str(moved)), 1, "longer than")
    assert new.entries == before


def test_nothing_is_imported_under_a_running_node(new: Host, moved: Path) -> None:
    with Journal.open(new.journal) as journal:
        _refused(new.run("import", str(moved)), 1, "in use by process", "stop that node first")
        assert len(journal.entries) == 1


def test_a_key_that_signed_on_both_hosts_is_refused(old: Host, new: Host, moved: Path) -> None:
    with Journal.open(new.journal) as journal:
        journal.append([JournalEntry(old.keys[0], SafetyState(99, 1, 98, 0, 0), None)])
    before = new.entries
    answer = new.run("import", str(moved))
    _refused(answer, 1, f"another state of key {old.keys[0].hex()}", "nothing was imported")
    assert new.entries == before


def test_a_key_that_goes_on_after_the_import_keeps_its_state(
    old: Host, new: Host, moved: Path
) -> None:
    assert new.run("import", str(moved)).code == 0
    with Journal.open(new.journal) as journal:
        journal.append([JournalEntry(old.keys[0], SafetyState(99, 1, 98, 3, 5), FINAL)])
    before = new.entries
    _refused(new.run("import", str(moved)), 1, "another state of key")
    assert new.entries == before


def test_an_export_is_not_imported_again_after_its_journal_was_lost(new: Host, moved: Path) -> None:
    assert new.run("import", str(moved)).code == 0
    new.journal.unlink()
    answer = new.run("import", str(moved))
    _refused(answer, 1, "imported here before", "Start the node without it")
    assert new.entries == ()


def test_keys_move_back_and_forth(old: Host, new: Host, home: Path, moved: Path) -> None:
    assert new.run("import", str(moved)).code == 0
    with Journal.open(new.journal) as journal:
        journal.append([JournalEntry(old.keys[1], STATE, FINAL)])
    entries = new.entries
    assert new.run("fence", "--to", old.id, "back").code == 0
    _refused(old.run("import", "back"), 1, "itself moved", "move that file away")
    old.journal.rename(home / "kept")
    assert old.run("import", "back").code == 0
    assert old.entries == entries


def test_every_answer_can_be_json(old: Host, new: Host, moved: Path) -> None:
    answers = [
        old.run("show", "--json"),
        old.run("export", "copy", "--json"),
        old.run("fence", "--to", new.id, "again", "--json"),
        new.run("import", str(moved), "--json"),
    ]
    assert [type(json.loads(answer.out)) for answer in answers] == [dict] * 4
    error = old.run("export", "copy", "--json").error
    assert error["code"] == "refused"
    assert JournalEntry(new.keys[0], FRESH_STATE, None) in new.entries
