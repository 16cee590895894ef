"""The cases of a story: its last step with something wrong, sent twice, sent too late."""

from collections.abc import Iterator
from dataclasses import dataclass

from consensus.errors import ActionFailed
from tests.economies.chain import Chain, attempt, unbalanced
from tests.economies.walk import Step
from tests.refusals.mutations import Mutating
from tests.refusals.story import Story, proved_on, take
from vm.declare import Action
from vm.receipt import OK
from vm.registry import REGISTRY
from vm.running import Running

LATE_S = 3 * 31_622_400  # past every term: three years
BLOCKS_TO_SETTLE = 3


class Unsound(AssertionError):
    """A refusal, or what was not refused, breaks a promise."""


@dataclass(frozen=True)
class Case:
    """What was wrong, the step with that, and what became of it: "ok" or the code of a refusal."""

    what: str
    step: Step
    outcome: str


def cases_of(story: Story) -> Iterator[Case]:
    """All cases of the story, the story itself first; raises Untold or Unsound."""
    chain = story.chain()
    last = proved_on(chain, story.last)
    running = chain.begin_block(last.slot, last.height)
    yield Case("as it is", last, _outcome(chain, running, last))
    for mutation in Mutating(last, running.state, chain.begun.accounts).every():
        step = proved_on(chain, mutation.step)  # what is proved follows what is wrong
        if step == last:  # a proof itself is wrong
            step = mutation.step
        yield Case(mutation.what, step, _outcome(chain, running, step))
    yield Case("twice", last, _twice(story.chain(), last))
    yield Case("late", last, _late(story.chain(), last))


def _twice(chain: Chain, last: Step) -> str:
    take(chain, last)
    return _outcome(chain, chain.begin_block(last.slot + 1), last)


def _late(chain: Chain, last: Step) -> str:
    slot = last.slot + chain.slots(LATE_S)
    for block in range(BLOCKS_TO_SETTLE):
        chain.keep(chain.end_block(chain.begin_block(slot + block)))
    return _outcome(chain, chain.begin_block(chain.slot + 1), last)


def _outcome(chain: Chain, running: Running, step: Step) -> str:
    """Try this in the block, and leave the block as it was; raises Unsound."""
    action, before, rows = step.action, running.savepoint(), running.state.writes()
    REGISTRY.action_gas(action, running.state)
    failure = attempt(running, step.sender, action)
    if failure is None:
        _check_sound(chain, running, action)
        running.rollback(before)
        return OK
    if running.state.writes() != rows:
        raise Unsound(f"{failure.code} changes the state: {action}")
    _check_failure(failure, action)
    again = attempt(running, step.sender, action)
    if again is None or (again.code, again.field) != (failure.code, failure.field):
        raise Unsound(f"{failure}, and when it is sent again {again}: {action}")
    return failure.code


def _check_failure(failure: ActionFailed, action: Action) -> None:
    if failure.code not in REGISTRY.errors:
        raise Unsound(f"{failure.code} is declared by no module: {action}")
    first = failure.field.removeprefix("[0]").lstrip(".").split(".")[0].split("[")[0]
    if first and first not in {field.name for field in action.fields}:
        raise Unsound(f"{failure.code} names {failure.field}, which is no field: {action}")
    if not failure.message:
        raise Unsound(f"{failure.code} says nothing: {action}")


def _check_sound(chain: Chain, running: Running, action: Action) -> None:
    """Raise Unsound unless value and invariants hold after the block, and with time going by."""
    writes = chain.end_block(running)
    faults = [*unbalanced(chain.state, writes), *REGISTRY.broken_invariants(running.state)]
    after = chain.fork(writes)
    for slots in (chain.day_slots, chain.slots(LATE_S)):
        later = after.end_block(after.begin_block(after.slot + slots))
        faults += unbalanced(after.state, later)
        after.keep(later)
    faults += REGISTRY.broken_invariants(after.state)
    if faults:
        raise Unsound(f"{faults[0]}: {action}")
