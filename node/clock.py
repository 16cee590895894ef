"""Slots on the wall clock: the one place where time becomes slot numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotClock:
    """Slot 0 begins at `genesis_time_ms` (Unix time); each slot takes `slot_ms`."""

    genesis_time_ms: int
    slot_ms: int

    def slot_at(self, time_ms: int) -> int:
        """The slot that `time_ms` lies in; negative before genesis."""
        return (time_ms - self.genesis_time_ms) // self.slot_ms

    def start_ms(self, slot: int) -> int:
        """When the slot begins."""
        return self.genesis_time_ms + slot * self.slot_ms

    def middle_ms(self, slot: int) -> int:
        """When half of the slot is over."""
        return self.start_ms(slot) + self.slot_ms // 2

    def end_ms(self, slot: int) -> int:
        """When the slot is over."""
        return self.start_ms(slot + 1)

    @property
    def skew_ms(self) -> int:
        """How far clocks may differ: a quarter of a slot (DESIGN section 3)."""
        return self.slot_ms // 4
