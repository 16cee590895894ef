"""The light client: finality and state from a few headers, certificates and proofs.

FINALITY: light client. A client holds a LightState that is no older than the unbonding time,
in the beginning genesis's; everything else may come from anyone. Pure: nothing is fetched here.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from consensus.block import MAX_CERTIFICATE_BYTES, Header
from consensus.certificate import Verify, check_certificate
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidProof
from consensus.hashing import ZERO_DIGEST
from consensus.keys import verifies
from consensus.kinds import Bytes, Counter, Digest
from consensus.merkle import verify_merkle
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS, Member, ProducerSet
from consensus.record import AtMost, Record, record
from consensus.tree_proof import StateProof
from consensus.tree_proof import verify as verify_state

MAX_DYNASTY_STEPS = 256
MAX_DYNASTY_STEP_BYTES = 4096
MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 65_536
MAX_ANSWER_BYTES = MAX_DYNASTY_STEPS * MAX_DYNASTY_STEP_BYTES + 2 * MAX_VALUE_BYTES
MAX_INCLUSION_HASHES = 32


@dataclass(frozen=True, slots=True)
class LightState:
    """What a light client knows: a final block, and the dynasty and set that voted for it.

    `chain` is the digest of the genesis header. Right after a dynasty step `final_id` is the
    handover block, whose header is not known: `final_height` is then a lower bound.
    """

    chain: bytes
    final_height: int
    final_id: Cid
    dynasty: int
    producers: ProducerSet


@record("dynasty-step")
class DynastyStep(Record):
    """Proof that a dynasty's set handed over: a limbo block, its certificate, the next set."""

    limbo: Header
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    members: Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS, MIN_PRODUCERS)]


@record("light-answer")
class LightAnswer(Record):
    """A row of the state, or its absence, proved from a client's LightState on.

    `steps` lead to the dynasty of `target`, whose `certificate` makes `final` final; `proof`
    shows that `final`'s state holds exactly `value` under `key` (null: no such row).
    """

    steps: Annotated[tuple[DynastyStep, ...], AtMost(MAX_DYNASTY_STEPS)]
    target: Header
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    final: Header
    key: Annotated[bytes, Bytes(MAX_KEY_BYTES)]
    value: Annotated[bytes, Bytes(MAX_VALUE_BYTES)] | None
    proof: StateProof


@record("inclusion-proof")
class InclusionProof(Record):
    """The audit path of an item in a block's list of transactions, receipts or events.

    It proves that the item is in the list. `index` and `size` only say how to walk the path:
    headers commit to no length, and other pairs may fit the same path.
    """

    index: Counter
    size: Counter
    hashes: Annotated[tuple[Digest, ...], AtMost(MAX_INCLUSION_HASHES)]


def genesis_state(genesis: Header, producers: ProducerSet) -> LightState:
    """Where a client begins that holds the genesis file: its header and set.

    Raises InvalidProof if these are not a genesis header and its set.
    """
    if genesis.parent is not None or genesis.height != 0:
        raise InvalidProof("not a genesis header", field="genesis")
    if genesis.set_hash != producers.hash:
        raise InvalidProof("the producers are not those of the genesis header", field="genesis")
    identity = genesis.id()
    return LightState(identity.digest, 0, identity, genesis.dynasty, producers)


def advance_final(
    state: LightState,
    target: Header,
    certificate: bytes,
    final: Header,
    *,
    verify: Verify = verifies,
) -> LightState:
    """The state after `target`'s certificate has made `final` final, in the state's dynasty.

    Raises InvalidProof whose field is "certificate" or "final header". One call spans any
    distance within a dynasty.
    """
    with _checking("certificate"):
        _check_votes(state, target, certificate, verify)
    identity = final.id()
    with _checking("final header"):
        if target.final_if_qc != identity:
            raise InvalidProof("not the block that the certificate makes final")
        if final.height < state.final_height:
            raise InvalidProof(
                f"height {final.height} is below {state.final_height}, which is final already: "
                "ask a node that is up to date"
            )
        if final.height == state.final_height and identity != state.final_id:
            raise InvalidProof(
                f"block {identity} conflicts with the final block {state.final_id}: keep this "
                "answer, it is evidence that producers broke the rules"
            )
    return replace(state, final_height=final.height, final_id=identity)


