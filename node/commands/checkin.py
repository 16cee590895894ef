"""`reelect checkin`: lock an amount for a period, and share its airdrop by what is locked (W4)."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JSON_INTEGER_MAX, JsonObject
from node.amounts import format_percent
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions, known_asset, own_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.participation_answers import CheckinAnswer
from vm.modules.checkin import CheckIn, Claim, Rules
from vm.modules.tokens import POTS, Pot

app = App(name="checkin", help="Check in for a period, and share its airdrop by what is locked.")


@app.command(name="in")
async def in_(
    amount: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Check in: lock an amount of the account that sends (--from) until the running period is over.
    What it has locked for an earlier period comes back first, with its share of the airdrop.

    Parameters
    ----------
    amount
        How much to lock, in whole tokens, such as 12.5. A period's airdrop is shared by it.
    """
    async with options.client() as client:
        units = (await known_asset(client)).parse_positive("AMOUNT", amount)
        await send(client, options, [CheckIn(units)], as_json=json)


@app.command
async def claim(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Take back what the account that sends (--from) has locked for a period that is over, with its
    share of the airdrop. There is no hurry: it waits, and the next check-in takes it too."""
    async with options.client() as client:
        await send(client, options, [Claim()], as_json=json)


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show the running period: what is locked by all and by an account, what the account would get
    if it ended now, and when it ends; and what the account can claim of an earlier one.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        owner = await own_account(client, options.section, account, "ACCOUNT")
        asset = await known_asset(client)
        found, asset = await client.checkin(owner, finality=finality), await known_asset(client)
        pool = None if found.rules is None else await _pool(client, found.rules, asset, finality)
    if json:
        print_json(_to_json(found))
        return
    print_fields(
        {
            "account": format_address(owner),
            "check-ins": "on" if found.is_on else _off(found.rules),
            **({} if pool is None else _running(found, pool, asset)),
            "can be claimed": f"{asset.format(found.back)} that were locked, and "
            f"{asset.format(found.share)}"
            if found.back
            else "nothing",
        }
    )


def _to_json(found: CheckinAnswer) -> JsonObject:
    return {name: value for name, value in found.to_json().items() if name not in ("periods", "at")}


async def _pool(client: Client, rules: Rules, asset: KnownAsset, finality: Finality) -> str:
    """What is shared of what, for people."""
    answer = await client.row(POTS.name, rules.pot, asset.symbol, finality=finality)
    held = 0 if answer is None else Pot.from_json(answer.item.row).amount
    share = format_percent(rules.ppm)
    return f"{asset.format(held)} in the pot {rules.pot}, of which {share} is shared"


def _running(found: CheckinAnswer, pool: str, asset: KnownAsset) -> JsonObject:
    """The running period for people."""
    days = 0 if found.rules is None else found.rules.period_days
    return {
        "period": found.period,
        "ends": f"{days} days with blocks after its first check-in, which is to come"
        if found.ends_ms is None
        else f"{utc(found.ends_ms)}, if each day has a block",
        "pool": pool,
        "airdrop now": asset.format(found.airdrop_now),
        "locked by all": asset.format(found.locked_by_all),
        "locked": asset.format(found.locked),
        "share now": asset.format(found.share_now),
    }


def _off(rules: Rules | None) -> str:
    if rules is None:
        return "off, until a vote carries out checkin.set_rules"
    at = "" if rules.from_height == JSON_INTEGER_MAX else f" height {rules.from_height}, or until"
    return f"off, until{at} a vote carries out checkin.set_rules"


@app.command(name="list")
async def list_(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the newest 12 periods that an account has settled: what it had locked, and its share.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        owner = await own_account(client, options.section, account, "ACCOUNT")
        asset = await known_asset(client)
        periods = (await client.checkin(owner, finality=finality)).periods
    if json:
        print_json(
            {
                "account": format_address(owner),
                "periods": [settled.to_json() for settled in reversed(periods)],
            }
        )
    elif not periods:
        print_line("no period settled yet: `reelect checkin in` and `claim` do it")
    else:
        print_table(
            ("PERIOD", "LOCKED", "SHARE"),
            (
                (settled.period, asset.format(settled.units), asset.format(settled.share))
                for settled in reversed(periods)
            ),
        )
