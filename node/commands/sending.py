"""The way of a transaction from a command: tried, signed, sent, and waited for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from consensus.address import format_address
from consensus.codec import UINT64_MAX
from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from consensus.transaction import Transaction
from genesis.file import MAX_GENESIS_BYTES, Genesis
from node.client import Client, Until
from node.commands.arguments import client_section, naming
from node.commands.asking import KnownAsset, NodeOptions, find_account, known_asset, local_accounts
from node.commands.keystore_options import ask_password
from node.config.sections import ClientSection
from node.failure import Refused, Usage
from node.files import read_bounded
from node.output import print_fields, print_json
from node.query.answers import PENDING, SimulationAnswer, StatusAnswer, TransactionAnswer
from node.wallet.keystore import Keystore
from vm.declare import Action
from vm.forms import transaction_from_json
from vm.modules.fee import TOO_MUCH_GAS, UNPAYABLE
from vm.modules.mana import TOO_LITTLE
from vm.receipt import Receipt
from vm.registry import REGISTRY

# A transaction that no block has taken after so many is void and can be made anew.
VALID_BLOCKS = 600
# What mana pays for waits when its share of blocks is full, and all that follows it with it.
FREE_VALID_BLOCKS = 120
# The price may rise before a block takes it; what is charged is the price then. It rises by an
# eighth a block at most: this is enough for eleven full blocks in a row.
MAX_FEE_FACTOR = 4
OK = "ok"
# Why mana cannot pay now: too little is there, or blocks have no room for what it pays for.
_MANA_CANNOT = (TOO_LITTLE.code, TOO_MUCH_GAS.code)


class WaitFor(Enum):
    """What a command waits for after it has sent a transaction."""

    SENT = "sent"
    INCLUDED = "included"
    FINAL = "final"


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SendOptions(NodeOptions):
    """How to make and send a transaction.

    Parameters
    ----------
    from_
        Name or address of the account that sends and pays; else `client.account`.
    max_fee
        The most that may be charged, in whole tokens; 0: mana must pay. Else mana pays if all
        actions are free and it suffices, or up to four times what it costs now is charged.
    wait
        Return when it is sent, included in a block, or final.
    timeout_s
        Seconds to wait.
    dry_run
        Only say what it would do and cost.
    keystore
        Folder of the encrypted keys; else `client.keystore` of the configuration.
    password_file
        File whose first line is the keystore's password; else $REELECT_PASSWORD, else a prompt.
    """

    from_: str | None = None
    max_fee: str | None = None
    wait: WaitFor = WaitFor.FINAL
    timeout_s: float = 60.0
    dry_run: Annotated[bool, Parameter(negative=())] = False
    keystore: Path | None = None
    password_file: Path | None = None

    @property
    def section(self) -> ClientSection:
        """The settings of commands, with the keystore that was named."""
        return client_section(self.config, node=self.node, keystore=self.keystore)

    @property
    def sender(self) -> bytes:
        """The account that sends; raises Usage."""
        section = self.section
        name = self.from_ or section.account
        if not name:
            raise Usage("name the account that sends, or set client.account", field="--from")
        return find_account(section, name, "--from")

    def key(self, account: bytes) -> KeyPair:
        """The account's key, from the local network or the keystore; raises Refused."""
        section = self.section
        local = local_accounts(section)
        if local is not None and local.holds(account):
            return local.key(account)
        store = Keystore(section.keystore)
        name = store.find(format_address(account)).name
        return KeyPair.from_seed(store.seed(name, ask_password(self.password_file)))


NO_SEND_OPTIONS = SendOptions()


@dataclass(frozen=True, slots=True)
class Draft:
    """An unsigned transaction, what the node says that it would do, and the asset of its fee."""

    transaction: Transaction
    simulation: SimulationAnswer
    fee_asset: KnownAsset


async def draft(client: Client, options: SendOptions, actions: Sequence[Action]) -> Draft:
    """The transaction of these actions, tried on the node; raises Refused if it would fail."""
    status = await client.status()
    _check_chain(options.section.genesis, status, client.base_url)
    asset = await known_asset(client)
    max_fee = None if options.max_fee is None else asset.parse("--max-fee", options.max_fee)
    order = await _order(client, status, options.sender, asset.symbol, actions)
    if max_fee is None and all(REGISTRY.actions[action.tag].free for action in actions):
        made, simulation = await _with_mana_or_fee(client, order)
    elif max_fee == 0:
        made, simulation = await _with_mana(client, order)
    else:
        made, simulation = await _with_fee(client, order, max_fee)
    _check(simulation.receipt)
    return Draft(made, simulation, asset)


_Tried: TypeAlias = tuple[Transaction, SimulationAnswer]


async def _with_mana_or_fee(client: Client, order: Transaction) -> _Tried:
    """Mana pays if it suffices; who has neither hears how long to wait for it."""
    try:
        return await _with_mana(client, order)
    except Refused as error:
        if error.code not in _MANA_CANNOT:
            raise
        try:
            return await _with_fee(client, order, None)
        except Refused as unpaid:
            raise (error if unpaid.code == UNPAYABLE.code else unpaid) from None


