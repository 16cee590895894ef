"""What must hold between the rows of governance, whatever was proposed and voted."""

from collections import Counter as Count
from collections.abc import Iterator

from vm.modules.chain import CONSTANTS
from vm.modules.gov.closing import DEPOSITS_POT
from vm.modules.gov.membership import AGENDA as TERMS
from vm.modules.gov.membership import alternates_of
from vm.modules.gov.polls import AGENDA as DEADLINES
from vm.modules.gov.polls import tally_of
from vm.modules.gov.tables import (
    ABSTAIN,
    BALLOTS,
    BODIES,
    CENSUSES,
    LIMITS,
    NO,
    OPEN,
    POLICIES,
    PROPOSALS,
    ROLL,
    TALLIES,
    YES,
    gov,
)
from vm.modules.tokens import pot_of
from vm.table import KeyPart
from vm.view import View


@gov.invariant
def bodies_agree(view: View) -> Iterator[str]:
    """Bodies count their members, within their caps, and terms are listed."""
    sizes: Count[str] = Count()
    terms: set[tuple[KeyPart, ...]] = set()
    for (name, account), member in ROLL.every(view):
        sizes[name] += 1
        if member.until_ms:
            terms.add((member.until_ms, name, account))
    for (name,), body in BODIES.every(view):
        census = CENSUSES.get(view, name)
        if (0 if census is None else census.size) != sizes[name]:
            yield f"{name} has {sizes.pop(name)} members, {census} says otherwise"
        if body.cap < sizes.pop(name, 0):
            yield f"{name} has more members than {body.cap}"
        if len(alternates_of(view, name)) > body.alternates:
            yield f"{name} has more alternates than {body.alternates}"
    for (policy,), _ in LIMITS.every(view):
        if POLICIES.get(view, policy) is None:
            yield f"the limit of {policy} is of no policy"
    for name in sizes:
        yield f"there are members of {name}, which is no body"
    yield from TERMS.disagreements(view, terms)


@gov.invariant
def polls_agree(view: View) -> Iterator[str]:
    """Tallies are the sums of their ballots, open stages are listed, deposits are held."""
    sums: Count[tuple[int, int, str]] = Count()
    for (number, place, _), ballot in BALLOTS.every(view):
        sums[number, place, ballot.choice] += ballot.weight
    for (number, place), tally in TALLIES.every(view):
        counted = tuple(sums[number, place, choice] for choice in (YES, NO, ABSTAIN))
        if counted != (tally.yes, tally.no, tally.abstain):
            yield f"stage {place} of proposal {number}: {tally} is not the sum {counted}"
    open_ = {n: row for (n,), row in PROPOSALS.every(view) if row.status == OPEN}
    yield from DEADLINES.disagreements(
        view, {(tally_of(view, n, row).closes_ms, n) for n, row in open_.items()}
    )
    constants, deposits = CONSTANTS.get(view), sum(row.deposit for row in open_.values())
    if constants is not None and pot_of(view, DEPOSITS_POT, constants.native_asset) != deposits:
        yield f"the open proposals' deposits are {deposits}, the pot says otherwise"
