"""Stories of an alliance: members who are replaced, and recipients of stipends, whose months take
longer than walks do."""

from collections.abc import Iterator

from tests.economies.chain import PEOPLE, POLICY
from tests.economies.walk import Step
from tests.refusals.story import Story, step_at
from vm.modules.gov import NameAlternates, Replace, SetLimit
from vm.modules.stipends import Assess, Claim, Enlist, Open, Remove

PRESET, NATIVE, POT = "devnet", "REEL", "treasury"
MONTH_SLOTS = 30 * 60  # of this preset
BODY, PROGRAMME, UNITS, MONTHS = "council", "leaders", 1000, 3
FIRST, SECOND, OTHER = PEOPLE[0], PEOPLE[1], PEOPLE[5]


def allying() -> Iterator[Story]:
    """All of them."""
    for steps in (*_replacing(), *_paying()):
        yield Story(PRESET, tuple(steps))


def _replacing() -> Iterator[list[Step]]:
    """A council's member gives way to its alternate; a policy is limited."""
    named = [step_at(2, POLICY, NameAlternates(BODY, (OTHER,)))]
    yield [*named, step_at(3, POLICY, Replace(BODY, FIRST))]
    yield [step_at(2, POLICY, SetLimit(BODY, 1, 60))]


def _paying() -> Iterator[list[Step]]:
    """Two are paid for three months; one of them is removed after the first."""
    opened = [step_at(2, POLICY, Open(PROGRAMME, NATIVE, UNITS, MONTHS, POT, "orders"))]
    enlisted = [*opened, step_at(3, POLICY, Enlist(PROGRAMME, (FIRST, SECOND)))]
    assessed = [
        *enlisted,
        step_at(3 + MONTH_SLOTS, POLICY, Assess(PROGRAMME, 1, (FIRST,), (SECOND,), ())),
    ]
    later = 4 + MONTH_SLOTS
    yield opened
    yield enlisted
    yield assessed
    yield [*assessed, step_at(later, POLICY, Remove(PROGRAMME, (FIRST,)))]
    yield [*assessed, step_at(later, FIRST, Claim(PROGRAMME))]
