"""T12: equal content is one; who pledges to store it proves random segments, is paid, or loses."""

from fractions import Fraction

from tests.rules.disabled import Disabled
from tests.vectors.generate_segments import content
from tests.vm.providers import File, Providers
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.modules.possession import STORAGE_POT, Fund, tables

DISABLED = Disabled("vm.modules.possession.drawing.accrue", lambda *arguments: None)

FILM = File(content(3 * 1024 * 1024 // 2))  # one and a half MiB: two are begun
PERIOD, DAY, MIB_UNITS, MIB_DAY = 20, 60, 10_000, 100
MISS = Fraction(1, 3)


def storing() -> Providers:
    """Anna's film, and a storage pot that fees have filled."""
    made = Providers()
    made.set(
        {
            tables.PLEDGE_MIB_UNITS: MIB_UNITS,
            tables.PERIOD_BLOCKS: PERIOD,
            tables.WINDOW_BLOCKS: 8,
            tables.LEAST_PERIODS: 2,
            tables.MIB_DAY_UNITS: MIB_DAY,
            tables.DAY_UNITS: 10**9,
            tables.MISS_PPM: int(MISS * 10**6),
            tables.BURN_PPM: 0,
        }
    )
    made.give(CLEO.public, FUNDS)
    made.act(ANNA.public, Fund(1_000_000))
    made.publish(FILM)
    made.go()
    return made


def test_equal_content_has_one_id() -> None:
    assert File(bytes(FILM.data)).cid == FILM.cid
    assert File(FILM.data[:-1]).cid != FILM.cid


def test_who_proves_is_paid_by_the_mib_and_day_out_of_the_pot() -> None:
    stage = storing()
    before = stage.pot(STORAGE_POT)
    stage.pledge_for(BEN.public, FILM)
    assert stage.held(BEN.public) == FUNDS - 2 * MIB_UNITS
    for _ in range(4):
        stage.go(PERIOD)
        assert stage.prove(BEN.public, FILM) == "ok"
    assert stage.held(BEN.public) == FUNDS - 2 * MIB_UNITS + 2 * MIB_DAY
    assert stage.pot(STORAGE_POT) == before - 2 * MIB_DAY
    assert stage.sound()


def test_who_does_not_loses_of_its_pledge_to_those_who_do() -> None:
    stage = storing()
    before = stage.pot(STORAGE_POT)
    stage.pledge_for(CLEO.public, FILM)
    stage.go(PERIOD + 8)
    lost = 2 * MIB_UNITS * int(MISS * 10**6) // 10**6
    assert stage.pot(STORAGE_POT) == before + lost
    assert stage.pledge(CLEO.public, FILM).units == 2 * MIB_UNITS - lost
    assert stage.sound()
