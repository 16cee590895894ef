"""All attacks; a module's are declared when it is imported."""

from tests.hostile.attack import ATTACKS
from tests.hostile.attacks import (
    consensus,
    identities,
    kinds,
    questions,
    strangers,
)

__all__ = ["ATTACKS", "consensus", "identities", "kinds", "questions", "strangers"]
