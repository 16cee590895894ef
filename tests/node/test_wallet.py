"""Mnemonics and derivation by their published vectors; the keystore; seed files."""

import json
import os
import stat
from pathlib import Path

import pytest
from mnemonic import Mnemonic
from nacl import pwhash

from consensus.address import parse_address
from consensus.keys import KeyPair, verifies
from node.failure import Refused
from node.files import write_new
from node.wallet.derivation import (
    InvalidMnemonic,
    KeyKind,
    account_key,
    check_mnemonic,
    derivation_path,
    derive_seed,
    master_seed,
    new_mnemonic,
    slip10_seed,
)
from node.wallet.keystore import Keystore, Strength
from node.wallet.seed_file import create_seed_file, read_seed_file

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "wallet.json").read_text("utf-8"))
WEAK = Strength(pwhash.argon2id.OPSLIMIT_MIN, pwhash.argon2id.MEMLIMIT_MIN)
WORDS = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)


@pytest.mark.parametrize("vector", VECTORS["bip39"], ids=lambda v: str(v["entropy"])[:8])
def test_bip39_vectors(vector: dict[str, str]) -> None:
    words = vector["mnemonic"]
    assert Mnemonic("english").to_mnemonic(bytes.fromhex(vector["entropy"])) == words
    assert check_mnemonic(words) == words
    assert master_seed(words, "TREZOR").hex() == vector["seed"]


@pytest.mark.parametrize("chain", VECTORS["slip10"], ids=lambda v: str(v["seed"])[:8])
def test_slip10_vectors(chain: dict[str, object]) -> None:
    master = bytes.fromhex(str(chain["seed"]))
    steps = chain["keys"]
    assert isinstance(steps, list)
    for key in steps:
        seed = slip10_seed(master, tuple(key["path"]))
        assert seed.hex() == key["private"]
        assert "00" + KeyPair.from_seed(seed).public.hex() == key["public"]


@pytest.mark.parametrize("vector", VECTORS["reelect"], ids=lambda v: str(v["path"]))
def test_our_paths_are_fixed(vector: dict[str, str]) -> None:
    kind, index = KeyKind(vector["kind"]), int(vector["index"])
    seed = derive_seed(master_seed(WORDS), kind, index)
    assert derivation_path(kind, index) == vector["path"]
    assert (seed.hex(), kind.id_of(seed)) == (vector["seed"], vector["id"])


def test_an_account_key_signs_for_its_address() -> None:
    key = account_key(WORDS, 7)
    address = KeyKind.ACCOUNT.id_of(key.seed)
    assert verifies(parse_address(address), b"message", key.sign(b"message"))


def test_new_mnemonics_are_valid_and_differ() -> None:
    made = {new_mnemonic(count) for count in (12, 15, 18, 21, 24)}
    assert {len(words.split()) for words in made} == {12, 15, 18, 21, 24}
    assert all(check_mnemonic(words) == words for words in made)
    assert new_mnemonic() != new_mnemonic()


def test_case_and_spaces_of_a_mnemonic_do_not_matter() -> None:
    assert check_mnemonic(f"  {WORDS.upper()}\n".replace(" ", "  ")) == WORDS


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "not 0"),
        ("abandon " * 13, "not 13"),
        (WORDS.replace("about", "abuot"), "word 12"),
        (WORDS.replace("about", "abandon"), "checksum"),
    ],
)
def test_a_wrong_mnemonic_is_explained(words: str, sentence: str) -> None:
    with pytest.raises(InvalidMnemonic, match=sentence):
        check_mnemonic(words)


@pytest.mark.parametrize("index", [-1, 2**31])
def test_an_index_is_bounded(index: int) -> None:
    with pytest.raises(InvalidMnemonic, match="index"):
        derive_seed(bytes(64), KeyKind.ACCOUNT, index)


