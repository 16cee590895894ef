"""Each rule of the economies has tests in a file of its own, which fail without it.

`test_p2.py` is about rule P2; its `DISABLED` says how the rule is switched off.
"""

from importlib import import_module
from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from tests.rules.disabled import Disabled

RULES = sorted(
    path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_[pwtk][0-9]*.py")
)


@pytest.mark.parametrize("rule", RULES)
def test_the_tests_of_a_rule_fail_without_it(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"tests.rules.test_{rule}")
    tests = [test for name, test in getmembers(module, isfunction) if name.startswith("test_")]
    disabled: Disabled = module.DISABLED
    monkeypatch.setattr(disabled.target, disabled.replacement)
    for test in tests:
        try:
            test()
        except Exception:
            return
    pytest.fail(f"the tests of {rule.upper()} pass although it is disabled")
