"""A chain of a preset on which accounts of all kinds do anything, one action a block.

After each block what it wrote is looked at: for each asset, as much more is held or burned as was
minted, and no cap is passed. Invariants of the whole state are looked at when a day begins.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from consensus.beacon import RevealChain, next_beacon
from consensus.cid import DAG_CBOR, cid_of
from consensus.errors import ActionFailed
from consensus.hashing import ZERO_DIGEST
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.preset import load_preset
from genesis.producer_record import make_producer_record
from tests.economies.drawing import Drawing
from tests.economies.proofs import TURNS, proved
from tests.vm.world import CONSENSUS, GENESIS_TIME_MS, PRODUCERS, key
from vm.context import BlockContext
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.economy import days_with_blocks, economy_constants
from vm.modules.gov import policy_id
from vm.modules.producer import Commitment
from vm.modules.tokens import AssetRow, Balance, Pot
from vm.overlay import EmptyView, Overlay
from vm.receipt import OK
from vm.registry import REGISTRY
from vm.running import Running
from vm.table import TableDeclaration

PEOPLE = [key(f"person {place}").public for place in range(6)]
POLICY = policy_id("any")
SOON, SOON_SLOTS = 0.9, 10  # how often a block comes within so many slots, and not within a day
FOLLOWED = 0.5
TRIES = 3
# Duties are of nodes and not of accounts; an upgrade ends what does not know it, as it should.
LEFT_OUT = ("producer.recommit", "slashing.report", "upgrade.schedule", "upgrade.cancel")
TYPES = [tag for tag in REGISTRY.actions if tag not in LEFT_OUT]
SALT = b"the walk"


class Broken(AssertionError):
    """A promise of the economy does not hold."""


@dataclass
class Walk:
    """`done`: how often each type of action succeeded; `failed`: of each type
    the codes of those that did not, with how often; `height`: that of the newest block."""

    preset: str
    seed: int
    most_steps: int
    done: Tally[str] = field(default_factory=Tally)
    failed: dict[str, Tally[str]] = field(default_factory=lambda: defaultdict(Tally))

    def __post_init__(self) -> None:
        self._random = Random(f"{self.preset} {self.seed}")
        self._reveals = [RevealChain(bytes([i]) * 32, SALT, self._turns) for i in range(4)]
        self._genesis, roles = self._begin()
        others = [each.public for each in PRODUCERS[1:]]  # the first makes the blocks, no more
        self.accounts = [*PEOPLE, *others, *roles.values()]
        self.state = Overlay(EmptyView())
        self._drawing = Drawing(self._random, self.state, self.accounts)
        self._keep({row.key: row.value for row in self._genesis.rows})
        self._constants = chain_constants(self.state)
        self._day_slots = 1000 * economy_constants(self.state).day_s // self._constants.slot_ms
        self.height = self._slot = 1
        self._likely = TYPES
        self._check_all()

    @property
    def days(self) -> int:
        """How many days have begun."""
        return days_with_blocks(self.state)

    @property
    def _turns(self) -> int:
        return 1 + self.most_steps

    def _begin(self) -> tuple[Genesis, dict[str, bytes]]:
        preset = load_preset(self.preset)
        roles = {role: key(role).public for role in preset.setup.roles}
        units = preset.funding.account_units
        records = [
            make_producer_record(
                PRODUCERS[i], CONSENSUS[i], f"p{i}", Commitment(SALT, chain.commitment, self._turns)
            )
            for i, chain in enumerate(self._reveals)
        ]
        grants = [(account, units) for account in PEOPLE if units]
        made = build_genesis(preset, records, grants, GENESIS_TIME_MS, roles=roles)
        return made, roles

    def steps(self, count: int) -> Iterator[str]:
        """Take so many steps, each of which yields what was done in it; raises Broken."""
        for _ in range(count):
            tag = self._next_type()
            yield f"{tag}: {self._block(tag)}"

    def _next_type(self) -> str:
        """Any type of action; as often one of the module in which something was done last."""
        likely = self._likely if self._random.random() < FOLLOWED else TYPES
        return self._random.choice(likely)

    def _block(self, tag: str) -> str:
        """The next block, in which actions of this type are tried: what becomes of the last."""
        self.height += 1
        is_soon = self._random.random() < SOON
        self._slot += self._random.randint(1, SOON_SLOTS if is_soon else self._day_slots)
        block, day = self._context(), self.days
        running = Running(block, Overlay(self.state), REGISTRY)
        context = running.context(block.producer, None)
        for step in REGISTRY.block_steps:
            step(context)
        code = self._try_some(running, tag, block)
        for step in REGISTRY.end_steps:
            step(context)
        self._check_conserved(running.state.writes(), tag)
        self._keep(running.state.writes())
        if self.days > day:
            self._check_all()
        return code

    def _try_some(self, running: Running, tag: str, block: BlockContext) -> str:
        """Draw actions of this type until one succeeds, a few at most."""
        code = ""
        for _ in range(TRIES):
            action = self._drawing.action(tag, block.height, block.time_ms)
            code = self._try(running, REGISTRY.unpack_action(action), block.chain)
            if code == OK:
                self._likely = [each for each in TYPES if _module(each) == _module(tag)]
                break
        return code

    def _try(self, running: Running, drawn: Action, chain: bytes) -> str:
        """Let one account after another try the action until it succeeds; raises Broken."""
        tag, turn, code = drawn.tag, self._random.randrange(TURNS), ""
        governed = REGISTRY.actions[tag].governed
        senders = [POLICY] if governed else self._random.sample(self.accounts, len(self.accounts))
        for sender in senders:
            before = running.state.writes()
            failure = self._run(running, sender, proved(drawn, sender, chain, turn), governed)
            if failure is None:
                self.done[tag] += 1
                return OK
            code = failure.code
            if code not in REGISTRY.errors:
                raise Broken(f"{tag} fails by {code}, which nobody has declared: {drawn}")
            if running.state.writes() != before:
                raise Broken(f"{tag} fails by {code} and changes the state: {drawn}")
            self.failed[tag][code] += 1
        return code

    @staticmethod
    def _run(
        running: Running, sender: bytes, action: Action, governed: bool
    ) -> ActionFailed | None:
        if governed:
            return running.context(sender, 0).declared.carry_out(sender, [action.pack()])
        failure = running.run(sender, [action], 0)
        return None if failure is None else failure[1]

    def _check_conserved(self, writes: Mapping[bytes, bytes | None], tag: str) -> None:
        """Raise Broken unless these writes, to the state before them, conserve value."""
        more: Tally[str] = Tally()
        for state_key, value in writes.items():
            table = REGISTRY.table_of(state_key)
            if table.row in (AssetRow, Balance, Pot):
                before = _counted(table, self.state.get(state_key))
                more[str(table.key_parts(state_key)[-1])] += _counted(table, value) - before
        for asset, units in more.items():
            if units:
                raise Broken(f"{tag}: {units} of {asset} came from nowhere")

    def _check_all(self) -> None:
        for sentence in REGISTRY.broken_invariants(self.state):
            raise Broken(sentence)

    def _keep(self, writes: Mapping[bytes, bytes | None]) -> None:
        for state_key, value in writes.items():
            if value is None:
                self.state.delete(state_key)
                continue
            if self.state.get(state_key) is None:
                self._drawing.note(state_key)
            self.state.put(state_key, value)

    def _context(self) -> BlockContext:
        reveal = self._reveals[0].reveal(self.height - 2)
        return BlockContext(
            chain=self._genesis.chain,
            parent=cid_of(DAG_CBOR, b""),
            height=self.height,
            slot=self._slot,
            time_ms=self._constants.genesis_time_ms + self._slot * self._constants.slot_ms,
            producer=PRODUCERS[0].public,
            reveal=reveal,
            beacon=next_beacon(ZERO_DIGEST, reveal),
            epoch=0,
            epoch_beacon=ZERO_DIGEST,
            dynasty=0,
            members=self._genesis.producer_set,
            final_height=self.height - 1,
            handover_slot=0,
            handover_height=0,
            voters=tuple(sorted(each.public for each in PRODUCERS[1:])),
        )


def _counted(table: TableDeclaration, value: bytes | None) -> int:
    """What a row adds to what is held, burned and not minted; raises Broken above a cap."""
    if value is None:
        return 0
    row = table.row.decode(value)
    if isinstance(row, AssetRow):
        if row.minted > row.cap:
            raise Broken(f"{row.minted} minted above the cap: {row}")
        return row.burned - row.minted
    return row.amount if isinstance(row, Balance | Pot) else 0


def _module(tag: str) -> str:
    return tag.partition(".")[0]
