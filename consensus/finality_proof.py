"""The proof that a block is final, for whoever knows the producer set (FINALITY: header fields).

A node shows it to a peer that is behind, keeps the newest beside its chain, and lays it down as
evidence when two final histories exist.
"""

from itertools import pairwise
from typing import Annotated

from consensus.block import MAX_CERTIFICATE_BYTES, Header
from consensus.certificate import Verify, check_certificate
from consensus.errors import InvalidProof
from consensus.keys import verifies
from consensus.kinds import Bytes
from consensus.producers import ProducerSet
from consensus.record import AtMost, Record, record

MAX_PROOF_HEADERS = 4096
MAX_HEADER_BYTES = 620
MAX_FINALITY_PROOF_BYTES = (MAX_PROOF_HEADERS + 1) * MAX_HEADER_BYTES + MAX_CERTIFICATE_BYTES


@record("finality-proof")
class FinalityProof(Record):
    """`certificate` shows that a quorum voted for `target`, which makes the first of `headers`
    final; each further one is the parent of the one before, and so is final too."""

    target: Header
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    headers: Annotated[tuple[Header, ...], AtMost(MAX_PROOF_HEADERS, 1)]

    @property
    def final(self) -> Header:
        """The highest block that is proved final."""
        return self.headers[0]

    @property
    def lowest(self) -> Header:
        """The lowest block that is proved final."""
        return self.headers[-1]


def check_finality(
    proof: FinalityProof, chain: bytes, producers: ProducerSet, *, verify: Verify = verifies
) -> None:
    """Raise Invalid… unless every header of the proof is final by the votes of this set.

    `producers` is the set of the target's dynasty.
    """
    target = proof.target
    if target.chain != chain:
        raise InvalidProof("of another chain", field="target.chain")
    if target.set_hash != producers.hash:
        raise InvalidProof("of another producer set", field="target.set_hash")
    if target.final_if_qc != proof.final.id():
        raise InvalidProof("not the block that the certificate makes final", field="headers[0]")
    for i, (above, below) in enumerate(pairwise(proof.headers), start=1):
        if above.parent != below.id():
            raise InvalidProof("not the parent of the block above", field=f"headers[{i}]")
    check_certificate(
        proof.certificate, producers, chain, target.id(), field="certificate", verify=verify
    )
