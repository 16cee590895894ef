"""The cases find what they are there for."""

from dataclasses import replace
from pathlib import Path

import pytest

import tests.refusals.story as story_file
from consensus.cid import RAW, cid_of
from tests.economies.chain import PEOPLE, Chain
from tests.economies.walk import Step, Walk
from tests.refusals import telling
from tests.refusals.cases import Unsound, cases_of
from tests.refusals.mutations import NOBODY, Mutating
from tests.refusals.outcomes import kept_outcomes, outcomes_of
from tests.refusals.story import Story, Untold, keep_stories, stories_of
from tests.refusals.telling import shortened, wrongs_of
from vm.context import Context
from vm.declare import ErrorCode
from vm.modules.social import Like
from vm.modules.tokens import Burn, Transfer, credit
from vm.modules.tokens.tables import INSUFFICIENT
from vm.running import Running

PAID = 5
PAY = Step(2, 2, PEOPLE[0], 0, Transfer(PEOPLE[1], "REEL", PAID, ""))
STORY = Story("devnet", (PAY,))


def unsound() -> str:
    """What is found to be wrong with the story."""
    with pytest.raises(Unsound) as caught:
        list(cases_of(STORY))
    return str(caught.value)


def test_a_story_has_a_case_for_each_thing_that_may_be_wrong() -> None:
    assert {case.what: case.outcome for case in cases_of(STORY)} == {
        "as it is": "ok",
        "sent by another": "ok",
        "sent by nobody": "token.insufficient-balance",
        "sent by its to": "ok",
        "to: nobody": "ok",
        "to: another": "ok",
        "to: the sender": "ok",
        "asset: unknown": "token.unknown-asset",
        "amount: the least": "ok",
        "amount: more than there is": "token.insufficient-balance",
        "amount: the most": "token.insufficient-balance",
        "twice": "ok",
        "late": "ok",
    }


def test_what_is_referred_to_is_something_else_that_is_there() -> None:
    chain = Chain("devnet")
    like = replace(PAY, action=Like(cid_of(RAW, b"film")))
    steps = {each.what: each.step for each in Mutating(like, chain.state, tuple(PEOPLE)).every()}
    assert [*steps] == ["sent by another", "sent by nobody", "video: unknown"]
    assert steps["sent by another"].sender == PEOPLE[1]
    assert steps["sent by nobody"].sender == NOBODY


def test_a_code_that_nobody_has_declared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Transfer, context: Context) -> None:
        if self.amount != PAID:
            raise ErrorCode("token.odd", "Odd.").failed()

    monkeypatch.setattr(Transfer, "apply", fail)
    assert unsound().startswith("token.odd is declared by no module")


def test_a_field_that_is_none_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Transfer, context: Context) -> None:
        if self.amount != PAID:
            raise INSUFFICIENT.failed(field="units")

    monkeypatch.setattr(Transfer, "apply", fail)
    assert unsound().startswith("token.insufficient-balance names units, which is no field")


def test_what_a_refusal_leaves_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Transfer, context: Context) -> None:
        if self.amount != PAID:
            credit(context.state, self.to, "REEL", 1)
            raise INSUFFICIENT.failed()

    monkeypatch.setattr(Transfer, "apply", fail)
    monkeypatch.setattr(Running, "rollback", lambda self, before: None)
    assert unsound().startswith("token.insufficient-balance changes the state")


def test_a_code_that_is_another_the_second_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = iter(["amount", "to"])

    def fail(self: Transfer, context: Context) -> None:
        if self.amount != PAID:
            raise INSUFFICIENT.failed(field=next(fields))

    monkeypatch.setattr(Transfer, "apply", fail)
    assert "when it is sent again to:" in unsound()


def test_value_from_nowhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(self: Transfer, context: Context) -> None:
        credit(context.state, self.to, self.asset, self.amount)

    monkeypatch.setattr(Transfer, "apply", create)
    assert unsound().startswith("5 of REEL came from nowhere")


def test_what_is_no_rejection_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def divide(self: Transfer, context: Context) -> None:
        credit(context.state, self.to, self.asset, 0 // (self.amount - 1))

    monkeypatch.setattr(Transfer, "apply", divide)
    with pytest.raises(ZeroDivisionError):
        list(cases_of(STORY))


def test_what_is_refused_no_more_changes_the_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Burn, "apply", lambda self, context: None)
    assert "token.burn sent by nobody -> token.insufficient-balance\n" in kept_outcomes("token")
    assert "token.burn sent by nobody -> ok\n" in outcomes_of("token")


def test_a_story_that_does_not_go_says_where() -> None:
    poor = replace(PAY, sender=NOBODY)
    with pytest.raises(Untold, match=r"token\.transfer at slot 2"):
        list(cases_of(Story("devnet", (poor, replace(PAY, slot=3, height=3)))))


def test_a_story_is_kept_as_short_as_it_can_be_with_as_much_that_may_go_wrong() -> None:
    walk = Walk("devnet", 1, "gov")
    list(walk.steps(60))
    long = Story("devnet", tuple(walk.steps_done))
    short = shortened(long)
    assert len(short.steps) < len(long.steps)
    assert wrongs_of(short) >= wrongs_of(long)
    for left_out in range(len(short.steps) - 1):
        fewer = Story("devnet", (*short.steps[:left_out], *short.steps[left_out + 1 :]))
        assert not _is_as_good(fewer, long)


def test_what_is_kept_of_a_story_is_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = stories_of("gov")
    monkeypatch.setattr(story_file, "STORIES", tmp_path)
    assert stories_of("gov") == []
    keep_stories("gov", told)
    assert stories_of("gov") == told
    keep_stories("gov", [])
    assert stories_of("gov") == []
    assert not [*tmp_path.iterdir()]


def test_a_story_is_found_of_what_a_walk_comes_upon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "STEPS", 40)
    (story,) = telling.Search("fee", ["fee.set_price"]).stories()
    assert story.tag == "fee.set_price"
    assert next(cases_of(story)).outcome == "ok"


def _is_as_good(story: Story, other: Story) -> bool:
    try:
        return wrongs_of(story) >= wrongs_of(other)
    except Untold:
        return False
