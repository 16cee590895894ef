"""Proposals of governed actions: under which policy, and what people read of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cyclopts import Parameter

from node.client import Client
from node.commands.governance import read_policies
from node.commands.sending import SendOptions, check_action, send
from node.failure import Refused, Usage
from node.query.chain_view import Finality
from vm.declare import Action
from vm.modules.gov import Propose

MAX_TITLE_BYTES = 100


@dataclass(frozen=True, slots=True)
class Heading:
    """What a proposal says of itself; a `title` of None is made of what it does."""

    policy: str
    title: str | None
    about: str


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ProposalOptions:
    """How to propose it.

    Parameters
    ----------
    policy
        Policy that it is proposed under; else the one that allows it.
    title
        What people read first; else what it does.
    about
        Why: for people to read.
    """

    policy: str | None = None
    title: str | None = None
    about: str = ""


NO_PROPOSAL_OPTIONS = ProposalOptions()


async def propose(
    client: Client,
    options: SendOptions,
    proposal: ProposalOptions,
    action: Action,
    *,
    as_json: bool,
) -> None:
    """Propose one governed action; raises Refused and Usage as `policy_for` and `send` do."""
    await propose_all(client, options, proposal, [action], as_json=as_json)


async def propose_all(
    client: Client,
    options: SendOptions,
    proposal: ProposalOptions,
    actions: Sequence[Action],
    *,
    as_json: bool,
) -> None:
    """Propose governed actions of one kind that are carried out together; raises as `propose`."""
    for action in actions:
        check_action(action)
    policy = proposal.policy or await policy_for(client, actions[0])
    heading = Heading(policy, proposal.title, proposal.about)
    await send_proposal(client, options, heading, actions, as_json=as_json)


async def policy_for(client: Client, action: Action) -> str:
    """The one policy that allows an action; raises Refused if none does, Usage (`--policy`) if
    several do."""
    policies = await read_policies(client, Finality.HEAD)
    scopes = {action.tag, action.scope}
    found = [name for name, policy in policies.items() if scopes.intersection(policy.scopes)]
    if not found:
        raise Refused(f"no policy of this chain allows {action.scope}", code="not-found")
    if len(found) > 1:
        raise Usage(f"several policies allow it, name one: {', '.join(found)}", field="--policy")
    return found[0]


async def send_proposal(
    client: Client,
    options: SendOptions,
    heading: Heading,
    actions: Sequence[Action],
    *,
    as_json: bool,
) -> None:
    """Propose actions that are carried out together; raises as `send` does."""
    wires = tuple(action.pack() for action in actions)
    title = heading.title
    if title is None:
        title = "; ".join(action.in_words() for action in actions)
        title = title.replace("\n", " ").encode()[:MAX_TITLE_BYTES].decode(errors="ignore")
    proposal = Propose(heading.policy, title, heading.about, wires)
    check_action(proposal)
    await send(client, options, [proposal], as_json=as_json)
