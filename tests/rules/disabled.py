"""Rules that are switched off, to see that their tests notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Disabled:
    """A rule without effect: what `target` names, a module's attribute by its dotted path, is
    `replacement` instead, and one of the tests of the rule's file must fail."""

    target: str
    replacement: object
