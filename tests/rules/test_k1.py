"""K1: 21 million KOL for ever, of which 5 million are for 500 leaders: 1,000 a month for ten
months, each released, deferred or dropped by that month's assessment."""

from fractions import Fraction

from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.rules.disabled import Disabled
from tests.vm.days import DAY_MS, Days
from tests.vm.world import key
from vm.modules.stipends import PROGRAMMES, Assess, Claim, Enlist, Open
from vm.modules.tokens import ASSETS, IssueToPot, balance_of, pot_of

DISABLED = Disabled("vm.modules.stipends.is_due", lambda *arguments: True)

TOKEN = 10**8
LEADERS, MONTHLY, MONTHS = 500, 1_000, 10


def test_the_preset_issues_five_of_21_million_for_its_leaders_and_nothing_else() -> None:
    state = Rehearsal.of(load_preset("kol")).state
    asset, terms = ASSETS.get(state, "KOL"), PROGRAMMES.get(state, "leaders")
    assert asset is not None
    assert terms is not None
    issue = LEADERS * MONTHLY * MONTHS * TOKEN
    assert (asset.cap, asset.minted) == (21_000_000 * TOKEN, 5_000_000 * TOKEN)
    assert pot_of(state, terms.pot, "KOL") == issue == asset.minted
    assert (terms.units, terms.months) == (MONTHLY * TOKEN, MONTHS)
    assert Fraction(issue, asset.cap) == Fraction(5, 21)


def test_a_months_pay_is_for_who_meets_its_assessment_and_not_a_day_earlier() -> None:
    """Three leaders, of whom one passes all ten months, one fails every third, and one is decided
    on late: each figure is counted here month by month."""
    days, (ann, bob, cat) = Days(), (key(f"leader {i}").public for i in range(3))
    assert days.decide(IssueToPot("leaders", "REEL", 3 * MONTHLY * MONTHS, "")) == "ok"
    assert days.decide(Open("leaders", "REEL", MONTHLY, MONTHS, "leaders", "orders")) == "ok"
    assert days.decide(Enlist("leaders", (ann, bob, cat))) == "ok"
    paid, dropped = {ann: 0, bob: 0, cat: 0}, 0
    for month in range(1, MONTHS + 1):
        early = Assess("leaders", month, (ann,), (), ())
        assert days.decide(early) == "stipends.month-not-over"
        days.time_ms += 30 * DAY_MS
        days.world.height += 1
        days.step(*days.steps)
        fails = month % 3 == 0
        released, out = ((ann,), (bob,)) if fails else ((ann, bob), ())
        assert days.decide(Assess("leaders", month, released, (cat,), out)) == "ok"
        paid[ann] += MONTHLY
        paid[bob] += 0 if fails else MONTHLY
        dropped += MONTHLY if fails else 0
    for month in range(1, MONTHS + 1):
        assert days.decide(Assess("leaders", month, (cat,), (), ())) == "ok", "deferred, not lost"
        paid[cat] += MONTHLY
    for account, units in paid.items():
        assert days.act(account, Claim("leaders")) == "ok"
        assert balance_of(days.world.state, account, "REEL") == units
    assert (paid[ann], paid[bob], paid[cat]) == (10_000, 7_000, 10_000)
    assert pot_of(days.world.state, "orders", "REEL") == dropped == 3_000, "K2's quota"
