"""Accounts: who may act for them, how that changes and is recovered, and the order of their
transactions."""

from vm.modules.account.authorizing import (
    PARTIES,
    UNSIGNED,
    acts_for,
    authorities_of,
    check_authorization,
    fewest_of,
    is_authorized,
    most_of,
)
from vm.modules.account.nonces import bump_nonce, check_nonce, next_nonce
from vm.modules.account.recovering import (
    CancelRecovery,
    FinishRecovery,
    SetRecovery,
    StartRecovery,
)
from vm.modules.account.rotating import AuthoritySet, SetAuthority
from vm.modules.account.tables import (
    RECOVERIES,
    RECOVERING,
    SENDERS,
    Authority,
    Guard,
    GuardChange,
    Recovering,
    Recovery,
    Sender,
    WeightedKey,
    account,
    authority_of,
    plain_authority,
)

__all__ = [
    "PARTIES",
    "RECOVERIES",
    "RECOVERING",
    "SENDERS",
    "UNSIGNED",
    "Authority",
    "AuthoritySet",
    "CancelRecovery",
    "FinishRecovery",
    "Guard",
    "GuardChange",
    "Recovering",
    "Recovery",
    "Sender",
    "SetAuthority",
    "SetRecovery",
    "StartRecovery",
    "WeightedKey",
    "account",
    "acts_for",
    "authorities_of",
    "authority_of",
    "bump_nonce",
    "check_authorization",
    "check_nonce",
    "fewest_of",
    "is_authorized",
    "most_of",
    "next_nonce",
    "plain_authority",
]
