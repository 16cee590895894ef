"""The disturbances of a soak: now and then one node is killed and started again, or stands still
for a while."""

import os
import random
import signal
from dataclasses import dataclass

import trio

from consensus.kinds import JsonObject
from tests.soak.fleet import Fleet, Member

KILL, PAUSE = "kill", "pause"
AWAY_S = {KILL: (1.0, 15.0), PAUSE: (2.0, 20.0)}


@dataclass(frozen=True, slots=True)
class Fault:
    """A node was killed or paused so many seconds after the beginning, for so long (the start of
    its process not counted)."""

    at_s: float
    kind: str
    node: str
    away_s: float

    def to_json(self) -> JsonObject:
        """For the report."""
        return {
            "at_s": round(self.at_s, 1),
            "kind": self.kind,
            "node": self.node,
            "away_s": round(self.away_s, 1),
        }


class Faults:
    """One fault each `every_s` seconds, drawn by chance."""

    def __init__(self, fleet: Fleet, every_s: float, chance: random.Random) -> None:
        self.done: list[Fault] = []
        self._fleet = fleet
        self._every_s = every_s
        self._chance = chance

    def count(self, kind: str) -> int:
        """How many of a kind there were."""
        return sum(fault.kind == kind for fault in self.done)

    async def run(self) -> None:
        """Disturb until cancelled; what is then disturbed comes back."""
        begun = trio.current_time()
        for turn in range(1, 1_000_000):
            await trio.sleep_until(begun + turn * self._every_s)
            kind = self._chance.choice((KILL, PAUSE))
            away_s = self._chance.uniform(*AWAY_S[kind])
            member = self._chance.choice(self._fleet.members)
            if member.is_up:
                fault = Fault(trio.current_time() - begun, kind, member.name, away_s)
                self.done.append(fault)
                await (_kill if kind == KILL else _pause)(member, away_s)


async def _kill(member: Member, away_s: float) -> None:
    member.away = True
    try:
        member.process.kill()
        await member.process.wait()
        await trio.sleep(away_s)
    finally:
        with trio.CancelScope(shield=True):
            await member.process.wait()
            await member.restart()


async def _pause(member: Member, away_s: float) -> None:
    member.away = True
    os.kill(member.process.pid, signal.SIGSTOP)
    try:
        await trio.sleep(away_s)
    finally:
        os.kill(member.process.pid, signal.SIGCONT)
        member.come_back()
