"""`reelect airdrop`: who holds an asset gets something by a snapshot, each takes its own (W5)."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client, Until
from node.commands.airdrop_file import AirdropList, read_airdrop, write_airdrop
from node.commands.arguments import JsonFlag, Most
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions, known_asset, known_assets
from node.commands.holdings_snapshot import exported_holdings, read_holdings
from node.commands.rows import list_numbered, read_numbered
from node.commands.sending import (
    NO_SEND_OPTIONS,
    SendOptions,
    WaitFor,
    check_receipt,
    draft,
    send,
    show,
)
from node.commands.wallet import Wallet
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.tasks import AIRDROPS, TAKEN, UNKNOWN_AIRDROP, Airdrop, Entry, MakeAirdrop, Take

app = App(name="airdrop", help="Give holders something by a snapshot; take one's own.")


@app.command
async def snapshot(
    file: Path,
    *,
    share: str,
    asset: str | None = None,
    holders_of: str | None = None,
    least: str = "0",
    export: Path | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Write a list of who would get how much if an amount were shared by what accounts hold: their
    balance, what they have bonded, and what their orders hold. It changes nothing on the chain.

    Parameters
    ----------
    file
        The file to write: a line for each account with its address and its amount. It can be
        edited before `reelect airdrop make`.
    share
        How much to share, in whole tokens.
    asset
        What is shared; else the native asset.
    holders_of
        By what it is shared; else the native asset.
    least
        Leave out who holds less, in whole tokens.
    export
        A file that `reelect db export` wrote: hold by that state, else by the newest final one.
    """
    async with options.client() as client:
        given, held = await known_asset(client, asset), await known_asset(client, holders_of)
        units, at_least = given.parse_positive("--share", share), held.parse("--least", least)
        if export is None:
            found = await read_holdings(client, held.symbol)
        else:
            genesis = options.section.genesis
            found = await trio.to_thread.run_sync(exported_holdings, export, genesis, held.symbol)
    made = shared(units, {who: n for who, n in found.units.items() if n >= at_least})
    if not made.entries:
        raise Refused(f"nobody holds enough {held.symbol} to get anything", code="nobody")
    at = f"at height {found.height}, block {found.block}"
    heading = f"{given.format(made.units)} for holders of {held.symbol} {at}"
    write_airdrop(file, made, given, heading)
    fields: JsonObject = {"file": str(file), "accounts": len(made.entries)}
    fields |= {"total": str(made.units) if json else given.format(made.units)}
    show(fields | {"height": found.height, "block": found.block}, as_json=json)


