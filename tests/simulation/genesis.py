"""The genesis of a simulated chain: all producers are registered, and a stub elects among them."""

import random
from dataclasses import dataclass

from consensus.beacon import RevealChain
from consensus.keys import KeyPair
from consensus.producers import Member, ProducerSet, producer_set
from consensus.schedule import min_epoch_slots
from consensus.tree import ROOT_POSITION
from genesis.file import Genesis, make_genesis
from genesis.preset import load_preset
from node.validator import Seat
from storage.state import StateReader
from tests.simulation.plan import MIN_SLOTS, SLOT_MS, Plan
from vm.modules.chain import CONSTANTS, FIRST_PROGRESS, PROGRESS, ChainConstants
from vm.modules.economy import ECONOMY, EconomyConstants
from vm.modules.fee import PRICES, Price
from vm.modules.producer import BEACONS, Commitment, Producer, let_withdraw, register
from vm.modules.tokens import ASSETS, AssetRow, mint
from vm.overlay import EmptyView, Overlay
from vm.registry import REGISTRY

GENESIS_TIME_MS = 1_700_000_000_000
CLIENTS = 4
FUNDS = 10**12
UNBONDING_S = 3600
MAX_UNFINAL_BLOCKS = 24
BYZANTINE_REVEALS = 600  # they never commit to new ones
# A salt begins with the number of the chain of reveals, so that a state shows its height.
GENERATION_BYTES = 2
FIRST_SALT = bytes(GENERATION_BYTES) + b"salt of reveals"


def key_pair(name: str) -> KeyPair:
    """A key named by a short text."""
    return KeyPair.from_seed(name.encode().ljust(32, b"."))


@dataclass(frozen=True)
class Population:
    """Everybody who exists: the seats of all nodes by place, which of them are Byzantine, and the
    accounts that pay."""

    seats: tuple[Seat, ...]
    clients: tuple[KeyPair, ...]
    byzantine: frozenset[int]

    @property
    def reveals(self) -> int:
        """The length of honest producers' chains of reveals: they use them up in a run, but not
        in a stall, in which none can commit to new ones."""
        return 8 + 2 * MIN_SLOTS // len(self.seats)

    @classmethod
    def of(cls, plan: Plan) -> "Population":
        """The same for every run of a plan."""
        accounts = [key_pair(f"account {i}") for i in range(plan.nodes + plan.spare)]
        seats = [
            Seat(account.public, key_pair(f"consensus {i}"), f"beacon {i}".encode().ljust(32))
            for i, account in enumerate(accounts)
        ]
        clients = [key_pair(f"client {i}") for i in range(CLIENTS)]
        chance = random.Random(f"byzantine/{plan.seed}/{plan.nodes}")
        byzantine = frozenset(chance.sample(range(len(seats)), plan.byzantine))
        return cls(tuple(seats), tuple(clients), byzantine)


def make_simulated_genesis(plan: Plan, population: Population) -> Genesis:
    """The first `plan.nodes` producers hold the seats."""
    preset = load_preset("devnet")
    state = Overlay(EmptyView())
    asset = preset.asset
    constants = ChainConstants(
        "simulation",
        GENESIS_TIME_MS,
        SLOT_MS,
        min_epoch_slots(plan.nodes),
        MAX_UNFINAL_BLOCKS,
        UNBONDING_S,
        asset.symbol,
    )
    CONSTANTS.put(state, constants)
    PROGRESS.put(state, FIRST_PROGRESS)
    ECONOMY.put(state, EconomyConstants(preset.economy.day_s, 0))
    ASSETS.put(
        state, AssetRow(asset.name, asset.decimals, 0, 0, asset.cap, True, True, None), asset.symbol
    )
    for client in population.clients:
        mint(state, client.public, asset.symbol, FUNDS)
    PRICES.put(state, Price(1_000_000), asset.symbol)
    for name, parameter in REGISTRY.parameters.items():
        parameter.set(state, preset.parameters.get(name, parameter.default))
    for i, seat in enumerate(population.seats):
        length = BYZANTINE_REVEALS if i in population.byzantine else population.reveals
        reveals = RevealChain(seat.beacon_seed, FIRST_SALT, length)
        commitment = Commitment(FIRST_SALT, reveals.commitment, length)
        register(state, seat.producer, Producer(seat.key.public, f"p{i}"), commitment)
        if i >= plan.nodes:
            let_withdraw(state, seat.producer)
    return make_genesis(state)


class Election:
    """The stub of the election: a function of the state, through how many blocks it has seen.

    It goes by the seats' places: sets lie side by side by multiples of one place ("seat"), of a
    third, or of all that there are to change; "alternate" knows two, "random" any.
    """

    def __init__(self, plan: Plan, population: Population) -> None:
        self._plan = plan
        self._population = population
        self._elected: dict[bytes | None, ProducerSet] = {}

    def __call__(self, state: StateReader) -> ProducerSet | None:
        """The elected set, looked up once for each state."""
        page = state.page(ROOT_POSITION)
        if page not in self._elected:
            self._elected[page] = self._elect(state)
        return self._elected[page]

    def _elect(self, state: StateReader) -> ProducerSet:
        height = sum(_blocks_made(row.chain, row.used) for _, row in BEACONS.every(state))
        seats = [self._population.seats[i] for i in self._places(height)]
        return producer_set([Member(seat.producer, seat.key.public) for seat in seats])

    def _places(self, height: int) -> list[int]:
        plan = self._plan
        size, pool = plan.nodes, plan.nodes + plan.spare
        draw = random.Random(f"set/{plan.seed}/{height}")
        if plan.change == "random":
            return sorted(draw.sample(range(pool), size))
        step = {"seat": 1, "third": size // 3, "all": plan.spare, "alternate": plan.spare}
        turns = 2 if plan.change == "alternate" else 1 + pool // step[plan.change]
        shift = step[plan.change] * draw.randrange(turns)
        return [(shift + i) % pool for i in range(size)]


def _blocks_made(chain: Commitment, used: int) -> int:
    """How many blocks a producer has made, by its chain of reveals."""
    return int.from_bytes(chain.salt[:GENERATION_BYTES], "big") * chain.length + used
