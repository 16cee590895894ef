"""`reelect init`: the keys and configuration of a new node."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from consensus.address import format_address
from consensus.errors import Invalid
from consensus.kinds import Json, JsonObject, Text
from consensus.producers import MAX_PRODUCERS
from node.commands.arguments import JsonFlag
from node.commands.keystore_options import ask_password
from node.config.sections import SETTINGS
from node.config.setting import Raw
from node.failure import Usage
from node.new_node import NewNode, SeatKeys, create_node, new_folder, seat_keys
from node.output import print_fields, print_json, warn
from node.wallet.derivation import KeyKind, derivation_path, master_seed, new_mnemonic
from node.wallet.keystore import Keystore
from p2p.peeraddress import host_and_port

DEFAULT_FOLDER = Path("~/.reelect/node")
LOOPBACK = "127.0.0.1"


def init(
    *,
    data_dir: Path = DEFAULT_FOLDER,
    seats: int = 0,
    name: str = "node",
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    password_file: Path | None = None,
    json: JsonFlag = False,
) -> None:
    """Write the keys and the configuration of a new node into an empty folder.

    With seats it is a producer: the accounts are encrypted in the folder's keystore, all keys
    derive from one mnemonic, which is printed this once, and producers/*.json are the records
    that `reelect genesis build` needs. Without seats it is a follower.

    Parameters
    ----------
    data_dir
        The folder; made if needed, nothing in it is overwritten.
    seats
        How many producers the node runs, 0 to 21.
    name
        The producers' name; several are numbered.
    set_
        section.key=value, written to the configuration file; can be repeated.
    password_file
        File whose first line is the keystore's password; else $REELECT_PASSWORD, else a prompt.
    """
    names = _seat_names(name, seats)
    values = _settings(set_)
    folder = data_dir.expanduser().absolute()
    password = ask_password(password_file, new=True) if seats else ""
    mnemonic = new_mnemonic() if seats else None
    with new_folder(folder):
        keys = _derive(mnemonic, names)
        for i, seat in enumerate(keys):
            _store_account(Keystore(folder / "keystore"), seat, i, password)
        wallet: dict[str, Raw] = {"client.keystore": "keystore"} | _own_api(values)
        if keys:
            wallet["client.account"] = keys[0].name
        made = create_node(folder, keys, wallet | values)
    _show(made, mnemonic, as_json=json)


def _seat_names(name: str, seats: int) -> list[str]:
    if not 0 <= seats <= MAX_PRODUCERS:
        raise Usage(f"a node runs 0 to {MAX_PRODUCERS} producers, not {seats}", field="--seats")
    try:
        Text(29, 1, "[a-z0-9][a-z0-9-]*").pack(name)
    except Invalid:
        raise Usage("a name is made of a-z, 0-9 and dashes, at most 29", field="--name") from None
    return [name] if seats == 1 else [f"{name}-{i}" for i in range(seats)]


def _settings(overrides: tuple[str, ...]) -> dict[str, Raw]:
    values: dict[str, Raw] = {}
    for override in overrides:
        key, _, text = override.partition("=")
        if key not in SETTINGS:
            raise Usage(f"no such setting: {key}; `reelect config show` has them", field="--set")
        try:
            values[key] = SETTINGS[key].from_text(text)
        except Invalid as error:
            raise Usage(str(error.within(key)), field="--set") from None
    return values


def _own_api(values: dict[str, Raw]) -> dict[str, Raw]:
    """Commands with the new configuration ask its own node, wherever it listens."""
    if not values.get("api.port"):
        return {}
    host = str(values.get("api.host", LOOPBACK))
    reached = LOOPBACK if host in ("0.0.0.0", "::") else host  # noqa: S104
    return {"client.node": f"http://{host_and_port(reached, int(str(values['api.port'])))}"}


def _derive(mnemonic: str | None, names: list[str]) -> list[SeatKeys]:
    if mnemonic is None:
        return []
    master = master_seed(mnemonic)
    return [seat_keys(master, name, i) for i, name in enumerate(names)]


def _store_account(store: Keystore, seat: SeatKeys, index: int, password: str) -> None:
    path = derivation_path(KeyKind.ACCOUNT, index)
    store.add(seat.name, KeyKind.ACCOUNT, seat.account.seed, password, path=path)


def _show(made: NewNode, mnemonic: str | None, *, as_json: bool) -> None:
    producers: list[Json] = [
        {"name": item.name, "account": format_address(item.producer), "record": str(file)}
        for file, item in made.records.items()
    ]
    fields: JsonObject = {"config": str(made.file), "node_id": made.id.hex()}
    if as_json:
        print_json(fields | {"producers": producers, "mnemonic": mnemonic})
        return
    print_fields(fields | {"producer record": [str(file) for file in made.records]})
    if mnemonic is not None:
        warn("write the mnemonic down: whoever has it has the keys, and it is not shown again")
        print_fields({"mnemonic": mnemonic})
