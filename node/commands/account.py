"""`reelect account`: what accounts hold, who acts for them, their handles, who attests them."""

import secrets
from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.kinds import Bytes, JsonObject
from node.commands.account_authority import app as authority
from node.commands.account_authority import authority_fields
from node.commands.account_recovery import app as recovery
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account, known_asset
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Usage
from node.output import print_fields, print_json
from node.query.chain_view import Finality
from vm.modules.account import HANDLE_TEXT, Attest, ClaimHandle, ReleaseHandle, RevokeAttestation

_DIGEST = Bytes(DIGEST_BYTES, DIGEST_BYTES)

app = App(name="account", help="Look at accounts; their keys, recovery, handles, attestations.")
app.command(authority)
app.command(recovery)


@app.command
async def show(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account holds, its handle, who acts for it and who attests it, and how many
    transactions it has sent.

    Parameters
    ----------
    account
        Its address or @handle, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        owner = await find_account(client, options.section, account, "ACCOUNT")
        answer = await client.account(owner, finality=finality)
        assets = [await known_asset(client, item.asset) for item in answer.balances]
    if json:
        print_json(answer.to_json())
        return
    held = [asset.format(item.amount) for asset, item in zip(assets, answer.balances, strict=True)]
    attester = answer.attester
    print_fields(
        {
            "account": format_address(owner),
            "handle": f"@{answer.handle}" if answer.handle else "none",
            "holds": held or "nothing",
            **authority_fields(answer.authority),
            "attested by": format_address(attester) if attester else "nobody",
            "transactions sent": answer.nonce,
            "at height": answer.at.height,
        }
    )


@app.command
async def claim(
    handle: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take a handle for the account that sends (--from): commands take @HANDLE for its address.

    Its price, the higher the shorter it is, is burned. An account has one at a time.

    Parameters
    ----------
    handle
        3 to 32 lower-case letters, digits and single hyphens, beginning with a letter.
    """
    name = argument("HANDLE", HANDLE_TEXT.from_json, handle.removeprefix("@"))
    async with options.client() as client:
        await send(client, options, [ClaimHandle(name)], as_json=json)


@app.command
async def release(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Give up the handle of the account that sends (--from). For a time (`account.handle_hold_s`)
    only this account can claim it again, then anyone."""
    async with options.client() as client:
        await send(client, options, [ReleaseHandle()], as_json=json)


@app.command
async def attest(
    account: str,
    *,
    evidence: Annotated[str | None, Parameter(negative=())] = None,
    commitment: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As an attester (--from), say that a person of its own stands behind an account.

    On chain is only a commitment: the SHA-256 of a salt and the evidence. Keep the evidence and
    the salt, which is printed, to show later what was attested.

    Parameters
    ----------
    account
        Its address or @handle, or its name in the local network or the keystore.
    evidence
        What shows it, in words; a salt is made for it. It is not sent.
    commitment
        Else the commitment itself, 64 hex digits.
    """
    if (evidence is None) == (commitment is None):
        raise Usage("give --evidence or --commitment", field="--evidence")
    about: JsonObject = {}
    if evidence is not None:
        salt = secrets.token_bytes(DIGEST_BYTES)
        digest = sha256(salt + evidence.encode())
        about = {"salt": salt.hex(), "commitment": digest.hex()}
    else:
        digest = argument("--commitment", _DIGEST.from_json, commitment or "")
    async with options.client() as client:
        person = await find_account(client, options.section, account, "ACCOUNT")
        await send(client, options, [Attest(person, digest)], as_json=json, about=about)


@app.command
async def revoke(
    account: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """End an attestation that the account that sends (--from) made.

    Parameters
    ----------
    account
        The attested account: its address, @handle or name.
    """
    async with options.client() as client:
        person = await find_account(client, options.section, account, "ACCOUNT")
        await send(client, options, [RevokeAttestation(person)], as_json=json)
