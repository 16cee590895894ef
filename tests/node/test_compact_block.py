"""Blocks put together from their compact form: the same byte for byte, or not at all."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.block import MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS, Block, Body
from consensus.codec import Wire
from consensus.compact import (
    SHORT_ID_BYTES,
    CompactBlock,
    block_bytes,
    compact_block,
    short_transaction_id,
)
from consensus.errors import InvalidBlock, InvalidEncoding
from consensus.hashing import sha256
from consensus.merkle import merkle_root
from consensus.record import replace
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import read_block
from node.compact_block import Puzzle
from tests.consensus.largest import HEADER

SIGNATURE = bytes(range(64))


def pending(number: int, padding: int = 0) -> EncodedTransaction:
    action: list[Wire] = ["some.action", 1, number, bytes(padding)]
    transaction = Transaction(
        bytes(32), bytes(32), None, number, 2**40, "REEL", number, (action,), ()
    )
    return EncodedTransaction.of(transaction)


def block_of(parts: Sequence[EncodedTransaction], certificate: bytes = b"certificate") -> Block:
    """A block whose header names these transactions."""
    root = merkle_root([part.id for part in parts])
    header = replace(HEADER, qc_hash=sha256(certificate), transactions_root=root)
    return Block(header, SIGNATURE, Body(certificate, tuple(part.transaction for part in parts)))


def compact_of(parts: Sequence[EncodedTransaction]) -> CompactBlock:
    return compact_block(block_of(parts).encode(), [part.id for part in parts])


def known(parts: Sequence[EncodedTransaction]) -> Callable[[bytes], EncodedTransaction | None]:
    return {short_transaction_id(part.id): part for part in parts}.get


several = st.lists(st.integers(0, 2**30), max_size=40, unique=True).map(
    lambda numbers: [pending(number) for number in numbers]
)
shares = st.lists(st.booleans(), min_size=40, max_size=40)


@given(several, st.lists(st.integers(2**31, 2**32), max_size=5), st.binary(max_size=200))
def test_who_has_all_transactions_makes_the_block_byte_for_byte(
    parts: list[EncodedTransaction], more: list[int], certificate: bytes
) -> None:
    block = block_of(parts, certificate)
    raw = block.encode()
    compact = compact_block(raw, [part.id for part in parts])
    assert CompactBlock.decode(compact.encode()) == compact
    assert (compact.header, compact.signature) == (block.header, block.signature)
    puzzle = Puzzle(compact, known([*map(pending, more), *parts]))
    assert (len(puzzle), puzzle.missing) == (len(parts), ())
    assert puzzle.solve() == read_block(raw)


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 300])
def test_heads_of_every_size_are_right(count: int) -> None:
    parts = [pending(number) for number in range(count)]
    raw = block_of(parts).encode()
    assert block_bytes(compact_of(parts), [part.data for part in parts]) == raw


@given(several, shares, st.integers(0, 40))
def test_what_is_missing_is_named_exactly_and_completes_the_block(
    parts: list[EncodedTransaction], share: list[bool], first: int
) -> None:
    missing = tuple(place for place in range(len(parts)) if share[place])
    present = [part for place, part in enumerate(parts) if place not in missing]
    puzzle = Puzzle(compact_of(parts), known(present))
    assert puzzle.missing == missing
    given_first = missing[:first]
    puzzle.fill(missing, [parts[place].data for place in given_first])
    assert puzzle.missing == missing[first:]
    assert (puzzle.solve() is None) == bool(missing[first:])
    puzzle.fill(missing[first:], [parts[place].data for place in missing[first:]])
    assert puzzle.solve() == read_block(block_of(parts).encode())


@given(several.filter(bool), st.data())
def test_a_wrong_transaction_is_noticed_wherever_it_comes_from(
    parts: list[EncodedTransaction], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(parts) - 1))
    wrong = pending(2**33)
    others = known([part for part in parts if part is not parts[place]])
    puzzle = Puzzle(compact_of(parts), others)
    with pytest.raises(InvalidBlock, match=f"transaction {place} is not"):
        puzzle.fill((place,), (wrong.data,))
    with pytest.raises(InvalidBlock, match=f"transaction {place} is not"):
        puzzle.fill((place,), (b"no transaction at all",))  # it is not even read
    assert puzzle.missing == (place,)
    same = {short_transaction_id(parts[place].id): wrong}  # two transactions of one short id
    assert Puzzle(compact_of(parts), lambda short: same.get(short) or others(short)).solve() is None


@given(several.filter(bool), st.data())
def test_no_other_short_ids_make_a_block(
    parts: list[EncodedTransaction], data: st.DataObject
) -> None:
    ids = compact_of(parts).split_ids()
    changed = data.draw(
        st.one_of(
            st.permutations(ids),
            st.lists(st.sampled_from(ids), max_size=2 * len(ids)),
        ).filter(lambda found: found != ids)
    )
    compact = replace(compact_of(parts), short_ids=b"".join(changed))
    assert Puzzle(compact, known(parts)).solve() is None


def test_what_no_node_sends_on_is_refused() -> None:
    parts = [pending(number) for number in range(3)]
    compact = compact_of(parts)
    with pytest.raises(InvalidBlock, match="certificate"):
        Puzzle(replace(compact, certificate=b"another"), known(parts))
    with pytest.raises(InvalidEncoding, match="steps of 8"):
        Puzzle(replace(compact, short_ids=compact.short_ids[:-1]), known(parts))
    puzzle = Puzzle(compact, known(parts[:1]))
    with pytest.raises(InvalidBlock, match="more transactions"):
        puzzle.fill(puzzle.missing, [part.data for part in parts])


def test_a_producer_cannot_make_a_node_build_a_block_beyond_all_bounds() -> None:
    """One large transaction, named again and again by a header that is in order."""
    large = pending(1, padding=60_000)
    count = MAX_BLOCK_BYTES // len(large.data) + 1
    assert count * SHORT_ID_BYTES < MAX_BLOCK_TRANSACTIONS
    compact = compact_of([large] * count)
    with pytest.raises(InvalidBlock, match="exceed 4194304 bytes"):
        Puzzle(compact, known([large])).solve()
    few = [large] * (count - 1)
    assert Puzzle(compact_of(few), known([large])).solve() is not None
