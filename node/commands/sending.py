"""The way of a transaction from a command: tried, signed, sent, and waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from consensus.codec import UINT64_MAX
from consensus.errors import Invalid
from consensus.kinds import JsonObject
from consensus.transaction import Transaction
from genesis.file import MAX_GENESIS_BYTES, Genesis
from node.client import Client, Until
from node.commands.arguments import client_section, naming
from node.commands.asking import KnownAsset, NodeOptions, find_account, known_asset
from node.commands.payment import charged, to_be_charged, try_payment
from node.commands.told import told
from node.commands.transaction_file import write_transaction
from node.commands.wallet import Wallet
from node.config.sections import ClientSection
from node.failure import Refused, Usage
from node.files import read_bounded
from node.output import print_fields, print_json
from node.query.answers import PENDING, SimulationAnswer, StatusAnswer, TransactionAnswer
from node.query.chain_view import Finality
from vm.declare import Action
from vm.forms import transaction_from_json
from vm.modules.account import Authority
from vm.modules.fee import PRICES
from vm.receipt import Receipt
from vm.registry import REGISTRY

# A transaction that no block has taken after so many is void and can be made anew.
VALID_BLOCKS = 600
# One that several must sign waits for people.
VALID_BLOCKS_UNSIGNED = 86_400
# What mana pays for waits when its share of blocks is full, and all that follows it with it.
FREE_VALID_BLOCKS = 120
OK = "ok"
UNSIGNED = "unsigned"

ValidBlocks = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=10_000_000))]


class WaitFor(Enum):
    """What a command waits for after it has sent a transaction."""

    SENT = "sent"
    INCLUDED = "included"
    FINAL = "final"


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class DeliveryOptions(NodeOptions):
    """What to do with a transaction that is ready.

    Parameters
    ----------
    wait
        Return when it is sent, included in a block, or final.
    timeout_s
        Seconds to wait.
    dry_run
        Only say what it would do and cost.
    """

    wait: WaitFor = WaitFor.FINAL
    timeout_s: float = 60.0
    dry_run: Annotated[bool, Parameter(negative=())] = False


NO_DELIVERY_OPTIONS = DeliveryOptions()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SendOptions(DeliveryOptions):
    """How to make and send a transaction.

    Parameters
    ----------
    from_
        Name, address or @handle of the account that sends; else `client.account`.
    payer
        Name, address or @handle of the account that pays the fee and signs too; else the one that
        sends.
    fee_asset
        Symbol of the asset that pays the fee; else the chain's own, or if the payer has none of it
        another that it has and that pays fees.
    max_fee
        The most that may be charged, in whole tokens; 0: mana must pay. Else mana pays if all
        actions are free and it suffices, or up to four times what it costs now is charged.
    valid_blocks
        How many blocks may pass before it is void; else 600, with --unsigned 86400.
    unsigned
        Send nothing, but write the transaction to this new file, for several to sign (`reelect tx
        sign`).
    keystore
        Folder of the encrypted keys; else `client.keystore` of the configuration.
    password_file
        File whose first line is the keystore's password; else $REELECT_PASSWORD, else a prompt.
    """

    from_: str | None = None
    payer: str | None = None
    fee_asset: str | None = None
    max_fee: str | None = None
    valid_blocks: ValidBlocks | None = None
    unsigned: Path | None = None
    keystore: Path | None = None
    password_file: Path | None = None

    @property
    def section(self) -> ClientSection:
        """The settings of commands, with the keystore that was named."""
        return client_section(self.config, node=self.node, keystore=self.keystore)

    async def sender(self, client: Client) -> bytes:
        """The account that sends; raises Usage, and Refused for a handle that nobody has."""
        section = self.section
        name = self.from_ or section.account
        if not name:
            raise Usage("name the account that sends, or set client.account", field="--from")
        return await find_account(client, section, name, "--from")

    async def fee_payer(self, client: Client) -> bytes | None:
        """The account that pays instead of the sender; raises as `sender` does."""
        if self.payer is None:
            return None
        return await find_account(client, self.section, self.payer, "--payer")

    @property
    def lifetime(self) -> int:
        """How many blocks may pass before the transaction is void."""
        if self.valid_blocks is not None:
            return self.valid_blocks
        return VALID_BLOCKS if self.unsigned is None else VALID_BLOCKS_UNSIGNED

    @property
    def free_lifetime(self) -> int:
        """How many blocks may pass before it is void if mana pays."""
        is_said = self.valid_blocks is not None or self.unsigned is not None
        return self.lifetime if is_said else FREE_VALID_BLOCKS

    @property
    def leaves_a_block(self) -> bool:
        """Whether the transaction is in a block when the command returns."""
        return not (self.dry_run or self.unsigned or self.wait is WaitFor.SENT)

    @property
    def wallet(self) -> Wallet:
        """The keys at hand."""
        return Wallet(self.section, self.password_file)


NO_SEND_OPTIONS = SendOptions()


@dataclass(frozen=True, slots=True)
class Draft:
    """An unsigned transaction, what the node says that it would do, the asset of its fee, and who
    must sign it."""

    transaction: Transaction
    simulation: SimulationAnswer
    fee_asset: KnownAsset
    authorities: tuple[Authority, ...]


async def draft(client: Client, options: SendOptions, actions: Sequence[Action]) -> Draft:
    """The transaction of these actions, tried on the node; raises Usage, naming the field, for a
    value out of bounds, and Refused if it would fail."""
    for action in actions:
        check_action(action)
    status = await client.status()
    check_chain(options.section.genesis, status.chain, f"the node at {client.base_url}")
    order = await _order(client, options, status, actions)
    asset = await known_asset(client, order.fee_asset)
    max_fee = None if options.max_fee is None else asset.parse("--max-fee", options.max_fee)
    free_until_height = status.head.height + options.free_lifetime
    made, simulation = await try_payment(client, order, max_fee, free_until_height)
    check_simulation(simulation)
    authorities = await read_authorities(client, made)
    return Draft(made, simulation, asset, authorities)


async def read_authorities(client: Client, transaction: Transaction) -> tuple[Authority, ...]:
    """Who must sign at the node's head: the sender's authority, and that of another payer."""
    parties = dict.fromkeys((transaction.sender, transaction.fee_payer))
    answers = [await client.account(party, finality=Finality.HEAD) for party in parties]
    return tuple(answer.authority for answer in answers)


def check_chain(genesis: Path, chain: bytes, whose: str) -> None:
    """Raise Refused if `whose` chain is not that of the genesis file, where there is one.

    Else a node, or a file, could have signed for another chain what was meant for this one.
    """
    if not genesis.exists():
        return
    with naming(genesis):
        own = Genesis.decode(read_bounded(genesis, MAX_GENESIS_BYTES)).chain
    if own != chain:
        raise Refused(
            f"{whose} is on the chain {chain.hex()}, the genesis file {genesis} begins "
            f"{own.hex()}: take another, or set client.genesis",
            field="client.genesis",
            code="other-chain",
        )


async def _order(
    client: Client,
    options: SendOptions,
    status: StatusAnswer,
    actions: Sequence[Action],
) -> Transaction:
    sender, payer = await options.sender(client), await options.fee_payer(client)
    account = await client.account(sender)
    return Transaction(
        chain=status.chain,
        sender=sender,
        payer=None if payer == sender else payer,
        nonce=account.next_nonce,
        valid_until_height=status.head.height + options.lifetime,
        fee_asset=options.fee_asset or await _fee_asset(client, payer or sender),
        max_fee=UINT64_MAX,
        actions=tuple(action.pack() for action in actions),
        signatures=(),
    )


async def _fee_asset(client: Client, payer: bytes) -> str:
    """The native asset or, if the payer has none of it, the first it has that pays fees here."""
    native = (await known_asset(client)).symbol
    balances = (await client.account(payer)).balances
    held = [holding.asset for holding in balances if holding.amount]
    if native not in held:
        for symbol in held:
            if await client.row(PRICES.name, symbol) is not None:
                return symbol
    return native


def check_action(action: Action) -> None:
    """Raise Usage, naming the field, for an action with a value out of bounds."""
    try:
        action.pack()
    except Invalid as error:
        raise Usage(error.message, field=error.field, code=error.code) from error


def check_receipt(receipt: Receipt) -> None:
    """Raise Refused, naming the action, if it says that one failed."""
    if receipt.status != OK:
        raise _refused(receipt, _meaning(receipt.status))


def check_simulation(simulation: SimulationAnswer) -> None:
    """Raise Refused, naming the action, if one would fail: with what its code means, and what is
    wrong in the case at hand."""
    receipt, failure = simulation.receipt, simulation.failure
    if failure is not None and failure.message != _meaning(receipt.status):
        meaning = _meaning(receipt.status).removesuffix(".")
        raise _refused(receipt, f"{meaning}: {failure.message}")
    check_receipt(receipt)


def _refused(receipt: Receipt, message: str) -> Refused:
    field = "" if receipt.failed_action is None else f"actions[{receipt.failed_action}]"
    return Refused(message, field=field, code=receipt.status)


def _meaning(code: str) -> str:
    known = REGISTRY.errors.get(code)
    return known.sentence if known else f"the action failed: {code}"


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
        show_trial(made.transaction, made.simulation, made.fee_asset, about, as_json=as_json)
        return
    if options.unsigned is not None:
        write_transaction(options.unsigned, made.transaction)
        show({**(about or {}), "file": str(options.unsigned), "state": UNSIGNED}, as_json=as_json)
        return
    signed = made.transaction.signed(*options.wallet.enough(made.authorities))
    await deliver(client, options, signed, made.fee_asset, about, as_json=as_json)


async def deliver(
    client: Client,
    options: DeliveryOptions,
    signed: Transaction,
    fee_asset: KnownAsset,
    about: JsonObject | None = None,
    *,
    as_json: bool,
) -> None:
    """Send a signed transaction, wait as asked, and print what became of it; raises as `send`."""
    identity = await client.submit(signed.encode())
    if options.wait is WaitFor.SENT:
        show({**(about or {}), "id": identity.hex(), "state": PENDING}, as_json=as_json)
        return
    answer = await client.wait(identity, Until(options.wait.value), options.timeout_s)
    show_transaction(answer, fee_asset, about, as_json=as_json)
    if answer.receipt is not None:
        check_receipt(answer.receipt)


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
            "fee": charged(transaction_from_json(answer.transaction), answer.receipt, asset),
        }
        fields |= told(answer.events)
    print_fields(fields)


def show_trial(
    transaction: Transaction,
    simulation: SimulationAnswer,
    fee_asset: KnownAsset,
    about: JsonObject | None = None,
    *,
    as_json: bool,
) -> None:
    """Print what a transaction would do and cost."""
    if as_json:
        print_json({**(about or {}), **simulation.to_json()})
        return
    fields: JsonObject = {
        **(about or {}),
        "status": simulation.receipt.status,
        "gas": simulation.gas,
    }
    fields["fee"] = to_be_charged(transaction, simulation, fee_asset)
    if transaction.max_fee:
        fields["max fee"] = fee_asset.format(transaction.max_fee)
    print_fields(fields)


def show(fields: JsonObject, *, as_json: bool) -> None:
    """Print fields as JSON or for people."""
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)
