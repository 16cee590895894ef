"""Actions that succeed, with something wrong: what becomes of each is what was looked at.

The outcomes stand in `outcomes/MODULE.txt`; look at what changes in them before it is kept.
"""

from difflib import unified_diff

import pytest

from consensus.errors import InvalidTransaction
from tests.economies.chain import Chain
from tests.refusals.cases import Case, cases_of
from tests.refusals.outcomes import kept_outcomes, outcomes_of, stories_told
from tests.refusals.sending import IMPOSSIBLE, PAYER, order, sent
from tests.refusals.story import Story
from vm.receipt import OK
from vm.registry import REGISTRY

MODULES = sorted({tag.partition(".")[0] for tag in REGISTRY.actions})


@pytest.mark.parametrize("module", MODULES)
def test_what_becomes_of_each_case_is_what_was_looked_at(module: str) -> None:
    kept, found = kept_outcomes(module).splitlines(), outcomes_of(module).splitlines()
    changes = "\n".join(unified_diff(kept, found, "kept", "found", lineterm="", n=0))
    assert kept == found, (
        f"{changes}\nIf all of that is as it should be: python -m tests.refusals {module}"
    )


@pytest.mark.parametrize("module", MODULES)
def test_each_action_succeeds_in_some_story(module: str) -> None:
    tags = {tag for tag in REGISTRY.actions if tag.startswith(f"{module}.")}
    assert {story.tag for story in stories_told(module)} == tags, (
        f"run: python -m tests.refusals {module}"
    )


@pytest.mark.parametrize("module", MODULES)
def test_what_is_governed_is_in_no_transaction_and_the_rest_in_no_proposal(module: str) -> None:
    for story in stories_told(module):
        wire, chain = story.last.action.pack(), Chain(story.preset)
        transaction = order(chain.state, chain, PAYER, wire)
        governed = REGISTRY.actions[story.tag].governed
        with pytest.raises(InvalidTransaction) as caught:
            REGISTRY.unpack_actions(transaction) if governed else REGISTRY.unpack_governed(wire)
        refused = (
            ("chain.governed-action", "actions[0]") if governed else ("chain.not-governed", "")
        )
        assert (caught.value.code, caught.value.field) == refused


@pytest.mark.parametrize("module", MODULES)
def test_what_is_refused_pays_its_fee_and_counts_its_nonce_and_no_more(module: str) -> None:
    """The block of a transaction that is refused writes to the rows that it also writes to for
    another one of the sender that pays a fee and fails."""
    for story in stories_told(module):
        case = _first_refused(story)
        if case is None:
            continue
        status, writes = sent(story, case.step.sender, case.step.action)
        impossible, as_ever = sent(story, case.step.sender, IMPOSSIBLE)
        assert status == case.outcome, case.what
        assert impossible != OK
        assert writes.keys() == as_ever.keys(), case.what


def _first_refused(story: Story) -> Case | None:
    """The first case that is refused in the story's own block; None if none is, or if what is
    refused stands in no transaction."""
    declared = REGISTRY.actions[story.tag]
    if declared.governed or declared.duty:
        return None
    apart = ("twice", "late")
    cases = (case for case in cases_of(story) if case.what not in apart)
    return next((case for case in cases if case.outcome != OK), None)
