"""A local network's folder: made, taken up again, deleted, held by one process."""

import json
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from consensus.beacon import RevealChain
from consensus.keys import KeyPair
from consensus.voting import FRESH_STATE
from node.config.file import change_config_file
from node.config.sources import load_config
from node.failure import Refused, Usage
from node.local.accounts import read_local_accounts
from node.local.folder import LocalFolder, LocalNetworkForm
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.validator import JOURNAL_FILE
from node.wallet.derivation import KeyKind, account_key
from node.wallet.seed_file import read_seed_file
from storage.journal import Journal
from vm.modules.account.attesting import ATTESTERS
from vm.modules.chain import chain_constants
from vm.modules.economy import economy_constants
from vm.modules.tokens import balance_of

GENESIS_MS = 1_800_000_000_000


@pytest.fixture(autouse=True)
def _short_reveals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.new_node.RevealChain", partial(RevealChain, length=8))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[LocalFolder]:
    made = LocalFolder.at(tmp_path / "local")
    with made.owned():
        yield made


def make(folder: LocalFolder, **wishes: int | str) -> LocalChain:
    form = choose_form(folder, LocalWishes(**wishes))  # type: ignore[arg-type]
    return open_or_create(folder, form, lambda nodes: GENESIS_MS + nodes)


def names(folder: LocalFolder) -> set[str]:
    return {item.name for item in folder.root.iterdir()}


def test_a_new_network(folder: LocalFolder) -> None:
    chain = make(folder, nodes=3, slot_ms=400)
    state = chain.genesis.state()
    constants = chain_constants(state)
    assert (constants.genesis_time_ms, constants.slot_ms) == (GENESIS_MS + 3, 400)
    assert len(chain.genesis.members) == 21
    assert len(chain.accounts.accounts) == 10
    assert {balance_of(state, account, "REEL") for account in chain.accounts.accounts} == {10**14}
    third = chain.accounts.accounts[3]
    assert account_key(chain.accounts.mnemonic, 3).public == third
    assert chain.accounts.key(third).public == third
    assert chain.accounts.by_name()["dev3"] == third


def test_a_presets_roles_are_those_of_the_first_accounts(folder: LocalFolder) -> None:
    chain = make(folder, nodes=1, preset="wepos", day_s=7)
    accounts, state = chain.accounts, chain.genesis.state()
    assert economy_constants(state).day_s == 7
    assert accounts.by_name()["attester"] == accounts.by_name()["dev0"] == accounts.accounts[0]
    assert ATTESTERS.get(state, accounts.accounts[0]) is not None
    with pytest.raises(Refused, match="has 7") as refusal:
        choose_form(folder, LocalWishes(day_s=8))
    assert refusal.value.field == "--day-s"


@pytest.mark.parametrize("day_s", [0, 10**9])
def test_a_day_of_no_length_or_too_long_is_refused(folder: LocalFolder, day_s: int) -> None:
    with pytest.raises(Usage) as refusal:
        make(folder, day_s=day_s)
    assert refusal.value.field == "--day-s"
    assert not folder.exists


def test_seats_are_dealt_in_turn_with_keys_and_fresh_journals(folder: LocalFolder) -> None:
    chain = make(folder, nodes=4)
    seats: list[bytes] = []
    for place, count in enumerate((6, 5, 5, 5)):
        config = load_config(folder.node(place) / "config.toml", (), {})
        assert len(config.seats) == count
        assert config.node.genesis.resolve() == folder.genesis_file
        keys = set()
        for seat in config.seats:
            seed = read_seed_file(seat.consensus_key_file, KeyKind.CONSENSUS)
            keys.add(KeyPair.from_seed(seed).public)
            assert chain.genesis.producer_set.key_of(seat.account) in keys
            seats.append(seat.account)
        with Journal.open(config.node.data_dir / JOURNAL_FILE) as journal:
            assert {entry.key for entry in journal.entries} == keys
            assert {entry.state for entry in journal.entries} == {FRESH_STATE}
    assert sorted(seats) == [member.producer for member in chain.genesis.members]
    assert not set(seats) & set(chain.accounts.accounts)


