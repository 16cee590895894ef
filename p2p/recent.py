"""A set that forgets: bounded memory of what has been seen lately."""


class RecentSet:
    """Remembers at least the last `capacity` keys and at most twice as many.

    Two generations: when the young one is full, or `age` is called, the old one is dropped.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def __contains__(self, key: bytes) -> bool:
        return key in self._young or key in self._old

    def __len__(self) -> int:
        return len(self._young | self._old)

    def add(self, key: bytes) -> None:
        """Remember `key`."""
        if len(self._young) >= self._capacity:
            self.age()
        self._young.add(key)

    def discard(self, key: bytes) -> None:
        """Forget `key` at once."""
        self._young.discard(key)
        self._old.discard(key)

    def age(self) -> None:
        """Forget what was not added since the last time."""
        self._old, self._young = self._young, set()
