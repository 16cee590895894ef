"""What the two sides of a settled session think of each other."""

from vm.modules.ratings.tables import ratings

__all__ = ["ratings"]
