"""A chain of a preset on which accounts of all kinds do anything, one action a block.

After each block what it wrote is looked at: for each asset, as much more is held or burned as was
minted, and no cap is passed. Invariants of the whole state are looked at when a day begins.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.economies.chain import POLICY, Chain, attempt, unbalanced
from tests.economies.drawing import Drawing
from tests.economies.proofs import TURNS, proved
from vm.declare import Action
from vm.modules.economy import days_with_blocks
from vm.receipt import OK
from vm.registry import REGISTRY
from vm.running import Running

SOON, SOON_SLOTS = 0.9, 10  # how often a block comes within so many slots, and not within a day
FOLLOWED = 0.5
TRIES = 3
# Duties are of nodes and not of accounts; an upgrade ends what does not know it, as it should.
LEFT_OUT = ("producer.recommit", "slashing.report", "upgrade.schedule", "upgrade.cancel")
TYPES = [tag for tag in REGISTRY.actions if tag not in LEFT_OUT]


class Broken(AssertionError):
    """A promise of the economy does not hold."""


@dataclass(frozen=True)
class Step:
    """An action that succeeded, before it got its proofs (`turn`: see `proved`), by whom, and in
    which block."""

    slot: int
    height: int
    sender: bytes
    turn: int
    action: Action


@dataclass
class Walk:
    """`done`: how often each type of action succeeded; `failed`: of each type the codes of those
    that did not, with how often; `steps_done`: what succeeded; `module`: which is walked rather
    than others."""

    preset: str
    seed: int
    module: str = ""
    done: Tally[str] = field(default_factory=Tally)
    failed: dict[str, Tally[str]] = field(default_factory=lambda: defaultdict(Tally))
    steps_done: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(f"{self.preset} {self.seed}{self.module}")
        self.chain = Chain(self.preset)
        self.accounts = self.chain.begun.accounts
        self._drawing = Drawing(self._random, self.chain.state, self.accounts)
        for row in self.chain.begun.genesis.rows:
            self._drawing.note(row.key)
        self._likely = _types_of(self.module) or TYPES
        self._check_all()

    @property
    def days(self) -> int:
        """How many days have begun."""
        return days_with_blocks(self.chain.state)

    def steps(self, count: int) -> Iterator[str]:
        """Take so many steps, each of which yields what was done in it; raises Broken."""
        for _ in range(count):
            tag = self._next_type()
            yield f"{tag}: {self._block(tag)}"

    def _next_type(self) -> str:
        """Any type of action; as often one of the module in which something was done last, or
        which is walked rather than others."""
        likely = self._likely if self._random.random() < FOLLOWED else TYPES
        return self._random.choice(likely)

    def _block(self, tag: str) -> str:
        """The next block, in which actions of this type are tried: what becomes of the last."""
        chain, day = self.chain, self.days
        is_soon = self._random.random() < SOON
        slots = self._random.randint(1, SOON_SLOTS if is_soon else chain.day_slots)
        running = chain.begin_block(chain.slot + slots)
        code = self._try_some(running, tag)
        writes = chain.end_block(running)
        for sentence in unbalanced(chain.state, writes):
            raise Broken(f"{tag}: {sentence}")
        self._keep(writes)
        if self.days > day:
            self._check_all()
        return code

    def _try_some(self, running: Running, tag: str) -> str:
        """Draw actions of this type until one succeeds, a few at most."""
        code, block = "", self.chain.block()
        for _ in range(TRIES):
            action = self._drawing.action(tag, block.height, block.time_ms)
            code = self._try(running, REGISTRY.unpack_action(action), block.chain)
            if code == OK:
                self._likely = _types_of(self.module or tag.partition(".")[0]) or TYPES
                break
        return code

    def _try(self, running: Running, drawn: Action, chain: bytes) -> str:
        """Let one account after another try the action until it succeeds; raises Broken."""
        tag, turn, code = drawn.tag, self._random.randrange(TURNS), ""
        governed = REGISTRY.actions[tag].governed
        senders = [POLICY] if governed else self._random.sample(self.accounts, len(self.accounts))
        for sender in senders:
            before = running.state.writes()
            failure = attempt(running, sender, proved(drawn, sender, chain, turn))
            if failure is None:
                self.done[tag] += 1
                place = self.chain.slot, self.chain.height
                self.steps_done.append(Step(*place, sender, turn, drawn))
                return OK
            code = failure.code
            if code not in REGISTRY.errors:
                raise Broken(f"{tag} fails by {code}, which nobody has declared: {drawn}")
            if running.state.writes() != before:
                raise Broken(f"{tag} fails by {code} and changes the state: {drawn}")
            self.failed[tag][code] += 1
        return code

    def _check_all(self) -> None:
        for sentence in REGISTRY.broken_invariants(self.chain.state):
            raise Broken(sentence)

    def _keep(self, writes: Mapping[bytes, bytes | None]) -> None:
        for state_key, value in writes.items():
            if value is not None and self.chain.state.get(state_key) is None:
                self._drawing.note(state_key)
        self.chain.keep(writes)


def _types_of(module: str) -> list[str]:
    return [tag for tag in TYPES if tag.partition(".")[0] == module]
