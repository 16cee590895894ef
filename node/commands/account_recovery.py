"""`reelect account recovery`: who may give an account other keys, and how that goes."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.account_authority import Keys, authority_fields, read_authority
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Usage
from node.output import print_fields, print_json
from node.query.chain_view import Finality
from vm.modules.account import (
    RECOVERIES,
    RECOVERING,
    CancelRecovery,
    FinishRecovery,
    Guard,
    Recovering,
    Recovery,
    SetRecovery,
    StartRecovery,
)

app = App(name="recovery", help="Who may give an account other keys if its own are lost or stolen.")

DAY_S = 24 * 3600


@app.command
async def show(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show who may recover an account and after which delay, and a recovery that runs.

    Parameters
    ----------
    account
        Its address or @handle, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        owner = await find_account(client, options.section, account, "ACCOUNT")
        now_ms = (await client.status()).time_ms
        recovery, running = await _read(client, owner, finality)
    if json:
        print_json(
            {
                "account": format_address(owner),
                "recovery": None if recovery is None else recovery.to_json(),
                "recovering": None if running is None else running.to_json(),
            }
        )
        return
    print_fields({"account": format_address(owner), **_fields(recovery, running, now_ms)})


async def _read(
    client: Client, owner: bytes, finality: Finality
) -> tuple[Recovery | None, Recovering | None]:
    address = format_address(owner)
    recovery = await client.row(RECOVERIES.name, address, finality=finality)
    running = await client.row(RECOVERING.name, address, finality=finality)
    return (
        None if recovery is None else Recovery.from_json(recovery.item.row),
        None if running is None else Recovering.from_json(running.item.row),
    )


def _fields(recovery: Recovery | None, running: Recovering | None, now_ms: int) -> JsonObject:
    if recovery is None:
        return {"recovered by": "nobody"}
    fields: JsonObject = {"recovered by": _guard(recovery.guard_at(now_ms))}
    if recovery.change is not None and recovery.change.from_ms > now_ms:
        change = recovery.change
        fields["changes to"] = f"{_guard(change.guard)}, {_time(change.from_ms)}"
    if running is not None:
        fields |= {
            "recovery runs": f"it can be cancelled until {_time(running.from_ms)}",
            **{f"new {name}": told for name, told in authority_fields(running.authority).items()},
        }
    return fields


def _guard(guard: Guard | None) -> str:
    if guard is None:
        return "nobody"
    return f"{format_address(guard.recovery_account)} after {guard.delay_s} s"


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


@app.command(name="set")
async def set_(
    recovery_account: str | None = None,
    *,
    delay_s: int = 7 * DAY_S,
    nobody: Annotated[bool, Parameter(negative=())] = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Name the account that may recover the one that sends (--from). The first holds at once; to
    change it or the delay takes as long as the delay that holds.

    Choose one of your own whose keys are kept elsewhere, or one of several people. Look at your
    account more often than the delay: until it is over you can cancel, and who has stolen your keys
    cannot take the recovery away.

    Parameters
    ----------
    recovery_account
        Its address or @handle, or its name in the local network or the keystore.
    delay_s
        Seconds that a recovery takes, and a change of this; a week, if it is not given.
    nobody
        Let no account recover this one.
    """
    if nobody == (recovery_account is not None):
        raise Usage("name an account or --nobody", field="RECOVERY_ACCOUNT")
    async with options.client() as client:
        guard = None
        if recovery_account is not None:
            named = await _account(client, options, recovery_account, "RECOVERY_ACCOUNT")
            guard = Guard(named, delay_s)
        action = SetRecovery(guard)
        await send(client, options, [action], as_json=json)


@app.command
async def start(
    account: str,
    *,
    key: Keys,
    threshold: int = 1,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As its recovery account (--from), start to give an account other keys.

    Parameters
    ----------
    account
        The account to recover: its address, @handle or name.
    key
        Name or address of a new key, with its weight (else 1), such as anna:2; can be repeated.
    threshold
        The weight that keys must reach together.
    """
    authority = read_authority(options.section, key, threshold)
    async with options.client() as client:
        action = StartRecovery(await _account(client, options, account, "ACCOUNT"), authority)
        await send(client, options, [action], as_json=json)


@app.command
async def cancel(
    account: str | None = None,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """End a recovery before its delay is over: as the account itself, if its keys had stood for the
    whole delay, or as its recovery account.

    Parameters
    ----------
    account
        The account that is recovered; else the one that sends.
    """
    async with options.client() as client:
        target = await options.sender(client)
        if account is not None:
            target = await _account(client, options, account, "ACCOUNT")
        await send(client, options, [CancelRecovery(target)], as_json=json)


@app.command
async def finish(
    account: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Let the new keys of a recovery act, once its delay is over; anyone may send this.

    Parameters
    ----------
    account
        The account that is recovered: its address, @handle or name.
    """
    async with options.client() as client:
        target = await _account(client, options, account, "ACCOUNT")
        await send(client, options, [FinishRecovery(target)], as_json=json)


async def _account(client: Client, options: SendOptions, text: str, option: str) -> bytes:
    return await find_account(client, options.section, text, option)
