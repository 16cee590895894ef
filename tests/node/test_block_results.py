"""What is kept of a block's run."""

from hypothesis import given
from hypothesis import strategies as st

from node.block_results import NO_RESULTS, BlockResults, encode_results
from vm.receipt import Event, Receipt

COUNTS = st.integers(0, 2**40)
RECEIPTS = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["ok", "token.insufficient-balance"]),
    st.none() | st.integers(0, 15),
    *[COUNTS] * 4,
).map(lambda fields: Receipt(*fields))
EVENTS = st.tuples(st.none() | COUNTS, COUNTS).map(
    lambda fields: Event(fields[0], ["some.event", 1, fields[1]])
)


@given(st.lists(RECEIPTS, max_size=30), st.lists(EVENTS, max_size=30))
def test_results_are_joined_of_what_is_encoded_already(
    receipts: list[Receipt], events: list[Event]
) -> None:
    results = BlockResults(tuple(receipts), tuple(events))
    made = encode_results([each.encode() for each in receipts], [each.encode() for each in events])
    assert made == results.encode()
    assert BlockResults.decode(made) == results


def test_an_empty_block_has_none() -> None:
    assert BlockResults.decode(NO_RESULTS) == BlockResults((), ())
