"""`reelect claim`: snapshots of Ethereum holders, and what these claim here by a signed text."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.errors import Invalid, InvalidEncoding
from consensus.ethereum import (
    SIGNATURE_BYTES,
    format_ethereum_address,
    parse_ethereum_address,
    recover_signer,
)
from consensus.kinds import JsonObject
from node.amounts import format_amount
from node.claim_file import MAX_CLAIM_FILE_BYTES, ClaimFile, read_claim_file
from node.client import Client
from node.commands.arguments import JsonFlag, argument, naming
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account, known_asset
from node.commands.copied_state import copy_rows, format_units, no_rows
from node.commands.pot import destination
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_chain, send
from node.failure import Refused, Usage
from node.files import read_bounded, write_pieces
from node.holder_list import Reading, read_holders
from node.output import print_fields, print_json, print_line, print_table, progress, utc
from node.query.chain_view import Finality
from vm.modules.claims import (
    CLAIMED,
    MIGRATIONS,
    Claimed,
    ClaimHolding,
    Holding,
    Migration,
    claim_text,
)
from vm.modules.tokens import ASSETS
from vm.overlay import Overlay

MOST_DECIMALS = 18
NATIVE_DECIMALS = 8

app = App(name="claim", help="Claim here what was held on Ethereum; make snapshots of holders.")


@app.command
def snapshot(
    file: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path("claims.json"),
    decimals: int = NATIVE_DECIMALS,
    round_down: Annotated[bool, Parameter(negative=())] = False,
    sum_duplicates: Annotated[bool, Parameter(negative=())] = False,
    json: JsonFlag = False,
) -> None:
    """Make a claim file from a list of Ethereum holders, and say what a preset or a proposal
    needs to know of it.

    Parameters
    ----------
    file
        CSV with columns `address` and `amount` (or an export of Etherscan's holders), or JSON:
        {address: amount}, or a list of objects with both. Amounts are in whole tokens.
    output
        The file to write; nothing is overwritten.
    decimals
        Those of the asset that is claimed here.
    round_down
        Cut the decimals of amounts that have more.
    sum_duplicates
        Add up the amounts of an address that is in the list several times.
    """
    if not 0 <= decimals <= MOST_DECIMALS:
        raise Usage(f"0 to {MOST_DECIMALS} are possible", field="--decimals")
    with naming(file):
        text = read_bounded(file, MAX_CLAIM_FILE_BYTES).decode("utf-8-sig")
        found = read_holders(text, Reading(decimals, round_down, sum_duplicates))
        made = ClaimFile(decimals, found.holdings)
    write_pieces(output, made.pieces())
    known: JsonObject = {
        "file": str(output),
        "root": made.root.hex(),
        "holders": len(made.holdings),
        "units": str(made.units),
        "rounded": found.rounded,
        "left_out": found.left_out,
    }
    if json:
        print_json(known)
        return
    print_fields(
        {
            "file": output,
            "holders": len(made.holdings),
            "together": format_amount(made.units, decimals),
            "rounded down": found.rounded,
            "left out, with nothing": found.left_out,
        }
    )
    print_line("")
    for line in _set_up(made):
        print_line(line)


def _set_up(file: ClaimFile) -> list[str]:
    """The entry of a preset that opens the migration; what is in capitals is the community's."""
    return [
        "[[setup]]",
        'type = "claims.open"',
        'migration = "NAME"',
        'asset = "SYMBOL"',
        'pot = "POT"',
        f"units = {file.units}",
        f'root = "{file.root.hex()}"',
        f"holders = {len(file.holdings)}",
        "open_s = 31_536_000          # a year",
        'leftover = { pot = "treasury" }   # {}: burned',
    ]


@app.command
async def text(
    *,
    migration: str,
    account: str,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Print the exact text that a holder signs in its Ethereum wallet (personal_sign) to have its
    tokens claimed for an account here. It costs nothing, and whoever sees it can change nothing.

    Parameters
    ----------
    migration
        Its name (`reelect claim list`).
    account
        Address, @handle or name of the account here that gets the tokens.
    """
    name = _name(migration, "--migration")
    async with options.client() as client:
        receiver = await find_account(client, options.section, account, "--account")
        await _lasting(client, name, "--migration")
        chain = await _chain(client, options)
    made = claim_text(chain, name, receiver)
    if json:
        print_json({"text": made, "hex": f"0x{made.encode().hex()}"})
        return
    for line in made.splitlines():
        print_line(line)


@app.command(name="send")
async def send_(
    *,
    migration: str,
    signature: str,
    file: Path,
    account: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Send a claim, by the signature of its text. Anybody may; the account that gets the tokens
    pays nothing for it, and need not have anything.

    Parameters
    ----------
    migration
        Its name (`reelect claim list`).
    signature
        What the wallet answered: 0x and 130 hex digits.
    file
        The community's claim file.
    account
        Address, @handle or name of the account that the text names; else the one that sends.
    """
    name = _name(migration, "--migration")
    signed = argument("--signature", _signature, signature)
    claims = _read(file)
    async with options.client() as client:
        receiver = await options.sender(client)
        if account is not None:
            receiver = await find_account(client, options.section, account, "--account")
        row = await _lasting(client, name, "--migration")
        if (row.root, row.holders) != (claims.root, len(claims.holdings)):
            raise Refused(
                f"its root is {claims.root.hex()}, that of the migration {name} {row.root.hex()}: "
                "take the file that the community has published",
                field=str(file),
                code="other-root",
            )
        signer = _signer(claim_text(await _chain(client, options), name, receiver), signed)
        place = claims.place_of(signer)
        if place is None:
            raise Refused(
                f"by this signature of the text for {format_address(receiver)} the holder is "
                f"{format_ethereum_address(signer)}, who is not in the snapshot: sign exactly what "
                "`reelect claim text` prints for this account, with the address of the snapshot",
                field="--signature",
                code="not-a-holder",
            )
        units = claims.holdings[place].units
        action = ClaimHolding(name, signer, units, place, claims.proof(place), receiver, signed)
        asset = await known_asset(client, row.asset)
        about: JsonObject = {
            "holder": format_ethereum_address(signer),
            "account": format_address(receiver),
            "amount": str(units) if json else asset.format(units),
        }
        await send(client, options, [action], as_json=json, about=about)


@app.command(name="list")
async def list_(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List the migrations: what was claimed of each, and until when the rest can be."""
    async with options.client() as client:
        state = await _migrations(client)
    rows = [(name, row) for (name,), row in MIGRATIONS.every(state)]
    if json:
        print_json({"migrations": [{"migration": name, **row.to_json()} for name, row in rows]})
        return
    if not rows:
        print_line("no migration: a preset opens them, or a proposal of claims.open")
        return
    print_table(
        ("MIGRATION", "AMOUNT", "LEFT", "HOLDERS", "CLAIMED", "UNTIL"),
        (
            (
                name,
                format_units(state, row.asset, row.units),
                format_units(state, row.asset, row.left),
                row.holders,
                row.claimed,
                _until(row),
            )
            for name, row in rows
        ),
    )


@app.command
async def show(
    migration: str,
    holder: str | None = None,
    *,
    file: Path | None = None,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a migration; or whether a holder has claimed of it, and for whom.

    Parameters
    ----------
    migration
        Its name.
    holder
        Ethereum address of a holder.
    file
        The community's claim file, to show also how much the holder has in it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    name = _name(migration, "MIGRATION")
    if file is not None and holder is None:
        raise Usage("name a holder too", field="--file")
    address = None if holder is None else argument("HOLDER", parse_ethereum_address, holder)
    async with options.client() as client:
        state = await _migrations(client, finality)
        row = _known(MIGRATIONS.get(state, name), name, "MIGRATION")
        if address is None:
            _show_migration(state, name, row, as_json=json)
            return
        found = await client.row(CLAIMED.name, name, address.hex(), finality=finality)
    held = None if file is None else _held(_read(file), address)
    claimed = None if found is None else Claimed.from_json(found.item.row)
    if json:
        print_json(
            {
                "migration": name,
                "holder": format_ethereum_address(address),
                "claimed_for": None if claimed is None else format_address(claimed.account),
                **({} if file is None else {"units": str(0 if held is None else held.units)}),
            }
        )
        return
    fields: dict[str, object] = {"holder": format_ethereum_address(address)}
    if file is not None:
        fields["held"] = "nothing" if held is None else format_units(state, row.asset, held.units)
    done = "nothing was claimed" if claimed is None else f"for {format_address(claimed.account)}"
    print_fields(fields | {"claimed": done, "until": _until(row)})


def _show_migration(state: Overlay, name: str, row: Migration, *, as_json: bool) -> None:
    if as_json:
        print_json({"migration": name, **row.to_json()})
        return
    print_fields(
        {
            "migration": name,
            "amount": format_units(state, row.asset, row.units),
            "left": format_units(state, row.asset, row.left),
            "holders": row.holders,
            "claimed": f"{row.claimed} of them",
            "until": _until(row),
            "what is left then": destination(row.leftover),
            "root": row.root.hex(),
        }
    )


def _until(row: Migration) -> str:
    return f"over since {utc(row.until_ms)}" if row.is_over else utc(row.until_ms)


def _name(text_: str, option: str) -> str:
    return str(argument(option, MIGRATIONS.key[0].kind.from_json, text_))


def _signature(text_: str) -> bytes:
    digits = text_.strip().removeprefix("0x").lower()
    if len(digits) != 2 * SIGNATURE_BYTES or not set(digits) <= set("0123456789abcdef"):
        raise InvalidEncoding(
            f"0x and {2 * SIGNATURE_BYTES} hex digits are expected, got {text_[:40]!r}"
        )
    return bytes.fromhex(digits)


def _signer(made: str, signature: bytes) -> bytes:
    try:
        return recover_signer(made, signature)
    except Invalid as error:
        raise Usage(error.message, field="--signature", code=error.code) from None


def _read(file: Path) -> ClaimFile:
    with naming(file):
        progress(f"reading {file}")
        return read_claim_file(read_bounded(file, MAX_CLAIM_FILE_BYTES))


def _held(file: ClaimFile, holder: bytes) -> Holding | None:
    place = file.place_of(holder)
    return None if place is None else file.holdings[place]


async def _migrations(client: Client, finality: Finality = Finality.FINAL) -> Overlay:
    state = no_rows()
    for table in (ASSETS, MIGRATIONS):
        await copy_rows(client, state, table, finality=finality)
    return state


async def _lasting(client: Client, name: str, option: str) -> Migration:
    """A migration that can be claimed; raises Refused."""
    answer = await client.row(MIGRATIONS.name, name, finality=Finality.HEAD)
    found = None if answer is None else Migration.from_json(answer.item.row)
    row = _known(found, name, option)
    if row.is_over:
        raise Refused(f"it is over since {utc(row.until_ms)}", field=option, code="claims.over")
    return row


def _known(row: Migration | None, name: str, option: str) -> Migration:
    if row is None:
        raise Refused(
            f"there is no migration {name}: `reelect claim list` shows which there are",
            field=option,
            code="claims.unknown-migration",
        )
    return row


async def _chain(client: Client, options: NodeOptions) -> bytes:
    """The chain's digest, which is that of the genesis file if there is one; raises Refused."""
    chain: bytes = (await client.status()).chain
    check_chain(options.section.genesis, chain, f"the node at {client.base_url}")
    return chain
