"""Finding stories: what a walk happens upon, and of it only what is needed."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from genesis.preset import preset_names
from tests.economies.walk import Step, Walk
from tests.refusals.mutations import Mutating
from tests.refusals.story import Story, Untold, play, proved_on

STEPS = 500  # of a walk of one module rather than others
MORE_STEPS = 2500  # of a walk of all, if that was not enough
SEEDS = 5
LOOKED_AT = 3


@dataclass
class Search:
    """The stories with the most that may go wrong, of these types of the module's actions."""

    module: str
    tags: Sequence[str]
    found: dict[str, tuple[int, Story]] = field(default_factory=dict)

    def stories(self) -> Iterator[Story]:
        """A story for each type that any walk has come upon, short: at least a walk of each preset
        is looked at, and no more than are needed."""
        presets = preset_names()
        walks = product(((self.module, STEPS), ("", MORE_STEPS)), range(SEEDS), presets)
        for number, ((walked, steps), seed, preset) in enumerate(walks):
            if number < len(presets) or len(self.found) < len(self.tags):
                self._walk(Walk(preset, seed, walked), steps)
        for _, story in self.found.values():
            yield shortened(story)

    def _walk(self, walk: Walk, steps: int) -> None:
        times = Tally[str]()
        for _ in walk.steps(steps):
            done = walk.steps_done
            if not done or done[-1].slot != walk.chain.slot or done[-1].action.tag not in self.tags:
                continue
            times[done[-1].action.tag] += 1
            if times[done[-1].action.tag] <= LOOKED_AT:
                self._consider(walk)

    def _consider(self, walk: Walk) -> None:
        """Keep what the walk has done if more may go wrong in it than in what is known, and it
        needs no blocks in which nothing succeeded."""
        story = Story(walk.preset, tuple(walk.steps_done))
        last = proved_on(walk.chain, story.last)
        wrongs = len([*Mutating(last, walk.chain.state, walk.accounts).every()])
        if wrongs > self.found.get(story.tag, (-1, story))[0] and goes(story):
            self.found[story.tag] = wrongs, story


def goes(story: Story) -> bool:
    """Whether it goes as it is told."""
    try:
        wrongs_of(story)
    except Untold:
        return False
    return True


def wrongs_of(story: Story) -> set[str]:
    """What may be wrong with the last step; raises Untold."""
    chain = story.chain()
    running = chain.begin_block(story.last.slot, story.last.height)
    step = proved_on(chain, story.last)
    found = {each.what for each in Mutating(step, running.state, chain.begun.accounts).every()}
    play(chain, running, story.last)
    return found


def shortened(story: Story) -> Story:
    """As short a story with as much that may go wrong."""
    wanted = wrongs_of(story)

    def is_enough(steps: Sequence[Step]) -> bool:
        try:
            return wanted <= wrongs_of(Story(story.preset, (*steps, story.last)))
        except Untold:
            return False

    steps: list[Step] = list(story.steps[:-1])
    own = [step for step in steps if _module(step) == _module(story.last)]
    if is_enough(own):
        steps = own
    for module in sorted({_module(step) for step in steps}):
        rest = [step for step in steps if _module(step) != module]
        if is_enough(rest):
            steps = rest
    return Story(story.preset, (*_fewest(steps, is_enough), story.last))


def _fewest(steps: list[Step], is_enough: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Steps without any that can be left out, larger stretches first."""
    size = max(1, len(steps) // 2)
    while True:
        start, is_shorter = 0, False
        while start < len(steps):
            rest = steps[:start] + steps[start + size :]
            if is_enough(rest):
                steps, is_shorter = rest, True
            else:
                start += size
        if size == 1 and not is_shorter:
            return steps
        size = max(1, size // 2)


def _module(step: Step) -> str:
    return step.action.tag.partition(".")[0]
