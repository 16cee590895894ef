"""`reelect tx sign|merge|send FILE`: transactions that several people sign, in files.

Any sending command with `--unsigned FILE` writes one.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from consensus.errors import InvalidTransaction
from consensus.kinds import Json, JsonObject
from consensus.record import replace
from consensus.transaction import Authorization, Transaction
from node.client import Client
from node.commands.arguments import JsonFlag, client_section
from node.commands.asking import NodeOptions, known_account, known_asset
from node.commands.keystore_options import KeystoreOptions
from node.commands.sending import (
    NO_DELIVERY_OPTIONS,
    DeliveryOptions,
    check_chain,
    check_simulation,
    deliver,
    read_authorities,
    show,
    show_trial,
)
from node.commands.signatures import Signatures
from node.commands.transaction_file import (
    read_transaction,
    replace_transaction,
    write_transaction,
)
from node.commands.wallet import Wallet
from node.config.sections import ClientSection
from node.failure import Refused, Usage
from node.output import print_fields, print_json
from vm.declare import sentence_of
from vm.forms import transaction_to_json
from vm.registry import REGISTRY


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SignOptions(KeystoreOptions):
    """Whom to ask, and which keys to use.

    Parameters
    ----------
    node
        API of the node to ask; else `client.node` of the configuration.
    """

    node: str | None = None

    @property
    def section(self) -> ClientSection:
        """The settings of commands, with the keystore that was named."""
        return client_section(self.config, node=self.node, keystore=self.keystore)


NO_SIGN_OPTIONS = SignOptions()


async def sign(
    file: Path,
    *,
    key: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    options: SignOptions = NO_SIGN_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Sign the transaction of a file, which then holds these signatures too.

    The node is asked who acts for the sender and the payer, and all keys of theirs that are here
    sign. With --key, these sign and no node is asked: look at the file first (`reelect tx show`).

    Parameters
    ----------
    file
        The transaction's file.
    key
        Name or address of a key to sign with; can be repeated.
    """
    transaction, section = read_transaction(file), options.section
    check_chain(section.genesis, transaction.chain, f"the transaction in {file}")
    wallet = Wallet(section, options.password_file)
    if key:
        chosen = [known_account(section, name, "--key") for name in key]
        signed = transaction.signed(*wallet.pairs(chosen))
        replace_transaction(file, signed)
        show({"file": str(file), "signed_by": _signers(signed)}, as_json=json)
        return
    async with NodeOptions(options.node, options.config).client() as client:
        found = await _signatures(client, file, transaction)
    keys = {item.key for authority in found.authorities for item in authority.keys}
    chosen = [each for each in wallet.held(keys) if each not in found.signed]
    if not chosen:
        raise Refused(
            "no key that is here acts for the sender or the payer and has not signed yet",
            field=str(file),
            code="no-key",
        )
    signed = transaction.signed(*wallet.pairs(chosen))
    replace_transaction(file, signed)
    _show_signatures(file, dataclasses.replace(found, transaction=signed), as_json=json)


def _signers(transaction: Transaction) -> list[Json]:
    return [item.key.hex() for item in transaction.signatures]


def merge(
    *files: Path, output: Annotated[Path, Parameter(alias="-o")], json: JsonFlag = False
) -> None:
    """Put the signatures of several files of one transaction into a new file.

    Parameters
    ----------
    files
        The transaction's files, two or more.
    output
        The file to write; it must not exist.
    """
    if len(files) < 2:
        raise Usage("name two files or more", field="FILES")
    first, made = read_transaction(files[0]), dict[bytes, Authorization]()
    for file in files:
        transaction = read_transaction(file)
        _check_same(files[0], first, file, transaction)
        made |= {item.key: item for item in transaction.signatures}
    merged = replace(first, signatures=tuple(made[key] for key in sorted(made)))
    write_transaction(output, merged)
    show({"file": str(output), "signed_by": _signers(merged)}, as_json=json)


def _check_same(first_file: Path, first: Transaction, file: Path, other: Transaction) -> None:
    """Raise Refused, naming the field that differs, unless they are one but for signatures."""
    ours, theirs = transaction_to_json(first), transaction_to_json(other)
    for name in ours:
        if name != "signatures" and ours[name] != theirs[name]:
            raise Refused(
                f"another transaction than that of {first_file}: {name} differs",
                field=f"{file}: {name}",
                code="other-transaction",
            )


async def send(
    file: Path, *, options: DeliveryOptions = NO_DELIVERY_OPTIONS, json: JsonFlag = False
) -> None:
    """Send the transaction of a file, with as many of its signatures as it needs.

    Parameters
    ----------
    file
        The transaction's file.
    """
    transaction = read_transaction(file)
    check_chain(options.section.genesis, transaction.chain, f"the transaction in {file}")
    async with options.client() as client:
        found = await _signatures(client, file, transaction)
        needed = found.needed()
        asset = await known_asset(client, transaction.fee_asset)
        simulation = await client.simulate(needed)
        check_simulation(simulation)
        if options.dry_run:
            show_trial(needed, simulation, asset, as_json=json)
            return
        await deliver(client, options, needed, asset, as_json=json)


async def _signatures(client: Client, file: Path, transaction: Transaction) -> Signatures:
    """As the node's head counts them; raises Refused if it is on another chain."""
    chain = (await client.status()).chain
    if chain != transaction.chain:
        raise Refused(
            f"made for the chain {transaction.chain.hex()}, the node is on {chain.hex()}",
            field=f"{file}: chain",
            code="other-chain",
        )
    return Signatures(transaction, await read_authorities(client, transaction))


def _show_signatures(file: Path, found: Signatures, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file), **found.to_json()})
    else:
        print_fields({"file": str(file), **found.to_fields()})


async def show_file(file: Path, options: NodeOptions, *, as_json: bool) -> None:
    """Say what the transaction of a file does, who has signed it, and what is missing."""
    transaction = read_transaction(file)
    async with options.client() as client:
        found = await _signatures(client, file, transaction)
        asset = await known_asset(client, transaction.fee_asset)
        outcome = await _outcome(client, transaction)
    form = transaction_to_json(transaction)
    if as_json:
        print_json({"transaction": form, **found.to_json(), "outcome": outcome})
        return
    print_fields(
        {
            "file": str(file),
            **{f"action {i}": told for i, told in enumerate(_sentences(form), 1)},
            "max fee": asset.format(transaction.max_fee),
            "nonce": transaction.nonce,
            "valid until": f"height {transaction.valid_until_height}",
            "now": outcome,
            **found.to_fields(),
        }
    )


async def _outcome(client: Client, transaction: Transaction) -> str:
    """What the node says that it would come to now, once signed: a receipt's status, or why no
    block could have it."""
    try:
        simulation = await client.simulate(replace(transaction, signatures=()))
    except (Refused, InvalidTransaction) as error:
        return error.code
    return simulation.receipt.status


def _sentences(form: JsonObject) -> list[str]:
    """Each action: its type, its fields, and what its module says that it does."""
    actions = form["actions"]
    return [_sentence(action) for action in actions] if isinstance(actions, list) else []


def _sentence(action: Json) -> str:
    if not isinstance(action, dict):
        raise TypeError("an action's form is an object")
    kind = str(action["type"])
    fields = ", ".join(f"{name} {value}" for name, value in action.items() if name != "type")
    told = sentence_of(REGISTRY.actions[kind].type)
    return f"{kind}{f' ({fields})' if fields else ''}: {told}"
