"""A node's side of the network, and a chain elsewhere whose blocks it is sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain import Chain
from tests.node.network import open_chain
from tests.node.side import GENESIS, Side, open_side


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    """The node under test."""
    with open_side(tmp_path) as made:
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Chain]:
    """A chain elsewhere that makes the blocks."""
    chain, database = open_chain(GENESIS, tmp_path / "other")
    yield chain
    database.close()
