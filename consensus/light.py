"""The light client: finality from a few headers and certificates (FINALITY: light client).

A client trusts one block: genesis, or a checkpoint (an anchor). From there it follows the producer
sets with one header, certificate and list of members for each change; everything may come from
anyone. Pure: nothing is fetched here, and time comes as an argument.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

from consensus.block import MAX_CERTIFICATE_BYTES, Header, Slot
from consensus.certificate import Verify, check_certificate
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidProof
from consensus.hashing import ZERO_DIGEST
from consensus.keys import verifies
from consensus.kinds import Bytes, Counter, Digest
from consensus.light_rows import CONSTANTS_KEY, Terms, terms_of
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS, Member, ProducerSet
from consensus.record import AtMost, Record, part, record, replace
from consensus.tree_proof import StateProof
from consensus.tree_proof import verify as verify_state

MAX_DYNASTY_STEP_BYTES = 4096
MAX_CONSTANTS_BYTES = 1024

# The codes of what is no lie: an answer that is older than what is known, and one that shows that
# producers broke the rules.
BEHIND = "behind"
CONFLICTING_FINAL = "conflicting-final"

Members = Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS, MIN_PRODUCERS)]


@part
class Place(Record):
    """Where a block is on its chain."""

    height: Counter
    id: Cid
    slot: Slot


@record("light-state")
class LightState(Record):
    """What a light client knows: the newest final block it was shown, and the set that votes now.

    `chain` is the digest of the genesis header, `anchor` the block that was trusted from the
    beginning; `members` are those of `dynasty`.
    """

    chain: Digest
    anchor: Place
    final: Place
    dynasty: Counter
    members: Members
    terms: Terms

    @property
    def producers(self) -> ProducerSet:
        """The set of the dynasty; raises InvalidEncoding if the members are none."""
        return ProducerSet(self.members)

    def age_s(self, now_ms: int) -> float:
        """How long ago, in seconds, the slot of the newest known final block began."""
        return (now_ms - self.terms.start_ms(self.final.slot)) / 1000

    def is_too_old(self, now_ms: int) -> bool:
        """Whether those who vote next may have withdrawn what they would lose for lying."""
        return self.age_s(now_ms) > self.terms.unbonding_s


@record("light-anchor")
class LightAnchor(Record):
    """A block to begin from, with all that its id commits to and a client needs.

    `members` are the set of its dynasty; `genesis` is the chain's first header, null if the block
    is that itself; `proof` shows in its state the row chain.constants with the value `constants`.
    """

    header: Header
    members: Members
    genesis: Header | None
    constants: Annotated[bytes, Bytes(MAX_CONSTANTS_BYTES)]
    proof: StateProof


@record("dynasty-step")
class DynastyStep(Record):
    """Proof that a dynasty's set handed over: a limbo block, its certificate, the next set."""

    limbo: Header
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    members: Members


def place_of(header: Header) -> Place:
    """Where the block of this header is."""
    return Place(header.height, header.id(), header.slot)


def anchor_state(anchor: LightAnchor, height: int, block_id: Cid) -> LightState:
    """Where a client begins that trusts the block of this height and id.

    Raises InvalidProof, with the field "anchor", unless the anchor is that block's.
    """
    with checking("anchor"):
        header, genesis = anchor.header, anchor.genesis or anchor.header
        place = place_of(header)
        if (place.height, place.id) != (height, block_id):
            raise InvalidProof(f"this is block {place.id} of height {place.height}")
        _check_genesis(genesis)
        chain = genesis.id().digest
        if anchor.genesis is not None and header.chain != chain:
            raise InvalidProof("the genesis header is another chain's")
        if header.set_hash != ProducerSet(anchor.members).hash:
            raise InvalidProof("the members are not those of the block's set")
        verify_state(genesis.state_root, {CONSTANTS_KEY: anchor.constants}, anchor.proof)
        terms = terms_of(anchor.constants)
    return LightState(chain, place, place, header.dynasty, anchor.members, terms)


