"""How far finality was behind during a soak, and how far single nodes were."""

from collections.abc import Mapping
from dataclasses import dataclass

from consensus.kinds import JsonObject


@dataclass
class FinalityWatch:
    """The worst that was seen: of the network, which holds final what any node does, the slots
    from the newest final block's to the clock's, and the seconds until a newer one was seen; and
    of a single node that nothing had disturbed lately, the slots. Times are seconds."""

    gap_slots: int = 0
    gap_s: float = 0.0
    gap_at_s: float = 0.0
    node_slots: int = 0
    node: str = ""
    final_slot: int = -1
    _since_s: float | None = None

    def see(self, at_s: float, slot: int, final: Mapping[str, int], settled: set[str]) -> None:
        """Take in the slots of the nodes' final blocks at a time in a slot of the clock."""
        newest = max([self.final_slot, *final.values()])
        if self._since_s is None:
            self._since_s = at_s
        if at_s - self._since_s > self.gap_s:
            self.gap_s, self.gap_at_s = at_s - self._since_s, at_s
        if newest > self.final_slot:
            self.final_slot, self._since_s = newest, at_s
        self.gap_slots = max(self.gap_slots, slot - newest)
        for name in settled & final.keys():
            if slot - final[name] > self.node_slots:
                self.node_slots, self.node = slot - final[name], name

    def to_json(self) -> JsonObject:
        """For the report."""
        return {
            "worst_gap_slots": self.gap_slots,
            "worst_gap_s": round(self.gap_s, 1),
            "worst_gap_at_s": round(self.gap_at_s, 1),
            "worst_node_slots": self.node_slots,
            "worst_node": self.node,
        }
