"""The table of rules is up to date, and no row of it is empty."""

from pathlib import Path

import pytest

from tests.rules.table import RULES, declared, page, proofs_of


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_something_that_holds_it_and_a_test(rule: str) -> None:
    assert declared()[rule], f"no action, parameter or call of the API names {rule} in its sentence"
    assert proofs_of(rule), f"there is no tests/rules/test_{rule.lower()}.py"


def test_the_page_is_that_of_the_declarations() -> None:
    file = Path(__file__).parents[2] / "docs" / "economies.md"
    assert file.read_text("utf-8") == "\n".join(page()) + "\n", (
        "run: python -m tests.rules.table > docs/economies.md"
    )
