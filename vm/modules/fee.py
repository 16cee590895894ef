"""Gas, what it costs, how much a block can hold, and where fees go.

The price of gas in an asset is its `fee.price` times the level, which full blocks raise and others
let fall, as EIP-1559 does it.
"""

from dataclasses import dataclass
from typing import Annotated

from consensus.block import MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES
from consensus.codec import UINT64_MAX
from consensus.kinds import Amount, Asset, Uint
from consensus.record import Record, record
from consensus.transaction import MAX_TRANSACTION_BYTES, Transaction
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.chain import chain_constants
from vm.modules.tokens import asset_row, balance_of, count_burned, credit, fill_pot
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import State, View

fee = Module("fee", "Gas, what it costs, how much a block can hold, and where fees go.")

PRICED_GAS = 1_000_000
TREASURY = "treasury"
LOWEST_LEVEL_PPM = PARTS_PER_MILLION
TARGET_SHARE = 2  # a block that uses 1 / TARGET_SHARE of its gas leaves the level as it is
LEVEL_STEP = 8  # a block changes the level by 1 / LEVEL_STEP at most
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

MAX_LEVEL_PPM = fee.parameter(
    "max_level_ppm",
    default=1_000 * PARTS_PER_MILLION,
    minimum=LOWEST_LEVEL_PPM,
    maximum=1_000_000 * PARTS_PER_MILLION,
    unit="ppm",
    sentence="How far full blocks can raise the price of gas above what it is in each asset; "
    "a million: not at all.",
)

if BURN_PPM.maximum + TREASURY_PPM.maximum > PARTS_PER_MILLION:
    raise ValueError("the shares of a fee must never exceed the whole")


@record("fee.price")
class Price(Record):
    """What a million gas cost in an asset's smallest unit while blocks are not full; fees cannot
    be paid in an asset without a price."""

    units: Annotated[int, Uint(UINT64_MAX, 1)]


@record("fee.level")
class Level(Record):
    """What all prices are multiplied by, in parts per million, because blocks were full; no row
    while it is a million."""

    ppm: Annotated[int, Uint(MAX_LEVEL_PPM.maximum, LOWEST_LEVEL_PPM + 1)]


PRICES: Table[Price, str] = fee.table(Price, asset=Asset)
LEVEL: Table[Level] = fee.table(Level)

NOT_ACCEPTED = fee.error("asset-not-accepted", "Fees cannot be paid in this asset.")
MAX_TOO_LOW = fee.error("max-too-low", "The fee is above the transaction's max_fee.")
UNPAYABLE = fee.error("payer-balance", "The payer holds less than the fee.")
TOO_MUCH_GAS = fee.error("too-much-gas", "The transaction needs more gas than any block has.")
BLOCK_FULL = fee.error("block-full", "The block has no room left for this transaction.")
NATIVE_PRICE = fee.error("native-price", "Fees can always be paid in the native asset.")


@fee.event
@record("fee.distributed")
class Distributed(Record):
    """What became of a block's fees in one asset: burned, to the treasury, to the producer."""

    asset: Asset
    burned: Amount
    treasury: Amount
    producer: Amount


@fee.event
@record("fee.price_set")
class PriceSet(Record):
    """A million gas cost so much in an asset from now on, times the level; 0: fees cannot be paid
    in it any more."""

    asset: Asset
    units: Amount


@fee.action(gas=2_000, governed=True)
@record("fee.set_price")
class SetPrice(Action):
    """Set what a million gas cost in an asset's smallest unit while blocks are not full; 0 lets
    nobody pay fees in it, which the native asset's price cannot be."""

    asset: Asset
    units: Amount

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        if self.units:
            return f"let a million gas cost {self.units} units of {self.asset}"
        return f"let nobody pay fees in {self.asset} any more"

    def apply(self, context: Context) -> None:
        state = context.state
        asset_row(state, self.asset)
        if self.units:
            PRICES.put(state, Price(self.units), self.asset)
        elif self.asset == chain_constants(state).native_asset:
            raise NATIVE_PRICE.failed(field="units")
        else:
            PRICES.delete(state, self.asset)
        context.emit(PriceSet(self.asset, self.units))


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


def level_of(view: View) -> int:
    """What prices are multiplied by in a block on this state, in parts per million."""
    row = LEVEL.get(view)
    return LOWEST_LEVEL_PPM if row is None else row.ppm


def next_level(level_ppm: int, gas: int, limit: int) -> int:
    """The level after a block that used so much gas of its limit: higher or lower by an eighth of
    the share that it used more or less than half, both divisions rounded down; never below a
    million. A block that must carry no transactions counts like any that is empty."""
    target = limit // TARGET_SHARE
    step = level_ppm * min(abs(gas - target), target) // target // LEVEL_STEP
    return max(LOWEST_LEVEL_PPM, level_ppm + step if gas > target else level_ppm - step)


def move_level(state: State, level_ppm: int, gas: int, limit: int) -> None:
    """Write the level that follows, if it is another one."""
    following = next_level(level_ppm, gas, limit)
    if following > LOWEST_LEVEL_PPM:
        following = min(following, MAX_LEVEL_PPM.read(state))
    if following == level_ppm:
        return
    if following > LOWEST_LEVEL_PPM:
        LEVEL.put(state, Level(following))
    else:
        LEVEL.delete(state)


def fee_for(view: View, asset: str, gas: int, level_ppm: int) -> int:
    """gas times price times level, rounded up once; raises InvalidTransaction for an asset without
    a price."""
    price = PRICES.get(view, asset)
    if price is None:
        raise NOT_ACCEPTED.refused(f"fees cannot be paid in {asset} here", field="fee_asset")
    return -(-gas * price.units * level_ppm // (PRICED_GAS * PARTS_PER_MILLION))


def check_fee(view: View, transaction: Transaction, gas: int, level_ppm: int) -> int:
    """The fee of a transaction that uses `gas`; raises InvalidTransaction if it is above max_fee
    or above what the payer holds."""
    amount = fee_for(view, transaction.fee_asset, gas, level_ppm)
    asset = transaction.fee_asset
    if amount > transaction.max_fee:
        raise MAX_TOO_LOW.refused(
            f"the fee is {amount} units of {asset} now, above max_fee {transaction.max_fee}",
            field="max_fee",
        )
    held = balance_of(view, transaction.fee_payer, asset)
    if held < amount:
        raise UNPAYABLE.refused(
            f"the fee is {amount} units of {asset}, the payer holds {held}",
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
