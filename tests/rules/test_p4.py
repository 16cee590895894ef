"""P4: platform fees go 80% to holders by what circulates, asset by asset, and 20% to operations."""

from fractions import Fraction

from tests.rules.disabled import Disabled
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, World
from vm.context import Context
from vm.declare import Action
from vm.modules.dividends import Open, claimable
from vm.modules.pots import Destination, SetSplit, Share
from vm.modules.rebate import collect
from vm.modules.revenue import ACCOUNTS, DayAccount, Income
from vm.modules.tokens import Create, IssueToPot, Pay, credit, drain_pot, pot_of
from vm.registry import REGISTRY

DISABLED = Disabled("vm.modules.rebate.collecting.PARTS_PER_MILLION", 10**30)

POLICY = b"p" * 32
USDT = 10**6
PALT = 10**8


def community() -> Stage:
    """Anna holds 1% of the PALT that circulate, Ben the rest; a pot keeps as many again."""
    stage = Stage(World.begin(BARE))
    actions: tuple[Action, ...] = (
        Create("USDT", "Tether", 6, 10**15, True, True, None),
        Create("PALT", "PalChain", 8, 10**15, True, True, None),
        IssueToPot("till", "USDT", 10_000 * USDT, ""),
        IssueToPot("treasury", "PALT", 2_000 * PALT, ""),
        Pay("treasury", ANNA.public, "PALT", 10 * PALT, ""),
        Pay("treasury", BEN.public, "PALT", 990 * PALT, ""),
        Open("PALT", "USDT"),
        SetSplit(
            "revenue",
            (Share(800_000, Destination(None, None, "PALT")),),
            Destination("operations", None, None),
        ),
    )
    for action in actions:
        assert stage.act(POLICY, action) == "ok"
    return stage


def earn(stage: Stage, gross: int, fee_ppm: int) -> None:
    """A block in which Cleo pays Ben so much out of the pot `till`."""

    def take(context: Context) -> None:
        drain_pot(context.state, "till", "USDT", gross)
        fee = collect(
            context,
            source="gifts",
            payer=CLEO.public,
            provider=BEN.public,
            asset="USDT",
            gross=gross,
            fee_ppm=fee_ppm,
        )
        credit(context.state, BEN.public, "USDT", gross - fee)

    stage.step(take, *REGISTRY.end_steps)
    assert list(REGISTRY.broken_invariants(stage.world.state)) == []


def test_of_200_usdt_to_distribute_a_holder_of_one_percent_gets_2() -> None:
    stage = community()
    earn(stage, 2_500 * USDT, 100_000)
    state, fee = stage.world.state, Fraction(2_500) * Fraction(10, 100)
    assert fee * Fraction(80, 100) == 200
    assert claimable(state, ANNA.public, "PALT", "USDT") == fee * Fraction(80, 100) / 100 * USDT
    assert claimable(state, ANNA.public, "PALT", "USDT") == 2 * USDT
    assert claimable(state, BEN.public, "PALT", "USDT") == 198 * USDT
    assert pot_of(state, "operations", "USDT") == 50 * USDT


def test_what_was_collected_is_public_in_the_days_account() -> None:
    stage = community()
    earn(stage, 2_500 * USDT, 100_000)
    earn(stage, 99, 100_000)
    came = 250 * USDT + 9
    to_holders = came * 4 // 5
    account = DayAccount((Income("gifts", came, 2),), to_holders, came // 5)
    assert list(ACCOUNTS.every(stage.world.state)) == [((0, "USDT"), account)]
