"""Grants: to nodes that say who they are, and to holders that delegate to one; to each once.

They are paid by the head, so only persons get them (ECONOMIES section 0, Sybils).
"""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.personhood import is_person
from vm.modules.stake import BONDS
from vm.modules.tasks.tables import (
    DELEGATIONS,
    GRANTS,
    NODES,
    NOT_A_PERSON,
    Delegation,
    Grants,
    KeptS,
    Node,
    NodeName,
    delegates,
    grants_row,
    tasks,
)
from vm.modules.tokens import CommunityPot, credit, take_from_pot
from vm.view import View

MOST_APPROVED = 32

REGISTERED = tasks.error("already-registered", "The account has registered as a node already.")
NO_NODE = tasks.error("no-node", "The account has not registered as a node.")
APPROVED = tasks.error("already-approved", "The node is approved already.")
NOT_DELEGATED = tasks.error(
    "not-delegated", "The sender's bond does not approve this node: approve it first."
)
GRANTED = tasks.error("already-granted", "The account has got its grant for delegating.")
NOT_BEGUN = tasks.error(
    "not-begun", "The account has not said to whom it delegates, or has stopped since: say it anew."
)
TOO_EARLY = tasks.error("too-early", "The account has not delegated for long enough.")


@tasks.event
@record("tasks.granted")
class Granted(Record):
    """An account has got a grant."""

    account: AccountId
    units: Amount


@tasks.action(gas=3_000, governed=True)
@record("tasks.set_grants")
class SetGrants(Action):
    """Say what nodes and delegating holders are granted, and out of which pot that and the rewards
    of tasks are paid (W5)."""

    pot: CommunityPot
    node: Amount
    approved_node: Amount
    holder: Amount
    approved_holder: Amount
    kept_s: KeptS

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return f"grant nodes {self.node} units and delegating holders {self.holder} from {self.pot}"

    def apply(self, context: Context) -> None:
        row = Grants(
            self.pot,
            self.node,
            self.approved_node,
            self.holder,
            self.approved_holder,
            self.kept_s,
        )
        GRANTS.put(context.state, row)


@tasks.action(gas=6_000, free=True)
@record("tasks.register_node")
class RegisterNode(Action):
    """Register who runs a node, once, for the grant for that (W5)."""

    name: NodeName
    profile: Cid

    def apply(self, context: Context) -> None:
        state, sender, grants = context.state, context.sender, grants_row(context.state)
        if NODES.get(state, sender) is not None:
            raise REGISTERED.failed()
        _check_person(state, sender)
        NODES.put(state, Node(self.name, self.profile, is_approved=False), sender)
        grant(context, sender, grants.node)


@tasks.action(gas=16_000, governed=True)
@record("tasks.approve_nodes")
class ApproveNodes(Action):
    """Approve nodes that do something for the community: each gets the extra grant (W5)."""

    nodes: Annotated[tuple[AccountId, ...], AtMost(MOST_APPROVED, 1)]

    def in_words(self) -> str:
        return f"approve {len(self.nodes)} nodes, each for the extra grant"

    def apply(self, context: Context) -> None:
        grants = grants_row(context.state)
        for i, account in enumerate(self.nodes):
            row = NODES.get(context.state, account)
            if row is None:
                raise NO_NODE.failed(field=f"nodes[{i}]")
            if row.is_approved:
                raise APPROVED.failed(field=f"nodes[{i}]")
            NODES.put(context.state, replace(row, is_approved=True), account)
            grant(context, account, grants.approved_node)


@tasks.action(gas=4_000, free=True)
@record("tasks.delegate")
class Delegate(Action):
    """Say to which registered node one delegates by approving it with one's bond; the time until
    the grant begins with this, anew if said again. Who stops in between has to say it anew (W5)."""

    node: AccountId

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if NODES.get(state, self.node) is None:
            raise NO_NODE.failed(field="node")
        if not delegates(state, sender, self.node):
            raise NOT_DELEGATED.failed(field="node")
        row = DELEGATIONS.get(state, sender)
        if row is not None and row.is_paid:
            raise GRANTED.failed()
        made = Delegation(self.node, context.block.time_ms, is_paid=False)
        DELEGATIONS.put(state, made, sender)


@tasks.action(gas=6_000, free=True)
@record("tasks.claim_grant")
class ClaimGrant(Action):
    """Get the grant for having delegated for long enough, once (W5)."""

    def apply(self, context: Context) -> None:
        state, sender, grants = context.state, context.sender, grants_row(context.state)
        row = DELEGATIONS.get(state, sender)
        if row is None:
            raise NOT_BEGUN.failed()
        if row.is_paid:
            raise GRANTED.failed()
        due_ms = row.since_ms + 1000 * grants.kept_s
        if context.block.time_ms < due_ms:
            raise TOO_EARLY.failed(f"due at {due_ms} ms")
        _check_person(state, sender)
        DELEGATIONS.put(state, replace(row, is_paid=True), sender)
        node = NODES.get(state, row.node)
        extra = grants.approved_holder if node is not None and node.is_approved else 0
        grant(context, sender, grants.holder + extra)


@tasks.end_block
def forget_delegations(context: Context) -> None:
    """Forget who stopped delegating in this block before its grant; only bonds that were written
    are looked at."""
    state = context.state
    for (account,) in BONDS.written(state):
        row = DELEGATIONS.get(state, account)
        if row is not None and not row.is_paid and not delegates(state, account, row.node):
            DELEGATIONS.delete(state, account)


def grant(context: Context, account: bytes, units: int) -> None:
    """Pay an account out of the pot of grants; raises ActionFailed if it holds less."""
    state, native = context.state, chain_constants(context.state).native_asset
    take_from_pot(state, grants_row(state).pot, native, units)
    credit(state, account, native, units)
    context.emit(Granted(account, units))


def _check_person(view: View, account: bytes) -> None:
    if not is_person(view, account):
        raise NOT_A_PERSON.failed()
