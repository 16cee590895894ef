"""What an attack is: a name, what it does, and what the node must have done about it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import trio

from consensus.keys import KeyPair
from p2p.identity import PeerId
from tests.hostile.client import Victim, new_key
from tests.hostile.renegade import Renegade

VERDICT_S = 20.0
ATTACK_S = 240.0  # of the longest, on a slow machine
_POLL_S = 0.1


class Outcome(Enum):
    """What a node does about a peer."""

    REFUSED = "never becomes a peer"
    PARTED = "the connection ends, and the log says why"
    BANNED = "is banned, and the log says why"
    BORNE = "only costs the peer its share"


_LOGGED = {Outcome.PARTED: "disconnected: ", Outcome.BANNED: "banned: "}


@dataclass
class Scene:
    """An attack under way: whom it is aimed at, and in which names."""

    victims: Sequence[Victim]
    renegade: Renegade
    ids: int
    names: list[tuple[Victim, PeerId]] = field(default_factory=list)

    @property
    def victim(self) -> Victim:
        """The node that an attack on one is aimed at."""
        return self.victims[0]

    def name(self, victim: Victim | None = None) -> KeyPair:
        """A new identity, for which the outcome must show at this victim."""
        key = new_key()
        self.names.append((victim or self.victim, key.public))
        return key

    async def until_logged(self, victims: Sequence[Victim], key: bytes, *words: str) -> None:
        """Return when each of these nodes has a line with all of these words about a key."""
        for victim in victims:
            with trio.move_on_after(VERDICT_S):
                while not _says(victim, key, words):  # noqa: ASYNC110 - a file has no event
                    await trio.sleep(_POLL_S)
                continue
            raise AssertionError(f"{victim.name} says no {words}: {victim.log_lines(key)[-5:]}")


def _says(victim: Victim, key: bytes, words: Sequence[str]) -> bool:
    return any(all(word in line for word in words) for line in victim.log_lines(key))


@dataclass(frozen=True)
class Attack:
    """`why` is part of what the log says with the peer's id, unless it is only BORNE or REFUSED
    before any name is known. One that is `alone` would spoil others that ran beside it."""

    name: str
    outcome: Outcome
    why: str
    run: Callable[[Scene], Awaitable[None]]
    alone: bool = False

    async def execute(self, scene: Scene) -> None:
        """Attack; raises AssertionError if the node did not do what it must have done, TooSlowError
        if nothing comes of it."""
        with trio.fail_after(ATTACK_S):
            await self.run(scene)
        if self.outcome in _LOGGED:
            assert scene.names, "nobody's outcome can be seen"
            for victim, peer in scene.names:
                await scene.until_logged([victim], peer, _LOGGED[self.outcome], self.why)


ATTACKS: list[Attack] = []


def attack(
    outcome: Outcome, why: str = "", *, alone: bool = False
) -> Callable[[Callable[[Scene], Awaitable[None]]], Callable[[Scene], Awaitable[None]]]:
    """Declare a function an attack; its name is the attack's, its docstring says what it does."""

    def declare(
        run: Callable[[Scene], Awaitable[None]],
    ) -> Callable[[Scene], Awaitable[None]]:
        ATTACKS.append(Attack(run.__name__.replace("_", " "), outcome, why, run, alone))
        return run

    return declare
