"""Evidence that this node knows and that is not punished yet: on disk, a bounded number."""

from collections.abc import Iterator

from consensus.evidence import Evidence, check_evidence
from node.chain import Chain
from vm.modules.slashing import is_punishable, is_punished
from vm.view import View

# More offenders at once than two sets have: the oldest evidence gives way.
MAX_EVIDENCE = 64


class EvidencePool:
    """One piece of evidence for each offender's key, as one offence is punished."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        found = (Evidence.decode(data) for data in chain.blocks.evidence())
        self._by_key = {evidence.key: evidence for evidence in found}

    def add(self, evidence: Evidence) -> bool:
        """Keep evidence against a producer that is not punished yet; whether it is new.

        Raises InvalidEvidence for what proves nothing.
        """
        chain = self._chain
        if evidence.key in self._by_key:
            return False
        if not self._is_punishable(chain.state_of(chain.fork.head), evidence.key):
            return False
        check_evidence(evidence, chain.id, verify=chain.verified.signature)
        self._by_key[evidence.key] = evidence
        chain.blocks.put_evidence(evidence.key, evidence.encode())
        while len(self._by_key) > MAX_EVIDENCE:
            self._drop(next(iter(self._by_key)))
        return True

    def pending(self, state: View) -> Iterator[Evidence]:
        """What a block on this state can still report."""
        return (item for item in self.items() if self._is_punishable(state, item.key))

    def _is_punishable(self, state: View, key: bytes) -> bool:
        head = self._chain.fork.head
        seats = head.next_members or head.members
        return is_punishable(state, key, seats, self._chain.clock.start_ms(head.slot))

    def items(self) -> tuple[Evidence, ...]:
        """All that is kept."""
        return tuple(self._by_key.values())

    def forget_punished(self) -> None:
        """Drop what the final state has punished."""
        state = self._chain.state.view()
        for key in list(self._by_key):
            if is_punished(state, key):
                self._drop(key)

    def _drop(self, key: bytes) -> None:
        del self._by_key[key]
        self._chain.blocks.put_evidence(key, None)
