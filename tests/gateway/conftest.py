"""A node's world with content in it; coroutine tests run under trio."""

import inspect
from collections.abc import Iterator

import pytest
import trio.testing

from tests.api.world import World, open_world
from tests.gateway.published import Published, publish


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node without a network, for tests that take nothing from its store."""
    with open_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="module")
def published(world: World) -> Published:
    """What the world's node has published."""
    return publish(world)


@pytest.fixture
def autojump_clock() -> trio.testing.MockClock:
    """A clock that jumps to the next deadline whenever every task waits."""
    return trio.testing.MockClock(autojump_threshold=0)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = trio.testing.trio_test(pyfuncitem.obj)