def genesis_state(genesis: Header, producers: ProducerSet, terms: Terms) -> LightState:
    """Where a client begins that holds the genesis file: its header, set and constants.

    Raises InvalidProof if these are not a genesis header and its set.
    """
    with checking("genesis"):
        _check_genesis(genesis)
        if genesis.set_hash != producers.hash:
            raise InvalidProof("the producers are not those of the genesis header")
    place = place_of(genesis)
    return LightState(place.id.digest, place, place, genesis.dynasty, producers.members, terms)


def _check_genesis(genesis: Header) -> None:
    if genesis.parent is not None or genesis.chain is not None or genesis.height != 0:
        raise InvalidProof("not a genesis header")


def advance_final(
    state: LightState,
    target: Header,
    certificate: bytes,
    final: Header,
    *,
    verify: Verify = verifies,
) -> LightState:
    """The state after `target`'s certificate has made `final` final, in the state's dynasty.

    Raises InvalidProof whose field is "certificate" or "final header", with the code BEHIND for a
    block below what is final already and CONFLICTING_FINAL for another one beside it. One call
    spans any distance within a dynasty.
    """
    with checking("certificate"):
        _check_votes(state, target, certificate, verify)
    place = place_of(final)
    with checking("final header"):
        if target.final_if_qc != place.id:
            raise InvalidProof("not the block that the certificate makes final")
        if place.height < state.final.height:
            raise InvalidProof(
                f"height {place.height} is below {state.final.height}, which is final already: "
                "ask a node that is up to date",
                code=BEHIND,
            )
        if place.height == state.final.height and place.id != state.final.id:
            raise conflict(place.id, state.final)
    return replace(state, final=place)


def conflict(block_id: Cid, known: Place) -> InvalidProof:
    """The rejection of a block that is proved final, at the height of another final block."""
    return InvalidProof(
        f"block {block_id} conflicts with the final block {known.id} of height {known.height}: "
        "at least a third of the producers broke the rules, and people must find out which holds",
        code=CONFLICTING_FINAL,
    )


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
    The handover block's header is not needed: all that the next set makes final lies above it.
    Raises InvalidProof whose field is "certificate", "handover" or "next set".
    """
    with checking("certificate"):
        _check_votes(state, limbo, certificate, verify)
    if limbo.handover is None or limbo.final_if_qc != limbo.handover:
        raise InvalidProof("the certificate does not make a handover final", field="handover")
    if limbo.next_set_hash == ZERO_DIGEST or limbo.next_set_hash != producers.hash:
        raise InvalidProof("not the set that was handed over to", field="next set")
    return replace(state, dynasty=state.dynasty + 1, members=producers.members)


def follow_dynasties(
    state: LightState, steps: Iterable[DynastyStep], *, verify: Verify = verifies
) -> LightState:
    """The state after these steps; raises InvalidProof whose field is "dynasty step i"."""
    for i, step in enumerate(steps):
        with checking(f"dynasty step {i}"):
            producers = ProducerSet(step.members)
            state = change_dynasty(state, step.limbo, step.certificate, producers, verify=verify)
    return state


def _check_votes(state: LightState, header: Header, certificate: bytes, verify: Verify) -> None:
    """Raise Invalid unless a quorum of the state's set voted for this block of its dynasty."""
    if header.chain != state.chain:
        raise InvalidProof("the block is of another chain")
    if header.dynasty != state.dynasty:
        code = BEHIND if header.dynasty < state.dynasty else None
        raise InvalidProof(
            f"the block is of dynasty {header.dynasty}, not {state.dynasty}", code=code
        )
    producers = state.producers
    if header.set_hash != producers.hash:
        raise InvalidProof("the block is of another producer set")
    check_certificate(certificate, producers, state.chain, header.id(), field="", verify=verify)


@contextmanager
def checking(check: str) -> Iterator[None]:
    """Turn every rejection inside into an InvalidProof that names the check."""
    try:
        yield
    except Invalid as error:
        code = error.code if isinstance(error, InvalidProof) else None
        raise InvalidProof(str(error), field=check, code=code) from error
