"""`reelect tx`: pay, run any action of any module, sign together, and look transactions up."""

from pathlib import Path

from cyclopts import App

from consensus.address import format_address
from consensus.hashing import DIGEST_BYTES
from consensus.kinds import Bytes, JsonObject
from node.commands.action_options import action_command
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account, known_asset
from node.commands.sending import (
    NO_SEND_OPTIONS,
    SendOptions,
    check_action,
    send,
    show_transaction,
)
from node.commands.tx_files import merge, show_file, sign
from node.commands.tx_files import send as send_file
from node.failure import Refused, Usage
from vm.modules.tokens import Transfer
from vm.registry import REGISTRY

_TRANSACTION_ID = Bytes(DIGEST_BYTES, DIGEST_BYTES)

app = App(name="tx", help="Make, sign together, send and look up transactions.")
call = App(name="call", help="Send an action of any module; docs/modules.md describes them.")
app.command(call)
for _command in (sign, merge, send_file):
    app.command(_command)
for _tag, _declared in REGISTRY.actions.items():
    if not _declared.governed:
        call.command(action_command(_declared.type), name=_tag)


@app.command
async def transfer(
    recipient: str,
    amount: str,
    *,
    asset: str | None = None,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Send tokens to an account.

    Parameters
    ----------
    recipient
        Address or @handle of the account, or the name of one in the local network or the keystore.
    amount
        How much, in whole tokens, such as 12.5.
    asset
        The asset's symbol; else the chain's own token.
    memo
        Words for people to read; everybody can.
    """
    async with options.client() as client:
        to = await find_account(client, options.section, recipient, "RECIPIENT")
        chosen = await known_asset(client, asset)
        units = chosen.parse_positive("AMOUNT", amount)
        action = Transfer(to, chosen.symbol, units, memo)
        check_action(action)
        about: JsonObject = {}
        if recipient.startswith("@"):
            about = {"to": f"{recipient} {format_address(to)}"}
        await send(client, options, [action], as_json=json, about=about)


@app.command
async def show(
    transaction: str, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """Show where a transaction is and what it did; or what one in a file would do, who has signed
    it and what is missing.

    Parameters
    ----------
    transaction
        Its id, 64 hex digits; or its file.
    """
    if (file := Path(transaction)).is_file():
        await show_file(file, options, as_json=json)
        return
    if len(transaction) != 2 * DIGEST_BYTES:
        raise Usage(
            f"no file, and {2 * DIGEST_BYTES} hex digits are expected, got {len(transaction)} "
            "characters",
            field="TRANSACTION",
            code="invalid-encoding",
        )
    identity = argument("TRANSACTION", _TRANSACTION_ID.from_json, transaction)
    async with options.client() as client:
        answer = await client.transaction(identity)
        if answer is None:
            first = (await client.status()).first_block
            kept = f"; or it is below height {first}: the node keeps no older blocks"
            raise Refused(
                "the node knows no such transaction: it may never have been sent, or it expired"
                f"{kept if first else ''}",
                field="TRANSACTION",
                code="not-found",
            )
        fee_asset = await known_asset(client, str(answer.transaction["fee_asset"]))
        show_transaction(answer, fee_asset, as_json=json)
