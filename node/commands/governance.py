"""What governance's rows say, read from a node for commands."""

from dataclasses import dataclass

from consensus.address import parse_address
from node.client import Client
from node.commands.rows import read_row
from node.failure import Refused
from node.query.chain_view import Finality
from vm.forms import formed
from vm.modules.gov import (
    ALTERNATES,
    BALLOTS,
    BODIES,
    LIMITS,
    POLICIES,
    PROPOSALS,
    ROLL,
    TALLIES,
    Ballot,
    Body,
    Limit,
    Member,
    Policy,
    Proposal,
    Tally,
)
from vm.modules.gov.membership import UNKNOWN_BODY
from vm.modules.gov.proposing import UNKNOWN_POLICY
from vm.modules.gov.voting import UNKNOWN_PROPOSAL
from vm.registry import REGISTRY

_PROPOSAL = formed(Proposal)


@dataclass(frozen=True, slots=True)
class KnownProposal:
    """A proposal, the policy it runs under as that is now, and the votes of its stages so far."""

    number: int
    row: Proposal
    policy: Policy | None
    tallies: tuple[Tally, ...]

    def does(self) -> list[str]:
        """What it would do, a sentence for each action."""
        return [REGISTRY.unpack_governed(wire).in_words() for wire in self.row.actions]


async def read_proposal(client: Client, number: int, finality: Finality) -> KnownProposal:
    """A proposal; raises Refused if there is none of this number."""
    answer = await client.row(PROPOSALS.name, str(number), finality=finality)
    if answer is None:
        raise Refused(
            f"there is no proposal {number}", field="PROPOSAL", code=UNKNOWN_PROPOSAL.code
        )
    row = _PROPOSAL.from_json(answer.item.row)
    policies = await read_policies(client, finality)
    tallies = [
        (int(str(item.key["stage"])), Tally.from_json(item.row))
        async for item in client.rows(TALLIES.name, str(number), finality=finality)
    ]
    return KnownProposal(
        number, row, policies.get(row.policy), tuple(tally for _, tally in sorted(tallies))
    )


async def read_proposals(client: Client, finality: Finality) -> dict[int, Proposal]:
    """All proposals by their numbers."""
    return {
        int(str(item.key["proposal"])): _PROPOSAL.from_json(item.row)
        async for item in client.rows(PROPOSALS.name, finality=finality)
    }


async def read_ballots(
    client: Client, number: int, finality: Finality
) -> list[tuple[int, bytes, Ballot]]:
    """Every vote on a proposal: its stage, whose it is, and what it says."""
    return [
        (
            int(str(item.key["stage"])),
            parse_address(str(item.key["account"])),
            Ballot.from_json(item.row),
        )
        async for item in client.rows(BALLOTS.name, str(number), finality=finality)
    ]


async def read_policies(client: Client, finality: Finality) -> dict[str, Policy]:
    """All policies by their names."""
    return {
        str(item.key["policy"]): Policy.from_json(item.row)
        async for item in client.rows(POLICIES.name, finality=finality)
    }


async def read_policy(client: Client, name: str, finality: Finality) -> Policy:
    """A policy; raises Refused if there is none of this name."""
    policies = await read_policies(client, finality)
    if name not in policies:
        known = ", ".join(policies) or "none"
        raise Refused(
            f"there is no policy {name[:40]}; there are: {known}",
            field="POLICY",
            code=UNKNOWN_POLICY.code,
        )
    return policies[name]


async def read_limit(client: Client, policy: str, finality: Finality) -> Limit | None:
    """How many actions a policy may carry out in a span of time; None: any number."""
    return await read_row(client, LIMITS, policy, finality=finality)


async def read_bodies(client: Client, finality: Finality) -> dict[str, Body]:
    """All bodies by their names."""
    return {
        str(item.key["body"]): Body.from_json(item.row)
        async for item in client.rows(BODIES.name, finality=finality)
    }


async def read_body(client: Client, name: str, finality: Finality) -> Body:
    """A body; raises Refused if there is none of this name."""
    bodies = await read_bodies(client, finality)
    if name not in bodies:
        known = ", ".join(bodies) or "none"
        raise Refused(
            f"there is no body {name[:40]}; there are: {known}",
            field="BODY",
            code=UNKNOWN_BODY.code,
        )
    return bodies[name]


async def read_members(client: Client, body: str, finality: Finality) -> dict[bytes, Member]:
    """A body's members by their accounts."""
    return {
        parse_address(str(item.key["account"])): Member.from_json(item.row)
        async for item in client.rows(ROLL.name, body, finality=finality)
    }


async def read_alternates(client: Client, body: str, finality: Finality) -> tuple[bytes, ...]:
    """Who fills a body's vacancies, the next first."""
    row = await read_row(client, ALTERNATES, body, finality=finality)
    return () if row is None else row.accounts
