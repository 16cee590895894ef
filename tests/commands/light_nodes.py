"""Nodes for `reelect light`: real ones, in this process, and proxies that lie about them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import trio

import cli
from consensus.light_answer import LightAnswer, decode_answer
from genesis.file import Genesis
from node.api.app import make_app
from node.client import Client
from node.commands import light_options
from node.query.answers import PROBLEM_PREFIX
from tests.api.world import GENESIS, World
from tests.commands.conftest import Answer

Alter = Callable[[LightAnswer], LightAnswer]


class Proxy(httpx.AsyncBaseTransport):
    """The way to a node: `before` is called with each request, `body` changes what is answered."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._node = httpx.ASGITransport(make_app(world.services))
        self.before: Callable[[str], None] = lambda _: None
        self.body: Callable[[bytes], bytes] = lambda body: body
        self.asked: list[str] = []

    def alter(self, change: Alter) -> None:
        """Change all answers from now on."""
        self.body = lambda body: change(decode_answer(body)).encode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode().removeprefix("/v1/light/"))
        self.before(request.url.path)
        response = await self._node.handle_async_request(request)
        body = await response.aread()
        if response.status_code == 200:
            body = self.body(body)
        headers = {"content-type": response.headers["content-type"]}
        return httpx.Response(response.status_code, headers=headers, content=body)


class Refusing(httpx.AsyncBaseTransport):
    """A node that answers all requests with one problem, or not at all."""

    def __init__(self, code: str | None, status: int = 503) -> None:
        self.code = code
        self.status = status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.code is None:
            raise httpx.ConnectError("refused")
        title, kind = self.code, PROBLEM_PREFIX + self.code
        problem = {"type": kind, "title": title, "detail": f"because of {title}"}
        return httpx.Response(self.status, json=problem)


class Silent(httpx.AsyncBaseTransport):
    """A node that never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError


@dataclass
class Light:
    """The command line, with `nodes` by address, and the clock of `world`."""

    home: Path
    capsys: pytest.CaptureFixture[str]
    world: World
    nodes: dict[str, httpx.AsyncBaseTransport] = field(default_factory=dict)
    now_ms: int | None = None

    def add(self, name: str, node: httpx.AsyncBaseTransport) -> str:
        """A further node; returns its address."""
        url = f"http://{name}:7480"
        self.nodes[url] = node
        return url

    def client(self, url: str, **options: float) -> Client:
        """In the place of node.client.Client."""
        return Client(url, transport=self.nodes[url], timeout_s=options["timeout_s"])

    def clock(self) -> int:
        """In the place of the machine's."""
        return self.world.now_ms if self.now_ms is None else self.now_ms

    def __call__(self, *arguments: str) -> Answer:
        code = cli.run(["light", *arguments])
        out, err = self.capsys.readouterr()
        return Answer(code, out, err)

    def json(self, *arguments: str) -> dict[str, object]:
        """What a command that succeeds prints."""
        answer = self(*arguments, "--json")
        assert (answer.code, answer.err) == (0, "")
        found = json.loads(answer.out)
        assert isinstance(found, dict)
        return found

    @property
    def state_file(self) -> Path:
        """Where the state is kept if nothing else is said."""
        return self.home / ".reelect" / "light" / "state.cbor"

    @property
    def evidence(self) -> list[Path]:
        """The files of evidence."""
        return sorted((self.state_file.parent / "evidence").glob("*"))


def light_commands(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    genesis: Genesis = GENESIS,
) -> Light:
    """The commands, with one honest node and its genesis file configured."""
    made = Light(home, capsys, world)
    file = home / "genesis.cbor"
    file.write_bytes(genesis.encode())
    honest = made.add("honest", Proxy(world))
    monkeypatch.setattr(light_options, "Client", made.client)
    monkeypatch.setattr(light_options, "now_ms", made.clock)
    monkeypatch.setenv("REELECT_CLIENT_NODE", honest)
    monkeypatch.setenv("REELECT_CLIENT_GENESIS", str(file))
    return made
