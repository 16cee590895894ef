"""`reelect init`, `genesis`, `keys` and `cid` as people run them, from keys to a genesis file."""

import json
import os
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import cli
from consensus.address import format_address, parse_address
from consensus.beacon import RevealChain
from consensus.keys import KeyPair
from genesis.file import parse_genesis
from genesis.producer_record import read_producer_record
from node.config.sources import load_config
from node.failure import Refused, Usage
from node.new_node import create_node, new_folder, seat_keys
from node.node import open_storage
from node.wallet.derivation import KeyKind, account_key, master_seed, new_mnemonic
from node.wallet.keystore import Keystore
from node.wallet.seed_file import read_seed_file
from vm.modules.account import ATTESTERS

VECTORS = Path(__file__).parent.parent / "vectors" / "unixfs-cids.json"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("REELECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELECT_PASSWORD", "a password")
    monkeypatch.chdir(tmp_path)


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def data(self, *arguments: str) -> dict[str, object]:
        made = self._json(*arguments)
        assert isinstance(made, dict)
        return made

    def rows(self, *arguments: str) -> list[object]:
        made = self._json(*arguments)
        assert isinstance(made, list)
        return made

    def _json(self, *arguments: str) -> object:
        assert cli.run([*arguments, "--json"]) == 0, self._capsys.readouterr().err
        out, err = self._capsys.readouterr()
        assert err == ""
        return json.loads(out)

    def error(self, code: int, *arguments: str) -> str:
        assert cli.run([*arguments]) == code
        out, err = self._capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files of four producers' records."""
    master = master_seed(new_mnemonic())
    seats = [seat_keys(master, f"seat-{i}", i) for i in range(4)]
    folder = tmp_path_factory.mktemp("producers")
    return [str(file) for file in create_node(folder, seats, {}).records]


def test_a_new_producer_has_all_that_a_node_needs(tmp_path: Path, shell: Shell) -> None:
    made = shell.data("init", "--data-dir", "a", "--seats", "1", "--name", "alice")
    config = load_config(tmp_path / "a" / "config.toml", (), {})
    seat = config.seats[0]
    record = read_producer_record(json.loads(Path("a/producers/alice.json").read_text("utf-8")))
    account = account_key(str(made["mnemonic"]), 0)
    assert record.producer == seat.account == account.public
    consensus = KeyPair.from_seed(read_seed_file(seat.consensus_key_file, KeyKind.CONSENSUS))
    assert record.key == consensus.public
    beacon = read_seed_file(seat.beacon_seed_file, KeyKind.BEACON)
    chain = RevealChain(beacon, record.commitment.salt, record.commitment.length)
    assert record.commitment.end == chain.commitment
    node = KeyPair.from_seed(read_seed_file(config.node.key_file, KeyKind.NODE))
    assert made["node_id"] == node.public.hex()
    stored = Keystore(config.client.keystore).find(config.client.account)
    assert Keystore(config.client.keystore).seed(stored.name, "a password") == account.seed
    assert parse_address(stored.id) == account.public


