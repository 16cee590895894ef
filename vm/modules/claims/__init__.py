"""What holders of an earlier chain claim here by a message signed there."""

from vm.modules.claims.claiming import CLAIM_GAS, ClaimHolding, claim_text
from vm.modules.claims.opening import ENDED_A_BLOCK, OpenMigration, end_migrations
from vm.modules.claims.tables import (
    CLAIMED,
    DEEPEST,
    MIGRATIONS,
    MOST_HOLDERS,
    UNCLAIMED_POT,
    Claimed,
    EthereumAddress,
    Holding,
    Migration,
    MigrationName,
    claims,
)

__all__ = [
    "CLAIMED",
    "CLAIM_GAS",
    "DEEPEST",
    "ENDED_A_BLOCK",
    "MIGRATIONS",
    "MOST_HOLDERS",
    "UNCLAIMED_POT",
    "ClaimHolding",
    "Claimed",
    "EthereumAddress",
    "Holding",
    "Migration",
    "MigrationName",
    "OpenMigration",
    "claim_text",
    "claims",
    "end_migrations",
]
