"""Presets rehearsed: their schedules come out as published."""

from fractions import Fraction
from importlib import resources
from math import floor

import pytest

from consensus.cid import RAW, cid_of
from consensus.errors import InvalidGenesis
from genesis.preset import Preset, load_preset, parse_preset, preset_names, preset_text
from genesis.rehearsal import Rehearsal, rehearse

MONTH_DAYS = 30
TOKEN = 10**8


@pytest.mark.parametrize("name", preset_names())
def test_three_days_of_each_preset_leave_it_sound(name: str) -> None:
    *_, chain = rehearse(Rehearsal.of(load_preset(name)), 3)
    assert chain.wrong() == []


def test_wepos_is_released_month_by_month_and_what_a_phase_leaves_is_burned() -> None:
    months = [1, *[2] * 3, *[4] * 3, *[8] * 3, *[16] * 3]
    ends = {1: 1, 4: 7, 7: 19, 10: 43, 13: 91}  # months gone by, and all that was released then
    assert sum(months) == 91
    burned = 0
    for chain in rehearse(Rehearsal.of(load_preset("wepos")), 14 * MONTH_DAYS):
        month, day = divmod(chain.day - 1, MONTH_DAYS)
        if day:
            continue
        burned = ends.get(month, burned)
        figures = chain.figures()["POS"]
        assert figures.released == sum(months[: month + 1]) * 10**6 * TOKEN
        assert figures.burned == burned * 10**6 * TOKEN
        assert figures.pots["participation"] == 9 * 10**6 * TOKEN
        assert figures.minted == 10**8 * TOKEN
        assert figures.circulating == 0
        assert chain.wrong() == []


def test_fees_release_unlock_and_are_shared_as_the_rules_say() -> None:
    """P2: a fifth of what a fee is worth at 0.01 USDT, a day later; P3; P4: 80 to 20."""
    fees, community, preissue = 1_234_567_891, 51 * 10**16, 49 * 10**16
    worth = floor(Fraction(fees * TOKEN, 5 * 10_000))
    for chain in rehearse(Rehearsal.of(load_preset("palchain"), fees), 40):
        figures = chain.figures()
        palt, usdt = figures["PALT"], figures["USDT"]
        carried = worth - floor(Fraction(worth * 3, 5)) - floor(Fraction(worth * 2, 5))
        assert palt.released + (chain.day - 1) * carried in range(
            (chain.day - 1) * worth, (chain.day - 1) * (worth + 1) + 1
        )
        unlocked = preissue * Fraction(palt.released, community)
        assert unlocked - 4 < palt.unlocked <= unlocked, "rounded down for each of four"
        assert usdt.fees == chain.day * fees
        assert usdt.to_holders == floor(Fraction(usdt.fees * 4, 5))
        assert usdt.to_operations == floor(Fraction(usdt.fees, 5))
        assert usdt.pots["dividends.unclaimed"] == usdt.to_holders
        assert palt.minted == community + preissue
    assert palt.released > 0
    assert chain.wrong() == []


def palchain_with(old: str, new: str) -> Preset:
    text = preset_text("palchain")
    assert old in text
    return parse_preset(text.replace(old, new))


@pytest.mark.parametrize(
    ("preset", "fees", "why"),
    [
        (load_preset("wepos"), 1, "rewards no fees"),
        (palchain_with('gateway = "@gateway"\n', ""), 1, "issues USDT as its gateway"),
        (palchain_with("USDT = 2_000 ", "# "), 1, "cannot be paid in USDT"),
        (palchain_with("fee.burn_ppm = 0", "gifts.fee_ppm = 0"), 1, "gifts.fee_ppm is 0"),
        (load_preset("palchain"), 2**63, "cannot be made"),
    ],
)
def test_fees_that_cannot_be_paid_are_refused(preset: Preset, fees: int, why: str) -> None:
    with pytest.raises(InvalidGenesis, match=why):
        Rehearsal.of(preset, fees)


def test_a_payment_that_fails_ends_the_rehearsal() -> None:
    chain = Rehearsal.of(load_preset("palchain"), 3 * 10**18)  # five times as much is above the cap
    with pytest.raises(InvalidGenesis, match="nothing can be paid on day 0: token"):
        chain.live_day()


def test_the_animations_of_the_catalogue_come_with_the_preset() -> None:
    listed = {
        str(action["gift"]): action["animation"]
        for action in load_preset("palchain").setup.actions
        if action["type"] == "gifts.list"
    }
    files = {
        file.name.removesuffix(".svg"): str(cid_of(RAW, file.read_bytes()))
        for file in resources.files("genesis").joinpath("gifts").iterdir()
    }
    assert listed == files
    assert len(files) >= 3