def change_dynasty(
    state: LightState,
    limbo: Header,
    certificate: bytes,
    producers: ProducerSet,
    *,
    verify: Verify = verifies,
) -> LightState:
    """The state after the dynasty's set has made its handover block final.

    `limbo` is a certified block above the handover block, `producers` the set that takes over.
    Raises InvalidProof whose field is "certificate", "handover" or "next set".
    """
    with _checking("certificate"):
        _check_votes(state, limbo, certificate, verify)
    if limbo.handover is None or limbo.final_if_qc != limbo.handover:
        raise InvalidProof("the certificate does not make a handover final", field="handover")
    if limbo.next_set_hash == ZERO_DIGEST or limbo.next_set_hash != producers.hash:
        raise InvalidProof("not the set that was handed over to", field="next set")
    return replace(state, final_id=limbo.handover, dynasty=state.dynasty + 1, producers=producers)


def follow_dynasties(
    state: LightState, steps: Iterable[DynastyStep], *, verify: Verify = verifies
) -> LightState:
    """The state after these steps; raises InvalidProof whose field is "dynasty step i"."""
    for i, step in enumerate(steps):
        with _checking(f"dynasty step {i}"):
            producers = ProducerSet(step.members)
            state = change_dynasty(state, step.limbo, step.certificate, producers, verify=verify)
    return state


def prove_by_headers(final: Header, headers: Sequence[Header]) -> Header:
    """The last of `headers`, final because it is an ancestor of the proved `final` block.

    The first is final's parent, each further one the parent of the one before. Raises
    InvalidProof whose field is "headers[i]".
    """
    at = final
    for i, header in enumerate(headers):
        if at.parent != header.id():
            raise InvalidProof("not the parent of the block above it", field=f"headers[{i}]")
        at = header
    return at


def check_state(header: Header, key: bytes, value: bytes | None, proof: StateProof) -> None:
    """Raise InvalidProof unless the state after this block holds exactly `value` under `key`.

    None means that there is no such row. The header must be proved final first.
    """
    with _checking("state proof"):
        verify_state(header.state_root, {key: value}, proof)


def check_inclusion(root: bytes, item: bytes, proof: InclusionProof) -> None:
    """Raise InvalidProof unless `item` is in the list with this root of a proved header.

    `root` is a header's transactions_root, receipts_root or events_root.
    """
    with _checking("inclusion proof"):
        verify_merkle(root, item, proof.index, proof.size, proof.hashes)


def decode_answer(data: bytes) -> LightAnswer:
    """Read an answer's canonical bytes; raises InvalidProof whose field is "encoding"."""
    with _checking("encoding"):
        if len(data) > MAX_ANSWER_BYTES:
            raise InvalidProof(f"{len(data)} bytes; an answer has at most {MAX_ANSWER_BYTES}")
        return LightAnswer.decode(data)


def verify_answer(
    state: LightState, key: bytes, answer: LightAnswer, *, verify: Verify = verifies
) -> tuple[LightState, bytes | None]:
    """The client's new state and the value proved for `key`, None if there is no such row.

    Raises InvalidProof whose field says which check failed: "key", "dynasty step i",
    "certificate", "final header" or "state proof".
    """
    if answer.key != key:
        raise InvalidProof("the answer is about another key", field="key")
    state = follow_dynasties(state, answer.steps, verify=verify)
    state = advance_final(state, answer.target, answer.certificate, answer.final, verify=verify)
    check_state(answer.final, key, answer.value, answer.proof)
    return state, answer.value


def _check_votes(state: LightState, header: Header, certificate: bytes, verify: Verify) -> None:
    """Raise Invalid unless a quorum of the state's set voted for this block of its dynasty."""
    if header.chain != state.chain:
        raise InvalidProof("the block is of another chain")
    if header.dynasty != state.dynasty:
        raise InvalidProof(f"the block is of dynasty {header.dynasty}, not {state.dynasty}")
    if header.set_hash != state.producers.hash:
        raise InvalidProof("the block is of another producer set")
    identity = header.id()
    check_certificate(certificate, state.producers, state.chain, identity, field="", verify=verify)


@contextmanager
def _checking(check: str) -> Iterator[None]:
    """Turn every rejection inside into an InvalidProof that names the check."""
    try:
        yield
    except Invalid as error:
        raise InvalidProof(str(error), field=check) from error
