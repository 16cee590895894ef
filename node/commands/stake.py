"""`reelect stake`: bond tokens, take them back, claim rewards, see what an account has at stake."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
    own_account,
)
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.standings import read_standings
from node.output import print_fields, print_json, utc
from node.query.chain_view import Finality
from vm.modules.rewards import Claim
from vm.modules.stake import BONDS, UNBONDING, Bond, Bonded, Release, Unbond, Unbonding

app = App(name="stake", help="Bond tokens, which vote and earn; take them back; claim.")


@app.command
async def bond(
    amount: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Bond tokens of the account that sends (--from): they count for the producers that it
    approves (`reelect vote`), cannot be spent, and let mana grow, which pays for free actions in
    place of fees (`reelect account show`).

    Parameters
    ----------
    amount
        How much, in whole tokens, such as 12.5.
    """
    await _send(options, Bond, amount, as_json=json)


@app.command
async def unbond(
    amount: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take bonded tokens back: they vote no longer at once, and come back to the account by
    themselves when the chain's unbonding time is over (`reelect stake show` says when). Who
    unbonds everything approves nobody any more.

    Parameters
    ----------
    amount
        How much, in whole tokens, such as 12.5.
    """
    await _send(options, Unbond, amount, as_json=json)


@app.command
async def show(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account has bonded, for whom it votes, and what comes back when.

    Parameters
    ----------
    account
        Its address or @handle, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        owner = await find_account(client, options.section, account, "ACCOUNT")
        bond = await read_bond(client, owner, finality)
        units, approved = (0, ()) if bond is None else (bond.units, bond.approved)
        releases = await _releases(client, owner, finality)
        if json:
            print_json(
                {
                    "account": format_address(owner),
                    "bonded": str(units),
                    "approved": [format_address(producer) for producer in approved],
                    "releases": [release.to_json() for release in releases],
                }
            )
            return
        asset = await known_asset(client)
        names = {item.producer: item.row.name for item in (await read_standings(client)).items}
    print_fields(
        {
            "account": format_address(owner),
            "bonded": asset.format(units),
            "votes for": [names.get(each, format_address(each)) for each in approved] or "nobody",
            "comes back": [_shown(asset, each) for each in releases] or "nothing",
        }
    )


@app.command
async def rewards(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account has earned by approving producers and can claim.

    What producers have earned in the present epoch is shared when it is over.

    Parameters
    ----------
    account
        Its address, or its name in the local network or the keystore; else `client.account`.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        owner = await own_account(client, options.section, account, "ACCOUNT")
        answer = await client.account(owner, finality=finality)
        if json:
            shown: JsonObject = {"account": format_address(owner)}
            print_json(shown | {"claimable": str(answer.claimable), "at": answer.at.to_json()})
            return
        asset = await known_asset(client)
        found = await read_standings(client)
    print_fields(
        {
            "account": format_address(owner),
            "can be claimed": asset.format(answer.claimable),
            "next sharing": f"in {found.seconds_until(found.next_epoch_slot):.0f} s",
            "at height": answer.at.height,
        }
    )


@app.command
async def claim(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Claim what the account that sends (--from) has earned by approving producers."""
    async with options.client() as client:
        await send(client, options, [Claim()], as_json=json)


async def read_bond(client: Client, owner: bytes, finality: Finality) -> Bonded | None:
    """What an account has bonded, and whom it approves; None if nothing is."""
    answer = await client.row(BONDS.name, format_address(owner), finality=finality)
    return None if answer is None else Bonded.from_json(answer.item.row)


async def _releases(client: Client, owner: bytes, finality: Finality) -> tuple[Release, ...]:
    """What comes back to an account, the earliest first."""
    answer = await client.row(UNBONDING.name, format_address(owner), finality=finality)
    return () if answer is None else Unbonding.from_json(answer.item.row).releases


async def _send(
    options: SendOptions, make: type[Bond | Unbond], amount: str, *, as_json: bool
) -> None:
    async with options.client() as client:
        units = (await known_asset(client)).parse_positive("AMOUNT", amount)
        await send(client, options, [make(units)], as_json=as_json)


def _shown(asset: KnownAsset, release: Release) -> str:
    return f"{asset.format(release.units)} at {utc(release.time_ms)}"
