"""The nodes of a soak: their processes, who of them is disturbed now, and what they have used."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from node.client import Client
from node.failure import Failure
from node.local.network import LocalNetwork
from node.local.process import NodeProcess
from tests.soak.memory import Life

# A node that stands still answers afterwards.
ANSWER_S = 60.0
# So long after a disturbance a node may still be catching up.
SETTLED_S = 30.0

T = TypeVar("T")


@dataclass
class Member:
    """A node. While it is `away` somebody has stopped it on purpose; its last disturbance ended
    at `since` (time.monotonic). A life lasts from a start of its process to its end."""

    process: NodeProcess
    client: Client
    away: bool = False
    since: float = field(default_factory=time.monotonic)
    lives: list[Life] = field(default_factory=lambda: [Life()])
    crash: str = ""

    @property
    def name(self) -> str:
        """The node's."""
        return self.process.name

    @property
    def is_settled(self) -> bool:
        """Whether it should be where the others are."""
        return self.is_up and time.monotonic() - self.since >= SETTLED_S

    @property
    def is_up(self) -> bool:
        """Whether it should answer."""
        return not self.away and not self.crash

    def watch(self) -> None:
        """Measure its process, or note that it has ended by itself."""
        if not self.is_up:
            return
        if self.process.is_running:
            self.lives[-1].measure(self.process.pid)
        else:
            self.crash = str(self.process.ended())

    async def restart(self) -> None:
        """Start it after its process has ended."""
        try:
            await self.process.start()
        except Failure as error:
            self.crash = f"did not start again: {error}"
            return
        self.lives.append(Life())
        self.come_back()

    def come_back(self) -> None:
        """Note that nothing keeps it away any more."""
        self.away, self.since = False, time.monotonic()


class Fleet:
    """All nodes."""

    def __init__(self, network: LocalNetwork, members: list[Member]) -> None:
        self.clock = network.clock
        self.members = members

    def up(self) -> list[Member]:
        """Those that should answer."""
        return [member for member in self.members if member.is_up]

    def one(self, chance: random.Random) -> Member | None:
        """Any that should answer, of the settled ones if there are any."""
        up = self.up()
        settled = [member for member in up if member.is_settled]
        return chance.choice(settled or up) if up else None

    async def ask(
        self, question: Callable[[Client], Awaitable[T]], within_s: float = ANSWER_S
    ) -> dict[str, T]:
        """The same of all nodes at one time; the answers, by name, of those that answer."""
        found: dict[str, T] = {}

        async def ask_one(member: Member) -> None:
            with trio.move_on_after(within_s), suppress(Failure):  # killed or stopped just now
                found[member.name] = await question(member.client)

        async with trio.open_nursery() as nursery:
            for member in self.up():
                nursery.start_soon(ask_one, member)
        return found


@asynccontextmanager
async def fleet_of(network: LocalNetwork) -> AsyncIterator[Fleet]:
    """The nodes of a network that runs."""
    members = [
        Member(process, Client(process.api, timeout_s=ANSWER_S)) for process in network.nodes
    ]
    try:
        yield Fleet(network, members)
    finally:
        with trio.CancelScope(shield=True):
            for member in members:
                await member.client.close()
