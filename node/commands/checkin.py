"""`reelect checkin`: lock an amount for a period, and share its airdrop by what is locked (W4)."""

from dataclasses import asdict, dataclass

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JSON_INTEGER_MAX, JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions, known_asset, own_account
from node.commands.copied_state import copy_row, copy_rows, no_rows
from node.commands.profile_options import format_percent
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.chain import CONSTANTS
from vm.modules.checkin import (
    CURRENT,
    ENTRIES,
    PAST,
    PERIODS,
    RULES,
    CheckIn,
    Claim,
    Past,
    Rules,
    airdrop_of,
    open_period,
    share_of,
)
from vm.modules.economy import CLOCK, ECONOMY
from vm.modules.tokens import POTS, pot_of
from vm.overlay import Overlay

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


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of the running period what is locked by all and by one account, its airdrop and the account's
    share if it ended now; and what comes back of a period that is over, with its share."""

    locked_by_all: int
    locked: int
    airdrop_now: int
    share_now: int
    back: int
    share: int


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
        state = await _standing(client, owner, asset.symbol, finality)
        height = (await client.status()).head.height
    rules, amounts = RULES.get(state), _amounts(state, owner)
    is_on = rules is not None and rules.from_height <= height
    period = None if rules is None else open_period(state, rules).number
    if json:
        answer: JsonObject = {"account": format_address(owner), "is_on": is_on, "period": period}
        answer["rules"] = None if rules is None else rules.to_json()
        answer["ends_ms"] = _ends_ms(state)
        print_json(answer | {name: str(units) for name, units in asdict(amounts).items()})
        return
    print_fields(
        {
            "account": format_address(owner),
            "check-ins": "on" if is_on else _off(rules),
            **({} if rules is None else _running(state, rules, amounts, asset)),
            "can be claimed": f"{asset.format(amounts.back)} that were locked, and "
            f"{asset.format(amounts.share)}"
            if amounts.back
            else "nothing",
        }
    )


async def _standing(client: Client, owner: bytes, native: str, finality: Finality) -> Overlay:
    """The rows that say how check-ins and an account in them stand."""
    state = no_rows()
    for table in (CONSTANTS, RULES, CURRENT, ECONOMY, CLOCK):
        await copy_rows(client, state, table, finality=finality)
    await copy_row(client, state, ENTRIES, format_address(owner), finality=finality)
    if (entry := ENTRIES.get(state, owner)) is not None:
        await copy_row(client, state, PERIODS, str(entry.period), finality=finality)
    if (rules := RULES.get(state)) is not None:
        await copy_row(client, state, POTS, rules.pot, native, finality=finality)
    return state


def _amounts(state: Overlay, owner: bytes) -> Amounts:
    rules, entry, share = RULES.get(state), ENTRIES.get(state, owner), share_of(state, owner)
    units = 0 if entry is None else entry.units
    locked = 0 if share is not None else units
    by_all = 0 if rules is None else open_period(state, rules).locked
    airdrop = 0 if rules is None else airdrop_of(state, rules)
    return Amounts(
        locked_by_all=by_all,
        locked=locked,
        airdrop_now=airdrop,
        share_now=airdrop * locked // by_all if by_all else 0,
        back=units - locked,
        share=share or 0,
    )


def _running(state: Overlay, rules: Rules, amounts: Amounts, asset: KnownAsset) -> JsonObject:
    """The running period for people."""
    ends_ms = _ends_ms(state)
    held = asset.format(pot_of(state, rules.pot, asset.symbol))
    return {
        "period": open_period(state, rules).number,
        "ends": f"{rules.period_days} days with blocks after its first check-in, which is to come"
        if ends_ms is None
        else f"{utc(ends_ms)}, if each day has a block",
        "pool": f"{held} in the pot {rules.pot}, of which {format_percent(rules.ppm)} is shared",
        "airdrop now": asset.format(amounts.airdrop_now),
        "locked by all": asset.format(amounts.locked_by_all),
        "locked": asset.format(amounts.locked),
        "share now": asset.format(amounts.share_now),
    }


def _off(rules: Rules | None) -> str:
    if rules is None:
        return "off, until a vote carries out checkin.set_rules"
    at = "" if rules.from_height == JSON_INTEGER_MAX else f" height {rules.from_height}, or until"
    return f"off, until{at} a vote carries out checkin.set_rules"


def _ends_ms(state: Overlay) -> int | None:
    """When the running period ends if each day has a block; None if none has begun."""
    current, clock, constants = CURRENT.get(state), CLOCK.get(state), ECONOMY.get(state)
    if current is None or not current.over_on or clock is None or constants is None:
        return None
    days_left = max(0, current.over_on - clock.days_with_blocks)
    return clock.over_ms + days_left * 1000 * constants.day_s


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
        answer = await client.row(PAST.name, format_address(owner), finality=finality)
    periods = () if answer is None else Past.from_json(answer.item.row).periods
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
