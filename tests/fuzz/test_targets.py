"""Each target in short, without coverage to guide it: `make fuzz` does it at length."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, Broken, Target

CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 3),
        st.one_of(
            st.binary(max_size=5), st.sampled_from([b"\x9b" + b"\xff" * 8, b"\xa0", b"\xf6"])
        ),
    ),
    max_size=4,
)


def changed(seed: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """A seed with some bytes taken out and others put in their place."""
    for part, removed, added in changes:
        at = int(part * (len(seed) + 1))
        seed = seed[:at] + added + seed[at + removed :]
    return seed


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_it_reads_what_it_should(target: Target) -> None:
    assert any(target.run(seed) for seed in target.seeds)
    assert max(map(len, target.seeds)) <= 4 * target.max_bytes


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_nothing_is_raised_and_what_is_accepted_has_one_encoding(target: Target) -> None:
    seeds = st.sampled_from([seed for seed in target.seeds if len(seed) < 32_000])

    @settings(max_examples=40)
    @given(st.one_of(st.binary(max_size=60), st.builds(changed, seeds, CHANGES)))
    def run(data: bytes) -> None:
        target.run(data)

    run()


def test_a_reader_that_accepts_two_spellings_is_found() -> None:
    with pytest.raises(Broken):
        targets._exactly(bytes.strip, bytes, b" x")
    with pytest.raises(ValueError, match="invalid literal"):
        targets._exactly(int, bytes, b"x")
