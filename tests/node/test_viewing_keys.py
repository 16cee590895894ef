"""Keys of sealed content and viewing keys, all from an account's own seed."""

from itertools import pairwise

import pytest

from consensus.cid import RAW, cid_of
from consensus.errors import InvalidEncoding
from consensus.keys import KeyPair
from consensus.sealed import check_key
from consensus.sealed_key import open_sealed_key, viewing_key_of
from node.wallet.viewing import (
    account_viewing_key,
    account_viewing_secret,
    content_key,
    find_secret,
    new_sealing,
    seal_key,
    viewing_secret,
)

SEED, OTHER = b"s" * 32, b"o" * 32
VIDEO = cid_of(RAW, b"video")
DIGEST = b"d" * 32


def test_a_sealed_file_leads_its_owner_back_to_its_key() -> None:
    sealing = new_sealing(SEED, DIGEST, 0)
    check_key(sealing.header, sealing.key)
    assert content_key(SEED, sealing.header.nonce_prefix) == sealing.key
    assert content_key(OTHER, sealing.header.nonce_prefix) != sealing.key
    assert new_sealing(SEED, DIGEST, 0) == sealing
    assert sealing.key.hex() not in repr(sealing)


def test_whatever_differs_gives_another_key() -> None:
    made = [
        new_sealing(SEED, DIGEST, 0),
        new_sealing(SEED, DIGEST, 1),
        new_sealing(SEED, b"e" * 32, 0),
        new_sealing(OTHER, DIGEST, 0),
    ]
    assert len({sealing.key for sealing in made}) == 4
    assert len({sealing.header.nonce_prefix for sealing in made}) == 4
    other = cid_of(RAW, b"other")
    secrets = [
        viewing_secret(SEED, VIDEO, 0),
        viewing_secret(SEED, VIDEO, 1),
        viewing_secret(SEED, other, 0),
        viewing_secret(OTHER, VIDEO, 0),
        account_viewing_secret(SEED),
        content_key(SEED, bytes(19)),
        SEED,
    ]
    assert all(low != high for low, high in pairwise(sorted(secrets)))


def test_the_secret_of_a_viewing_key_is_found_again() -> None:
    for number in (0, 1, 40):
        secret = viewing_secret(SEED, VIDEO, number)
        viewing_key = viewing_key_of(secret)
        assert find_secret([OTHER, SEED], VIDEO, viewing_key, 40) == secret
        assert find_secret([OTHER], VIDEO, viewing_key, 40) is None
        assert find_secret([SEED], VIDEO, viewing_key, number - 1) is None
    own = account_viewing_key(KeyPair.from_seed(SEED).public)
    found = find_secret([OTHER, SEED], VIDEO, own, 0)
    assert found == account_viewing_secret(SEED)


def test_a_key_is_sealed_for_one_reader_and_never_twice_alike() -> None:
    secret = viewing_secret(SEED, VIDEO, 1)
    sealed = [seal_key(b"k" * 32, viewing_key_of(secret)) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert [open_sealed_key(each, secret) for each in sealed] == [b"k" * 32] * 2
    assert open_sealed_key(sealed[0], viewing_secret(SEED, VIDEO, 2)) is None


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31)])
def test_what_nobody_can_read_is_not_sealed(key: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        seal_key(b"k" * 32, key)
    with pytest.raises(InvalidEncoding):
        account_viewing_key(key)
