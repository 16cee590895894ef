"""Grants, tasks and airdrops, which the community's committee approves (W5)."""

from vm.modules.tasks.airdropping import MakeAirdrop, Take, end_airdrops
from vm.modules.tasks.granting import (
    ApproveNodes,
    ClaimGrant,
    Delegate,
    RegisterNode,
    SetGrants,
)
from vm.modules.tasks.tables import (
    AIRDROPS,
    AIRDROPS_POT,
    CLAIMS,
    NODES,
    TASKS,
    Entry,
    tasks,
)
from vm.modules.tasks.working import Accept, Claim, Judge, Propose, Publish, close_tasks

__all__ = [
    "AIRDROPS",
    "AIRDROPS_POT",
    "CLAIMS",
    "NODES",
    "TASKS",
    "Accept",
    "ApproveNodes",
    "Claim",
    "ClaimGrant",
    "Delegate",
    "Entry",
    "Judge",
    "MakeAirdrop",
    "Propose",
    "Publish",
    "RegisterNode",
    "SetGrants",
    "Take",
    "close_tasks",
    "end_airdrops",
    "tasks",
]
