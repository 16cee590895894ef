"""`reelect account authority`: whose signatures act for an account, and how to change that."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account, known_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.config.sections import ClientSection
from node.failure import Usage
from node.output import print_fields, print_json
from node.query.chain_view import Finality
from vm.modules.account import Authority, SetAuthority, WeightedKey

app = App(name="authority", help="Whose signatures act for an account; change them.")

Keys = Annotated[tuple[str, ...], Parameter(name="--key", negative=())]


@app.command
async def show(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show the keys that act for an account, their weights, and the threshold.

    Parameters
    ----------
    account
        Its address or @handle, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        owner = await find_account(client, options.section, account, "ACCOUNT")
        authority = (await client.account(owner, finality=finality)).authority
    if json:
        print_json({"account": format_address(owner), **authority.to_json()})
    else:
        print_fields({"account": format_address(owner), **authority_fields(authority)})


@app.command(name="set")
async def set_(
    *,
    key: Keys,
    threshold: int = 1,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Replace the keys that act for the account that sends (--from), at once. Its address and all
    that it has stay; keys that are not named here act for it no more. Try the new keys soon: if
    nobody has them, only the recovery account can help (`reelect account recovery`).

    Parameters
    ----------
    key
        Name or address of a key, with its weight (else 1), such as anna:2; can be repeated.
    threshold
        The weight that keys must reach together.
    """
    action = SetAuthority(read_authority(options.section, key, threshold))
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


def read_authority(section: ClientSection, keys: Sequence[str], threshold: int) -> Authority:
    """The authority of keys as people name them; raises Usage."""
    weighted = [_weighted(section, text) for text in keys]
    return Authority(threshold, tuple(sorted(weighted, key=lambda item: item.key)))


def authority_fields(authority: Authority) -> JsonObject:
    """An authority as people read it."""
    return {
        "threshold": authority.threshold,
        "keys": [f"{format_address(item.key)} ({item.weight})" for item in authority.keys],
    }


def _weighted(section: ClientSection, text: str) -> WeightedKey:
    name, colon, weight = text.partition(":")
    if colon and not (weight.isascii() and weight.isdigit() and len(weight) < 5):
        raise Usage(f"a weight such as {name}:2 is expected, got {text[:80]!r}", field="--key")
    return WeightedKey(known_account(section, name, "--key"), int(weight) if colon else 1)
