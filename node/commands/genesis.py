"""`reelect genesis`: make and read the one file that all nodes of a chain share."""

import json as json_
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address, parse_address
from consensus.kinds import JsonObject
from genesis.build import build_genesis
from genesis.file import MAX_GENESIS_BYTES, Genesis, parse_genesis
from genesis.from_state import genesis_from_state
from genesis.preset import Preset, load_preset
from genesis.producer_record import ProducerRecord, read_producer_record
from node.commands.arguments import JsonFlag, argument, client_section, naming, parse_time
from node.commands.presets import check_day, check_preset, list_presets, show_preset
from node.failure import Refused, Usage
from node.files import read_bounded, write_new
from node.output import print_fields, print_json, print_line
from node.snapshots.proving import proved_chunks, proved_file
from vm.modules.chain import chain_constants

MAX_RECORD_BYTES = 16_384
START_DELAY_S = 60

app = App(name="genesis", help="Make and read the file that a chain begins with.")


@app.command
def build(
    *,
    preset: str,
    producers: Annotated[tuple[Path, ...], Parameter(negative=(), consume_multiple=True)],
    allocate: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    attester: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    account: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    start: str | None = None,
    slot_ms: int | None = None,
    epoch_slots: int | None = None,
    day_s: int | None = None,
    output: Annotated[Path, Parameter(alias="-o")] = Path("genesis.cbor"),
    json: JsonFlag = False,
) -> None:
    """Make a genesis file from a preset and producer records; it never overwrites one.

    Parameters
    ----------
    preset
        Name of a preset (`reelect genesis list`), or a file of one's own that ends in .toml.
    producers
        Files of producer records, from `reelect init` on each producer's machine; 4 to 21.
    allocate
        address=units, in the native asset's smallest unit; can be repeated. Without any, each
        producer's account gets what the preset gives an account.
    attester
        Address of an account that may attest others; can be repeated.
    account
        role=address, for each role that the preset names (`reelect genesis show --preset`); can be
        repeated.
    start
        When slot 0 begins, such as 2030-01-31T12:00:00Z; else in a minute.
    slot_ms
        Milliseconds of a slot, instead of the preset's.
    epoch_slots
        Slots of an epoch, instead of the preset's.
    day_s
        Seconds of the community's day, instead of the preset's; never changed later. What the
        preset lets last days, such as a vote, shortens in proportion, to a minute at least.
    output
        The file to write.
    """
    check_day(day_s)
    chosen = load_preset(preset, day_s)
    records = [_read_record(file) for file in producers]
    grants = [_grant(text) for text in allocate] or [
        (item.producer, chosen.funding.account_units) for item in records
    ]
    genesis = build_genesis(
        chosen,
        records,
        grants,
        _start_ms(start),
        slot_ms=slot_ms,
        epoch_slots=epoch_slots,
        attesters=[argument("--attester", parse_address, text) for text in attester],
        roles=dict(_role(text, chosen) for text in account),
    )
    write_new(output, genesis.encode())
    _show(genesis, output, as_json=json)


@app.command
def from_snapshot(
    file: Path,
    *,
    producers: Annotated[
        tuple[Path, ...], Parameter(alias="--producer", negative=(), consume_multiple=True)
    ],
    network: str | None = None,
    start: Annotated[str | None, Parameter(alias="--genesis-time")] = None,
    genesis: Path | None = None,
    config: Path | None = None,
    output: Annotated[Path, Parameter(alias="-o")] = Path("genesis.cbor"),
    json: JsonFlag = False,
) -> None:
    """Begin a new chain with the state of one that has lost its quorum for good.

    Accounts, balances, videos and parameters are kept; the old producers keep their accounts but
    not their seats. The result is another chain with an id of its own: everybody can make the
    same file from the same snapshot, records and start, and compare.

    Parameters
    ----------
    file
        A snapshot of the old chain, from `reelect db export`.
    producers
        Files of the new producers' records, from `reelect init` on each one's machine; 4 to 21.
    network
        Name of the new chain, else the old one's.
    start
        When slot 0 begins, such as 2030-01-31T12:00:00Z; else in a minute.
    genesis
        Genesis file of the old chain, which the snapshot is proved from; else `client.genesis` of
        the configuration.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    output
        The file to write; nothing is overwritten.
    """
    place = client_section(config).genesis if genesis is None else genesis
    with naming(place):
        old = parse_genesis(read_bounded(place, MAX_GENESIS_BYTES))
    records = [_read_record(each) for each in producers]
    source = proved_file(file, old)
    rows = ((row.key, row.value) for chunk in proved_chunks(source) for row in chunk.rows)
    made = genesis_from_state(rows, records, _start_ms(start), network=network)
    data = made.encode()
    if len(data) > MAX_GENESIS_BYTES:
        raise Refused(
            f"the state makes a genesis file of {len(data)} bytes; at most {MAX_GENESIS_BYTES} "
            "are allowed",
            field=str(file),
        )
    write_new(output, data)
    _show(made, output, as_json=json)


