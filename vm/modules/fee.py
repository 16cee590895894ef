"""Gas, what it costs, how much a block can hold, and where fees go."""

from dataclasses import dataclass
from typing import Annotated

from consensus.block import MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES
from consensus.codec import UINT64_MAX
from consensus.kinds import Amount, Asset, Uint
from consensus.record import Record, record
from consensus.transaction import MAX_TRANSACTION_BYTES, Transaction
from vm.context import Context
from vm.declare import Module
from vm.modules.tokens import balance_of, count_burned, credit, fill_pot
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

fee = Module("fee", "Gas, what it costs, how much a block can hold, and where fees go.")

PRICED_GAS = 1_000_000
TREASURY = "treasury"
_HEADER_ROOM = 8_192  # of a block's bytes, for its header, signature and array heads
_BODY_BYTES_LIMIT = MAX_BLOCK_BYTES - MAX_CERTIFICATE_BYTES - _HEADER_ROOM

if _BODY_BYTES_LIMIT < MAX_TRANSACTION_BYTES:
    raise ValueError("a block must have room for the largest transaction")

BASE_GAS = fee.parameter(
    "base_gas",
    default=1_000,
    minimum=1,
    maximum=1_000_000,
    unit="gas",
    sentence="What every transaction costs beside its size, signatures and actions.",
)
BYTE_GAS = fee.parameter(
    "byte_gas",
    default=10,
    minimum=1,
    maximum=10_000,
    unit="gas",
    sentence="What each byte of a transaction costs.",
)
SIGNATURE_GAS = fee.parameter(
    "signature_gas",
    default=500,
    minimum=1,
    maximum=1_000_000,
    unit="gas",
    sentence="What each signature of a transaction costs.",
)
MAX_BLOCK_GAS = fee.parameter(
    "max_block_gas",
    default=20_000_000,
    minimum=1_000_000,
    maximum=1_000_000_000,
    unit="gas",
    sentence="The most gas that a block's transactions may use together.",
)
MAX_BODY_BYTES = fee.parameter(
    "max_body_bytes",
    default=1_048_576,
    minimum=MAX_TRANSACTION_BYTES,
    maximum=_BODY_BYTES_LIMIT,
    unit="bytes",
    sentence="The most bytes that a block's transactions may have together.",
)
BURN_PPM = fee.parameter(
    "burn_ppm",
    default=500_000,
    minimum=0,
    maximum=500_000,
    unit="ppm",
    sentence="The share of a block's fees that is burned, rounded down.",
)
TREASURY_PPM = fee.parameter(
    "treasury_ppm",
    default=0,
    minimum=0,
    maximum=500_000,
    unit="ppm",
    sentence="The share of a block's fees that goes to the treasury pot, rounded down; "
    "the block's producer gets what burning and treasury leave.",
)

if BURN_PPM.maximum + TREASURY_PPM.maximum > PARTS_PER_MILLION:
    raise ValueError("the shares of a fee must never exceed the whole")


@record("fee.price")
class Price(Record):
    """What a million gas cost in an asset's smallest unit; fees cannot be paid in an asset
    without a price."""

    units: Annotated[int, Uint(UINT64_MAX, 1)]


PRICES: Table[Price, str] = fee.table(Price, asset=Asset)

NOT_ACCEPTED = fee.error("asset-not-accepted", "Fees cannot be paid in this asset.")
MAX_TOO_LOW = fee.error("max-too-low", "The fee is above the transaction's max_fee.")
UNPAYABLE = fee.error("payer-balance", "The payer holds less than the fee.")
TOO_MUCH_GAS = fee.error("too-much-gas", "The transaction needs more gas than any block has.")
BLOCK_FULL = fee.error("block-full", "The block has no room left for this transaction.")


@fee.event
@record("fee.distributed")
class Distributed(Record):
    """What became of a block's fees in one asset: burned, to the treasury, to the producer."""

    asset: Asset
    burned: Amount
    treasury: Amount
    producer: Amount


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a block's transactions may take together."""

    transactions: int
    gas: int
    size_bytes: int

    def share(self, ppm: int) -> "Limits":
        """A part of each, rounded down."""
        parts = (self.transactions, self.gas, self.size_bytes)
        return Limits(*(part * ppm // PARTS_PER_MILLION for part in parts))


@dataclass(frozen=True, slots=True)
class GasRules:
    """The parameters of gas and room, read once a block: a change holds from the next one on."""

    base_gas: int
    byte_gas: int
    signature_gas: int
    limits: Limits

    def envelope_gas(self, size_bytes: int, signatures: int) -> int:
        """What a transaction costs beside its actions."""
        return self.base_gas + self.byte_gas * size_bytes + self.signature_gas * signatures


def gas_rules(view: View) -> GasRules:
    """The rules that a block on this state obeys."""
    return GasRules(
        BASE_GAS.read(view),
        BYTE_GAS.read(view),
        SIGNATURE_GAS.read(view),
        Limits(MAX_BLOCK_TRANSACTIONS, MAX_BLOCK_GAS.read(view), MAX_BODY_BYTES.read(view)),
    )


@dataclass(slots=True)
class Room:
    """What is used of a block."""

    transactions: int = 0
    gas: int = 0
    size_bytes: int = 0

    def check(self, limits: Limits, gas: int, size_bytes: int) -> None:
        """Raise InvalidTransaction unless one more transaction fits."""
        if gas > limits.gas:
            raise TOO_MUCH_GAS.refused(
                f"needs {gas} gas; a block has {limits.gas} for transactions like it",
                field="actions",
            )
        if (
            self.transactions >= limits.transactions
            or self.gas + gas > limits.gas
            or self.size_bytes + size_bytes > limits.size_bytes
        ):
            raise BLOCK_FULL.refused()

    def take(self, gas: int, size_bytes: int) -> None:
        """Count one more transaction."""
        self.transactions += 1
        self.gas += gas
        self.size_bytes += size_bytes


def fee_for(view: View, asset: str, gas: int) -> int:
    """gas times price, rounded up; raises InvalidTransaction for an asset without a price."""
    price = PRICES.get(view, asset)
    if price is None:
        raise NOT_ACCEPTED.refused(f"fees cannot be paid in {asset} here", field="fee_asset")
    return -(-gas * price.units // PRICED_GAS)


def check_fee(view: View, transaction: Transaction, gas: int) -> int:
    """The fee of a transaction that uses `gas`; raises InvalidTransaction if it is above max_fee
    or above what the payer holds."""
    amount = fee_for(view, transaction.fee_asset, gas)
    asset = transaction.fee_asset
    if amount > transaction.max_fee:
        raise MAX_TOO_LOW.refused(
            f"the fee is {amount} {asset}, above max_fee {transaction.max_fee}", field="max_fee"
        )
    held = balance_of(view, transaction.fee_payer, asset)
    if held < amount:
        raise UNPAYABLE.refused(
            f"the fee is {amount} {asset}, the payer holds {held}",
            field="sender" if transaction.payer is None else "payer",
        )
    return amount


def distribute(context: Context, asset: str, amount: int) -> None:
    """Share out a block's fees in one asset, already taken from their payers."""
    burned = amount * BURN_PPM.read(context.state) // PARTS_PER_MILLION
    treasury = amount * TREASURY_PPM.read(context.state) // PARTS_PER_MILLION
    earned = amount - burned - treasury
    count_burned(context.state, asset, burned)
    fill_pot(context.state, TREASURY, asset, treasury)
    credit(context.state, context.block.producer, asset, earned)
    context.emit(Distributed(asset, burned, treasury, earned))
