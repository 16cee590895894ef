"""Dividends: those who hold an asset share what comes in, by how much they hold (P4)."""

from vm.modules.dividends.claiming import Claim, claimable
from vm.modules.dividends.holdings import holding
from vm.modules.dividends.opening import Open, is_open, open_pair
from vm.modules.dividends.sharing import settle, share_out
from vm.modules.dividends.tables import (
    EARNED,
    PAIR,
    PAIRS,
    UNCLAIMED_POT,
    UNIT_PARTS,
    Earned,
    Pair,
    PairName,
    Pairs,
    dividends,
    earned_parts,
)

__all__ = [
    "EARNED",
    "PAIR",
    "PAIRS",
    "UNCLAIMED_POT",
    "UNIT_PARTS",
    "Claim",
    "Earned",
    "Open",
    "Pair",
    "PairName",
    "Pairs",
    "claimable",
    "dividends",
    "earned_parts",
    "holding",
    "is_open",
    "open_pair",
    "settle",
    "share_out",
]
