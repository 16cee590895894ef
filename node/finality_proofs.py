"""Proofs of finality, given to peers and judged: who is ahead, and whether two histories exist."""

from collections.abc import Iterable, Iterator

from consensus.block import Header
from consensus.cid import Cid
from consensus.finality_proof import MAX_PROOF_HEADERS, FinalityProof, check_finality
from consensus.fork_choice import ConflictingFinality
from consensus.hashing import ZERO_DIGEST
from consensus.light import DynastyStep
from consensus.producers import ProducerSet
from node.candidate import BlockHead, header_of, read_head
from node.chain import Chain

# A final block's certificate is embedded a few blocks above it, unless finality was late.
_SEARCHED_BLOCKS = 64


def proof_above(chain: Chain, height: int) -> FinalityProof | None:
    """A proof whose headers reach down to the final block at `height`: the first that the chain
    embeds, which is of that block's dynasty or a handover to the next. None if there is none, or
    the blocks from `height` on are not all kept.

    It only reads what is durably final, and may run in a thread.
    """
    first = max(1, chain.blocks.first_height())
    if not first <= height <= chain.durable_final.height:
        return None
    newest = chain.final_proof()
    if newest is None or height > newest.final.height:
        return None
    top = min(newest.final.height, height + _SEARCHED_BLOCKS)
    for block in _blocks(chain, range(height + 1, top + 1)):
        found = _embedded(chain, block, height)
        if found is not None:
            return _down_to(chain, found, height)
    return _down_to(chain, newest, height)


def window_above(chain: Chain, after: int, limit: int) -> FinalityProof | None:
    """A proof whose headers reach from the final block above the height `after` as far up as
    they can, by the set that votes on the block at `after`: whoever holds that block as final
    knows this set. It ends at the latest at a block that hands over to another one.

    `limit` is how many headers are enough: there are more only if nothing became final for longer.
    None if there is nothing to prove, or the blocks above `after` are not all kept. It only reads
    what is durably final, and may run in a thread.
    """
    first = max(1, chain.blocks.first_height())
    base = chain.blocks.block_or_header(after)
    if base is None or not first <= after + 1 <= chain.durable_final.height:
        return None
    newest = chain.final_proof()
    if newest is None or after >= newest.final.height:
        return None
    header = header_of(base)
    dynasty = header.dynasty + (header.next_set_hash != ZERO_DIGEST)
    top, enough = newest.final.height, after + limit
    if top <= enough and newest.target.dynasty == dynasty:
        return _down_to(chain, newest, after + 1)
    turn = min(top, enough + _SEARCHED_BLOCKS)
    end = min(top, after + MAX_PROOF_HEADERS)
    best: FinalityProof | None = None
    for best in _proofs(chain, range(turn, after, -1), dynasty, after + 1):
        if best.final.height <= enough:
            break
    if best is None:
        best = next(_proofs(chain, range(turn + 1, end + 1), dynasty, after + 1), None)
    if best is None and newest.target.dynasty == dynasty:
        best = newest
    return None if best is None else _down_to(chain, best, after + 1)


def _proofs(
    chain: Chain, heights: Iterable[int], dynasty: int, least: int
) -> Iterator[FinalityProof]:
    """What the blocks of these heights embed by the set of a dynasty for blocks of `least` and
    above."""
    for block in _blocks(chain, heights):
        target = block.header.qc_target
        if target is not None and target.dynasty == dynasty:
            found = _embedded(chain, block, least)
            if found is not None:
                yield found


def _blocks(chain: Chain, heights: Iterable[int]) -> Iterator[BlockHead]:
    for height in heights:
        raw = chain.blocks.at(height)
        if raw is not None:
            yield read_head(raw)


def _embedded(chain: Chain, block: BlockHead, height: int) -> FinalityProof | None:
    """The proof that a final block's certificate is, if it is one of a block at or above."""
    if not block.certificate or block.header.qc_target is None:
        return None
    target = _header(chain, block.header.qc_target.id)
    final = None if target is None or target.final_if_qc is None else target.final_if_qc
    header = None if final is None else _header(chain, final)
    if target is None or header is None or header.height < height:
        return None
    return FinalityProof(target, block.certificate, (header,))


def _down_to(chain: Chain, proof: FinalityProof, height: int) -> FinalityProof | None:
    """The proof with the headers from its final block's down to `height`."""
    if proof.final.height - height >= MAX_PROOF_HEADERS:
        return None
    headers = [proof.final]
    for at in range(proof.final.height - 1, height - 1, -1):
        raw = chain.blocks.at(at)
        if raw is None:
            return None
        headers.append(read_head(raw).header)
    return FinalityProof(proof.target, proof.certificate, tuple(headers))


def _header(chain: Chain, block_id: Cid) -> Header | None:
    raw = chain.blocks.get(block_id)
    return None if raw is None else header_of(raw)


def is_ahead(chain: Chain, proof: FinalityProof) -> bool:
    """Whether the proof shows a final block beyond the own one.

    False also if the set of its dynasty is not known here yet. Raises Invalid… for a proof that
    proves nothing, ConflictingFinality for one of another final history.
    """
    members = _members_of(chain, proof.target.dynasty)
    if members is None:
        return False
    check_finality(proof, chain.id, members, verify=chain.verified.signature)
    final = chain.durable_final
    for header in proof.headers:
        if chain.history.holds(header.height, header.id()) is False:
            raise ConflictingFinality(final.ref, proof)
    lowest = proof.lowest
    if lowest.height == final.height + 1 and lowest.parent != final.id:
        raise ConflictingFinality(final.ref, proof)
    return proof.final.height > final.height


def _members_of(chain: Chain, dynasty: int) -> ProducerSet | None:
    final = chain.durable_final
    if dynasty == final.dynasty:
        return final.members
    if dynasty == final.dynasty + 1:
        return final.next_members
    if dynasty > final.dynasty:
        return None
    if dynasty == 0:
        return chain.genesis.producer_set
    data = chain.blocks.handover(dynasty - 1)
    return None if data is None else ProducerSet(DynastyStep.decode(data).members)
