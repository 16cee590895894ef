"""Stories: how a chain comes to a state in which an action succeeds.

A module's stories stand in `stories/MODULE.json`, the last step of each being the action that it is
about. Actions are told without their proofs, which are made when the story is played.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.address import format_address, parse_address
from consensus.kinds import Json
from tests.economies.chain import Chain, attempt
from tests.economies.proofs import proved
from tests.economies.walk import Step
from vm.declare import Action
from vm.forms import ACTION, GOVERNED, formed
from vm.registry import REGISTRY
from vm.running import Running

STORIES = Path(__file__).parent / "stories"


class Untold(AssertionError):
    """A story does not go as it is told."""


@dataclass(frozen=True)
class Story:
    """On a chain of this preset, these steps succeed one after the other."""

    preset: str
    steps: tuple[Step, ...]

    @property
    def last(self) -> Step:
        """The step that it is about."""
        return self.steps[-1]

    @property
    def tag(self) -> str:
        """The type of action that it is about."""
        return self.last.action.tag

    def chain(self) -> Chain:
        """The chain before the last step; raises Untold."""
        chain = Chain(self.preset)
        for step in self.steps[:-1]:
            take(chain, step)
        return chain


def step_at(slot: int, sender: bytes, action: Action, turn: int = 0) -> Step:
    """A step on a chain that has a block in each slot."""
    return Step(slot, slot, sender, turn, action)


def take(chain: Chain, step: Step) -> None:
    """Make a block of this step; raises Untold if it fails."""
    running = chain.begin_block(step.slot, step.height)
    play(chain, running, step)
    chain.keep(chain.end_block(running))


def play(chain: Chain, running: Running, step: Step) -> None:
    """Carry out this step in a block; raises Untold if it fails."""
    failure = attempt(running, step.sender, proved_on(chain, step).action)
    if failure is not None:
        raise Untold(f"{step.action.tag} at slot {step.slot}: {failure}")


def proved_on(chain: Chain, step: Step) -> Step:
    """The step with the proofs that its action needs on this chain."""
    digest = chain.begun.genesis.chain
    return replace(step, action=proved(step.action, step.sender, digest, step.turn))


def stories_of(module: str) -> list[Story]:
    """The stories that were found for a module's actions; none if it has none yet."""
    file = STORIES / f"{module}.json"
    told = json.loads(file.read_text("utf-8")) if file.exists() else []
    return [Story(each["preset"], tuple(map(_step_from_json, each["steps"]))) for each in told]


def keep_stories(module: str, stories: Sequence[Story]) -> None:
    """Keep these as the module's stories, a step a line."""
    told = ",\n".join(_text(story) for story in sorted(stories, key=lambda story: story.tag))
    file = STORIES / f"{module}.json"
    if told:
        file.write_text(f"[\n{told}\n]\n", "utf-8")
    else:
        file.unlink(missing_ok=True)


def _text(story: Story) -> str:
    steps = ",\n".join(f"  {json.dumps(step)}" for step in map(_step_to_json, story.steps))
    return f' {{"preset": "{story.preset}", "steps": [\n{steps}\n ]}}'


def _step_to_json(step: Step) -> Json:
    fields = formed(type(step.action)).unpack(step.action.pack()).to_json()
    return {
        "slot": step.slot,
        "height": step.height,
        "sender": format_address(step.sender),
        "turn": step.turn,
        "action": {"type": step.action.tag, **fields},
    }


def _step_from_json(json: Mapping[str, Json]) -> Step:
    action = json["action"]
    if not isinstance(action, dict):
        raise TypeError("a step has an action")
    slot, height, turn = (int(str(json[name])) for name in ("slot", "height", "turn"))
    declared = REGISTRY.actions[str(action["type"])]
    wire = (GOVERNED if declared.governed else ACTION).from_json(action)
    sender = parse_address(str(json["sender"]))
    return Step(slot, height, sender, turn, REGISTRY.unpack_action(wire))
