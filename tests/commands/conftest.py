"""Commands against a node without sockets, whose chain goes on with every question."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

import cli
from node.api.app import make_app
from node.client import Client
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore, Strength
from tests.api.world import ALICE, BASE_URL, BOB, World, open_world

PASSWORD = "correct horse"
WEAK = Strength(1, 8192)


class LivingTransport(httpx.AsyncBaseTransport):
    """Requests go into the application; each question about a transaction makes a block."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._application = httpx.ASGITransport(make_app(world.services, loopback=True))
        self.stalled = False
        self.requests: list[tuple[str, str]] = []

    def skip(self, slots: int) -> None:
        """So many slots go by empty; two more have blocks."""
        first = self._world.chain.fork.head.slot + slots + 1
        self._world.slots([first, first + 1])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        if request.method == "GET" and "/transactions/" in request.url.path and not self.stalled:
            self._world.slots([self._world.chain.fork.head.slot + 1])
        return await self._application.handle_async_request(request)


@dataclass(frozen=True)
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """The one JSON object on stdout."""
        found: dict[str, object] = json.loads(self.out)
        return found

    @property
    def error(self) -> dict[str, object]:
        """The JSON error on stderr."""
        found: dict[str, dict[str, object]] = json.loads(self.err)
        return found["error"]


Run = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, without settings from outside."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("REELECT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process."""

    def run_command(*arguments: str) -> Answer:
        code = cli.run(list(arguments))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture
def node(world: World, home: Path, monkeypatch: pytest.MonkeyPatch) -> LivingTransport:
    """The node that commands ask; the keystore has alice, who has funds, and bob."""
    transport = LivingTransport(world)
    monkeypatch.setattr("node.commands.asking.Client", partial(Client, transport=transport))
    monkeypatch.setattr("node.client.POLL_S", 0)
    monkeypatch.setenv("REELECT_CLIENT_NODE", BASE_URL)
    monkeypatch.setenv("REELECT_CLIENT_ACCOUNT", "alice")
    monkeypatch.setenv("REELECT_PASSWORD", PASSWORD)
    store = Keystore(home / ".reelect" / "node" / "keystore")
    for name, key in (("alice", ALICE), ("bob", BOB)):
        store.add(name, KeyKind.ACCOUNT, key.seed, PASSWORD, strength=WEAK)
    return transport
