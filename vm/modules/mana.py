"""Mana: gas that regenerates with bonded stake and pays for free actions in place of a fee.

An account's mana grows linearly from nothing to its most within `regeneration_s`, as Hive's
resource credits do. It is settled when it is used and when the bond changes, and is else a function
of the row and the time. What is newly bonded brings no mana, and what is unbonded takes its part of
the most away at once, so that nothing is gained by moving a bond about.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record
from consensus.transaction import Transaction
from vm.declare import Module
from vm.modules.account import is_attested, is_attester
from vm.modules.fee import TARGET_SHARE
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import State, View

mana = Module(
    "mana", "Gas that regenerates with bonded stake and pays for free actions in place of a fee."
)

BONDED_UNITS = 1_000_000  # what `bonded_gas` is for

BONDED_GAS = mana.parameter(
    "bonded_gas",
    default=700,
    minimum=0,
    maximum=999_000,
    unit="gas",
    sentence="The most mana of an account for each million native units that it has bonded, "
    "rounded down.",
)
ATTESTED_GAS = mana.parameter(
    "attested_gas",
    default=200_000,
    minimum=0,
    maximum=1_000_000_000,
    unit="gas",
    sentence="How much more mana an account can have that is attested or an attester, whatever it "
    "has bonded.",
)
REGENERATION_S = mana.parameter(
    "regeneration_s",
    default=86_400,
    minimum=60,
    maximum=31 * 86_400,
    unit="seconds",
    sentence="How long it takes until mana has grown from nothing to its most.",
)
MAX_BLOCK_PPM = mana.parameter(
    "max_block_ppm",
    default=250_000,
    minimum=0,
    maximum=500_000,
    unit="ppm",
    sentence="The share of a block's gas, bytes and transactions that what mana pays for may take "
    "together, each rounded down.",
)

if (UINT64_MAX // BONDED_UNITS) * BONDED_GAS.maximum + ATTESTED_GAS.maximum > UINT64_MAX:
    raise ValueError("the mana of all units of an asset together must fit an amount")
if MAX_BLOCK_PPM.maximum * TARGET_SHARE > PARTS_PER_MILLION:
    raise ValueError("what mana pays for must not raise the price of gas by itself")


@record("mana.account")
class Mana(Record):
    """The mana that an account had at a time (ms from the Unix epoch), in gas, and the native units
    that it has had bonded since then."""

    gas: Amount
    time_ms: Counter
    units: Amount


MANA: Table[Mana, bytes] = mana.table(Mana, account=AccountId)
_NOTHING = Mana(0, 0, 0)

TOO_LITTLE = mana.error("too-little", "The payer has less mana than the transaction needs gas.")
NOT_FREE = mana.error("not-free", "Mana pays for free actions only: set max_fee for others.")


@dataclass(frozen=True, slots=True)
class ManaNow:
    """The mana that an account has at a time, and the most that it can have, in gas; it
    takes `regeneration_ms` to grow from nothing to that."""

    gas: int
    max_gas: int
    regeneration_ms: int

    def wait_ms(self, gas: int) -> int | None:
        """How long it takes until so much is there, rounded up; None if it never is."""
        if gas > self.max_gas:
            return None
        return (
            -(-max(0, gas - self.gas) * self.regeneration_ms // self.max_gas) if self.max_gas else 0
        )


def entitled_gas(view: View, account: bytes) -> int:
    """The most mana that an account can have: by its bond, and by being attested or an attester
    (ECONOMIES section 0), which an account that has never used any has all of at once.

    So a community in which nobody holds a token gets going: the attester attests its people.
    """
    row = MANA.get(view, account) or _NOTHING
    by_bond = row.units * BONDED_GAS.read(view) // BONDED_UNITS
    attested_gas = ATTESTED_GAS.read(view)
    if attested_gas and (is_attested(view, account) or is_attester(view, account)):
        return by_bond + attested_gas
    return by_bond


def mana_of(view: View, account: bytes, time_ms: int) -> ManaNow:
    """An account's mana at a time (ms from the Unix epoch) that is not before it was last settled.

    What has grown since then is rounded down: each settling loses less than one gas.
    """
    row = MANA.get(view, account) or _NOTHING
    max_gas, regeneration_ms = entitled_gas(view, account), 1000 * REGENERATION_S.read(view)
    grown = max_gas * (time_ms - row.time_ms) // regeneration_ms
    return ManaNow(min(max_gas, row.gas + grown), max_gas, regeneration_ms)


def check_mana(
    view: View, transaction: Transaction, free: Sequence[bool], gas: int, time_ms: int
) -> None:
    """Raise InvalidTransaction unless the payer's mana can pay for the transaction; `free` says of
    each action whether it is declared so."""
    for i, is_free in enumerate(free):
        if not is_free:
            raise NOT_FREE.refused(field=f"actions[{i}]")
    now = mana_of(view, transaction.fee_payer, time_ms)
    if now.gas >= gas:
        return
    wait_ms = now.wait_ms(gas)
    when = (
        "it never has as much: bond more, or pay a fee"
        if wait_ms is None
        else f"enough in {-(-wait_ms // 1000)} s, or pay a fee"
    )
    raise TOO_LITTLE.refused(
        f"{gas} gas is needed, the payer has {now.gas} of at most {now.max_gas} mana; {when}",
        field="max_fee",
    )


def use_mana(state: State, account: bytes, gas: int, time_ms: int) -> None:
    """Take mana that the account has."""
    left = mana_of(state, account, time_ms).gas - gas
    if left < 0:
        raise RuntimeError(f"{account.hex()} lacks {-left} mana")
    units = (MANA.get(state, account) or _NOTHING).units
    MANA.put(state, Mana(left, time_ms, units), account)


def note_bonded(state: State, account: bytes, units: int, time_ms: int) -> None:
    """An account has so many native units bonded from now on: its mana stays what it is, or becomes
    the most that it can have now."""
    gas = mana_of(state, account, time_ms).gas
    MANA.put(state, Mana(gas, time_ms, units), account)
    max_gas = entitled_gas(state, account)
    if units or max_gas:
        MANA.put(state, Mana(min(gas, max_gas), time_ms, units), account)
    else:
        MANA.delete(state, account)
