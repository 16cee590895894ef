"""Stories of funds: founded, joined, invested, paid into, claimed from and left."""

from collections.abc import Iterator

from tests.economies.chain import PEOPLE
from tests.economies.walk import Step
from tests.refusals.story import Story, step_at
from tests.vm.world import GENESIS_TIME_MS
from vm.modules.fund import YES, Claim, Contribute, Found, Leave, PayIn, Propose, Terms, Vote

PRESET, NATIVE = "devnet", "REEL"
ONE, OTHER, THIRD = PEOPLE[:3]
UNITS = 1_000
GATHERED_SLOT = 10
TERMS = Terms(NATIVE, 100, GENESIS_TIME_MS + 1000 * GATHERED_SLOT, 50, 20, 60, 60)


def funding() -> Iterator[Story]:
    """All of them."""
    begun = _begun()
    gathered = [*begun, step_at(5, OTHER, Contribute(2, TERMS, UNITS))]
    proposed = [*gathered, step_at(GATHERED_SLOT, ONE, Propose(2, THIRD, UNITS, "a film"))]
    voted = [*proposed, step_at(GATHERED_SLOT + 1, OTHER, Vote(2, 1, YES))]
    paid_in = [*voted, step_at(GATHERED_SLOT + 2, THIRD, PayIn(2, UNITS, "its income"))]
    yield Story(PRESET, tuple(begun))
    for steps in (gathered, proposed, voted, paid_in):
        yield Story(PRESET, tuple(steps))
    yield Story(PRESET, (*paid_in, step_at(GATHERED_SLOT + 3, ONE, Claim(2))))
    yield Story(PRESET, (*paid_in, step_at(GATHERED_SLOT + 3, OTHER, Leave(2))))


def _begun() -> list[Step]:
    """Two funds are founded, on other terms."""
    other = Terms(NATIVE, 200, TERMS.until_ms, 0, 0, 10, 10)
    return [
        step_at(2, THIRD, Found("Music", other, UNITS)),
        step_at(3, ONE, Found("Films", TERMS, UNITS)),
    ]
