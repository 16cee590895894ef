"""`reelect keys`: make, list, show and import the keys of an encrypted keystore."""

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consensus.kinds import JsonObject
from node.commands.arguments import JsonFlag
from node.commands.keystore_options import NO_OPTIONS, KeystoreOptions, read_first_line
from node.output import print_fields, print_json, print_table, warn
from node.wallet.derivation import (
    KeyKind,
    check_mnemonic,
    derivation_path,
    derive_seed,
    master_seed,
    new_mnemonic,
)
from node.wallet.keystore import StoredKey

app = App(name="keys", help="Make, list, show and import keys.")

Index = Annotated[int, Parameter(help="Which key of the mnemonic, from 0.")]
Name = Annotated[str | None, Parameter(help="Name in the keystore; else the kind and index.")]


@app.command
def new(
    *,
    name: Name = None,
    kind: KeyKind = KeyKind.ACCOUNT,
    words: int = 24,
    options: KeystoreOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Make a mnemonic and store its first key, encrypted.

    The mnemonic is printed this once and kept nowhere: write it down.

    Parameters
    ----------
    kind
        What the key is for.
    words
        Words of the mnemonic: 12, 15, 18, 21 or 24.
    """
    mnemonic = new_mnemonic(words)
    key = _store(options, name, kind, mnemonic, 0)
    if not json:
        warn("write the mnemonic down: whoever has it has the keys, and it is not shown again")
    _show(key, {"mnemonic": mnemonic}, as_json=json)


@app.command(name="import")
def import_(
    *,
    name: Name = None,
    kind: KeyKind = KeyKind.ACCOUNT,
    index: Index = 0,
    mnemonic_file: Path | None = None,
    options: KeystoreOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Store a key of a mnemonic that you have, encrypted.

    Parameters
    ----------
    kind
        What the key is for.
    mnemonic_file
        File whose first line is the mnemonic; else it is asked for, or read from stdin.
    """
    mnemonic = check_mnemonic(_ask_mnemonic(mnemonic_file))
    _show(_store(options, name, kind, mnemonic, index), {}, as_json=json)


@app.command(name="list")
def list_(*, options: KeystoreOptions = NO_OPTIONS, json: JsonFlag = False) -> None:
    """List the keys of the keystore; needs no password."""
    keys = options.store.keys()
    if json:
        print_json([_fields(key) for key in keys])
    else:
        rows = [(key.name, key.kind.value, key.id) for key in keys]
        print_table(("NAME", "KIND", "ADDRESS OR KEY"), rows)


@app.command
def show(
    key: str,
    *,
    secret: Annotated[bool, Parameter(negative=())] = False,
    options: KeystoreOptions = NO_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show one key.

    Parameters
    ----------
    key
        Its name, address or public key.
    secret
        Also decrypt and print its seed.
    """
    stored = options.store.find(key)
    extra: JsonObject = {}
    if secret:
        extra["seed"] = options.store.seed(stored.name, options.password()).hex()
    _show(stored, extra, as_json=json)


def _ask_mnemonic(file: Path | None) -> str:
    if file is not None:
        return read_first_line(file)
    if sys.stdin.isatty():
        return getpass("Mnemonic: ", sys.stderr)
    return sys.stdin.readline(1024)


def _store(
    options: KeystoreOptions, name: str | None, kind: KeyKind, mnemonic: str, index: int
) -> StoredKey:
    seed = derive_seed(master_seed(mnemonic), kind, index)
    return options.store.add(
        name or f"{kind.value}-{index}",
        kind,
        seed,
        options.password(new=True),
        path=derivation_path(kind, index),
    )


def _fields(key: StoredKey) -> JsonObject:
    return {
        "name": key.name,
        "kind": key.kind.value,
        "id": key.id,
        "path": key.path,
        "file": str(key.file),
    }


def _show(key: StoredKey, extra: JsonObject, *, as_json: bool) -> None:
    fields = _fields(key) | extra
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)