@app.command
def show(
    file: Path | None = None,
    *,
    preset: str | None = None,
    toml: Annotated[bool, Parameter(negative=())] = False,
    config: Path | None = None,
    json: JsonFlag = False,
) -> None:
    """Check a genesis file and print what it begins; or a preset, in words.

    Parameters
    ----------
    file
        The genesis file; else `client.genesis` of the configuration.
    preset
        Name of a preset, or a file of one's own that ends in .toml, to show instead.
    toml
        Print the preset as it is written, to change a copy of it.
    config
        Configuration file; else $REELECT_CONFIG, else ~/.reelect/node/config.toml, else that of the
        local network.
    """
    if preset is not None:
        if file is not None:
            raise Usage("either a file or a preset", field="--preset")
        _show_preset(load_preset(preset), as_toml=toml, as_json=json)
        return
    if toml:
        raise Usage("it is for presets: name one by --preset", field="--toml")
    place = client_section(config).genesis if file is None else file
    with naming(place):
        genesis = parse_genesis(read_bounded(place, MAX_GENESIS_BYTES))
    _show(genesis, place, as_json=json)


def _show_preset(preset: Preset, *, as_toml: bool, as_json: bool) -> None:
    if not as_toml:
        show_preset(preset, as_json=as_json)
    elif as_json:
        raise Usage("either --toml or --json", field="--toml")
    else:
        for line in preset.text.splitlines():
            print_line(line)


app.command(list_presets, name="list")
app.command(check_preset, name="check")


def _read_record(file: Path) -> ProducerRecord:
    with naming(file):
        return read_producer_record(json_.loads(read_bounded(file, MAX_RECORD_BYTES)))


def _grant(text: str) -> tuple[bytes, int]:
    address, _, units = text.partition("=")
    if not units.isascii() or not units.isdigit():
        raise Usage(f"address=units is expected, got {text[:100]!r}", field="--allocate")
    return argument("--allocate", parse_address, address), int(units)


def _role(text: str, preset: Preset) -> tuple[str, bytes]:
    role, _, address = text.partition("=")
    if role not in preset.setup.roles:
        known = ", ".join(preset.setup.roles) or "none"
        raise Usage(f"the preset has no role {role[:40]!r}; its roles: {known}", field="--account")
    return role, argument("--account", parse_address, address)


def _start_ms(text: str | None) -> int:
    if text is None:
        return (int(time.time()) + START_DELAY_S) * 1000
    return argument("--start", parse_time, text)


def _show(genesis: Genesis, file: Path, *, as_json: bool) -> None:
    constants = chain_constants(genesis.state())
    start = datetime.fromtimestamp(constants.genesis_time_ms / 1000, UTC)
    fields: JsonObject = {
        "file": str(file),
        "chain": genesis.chain.hex(),
        "network": constants.network,
        "start": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "slot_ms": constants.slot_ms,
        "epoch_slots": constants.epoch_slots,
        "state_root": genesis.header.state_root.hex(),
        "rows": len(genesis.rows),
        "producers": [format_address(item.producer) for item in genesis.members],
    }
    if as_json:
        print_json(fields)
    else:
        print_fields(fields | {"producers": len(genesis.members)})
        print_line("")
        for item in genesis.members:
            print_line(format_address(item.producer))
