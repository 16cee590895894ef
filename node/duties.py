"""Duties: the transactions that a producer's node makes by itself for its own next block.

They are signed by the consensus key, so that the account's key need not be on the node, and
cost nothing (docs/protocol.md section 14).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from consensus.evidence import Evidence
from consensus.record import replace
from consensus.transaction import Authorization, EncodedTransaction, Transaction
from vm.declare import Action
from vm.modules.account import next_nonce
from vm.modules.chain import chain_constants
from vm.modules.producer import BEACONS, KEYS, PRODUCERS, Commitment, Recommit
from vm.modules.slashing import Report, is_punished
from vm.view import View

# Of one block: what others pay for must not wait long for duties; the next block has more.
MAX_DUTIES = 4


class Signer(Protocol):
    """A key that signs (consensus.keys.KeyPair)."""

    @property
    def public(self) -> bytes:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The signature over a message."""


def duties(  # noqa: PLR0917 - the facts of one block, in the order in which they arise
    state: View,
    chain: bytes,
    height: int,
    producer: bytes,
    key: Signer,
    following: Commitment | None,
    evidence: Iterable[Evidence],
) -> list[EncodedTransaction]:
    """The duties that the producer's block of this height on `state` should begin with.

    `chain` is the chain's digest, `key` the seat's consensus key (none are due for a key that is
    not the producer's on this state), `following` the next chain of reveals if one is ready;
    `evidence` must have been checked, and be what can be reported (EvidencePool.pending). The
    nonces follow the sender's next in order.
    """
    row = PRODUCERS.get(state, producer)
    if row is None or row.key != key.public:
        return []
    nonce, asset = next_nonce(state, producer), chain_constants(state).native_asset
    drafts = (
        Transaction(chain, producer, None, nonce + i, height, asset, 0, (action.pack(),), ())
        for i, action in enumerate(islice(_due(state, producer, following, evidence), MAX_DUTIES))
    )
    return [_signed(draft, key) for draft in drafts]


def recommit_due(state: View, producer: bytes) -> bool:
    """Whether the producer's next block should fix the chain of reveals that follows: none is
    fixed, and with that block's own reveal half of the chain in use is gone, but not all."""
    beacon = BEACONS.get(state, producer)
    if beacon is None or beacon.following is not None:
        return False
    used = beacon.used + 1
    return 2 * used >= beacon.chain.length > used


def _due(
    state: View, producer: bytes, following: Commitment | None, evidence: Iterable[Evidence]
) -> Iterator[Action]:
    if following is not None and recommit_due(state, producer):
        yield Recommit(following)
    reported: set[bytes] = set()
    for item in evidence:
        owner = KEYS.get(state, item.key)
        if owner is None or owner.producer in reported or is_punished(state, item.key):
            continue
        reported.add(owner.producer)
        yield Report(item)


def _signed(draft: Transaction, key: Signer) -> EncodedTransaction:
    authorization = Authorization(key.public, key.sign(draft.signing_bytes()))
    made = replace(draft, signatures=(authorization,))
    return EncodedTransaction.of(made)