def test_a_stored_key_comes_back(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keys")
    assert store.keys() == []
    added = store.add("alice", KeyKind.ACCOUNT, bytes(range(32)), "pässword", strength=WEAK)
    assert store.keys() == [added]
    assert added.id == KeyKind.ACCOUNT.id_of(bytes(range(32)))
    assert store.seed("alice", "pässword") == bytes(range(32))
    assert store.seed(added.id, "pa\u0308ssword\x7f") == bytes(range(32))  # EIP-2335's spelling
    assert stat.S_IMODE(added.file.stat().st_mode) == 0o600
    assert [file.name for file in added.file.parent.iterdir()] == ["alice.json"]


def test_a_wrong_password_is_named(tmp_path: Path) -> None:
    store = Keystore(tmp_path)
    store.add("alice", KeyKind.NODE, bytes(32), "right", strength=WEAK)
    with pytest.raises(Refused, match="wrong password") as caught:
        store.seed("alice", "wrong")
    assert (caught.value.code, caught.value.field) == (
        "wrong-password",
        str(tmp_path / "alice.json"),
    )


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    store = Keystore(tmp_path)
    store.add("alice", KeyKind.NODE, bytes(32), "password", strength=WEAK)
    before = (tmp_path / "alice.json").read_bytes()
    with pytest.raises(Refused, match="not overwritten"):
        store.add("alice", KeyKind.NODE, bytes(32), "password", strength=WEAK)
    with pytest.raises(Refused, match="not overwritten"):
        write_new(tmp_path / "alice.json", b"other")
    assert (tmp_path / "alice.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["", "../alice", "Alice", "a/b", ".hidden", "a" * 65, "é"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="name"):
        Keystore(tmp_path / "keys").add(name, KeyKind.NODE, bytes(32), "pw", strength=WEAK)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no key 'bob'"):
        Keystore(tmp_path).seed("bob", "password")


def change(file: Path, *path: str, to: object) -> None:
    content = json.loads(file.read_text("utf-8"))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    file.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(
    ("path", "to", "code"),
    [
        (("description",), "consensus", "wrong-password"),
        (("path",), "m/44'/0'", "wrong-password"),
        (("pubkey",), "00", "wrong-password"),
        (("crypto", "kdf", "params", "opslimit"), 2, "wrong-password"),
        (("crypto", "kdf", "params", "salt"), "00" * 16, "wrong-password"),
        (("crypto", "checksum", "message"), "00" * 16, "wrong-password"),
        (("crypto", "cipher", "message"), "00" * 32, "wrong-password"),
        (("crypto", "kdf", "params", "memlimit"), 2**40, "key-file"),
        (("crypto", "kdf", "function"), "scrypt", "key-file"),
        (("crypto", "cipher", "message"), "00" * 31, "key-file"),
        (("format",), "reelect-key/2", "key-file"),
        (("unknown",), 1, "key-file"),
    ],
)
def test_a_changed_field_is_noticed(
    tmp_path: Path, path: tuple[str, ...], to: object, code: str
) -> None:
    store = Keystore(tmp_path)
    key = store.add("alice", KeyKind.NODE, bytes(32), "password", strength=WEAK)
    change(key.file, *path, to=to)
    with pytest.raises(Refused) as caught:
        store.seed("alice", "password")
    assert caught.value.code == code
    assert caught.value.field == str(key.file)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 10_000, b" " * 20_000, b"\xff"])
def test_another_file_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "alice.json").write_bytes(content)
    with pytest.raises(Refused, match=r"alice\.json"):
        Keystore(tmp_path).keys()


def test_a_seed_file_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "seats" / "one.json"
    name = create_seed_file(file, KeyKind.BEACON, bytes(range(32)))
    assert name == KeyKind.BEACON.id_of(bytes(range(32)))
    assert read_seed_file(file, KeyKind.BEACON) == bytes(range(32))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="not overwritten"):
        create_seed_file(file, KeyKind.BEACON)


def test_a_seed_of_another_kind_is_refused(tmp_path: Path) -> None:
    create_seed_file(tmp_path / "one.json", KeyKind.CONSENSUS)
    with pytest.raises(Refused, match="a consensus key where a node key belongs"):
        read_seed_file(tmp_path / "one.json", KeyKind.NODE)


def test_a_damaged_seed_is_refused(tmp_path: Path) -> None:
    create_seed_file(tmp_path / "one.json", KeyKind.NODE)
    change(tmp_path / "one.json", "seed", to="00" * 32)
    with pytest.raises(Refused, match="damaged"):
        read_seed_file(tmp_path / "one.json", KeyKind.NODE)


def test_a_seed_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    create_seed_file(file, KeyKind.NODE)
    file.chmod(0o640)
    with pytest.raises(Refused, match=f"chmod 600 {file}"):
        read_seed_file(file, KeyKind.NODE)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_new(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []
