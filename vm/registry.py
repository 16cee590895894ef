"""All modules, one line each, and what follows from their declarations.

Adding a module touches its own file and its line in `MODULES`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain as joined
from typing import TypeVar

from consensus.codec import Wire, decode
from consensus.errors import Invalid, InvalidEncoding, InvalidTransaction
from consensus.transaction import Transaction
from vm.declare import Action, ErrorCode, Module
from vm.modules.account import account
from vm.modules.activity import activity
from vm.modules.agenda import agenda
from vm.modules.apps import apps
from vm.modules.auctions import auctions
from vm.modules.buyback import buyback
from vm.modules.chain import GOVERNED_ACTION, NOT_GOVERNED, UNKNOWN_ACTION, chain
from vm.modules.checkin import checkin
from vm.modules.claims import claims
from vm.modules.content import content
from vm.modules.dividends import dividends
from vm.modules.economy import economy
from vm.modules.elections import elections
from vm.modules.fee import fee
from vm.modules.finance import finance
from vm.modules.fund import fund
from vm.modules.gifts import gifts
from vm.modules.gov import gov
from vm.modules.live import live
from vm.modules.mana import mana
from vm.modules.market import market
from vm.modules.orders import orders
from vm.modules.otc import otc
from vm.modules.packets import packets
from vm.modules.parameter import parameter
from vm.modules.personhood import personhood
from vm.modules.poa import poa
from vm.modules.poc import poc
from vm.modules.possession import possession
from vm.modules.pots import pots
from vm.modules.producer import producer
from vm.modules.ranking import ranking
from vm.modules.ratings import ratings
from vm.modules.rebate import rebate
from vm.modules.redemption import redemption
from vm.modules.referral import referral
from vm.modules.revenue import revenue
from vm.modules.rewards import rewards
from vm.modules.sessions import sessions
from vm.modules.slashing import slashing
from vm.modules.social import social
from vm.modules.stake import stake
from vm.modules.steps import steps
from vm.modules.stipends import stipends
from vm.modules.swaps import swaps
from vm.modules.tasks import tasks
from vm.modules.tokens import token
from vm.modules.upgrade import upgrade
from vm.modules.vesting import vesting
from vm.modules.viewing import viewing
from vm.table import TableDeclaration
from vm.view import View

MODULES: tuple[Module, ...] = (
    chain,
    agenda,
    economy,
    parameter,
    account,
    token,
    fee,
    mana,
    producer,
    stake,
    rewards,
    slashing,
    gov,
    upgrade,
    content,
    ranking,
    referral,
    social,
    viewing,
    live,
    personhood,
    steps,
    stipends,
    market,
    revenue,
    rebate,
    sessions,
    ratings,
    apps,
    gifts,
    redemption,
    auctions,
    buyback,
    checkin,
    tasks,
    activity,
    poa,
    poc,
    claims,
    orders,
    finance,
    packets,
    swaps,
    otc,
    fund,
    elections,
    vesting,
    possession,
    # The last to end a block: first pots pass on what the block left in them, then holders are
    # settled for what it left them.
    pots,
    dividends,
)

T = TypeVar("T")


class Registry:
    """The declarations of all modules by name, each name's bytes in order.

    Raises ValueError if two declarations share a name.
    """

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = tuple(modules)
        self.actions = _named((m.actions for m in modules), lambda item: item.type.tag)
        self.events = _named((m.events for m in modules), lambda item: item.tag)
        self.tables = _named((m.tables for m in modules), lambda item: item.name)
        self.parameters = _named((m.parameters for m in modules), lambda item: item.name)
        self.errors: dict[str, ErrorCode] = _named(
            (m.errors for m in modules), lambda item: item.code
        )
        self.block_steps = [step for module in modules for step in module.block_steps]
        self.end_steps = [step for module in modules for step in module.end_steps]
        _named([modules], lambda item: item.name)

    def unpack_actions(self, transaction: Transaction) -> tuple[Action, ...]:
        """The typed actions; raises InvalidTransaction naming `actions[i]` and its field."""
        actions: list[Action] = []
        for i, wire in enumerate(transaction.actions):
            try:
                action = self.unpack_action(wire)
                if self.actions[action.tag].governed:
                    raise GOVERNED_ACTION.refused(f"{action.tag}: only a proposal can do this")
                actions.append(action)
            except Invalid as error:
                inner = error.within(f"actions[{i}]")
                raise InvalidTransaction(
                    inner.message, field=inner.field, code=inner.code
                ) from None
        return tuple(actions)

    def unpack_action(self, wire: Wire) -> Action:
        """One typed action; raises InvalidTransaction for an unknown type, and InvalidEncoding
        for an unknown version or a field that is missing, of the wrong kind or out of bounds."""
        tag = wire[0] if isinstance(wire, list) and wire else None
        declared = self.actions.get(tag) if isinstance(tag, str) else None
        if declared is None:
            raise UNKNOWN_ACTION.refused(f"no action {str(tag)[:80]!r} exists here")
        return declared.type.unpack(wire)

    def unpack_governed(self, wire: Wire) -> Action:
        """One action of a proposal; raises as `unpack_action` does, and InvalidTransaction for
        one that a transaction may hold."""
        action = self.unpack_action(wire)
        if not self.actions[action.tag].governed:
            raise NOT_GOVERNED.refused(f"{action.tag}: accounts send this themselves")
        return action

    def action_gas(self, action: Action, view: View) -> int:
        """What an action costs beside its transaction's envelope."""
        return self.actions[action.tag].gas + action.derived_gas(view)

    def table_named(self, name: str) -> TableDeclaration:
        """The table; raises InvalidEncoding if there is none of this name."""
        if name not in self.tables:
            raise InvalidEncoding(f"no table {name[:80]!r}; known are {', '.join(self.tables)}")
        return self.tables[name]

    def table_of(self, state_key: bytes) -> TableDeclaration:
        """The table that a row's key belongs to; raises InvalidEncoding if none does."""
        wire = decode(state_key)
        if not isinstance(wire, list) or not wire or not isinstance(wire[0], str):
            raise InvalidEncoding("a state key is an array that begins with a table's name")
        return self.table_named(wire[0])

    def broken_invariants(self, view: View) -> Iterator[str]:
        """A sentence for each thing that is wrong with a whole state: for checks and tests."""
        for module in self.modules:
            for check in module.invariants:
                for sentence in check(view):
                    yield f"{module.name}: {sentence}"


def _named(groups: Iterable[Iterable[T]], name: Callable[[T], str]) -> dict[str, T]:
    found: dict[str, T] = {}
    for item in joined.from_iterable(groups):
        if name(item) in found:
            raise ValueError(f"{name(item)!r} is declared twice")
        found[name(item)] = item
    return dict(sorted(found.items()))


REGISTRY = Registry(MODULES)