def test_secrets_are_for_the_owner_only(folder: LocalFolder) -> None:
    make(folder, nodes=1)
    secret = [folder.accounts_file, *folder.root.rglob("*.seed.json")]
    assert len(secret) == 1 + 1 + 2 * 21
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}
    folder.accounts_file.chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        read_local_accounts(folder.accounts_file)


def test_the_next_start_takes_up_the_same(folder: LocalFolder) -> None:
    first = make(folder, nodes=2)
    form = choose_form(folder, LocalWishes())
    assert open_or_create(folder, form, lambda _: 0) == first
    assert make(folder, nodes=2, slot_ms=1000, preset="devnet") == first


@pytest.mark.parametrize(
    ("wish", "option"),
    [({"nodes": 3}, "--nodes"), ({"slot_ms": 500}, "--slot-ms"), ({"preset": "x"}, "--preset")],
)
def test_wishes_that_contradict_it_are_refused(
    folder: LocalFolder, wish: dict[str, int | str], option: str
) -> None:
    make(folder, nodes=2)
    with pytest.raises(Refused, match="reelect reset") as refusal:
        choose_form(folder, LocalWishes(**wish))  # type: ignore[arg-type]
    assert refusal.value.field == option


@pytest.mark.parametrize(
    "wish", [{"nodes": 0}, {"nodes": 22}, {"slot_ms": 99}, {"slot_ms": 60_001}, {"preset": "x"}]
)
def test_impossible_wishes_write_nothing(folder: LocalFolder, wish: dict[str, int | str]) -> None:
    with pytest.raises(Usage):
        make(folder, **wish)
    assert names(folder) == {"lock"}


def test_a_beginning_that_was_cut_short_is_begun_again(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("node.local.setup.build_genesis", fail)
        with pytest.raises(KeyboardInterrupt):
            make(folder, nodes=4)
    assert folder.exists
    assert folder.form() is None
    assert len(make(folder, nodes=2).genesis.members) == 21
    assert not folder.node(3).exists()


def test_other_peoples_files_are_never_touched(folder: LocalFolder) -> None:
    (folder.root / "node-0").mkdir()
    (folder.root / "node-0" / "precious").write_text("key")
    with pytest.raises(Refused, match="empty folder"):
        make(folder)
    assert names(folder) == {"lock", "node-0"}


def test_clearing_deletes_all_or_nothing(folder: LocalFolder) -> None:
    make(folder, nodes=2)
    (folder.root / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match=r"notes\.txt"):
        folder.clear()
    assert folder.form() is not None
    (folder.root / "notes.txt").unlink()
    folder.clear()
    assert names(folder) == {"lock"}
    assert not folder.exists


def test_a_held_folder_names_its_holder(folder: LocalFolder) -> None:
    folder.lock_file.write_text("4711")
    with pytest.raises(Refused, match="process 4711") as refusal, folder.owned():
        raise RuntimeError("entered")
    assert refusal.value.code == "in-use"


def test_a_damaged_form_is_named(folder: LocalFolder) -> None:
    folder.form_file.write_text("{")
    with pytest.raises(Refused, match="reelect reset") as refusal:
        folder.form()
    assert refusal.value.field == str(folder.form_file)
    folder.clear()
    assert not folder.exists


def test_the_form_is_json_that_reads_back(folder: LocalFolder) -> None:
    make(folder, nodes=2)
    form = LocalNetworkForm.from_json(json.loads(folder.form_file.read_text()))
    wanted = LocalNetworkForm("reelect-local/3", 2, "devnet", 1000, 126, 21, 0, 60)
    assert form == wanted == folder.form()


def test_a_changed_configuration_keeps_the_rest(folder: LocalFolder) -> None:
    make(folder, nodes=1)
    file = folder.node(0) / "config.toml"
    before = load_config(file, (), {})
    peer = f"{'ab' * 32}@127.0.0.1:7000"
    change_config_file(file, {"p2p.port": 1234, "p2p.peers": [peer]})
    change_config_file(file, {"log.level": "debug"})
    after = load_config(file, (), {})
    assert (after.p2p.port, [str(item) for item in after.p2p.peers]) == (1234, [peer])
    assert after.log.level == "debug"
    assert (after.seats, after.node, after.p2p.host) == (before.seats, before.node, "127.0.0.1")