def shared(units: int, holdings: dict[bytes, int]) -> AirdropList:
    """`units` shared by holdings, each share rounded down; who would get 0 is left out."""
    total = sum(holdings.values())
    shares = {who: units * held // total for who, held in holdings.items()}
    return AirdropList(tuple(Entry(who, share) for who, share in shares.items() if share))


@app.command
async def make(
    file: Path,
    *,
    valid_s: Annotated[int, Parameter(validator=validators.Number(gte=1))],
    asset: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Give the accounts of a list what it says, out of the account that sends (--from). On the
    chain is only the list's Merkle root: publish the file (`reelect content add`), as everybody
    needs it to take what is his. What nobody has taken in time comes back.

    Parameters
    ----------
    file
        The list: a line for each account with its address and its amount, in whole tokens.
    valid_s
        For how many seconds from now on it can be taken, at most 366 days.
    asset
        What is given; else the native asset.
    """
    async with options.client() as client:
        given = await known_asset(client, asset)
        found = read_airdrop(file, given)
        until_ms = (await client.status()).time_ms + 1000 * valid_s
        action = MakeAirdrop(given.symbol, found.units, found.root, len(found.entries), until_ms)
        total = str(found.units) if json else given.format(found.units)
        about: JsonObject = {"accounts": len(found.entries), "total": total}
        await send(client, options, [action], as_json=json, about=about)


@app.command(name="list")
async def list_(
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the airdrops that are not over, the oldest first.

    Parameters
    ----------
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await list_numbered(client, AIRDROPS, finality, most=most)
        assets = await known_assets(client, (row.asset for _, row in found))
    if json:
        print_json({"airdrops": [{"number": n, **row.to_json()} for n, row in found]})
    elif not found:
        print_line("no airdrop is open")
    else:
        rows = [
            (
                number,
                assets[row.asset].format(row.left),
                row.size,
                utc(row.until_ms),
                format_address(row.sponsor),
            )
            for number, row in found
        ]
        print_table(("AIRDROP", "LEFT", "ACCOUNTS", "UNTIL", "SPONSOR"), rows)


@app.command(name="show")
async def show_(
    airdrop: int,
    file: Path | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an airdrop; with its list, what one's own accounts get of it and have taken.

    Parameters
    ----------
    airdrop
        Its number, as `reelect airdrop list` shows it.
    file
        Its list, as its sponsor has published it.
    finality
        Read the head, which may still change, or the final state.
    """
    own: list[tuple[Entry, bool]] = []
    async with options.client() as client:
        row = await _airdrop(client, airdrop, finality)
        asset = await known_asset(client, row.asset)
        if file is not None:
            found = _list_of(file, asset, airdrop, row)
            for account in _own(Wallet(options.section, None), found):
                place = found.places[account]
                is_taken = await _is_taken(client, airdrop, place, finality)
                own.append((found.entries[place], is_taken))
    if json:
        accounts = [{**entry.to_json(), "is_taken": is_taken} for entry, is_taken in own]
        print_json({"number": airdrop, **row.to_json(), "accounts": accounts})
        return
    print_fields(
        {
            "airdrop": airdrop,
            "sponsor": format_address(row.sponsor),
            "left": asset.format(row.left),
            "accounts": row.size,
            "until": utc(row.until_ms),
            "root": row.root.hex(),
        }
    )
    if file is not None:
        print_line("")
        rows = [(format_address(e.account), asset.format(e.units), taken) for e, taken in own]
        if rows:
            print_table(("ACCOUNT", "GETS", "TAKEN"), rows)
        else:
            print_line("none of the accounts whose keys are here is on the list")


@app.command
async def take(
    airdrop: int,
    file: Path,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Take what an airdrop has for the account that sends (--from). Free for who has mana.

    Parameters
    ----------
    airdrop
        Its number, as `reelect airdrop list` shows it.
    file
        Its list, as its sponsor has published it.
    all_
        For each account on the list whose key is here, and that has not taken it yet.
    """
    if all_ and (options.from_ or options.dry_run or options.unsigned is not None):
        raise Usage("not with --from, --dry-run or --unsigned", field="--all")
    async with options.client() as client:
        row = await _airdrop(client, airdrop, Finality.HEAD)
        asset = await known_asset(client, row.asset)
        found = _list_of(file, asset, airdrop, row)
        if all_:
            await _take_all(client, options, airdrop, found, asset, as_json=json)
            return
        sender = await options.sender(client)
        if sender not in found.places:
            raise Refused(f"{format_address(sender)} is not on the list", field=str(file))
        action = found.take(airdrop, sender)
        amount = str(action.units) if json else asset.format(action.units)
        await send(client, options, [action], as_json=json, about={"amount": amount})


async def _take_all(
    client: Client,
    options: SendOptions,
    airdrop: int,
    found: AirdropList,
    asset: KnownAsset,
    *,
    as_json: bool,
) -> None:
    """Let each account whose key is here take its own; print what became of each, and raise
    Refused after that if one could not."""
    wallet, results = options.wallet, list[tuple[Entry, str]]()
    for account in _own(wallet, found):
        place = found.places[account]
        if await _is_taken(client, airdrop, place, Finality.HEAD):
            state = "was taken"
        else:
            action = found.take(airdrop, account)
            state = await _take(client, options, wallet, account, action)
        results.append((found.entries[place], state))
    if as_json:
        print_json({"accounts": [{**entry.to_json(), "state": state} for entry, state in results]})
    elif not results:
        print_line("none of the accounts whose keys are here is on the list")
    else:
        rows = [(format_address(e.account), asset.format(e.units), s) for e, s in results]
        print_table(("ACCOUNT", "GETS", "STATE"), rows)
    failed = [state for _, state in results if state.startswith(_FAILED)]
    if failed:
        raise Refused(f"{len(failed)} of {len(results)} accounts could not take their own")


_FAILED = "failed: "


async def _take(
    client: Client,
    options: SendOptions,
    wallet: Wallet,
    account: bytes,
    action: Take,
) -> str:
    """Send and wait as asked; what became of it."""
    sending = replace(options, from_=format_address(account))
    try:
        made = await draft(client, sending, [action])
        signed = made.transaction.signed(*wallet.enough(made.authorities))
        identity = await client.submit(signed.encode())
        if options.wait is WaitFor.SENT:
            return "sent"
        answer = await client.wait(identity, Until(options.wait.value), options.timeout_s)
        if answer.receipt is not None:
            check_receipt(answer.receipt)
    except Refused as error:
        return f"{_FAILED}{error}"
    return "taken"


def _own(wallet: Wallet, found: AirdropList) -> list[bytes]:
    """The accounts of a list whose keys are here."""
    return wallet.held(found.places)


def _list_of(file: Path, asset: KnownAsset, number: int, row: Airdrop) -> AirdropList:
    """The list in a file, which must be that of the airdrop; raises Refused."""
    found = read_airdrop(file, asset)
    if (found.root, len(found.entries)) != (row.root, row.size):
        raise Refused(
            f"is not the list of airdrop {number}, whose root is {row.root.hex()}: ask its sponsor "
            "for the file, unchanged",
            field=str(file),
            code="wrong-list",
        )
    return found


async def _airdrop(client: Client, number: int, finality: Finality) -> Airdrop:
    return await read_numbered(
        client,
        AIRDROPS,
        number,
        finality,
        missing=f"there is no airdrop {number}, or it is over: see `reelect airdrop list`",
        field="AIRDROP",
        error=UNKNOWN_AIRDROP,
    )


async def _is_taken(client: Client, airdrop: int, place: int, finality: Finality) -> bool:
    return await client.row(TAKEN.name, str(airdrop), str(place), finality=finality) is not None
