"""Evidence against keys of a chain without consensus: headers that no chain holds."""

from consensus.block import BlockRef, Header, Target, vote_message
from consensus.evidence import (
    DOUBLE_BLOCK,
    SURROUND,
    Evidence,
    Statement,
    evidence_of_blocks,
    evidence_of_votes,
)
from consensus.keys import KeyPair
from consensus.record import replace
from genesis.file import Genesis


def _header(genesis: Genesis, slot: int, source: int, salt: int) -> Header:
    root = genesis.header.id()
    return replace(
        genesis.header,
        chain=genesis.chain,
        slot=slot,
        base=BlockRef(root, 0),
        qc_target=Target(root, source, 0),
        state_root=bytes([salt]) * 32,
    )


def offend(genesis: Genesis, key: KeyPair, offence: str = DOUBLE_BLOCK, slot: int = 5) -> Evidence:
    """Good evidence that the key did this, at this slot at last."""
    headers = (_header(genesis, slot, 0, 1), _header(genesis, slot, 0, 2))
    if offence == SURROUND:
        headers = (headers[0], _header(genesis, slot - 1, 1, 2))
    one, other = (Statement(header, _signed(genesis, key, offence, header)) for header in headers)
    judge = evidence_of_blocks if offence == DOUBLE_BLOCK else evidence_of_votes
    made = judge(key.public, one, other)
    if made is None or made.offence != offence:
        raise ValueError(f"no {offence}")
    return made


def _signed(genesis: Genesis, key: KeyPair, offence: str, header: Header) -> bytes:
    block_id = header.id()
    if offence == DOUBLE_BLOCK:
        return key.sign(block_id.binary)
    return key.sign(vote_message(genesis.chain, block_id))