async def _with_mana(client: Client, order: Transaction) -> _Tried:
    height = order.valid_until_height - VALID_BLOCKS + FREE_VALID_BLOCKS
    free = replace(order, max_fee=0, valid_until_height=height)
    return free, await client.simulate(free)


async def _with_fee(client: Client, order: Transaction, max_fee: int | None) -> _Tried:
    simulation = await client.simulate(order)
    most = simulation.fee * MAX_FEE_FACTOR if max_fee is None else max_fee
    return replace(order, max_fee=most), simulation


def _check_chain(genesis: Path, status: StatusAnswer, node: str) -> None:
    """Raise Refused if the node is not on the chain of the genesis file, where there is one.

    Else a node could have signed for another chain what was meant for this one.
    """
    if not genesis.exists():
        return
    with naming(genesis):
        chain = Genesis.decode(read_bounded(genesis, MAX_GENESIS_BYTES)).chain
    if chain != status.chain:
        raise Refused(
            f"the node at {node} is on the chain {status.chain.hex()}, the genesis file {genesis} "
            f"begins {chain.hex()}: ask another node, or set client.genesis",
            field="client.genesis",
            code="other-chain",
        )


async def _order(
    client: Client, status: StatusAnswer, sender: bytes, asset: str, actions: Sequence[Action]
) -> Transaction:
    account = await client.account(sender)
    return Transaction(
        chain=status.chain,
        sender=sender,
        payer=None,
        nonce=account.next_nonce,
        valid_until_height=status.head.height + VALID_BLOCKS,
        fee_asset=asset,
        max_fee=UINT64_MAX,
        actions=tuple(action.pack() for action in actions),
        signatures=(),
    )


def check_action(action: Action) -> None:
    """Raise Usage, naming the field, for an action with a value out of bounds."""
    try:
        action.pack()
    except Invalid as error:
        raise Usage(error.message, field=error.field, code=error.code) from error


def _check(receipt: Receipt) -> None:
    if receipt.status != OK:
        known = REGISTRY.errors.get(receipt.status)
        raise Refused(
            known.sentence if known else f"the action failed: {receipt.status}",
            field="" if receipt.failed_action is None else f"actions[{receipt.failed_action}]",
            code=receipt.status,
        )


async def send(
    client: Client,
    options: SendOptions,
    actions: Sequence[Action],
    *,
    as_json: bool,
    about: JsonObject | None = None,
) -> None:
    """Make a transaction of these actions, send it, wait as asked, and print what became of it,
    after what `about` says of it.

    Raises Refused, and sends nothing, for what the node says would fail; Refused also, after
    printing, for what failed in its block all the same; TimedOut.
    """
    made = await draft(client, options, actions)
    if options.dry_run:
        _show_draft(made, about or {}, as_json=as_json)
        return
    signed = made.transaction.signed(options.key(made.transaction.sender))
    identity = await client.submit(signed.encode())
    if options.wait is WaitFor.SENT:
        _show({**(about or {}), "id": identity.hex(), "state": PENDING}, as_json=as_json)
        return
    answer = await client.wait(identity, Until(options.wait.value), options.timeout_s)
    show_transaction(answer, made.fee_asset, about, as_json=as_json)
    if answer.receipt is not None:
        _check(answer.receipt)


def show_transaction(
    answer: TransactionAnswer,
    asset: KnownAsset,
    about: JsonObject | None = None,
    *,
    as_json: bool,
) -> None:
    """Print where a transaction is and what it did; `asset` is its fee's."""
    if as_json:
        print_json({**(about or {}), **answer.to_json()})
        return
    fields: JsonObject = {**(about or {}), "id": answer.id.hex(), "state": answer.state}
    if answer.receipt is not None:
        fields |= {
            "height": answer.height,
            "status": answer.receipt.status,
            "fee": _charged(transaction_from_json(answer.transaction), answer.receipt, asset),
        }
    print_fields(fields)


def _charged(transaction: Transaction, receipt: Receipt, asset: KnownAsset) -> str:
    """The fee, or what took its place."""
    if transaction.max_fee:
        return asset.format(receipt.fee)
    is_duty = all(item.key != transaction.sender for item in transaction.signatures)
    return "none, it is a duty" if is_duty else f"none, but {receipt.gas} gas of mana"


def _show_draft(made: Draft, about: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json({**about, **made.simulation.to_json()})
        return
    fields: JsonObject = {
        **about,
        "status": made.simulation.receipt.status,
        "gas": made.simulation.gas,
    }
    if made.transaction.max_fee:
        fields["fee"] = made.fee_asset.format(made.simulation.fee)
        fields["max fee"] = made.fee_asset.format(made.transaction.max_fee)
    else:
        fields["fee"] = "none, mana pays"
    print_fields(fields)


def _show(fields: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)