def test_a_follower_needs_no_password(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REELECT_PASSWORD")
    made = shell.data("init", "--data-dir", "f", "--set", "p2p.port=0", "--set", "api.port=0")
    assert (made["producers"], made["mnemonic"]) == ([], None)
    config = load_config(tmp_path / "f" / "config.toml", (), {})
    assert (config.p2p.port, config.seats) == (0, ())


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--data-dir", "full"], 1, "not empty"),
        (["--seats", "22"], 2, "0 to 21 producers"),
        (["--seats", "1", "--name", "A b"], 2, "--name: a name is made of"),
        (["--set", "p2p.prot=1"], 2, "no such setting: p2p.prot"),
        (["--set", "p2p.port=99999"], 2, "99999 is not within"),
        (["--seats", "1", "--password-file", "none"], 1, "No such file"),
    ],
)
def test_a_refused_init_leaves_nothing(
    tmp_path: Path, shell: Shell, arguments: list[str], code: int, sentence: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    folder = [] if "--data-dir" in arguments else ["--data-dir", "new"]
    assert sentence in shell.error(code, "init", *folder, *arguments)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["mine"]


def test_a_failed_filling_empties_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(Usage, match="70000"), new_folder(folder):
        create_node(folder / "inner", [], {"p2p.port": 70_000})
    assert list(folder.iterdir()) == []


def test_a_genesis_of_four_producers(tmp_path: Path, shell: Shell, records: list[str]) -> None:
    start = ["--start", "2030-01-31T12:00:00.500+00:00"]
    made = shell.data("genesis", "build", "--preset", "devnet", "--producers", *records, *start)
    assert made["start"] == "2030-01-31T12:00:00.500Z"
    genesis = parse_genesis((tmp_path / "genesis.cbor").read_bytes())
    assert made["chain"] == genesis.chain.hex()
    assert shell.data("genesis", "show", "genesis.cbor") == made
    assert len(genesis.members) == 4
    assert "not overwritten" in shell.error(
        1, "genesis", "build", "--preset", "devnet", "--producers", *records
    )


def test_a_genesis_names_attesters(tmp_path: Path, shell: Shell, records: list[str]) -> None:
    named = [bytes([i]) * 32 for i in range(2)]
    flags = [f"--attester={format_address(account)}" for account in named]
    shell.data("genesis", "build", "--preset", "devnet", "--producers", *records, *flags)
    state = parse_genesis((tmp_path / "genesis.cbor").read_bytes()).state()
    assert [account for (account,), _ in ATTESTERS.every(state)] == named


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--preset", "none"], 1, "no preset 'none'"),
        (["--start", "2030-01-31T12:00:00"], 2, "a time with its zone"),
        (["--start", "tomorrow"], 2, "a time with its zone"),
        (["--allocate", "reel1"], 2, "--allocate: address=units"),
        (["--allocate", "reel1=5"], 2, "--allocate: not an address"),
        (["--attester", "reel1"], 2, "--attester: not an address"),
        (["--slot-ms", "0"], 1, "slot_ms"),
        (["--producers", "bad.json"], 1, "bad.json: a JSON object of"),
        (["--producers", "none.json"], 1, "none.json: No such file"),
    ],
)
def test_a_refused_genesis_writes_nothing(
    tmp_path: Path,
    shell: Shell,
    records: list[str],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    (tmp_path / "bad.json").write_text("{}")
    preset = [] if "--preset" in arguments else ["--preset", "devnet"]
    error = shell.error(code, "genesis", "build", *preset, "--producers", *records, *arguments)
    assert sentence in error
    assert not (tmp_path / "genesis.cbor").exists()


def test_an_altered_genesis_is_refused(tmp_path: Path, shell: Shell, records: list[str]) -> None:
    shell.data("genesis", "build", "--preset", "devnet", "--producers", *records)
    file = tmp_path / "genesis.cbor"
    file.write_bytes(file.read_bytes()[:-1])
    assert "genesis.cbor: not a genesis file: truncated" in shell.error(
        1, "genesis", "show", "genesis.cbor"
    )


@pytest.mark.parametrize("setting", ["p2p.port", "api.port"])
def test_a_node_names_the_port_that_it_cannot_have(
    tmp_path: Path, shell: Shell, records: list[str], setting: str
) -> None:
    shell.data("genesis", "build", "--preset", "devnet", "--producers", *records)
    shell.data("init", "--data-dir", "n", "--set", "p2p.host=127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"p2p.port": 0, "api.port": 0, setting: port}
        flags = [f"--set={key}={value}" for key, value in ports.items()]
        command = [sys.executable, cli.__file__, "node", "--config", "n/config.toml", *flags]
        command.append("--set=node.genesis=genesis.cbor")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"reelect: {setting}: cannot listen on 127.0.0.1 port {port}: ")


def test_a_node_without_its_genesis_file_says_where_it_belongs(
    tmp_path: Path, shell: Shell
) -> None:
    shell.data("init", "--data-dir", "n")
    config = load_config(tmp_path / "n" / "config.toml", (), {})
    with pytest.raises(Refused, match="no genesis file is here") as caught, open_storage(config):
        pass
    assert caught.value.field == str(tmp_path / "n" / "genesis.cbor")


def test_a_key_is_imported_listed_and_shown(tmp_path: Path, shell: Shell) -> None:
    words = "abandon " * 11 + "about"
    (tmp_path / "words").write_text(words + "\n")
    store = ["--keystore", "k"]
    made = shell.data("keys", "import", "--mnemonic-file", "words", "--name", "old", *store)
    assert made["id"] == KeyKind.ACCOUNT.id_of(account_key(words, 0).seed)
    assert shell.data("keys", "show", str(made["id"]), *store) == made
    secret = shell.data("keys", "show", "old", "--secret", *store)
    assert secret["seed"] == account_key(words, 0).seed.hex()
    assert shell.rows("keys", "list", *store) == [made]
    assert "not overwritten" in shell.error(
        1, "keys", "import", "--mnemonic-file", "words", "--name", "old", *store
    )
    (tmp_path / "pw").write_text("wrong\n")
    assert "wrong password" in shell.error(
        1, "keys", "show", "old", "--secret", "--password-file", "pw", *store
    )


def test_a_new_key_can_be_made_again_from_its_words(tmp_path: Path, shell: Shell) -> None:
    made = shell.data("keys", "new", "--kind", "consensus", "--words", "12", "--keystore", "k")
    (tmp_path / "words").write_text(str(made["mnemonic"]))
    again = shell.data(
        *("keys", "import", "--kind", "consensus", "--mnemonic-file", "words", "--name", "again"),
        *("--keystore", "k"),
    )
    assert (again["id"], again["path"]) == (made["id"], made["path"])


def test_no_password_no_key(tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELECT_PASSWORD", "")
    assert "the password is empty" in shell.error(2, "keys", "new", "--keystore", "k")
    monkeypatch.delenv("REELECT_PASSWORD")
    assert "a password is needed" in shell.error(2, "keys", "new", "--keystore", "k")
    assert not (tmp_path / "k").exists()


def test_config_show_names_each_source(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELECT_API_PORT", "8000")
    settings = shell.data("config", "show", "--set", "p2p.port=9")["settings"]
    assert isinstance(settings, dict)
    assert settings["api.port"] == {"value": 8000, "source": "REELECT_API_PORT"}
    assert settings["p2p.port"] == {"value": 9, "source": "--set"}
    assert settings["log.level"] == {"value": "info", "source": "default"}


DIRECTORIES = [
    vector
    for vector in json.loads(VECTORS.read_text("utf-8"))["vectors"]
    if vector["name"] == "dir3"
]


def generated(seed: str, size: int) -> bytes:
    """The vectors' content: SHA-256 of the seed and a counter."""
    counters = (i.to_bytes(8, "big") for i in range((size + 31) // 32))
    return b"".join(sha256(seed.encode() + counter).digest() for counter in counters)[:size]


@pytest.mark.parametrize("vector", DIRECTORIES, ids=lambda item: item["profile"])
def test_a_folder_has_the_id_that_ipfs_gives_it(
    tmp_path: Path, shell: Shell, vector: dict[str, object]
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    files = vector["files"]
    assert isinstance(files, list)
    for file in files:
        (root / file["path"]).write_bytes(generated(file["seed"], file["size"]))
    (root / ".hidden").write_text("not listed")
    made = shell.data("cid", "root/", "--profile", str(vector["profile"]))
    assert made == {"cid": vector["cid"], "profile": vector["profile"]}


def test_an_inner_folder_counts_and_a_link_is_refused(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "root" / "inner").mkdir(parents=True)
    made = shell.data("cid", "root")
    (tmp_path / "root" / "inner" / "more").touch()
    assert shell.data("cid", "root") != made
    (tmp_path / "root" / "link").symlink_to("inner")
    assert "link: neither a file nor a folder" in shell.error(1, "cid", "root")
