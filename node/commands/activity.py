"""`reelect activity`: what counted each day, and the reward pool that it made (T8)."""

from collections.abc import Mapping

from cyclopts import App

from consensus.address import format_address
from node.amounts import format_amount, format_percent
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
)
from node.output import print_fields, print_json, print_line, print_table
from node.query.activity_answers import AccountActivityAnswer, ActivityAnswer
from node.query.chain_view import Finality
from vm.modules.activity import ActivityKind, Counts, Rules, Totals
from vm.parameter import PARTS_PER_MILLION

_PPM_DIGITS = 6

app = App(name="activity", help="What counted each day, and the reward pool that it made.")


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what has counted today and the reward pool that this would make, and what counts how
    much; or what an account has done on the days of which it has claimed nothing.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        if account is None:
            answer = await client.activity(finality=finality)
            native = await known_asset(client)
        else:
            who = await find_account(client, options.section, account, "ACCOUNT")
            found = await client.account_activity(who, finality=finality)
            _show_account(found, as_json=json)
            return
    if json:
        print_json(answer.to_json())
        return
    print_fields({**_today(answer, native), **_rules(answer.rules, native)})


def _today(answer: ActivityAnswer, native: KnownAsset) -> Mapping[str, object]:
    totals = answer.totals
    mean = "no days before" if answer.mean is None else f"{answer.mean} in the mean of days before"
    return {
        "day": answer.day,
        "active accounts": totals.active_accounts,
        "activities": _counts(totals),
        "online": f"{totals.online_accounts} accounts, {totals.online_s} s together",
        "peak viewers": totals.peak_viewers,
        "index": f"{answer.index}, {mean}",
        "pool if it ended now": native.format(answer.pool),
    }


def _counts(totals: Totals) -> list[str]:
    found = [
        f"{totals.counts.of(kind)} x {kind.value}, by {totals.accounts.of(kind)}"
        for kind in ActivityKind
        if totals.counts.of(kind)
    ]
    return found or ["none"]


def _rules(rules: Rules, native: KnownAsset) -> Mapping[str, object]:
    weighed = [(kind, rules.kinds.of(kind)) for kind in ActivityKind]
    weights = rules.indicators.to_json()
    return {
        "fund": f"the pot {rules.fund}",
        "pool": f"{native.format(rules.base_units)} a day, times {_factor(rules.lo_ppm)} to "
        f"{_factor(rules.hi_ppm)} as the day was active",
        "of it": f"{format_percent(rules.poa_ppm)} for proof of activity, "
        f"{format_percent(PARTS_PER_MILLION - rules.poa_ppm)} for proof of contribution",
        "counts": [
            f"{kind.value}: weighs {_factor(valid.weight_ppm)}, {valid.most_a_day} a day at most"
            for kind, valid in weighed
            if valid.weight_ppm and valid.most_a_day
        ]
        or ["nothing"],
        "index counts": [
            f"{weight} x {name.replace('_', ' ')}" for name, weight in weights.items() if weight
        ]
        or ["nothing"],
    }


def _factor(ppm: int) -> str:
    return format_amount(ppm, _PPM_DIGITS)


def _show_account(answer: AccountActivityAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json())
        return
    print_fields(
        {
            "account": format_address(answer.account),
            "counts": "as a person"
            if answer.is_person
            else "not: it is not attested, and has not bonded enough to count as a person",
        }
    )
    rows = [
        (
            item.day if item.is_over else f"{item.day} (today)",
            _done(item.done.counts),
            f"{item.done.online_s} s",
            _factor(item.done.e_ppm),
        )
        for item in answer.days
    ]
    if rows:
        print_line("")
        print_table(("DAY", "DID", "ONLINE", "E"), rows)
    else:
        print_line("It has done nothing that counts on days of which it has claimed nothing.")


def _done(counts: Counts) -> str:
    found = (f"{counts.of(kind)} x {kind.value}" for kind in ActivityKind if counts.of(kind))
    return ", ".join(found) or "-"


@app.command(name="list")
async def list_(
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the days that are kept: how active each was, and the reward pool that it made.

    Parameters
    ----------
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        items = [item async for item in client.activity_days(finality=finality)]
        native = await known_asset(client)
    if json:
        print_json({"days": [item.to_json() for item in items]})
        return
    if not items:
        print_line("No reward pool follows from activity on this chain.")
        return
    rows: list[tuple[object, ...]] = []
    for item in items:
        totals, outcome, shared = item.row.totals, item.row.outcome, item.shared
        rows.append(
            (
                f"{item.day} (today)" if outcome is None else item.day,
                totals.active_accounts,
                "-" if outcome is None else outcome.index,
                "-" if outcome is None else native.format(outcome.pool),
                "-" if outcome is None else native.format(outcome.for_poa),
                "-" if shared is None else native.format(shared.units),
                "-" if shared is None else native.format(shared.owed),
            )
        )
    print_table(
        ("DAY", "ACTIVE", "INDEX", "POOL", "FOR ACTIVITY", "SHARED", "UNCLAIMED"),
        rows,
    )
