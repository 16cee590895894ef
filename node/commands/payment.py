"""What pays for a transaction: a fee, or mana where it suffices; and what was charged."""

from typing import TypeAlias

from consensus.record import replace
from consensus.transaction import Transaction
from node.client import Client
from node.commands.asking import KnownAsset
from node.failure import Refused
from node.query.answers import SimulationAnswer
from vm.exemption import exemptions_of
from vm.modules.fee import TOO_MUCH_GAS, UNPAYABLE
from vm.modules.mana import TOO_LITTLE
from vm.receipt import Receipt
from vm.registry import REGISTRY

# The price may rise before a block takes it; what is charged is the price then. It rises by an
# eighth a block at most: this is enough for eleven full blocks in a row.
MAX_FEE_FACTOR = 4
# Why mana cannot pay now: too little is there, or blocks have no room for what it pays for.
_MANA_CANNOT = (TOO_LITTLE.code, TOO_MUCH_GAS.code)

_EXEMPT = "none, an account claims its own for nothing"

Tried: TypeAlias = tuple[Transaction, SimulationAnswer]


async def try_payment(
    client: Client, order: Transaction, max_fee: int | None, free_until_height: int
) -> Tried:
    """The order with what pays for it, tried on the node: a fee up to `max_fee`, with 0 only mana;
    with None mana if all actions are free and it suffices, else a fee. What mana pays for is void
    after `free_until_height`. Raises Refused for what no block may contain."""
    free = replace(order, max_fee=0, valid_until_height=free_until_height)
    if max_fee == 0:
        return free, await client.simulate(free)
    if max_fee is None and all(REGISTRY.actions[str(item[0])].free for item in order.actions):
        return await _with_mana_or_fee(client, order, free)
    return await _with_fee(client, order, max_fee)


async def _with_mana_or_fee(client: Client, order: Transaction, free: Transaction) -> Tried:
    """Mana pays if it suffices; who has neither hears how long to wait for it."""
    try:
        return free, await client.simulate(free)
    except Refused as error:
        if error.code not in _MANA_CANNOT:
            raise
        try:
            return await _with_fee(client, order, None)
        except Refused as unpaid:
            raise (error if unpaid.code == UNPAYABLE.code else unpaid) from None


async def _with_fee(client: Client, order: Transaction, max_fee: int | None) -> Tried:
    simulation = await client.simulate(order)
    most = simulation.fee * MAX_FEE_FACTOR if max_fee is None else max_fee
    return replace(order, max_fee=most), simulation


def charged(transaction: Transaction, receipt: Receipt, asset: KnownAsset) -> str:
    """The fee that was charged, or what took its place."""
    if transaction.max_fee:
        return asset.format(receipt.fee)
    is_duty = all(REGISTRY.actions[str(item[0])].duty for item in transaction.actions)
    if is_duty:
        return "none, it is a duty"
    return _EXEMPT if exemptions_of(transaction) else f"none, but {receipt.gas} gas of mana"


def to_be_charged(transaction: Transaction, simulation: SimulationAnswer, asset: KnownAsset) -> str:
    """The fee that would be charged, or what would take its place."""
    if transaction.max_fee:
        return asset.format(simulation.fee)
    return _EXEMPT if exemptions_of(transaction) else "none, mana pays"
