"""The beacon's commit-reveal chains."""

import hashlib

import pytest

from consensus.beacon import GENESIS_BEACON, RevealChain, check_reveal, next_beacon
from consensus.codec import encode
from consensus.errors import InvalidHeader

SEED, SALT = b"s" * 32, b"salt"


@pytest.mark.parametrize("length", [1, 2, 3, 4, 9, 10, 100, 101])
def test_reveals_are_the_links_of_the_chain_backwards(length: int) -> None:
    links = [hashlib.sha256(encode(["reveal", 1, SEED, SALT])).digest()]
    for _ in range(length):
        links.append(hashlib.sha256(links[-1]).digest())
    chain = RevealChain(SEED, SALT, length)
    assert chain.commitment == links[-1]
    assert [chain.reveal(used) for used in range(length)] == links[-2::-1]


def test_each_reveal_answers_the_commitment_before_it() -> None:
    chain = RevealChain(SEED, SALT, 50)
    commitment = chain.commitment
    for used in range(50):
        reveal = chain.reveal(used)
        check_reveal(commitment, reveal)
        commitment = reveal


def test_any_other_reveal_is_refused() -> None:
    chain = RevealChain(SEED, SALT, 5)
    for reveal in (chain.reveal(1), chain.commitment, bytes(32), chain.reveal(0)[:-1]):
        with pytest.raises(InvalidHeader) as caught:
            check_reveal(chain.commitment, reveal)
        assert caught.value.field == "reveal"


def test_seed_and_salt_make_different_chains() -> None:
    chains = [RevealChain(s, t, 3) for s, t in ((b"a", b"b"), (b"a", b"c"), (b"ab", b""))]
    assert len({chain.commitment for chain in chains}) == 3


def test_a_chain_ends() -> None:
    chain = RevealChain(SEED, SALT, 4)
    for used in (4, -1):
        with pytest.raises(ValueError):
            chain.reveal(used)
    with pytest.raises(ValueError):
        RevealChain(SEED, SALT, 0)


def test_memory_and_work_grow_with_the_square_root() -> None:
    chain = RevealChain(SEED, SALT, 10_000)
    assert len(chain._checkpoints) == 100
    assert chain._stride == 100


def test_the_beacon_absorbs_reveals() -> None:
    reveal = b"r" * 32
    assert next_beacon(GENESIS_BEACON, reveal) == hashlib.sha256(bytes(32) + reveal).digest()
