"""How many bytes wait for all peers together, and for each."""

from collections.abc import Callable

Count = Callable[[int], None]


def uncounted(_: int) -> None:
    """The `Count` of a queue that belongs to nobody's share."""


class Budget:
    """The sum of all shares. When it grows beyond `max_bytes`, `shed` is called, which must have
    the owner of a large share give it back."""

    def __init__(self, max_bytes: int, shed: Callable[[], None]) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0
        self._shed = shed

    def count(self, change_bytes: int) -> None:
        """So many bytes more wait, or fewer."""
        self.held_bytes += change_bytes
        if change_bytes > 0 and self.held_bytes > self.max_bytes:
            self._shed()


class Share:
    """What one peer holds of the budget."""

    def __init__(self, budget: Budget) -> None:
        self.held_bytes = 0
        self._budget: Budget | None = budget

    def count(self, change_bytes: int) -> None:
        """So many bytes more wait, or fewer."""
        if self._budget is not None:
            self.held_bytes += change_bytes
            self._budget.count(change_bytes)

    def give_back(self) -> None:
        """The peer is let go: nothing counts for it any more."""
        budget, self._budget = self._budget, None
        if budget is not None:
            budget.count(-self.held_bytes)
            self.held_bytes = 0
