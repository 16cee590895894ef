"""W1: 91,000,000 in five phases of 1, 2, 4, 8 and 16 million a month, the rest of each burned."""

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.days import Days
from vm.modules.market import OpenPair
from vm.modules.tokens import ASSETS, BALANCES, Create

DISABLED = Disabled("vm.modules.vesting.phases._end_phase", lambda *arguments: None)

TOKEN = 10**8


def test_the_published_phases_make_91_million_and_the_pool_9() -> None:
    phases = [(1, 1), (3, 2), (3, 4), (3, 8), (3, 16)]
    assert sum(months * millions for months, millions in phases) == 91
    chain = Rehearsal.of(load_preset("wepos"))
    assert list(BALANCES.every(chain.state)) == [], "held by nobody at the beginning"
    released = month = 0
    for months, millions in phases:
        for _ in range(months):
            chain.live_day()
            released += millions
            month += 1
            assert chain.figures()["POS"].released == released * 10**6 * TOKEN
            for _ in range(29):
                chain.live_day()
    chain.live_day()
    figures = chain.figures()["POS"]
    assert (month, released) == (13, 91)
    assert figures.burned == 91 * 10**6 * TOKEN, "nobody has claimed anything"
    assert figures.pots == {"participation": 9 * 10**6 * TOKEN}
    assert chain.wrong() == []


def test_the_token_is_in_no_order_book() -> None:
    row = ASSETS.get(Rehearsal.of(load_preset("wepos")).state, "POS")
    assert row is not None
    assert not row.tradable
    stage = Days()
    assert stage.decide(Create("POS", "PoS", 8, 10**16, True, False, None)) == "ok"
    pair = OpenPair("POS", "REEL", 10**6, 10**6, 1, 10**6)
    assert stage.decide(pair) == "market.not-tradable"
