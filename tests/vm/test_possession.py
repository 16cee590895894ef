"""Possession: who may pledge, what is drawn, which answers hold, what is earned and lost (T12)."""

from fractions import Fraction

import pytest

from consensus.codec import encode
from consensus.errors import ActionFailed
from consensus.hashing import sha256
from consensus.record import replace
from consensus.segments import MAX_PATH, SegmentProof
from tests.vectors.generate_segments import content
from tests.vm.providers import File, Providers
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, GENESIS_TIME_MS, key
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.content import TakeDown
from vm.modules.draws import draw_seed
from vm.modules.economy import turn_day
from vm.modules.possession import (
    DUE_A_BLOCK,
    OWED_POT,
    PLEDGED_POT,
    PLEDGES,
    PROVIDED,
    STORAGE_POT,
    Accrued,
    Challenge,
    Correct,
    Drawn,
    Ended,
    Fund,
    Funded,
    Kept,
    Missed,
    Pledged,
    PledgeFor,
    Prove,
    Provider,
    Register,
    Registered,
    Root,
    Withdraw,
    Withdrawn,
    begin_anew,
    begun_mib,
    drawn_segments,
    provider_of,
    tables,
)
from vm.modules.possession.settling import accrue
from vm.modules.tokens import credit, drain_pot

POLICY = b"p" * 32
FILE = File(content(100 * 1024 + 7))
OTHER = File(content(200 * 1024)[1:])
PERIOD, WINDOW, DAY = 20, 8, 60
UNITS = 10_000


@pytest.fixture
def stage() -> Providers:
    """Anna's two videos; Ben and Cleo can pledge, and the storage pot holds a million."""
    made = Providers()
    made.set(
        {
            tables.PLEDGE_MIB_UNITS: UNITS,
            tables.PERIOD_BLOCKS: PERIOD,
            tables.WINDOW_BLOCKS: WINDOW,
            tables.LEAST_PERIODS: 2,
            tables.MIB_DAY_UNITS: 100,
            tables.DAY_UNITS: 10**9,
        }
    )
    made.give(CLEO.public, FUNDS)
    made.act(ANNA.public, Fund(1_000_000))
    made.publish(FILE)
    made.publish(OTHER)
    made.go()  # the first day has begun
    made.events.clear()
    return made


def failure(stage: Providers, sender: bytes, action: Action) -> tuple[str, str]:
    """Code and field of an action's failure, of which the account's pledges learn nothing."""
    context = stage.context(sender)
    with pytest.raises(ActionFailed) as caught:
        action.apply(context)
    assert caught.value.message
    return caught.value.code.removeprefix("possession."), caught.value.field


def test_only_the_owner_registers_and_only_once(stage: Providers) -> None:
    new, root = File(b"new"), sha256(b"any")
    assert failure(stage, ANNA.public, Register(new.cid, root)) == ("not-published", "cid")
    with pytest.raises(AssertionError):
        stage.publish(FILE)
    assert failure(stage, BEN.public, Register(FILE.cid, root)) == ("not-the-owner", "cid")
    assert failure(stage, ANNA.public, Register(FILE.cid, root)) == ("already-registered", "cid")
    stage.publish(new)
    assert stage.events[-1] == Registered(new.cid, new.root, 3)
    assert stage.sound()


def test_a_pledge_is_locked_and_listed(stage: Providers) -> None:
    assert stage.pledge_for(BEN.public, FILE, 5) == "ok"
    assert stage.events == [Pledged(FILE.cid, BEN.public, UNITS, 5)]
    assert (stage.held(BEN.public), stage.pot(PLEDGED_POT)) == (FUNDS - UNITS, UNITS)
    assert [row for row, _ in PROVIDED.every(stage.world.state, BEN.public)] == [
        (BEN.public, FILE.cid)
    ]
    assert stage.pledge(BEN.public, FILE).due_height == stage.height + PERIOD
    assert stage.sound()


def test_a_pledge_costs_by_begun_mib() -> None:
    assert [begun_mib(size) for size in (1, 2**20, 2**20 + 1, 2**33)] == [1, 1, 2, 2**13]


def test_who_may_not_pledge_is_told_why(stage: Providers) -> None:
    assert failure(stage, BEN.public, PledgeFor(File(b"x").cid, 2)) == ("no-root", "cid")
    assert failure(stage, BEN.public, PledgeFor(FILE.cid, 1)) == ("term-too-short", "periods")
    stage.set({tables.PLEDGE_MIB_UNITS: FUNDS + 1})
    poor = failure(stage, BEN.public, PledgeFor(FILE.cid, 2))
    assert poor == ("token.insufficient-balance", ""), "no field says how much a pledge is"
    stage.set({tables.PLEDGE_MIB_UNITS: UNITS, tables.MAX_PROVIDERS: 1})
    assert stage.pledge_for(BEN.public, FILE) == "ok"
    assert failure(stage, BEN.public, PledgeFor(FILE.cid, 2)) == ("pledge-exists", "cid")
    assert failure(stage, CLEO.public, PledgeFor(FILE.cid, 2)) == ("too-many-providers", "cid")
    assert stage.pledge_for(CLEO.public, OTHER) == "ok"
    assert stage.sound()


def test_nobody_pledges_for_what_is_taken_down(stage: Providers) -> None:
    assert stage.act(CLEO.public, TakeDown(FILE.cid, "not ours to show")) == "ok"
    assert failure(stage, BEN.public, PledgeFor(FILE.cid, 2)) == ("taken-down", "cid")


def test_a_challenge_is_drawn_a_period_later_from_that_blocks_beacon(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    drawn_at = stage.height + PERIOD
    stage.go(PERIOD - 1)
    assert stage.pledge(BEN.public, FILE).challenge is None
    stage.go()
    seed = draw_seed("possession.draw", sha256(b"beacon %d" % drawn_at), FILE.cid, BEN.public, 1)
    challenge = Challenge(seed, drawn_at, 4)
    assert stage.pledge(BEN.public, FILE).challenge == challenge
    assert stage.events[-1] == Drawn(FILE.cid, BEN.public, 1, challenge, drawn_at + WINDOW)
    assert stage.prove(BEN.public, FILE) == "ok"
    stage.go(PERIOD)
    again = sha256(b"beacon %d" % (drawn_at + PERIOD))
    seed = draw_seed("possession.draw", again, FILE.cid, BEN.public, 2)
    assert stage.pledge(BEN.public, FILE).challenge == Challenge(seed, drawn_at + PERIOD, 4)
    assert stage.sound()


def test_the_seed_is_bound_to_beacon_video_provider_and_number() -> None:
    about = (bytes(32), FILE.cid, BEN.public, 1)
    others = [
        (bytes(31) + b"1", *about[1:]),
        (about[0], OTHER.cid, *about[2:]),
        (*about[:2], CLEO.public, 1),
        (*about[:3], 2),
    ]
    seeds = {draw_seed("possession.draw", *each) for each in (about, *others)}
    assert len(seeds) == 5
    encoded = encode(["possession.draw", 1, *about])
    assert encoded[:17] == b"\x86\x6fpossession.draw"
    assert sha256(encoded) in seeds


def test_drawn_indexes_are_as_documented() -> None:
    challenge = Challenge(sha256(b"seed"), 1, 3)
    wanted = [
        int.from_bytes(sha256(sha256(b"seed") + bytes([0, 0, 0, i])), "big") % 101 for i in range(3)
    ]
    assert list(drawn_segments(challenge, 100 * 1024 + 7)) == wanted
    assert set(drawn_segments(challenge, 1024)) == {0}


def test_an_answered_challenge_earns_what_the_days_have_brought(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    stage.go(PERIOD)
    assert stage.prove(BEN.public, FILE) == "ok"
    assert stage.events[-1] == Kept(FILE.cid, BEN.public, 1, 0)
    challenge_height = stage.height
    stage.go_to(challenge_height + PERIOD)
    assert stage.pledge(BEN.public, FILE).period == 2
    stage.go(WINDOW - 1)
    assert stage.prove(BEN.public, FILE) == "ok"
    stage.go_to(challenge_height + 2 * PERIOD)
    assert stage.time_ms > GENESIS_TIME_MS + DAY * 1000
    assert Accrued(1, 100) in stage.events
    assert stage.prove(BEN.public, FILE) == "ok"
    assert stage.events[-1] == Kept(FILE.cid, BEN.public, 3, 100)
    assert stage.held(BEN.public) == FUNDS - UNITS + 100
    assert provider_of(stage.world.state, BEN.public) == Provider(3, 0, 0, 100, 0)
    assert stage.sound()


def challenged(stage: Providers, account: bytes = BEN.public) -> Prove:
    """An account's right answer to its first challenge."""
    stage.pledge_for(account, FILE)
    stage.go(PERIOD)
    return stage.answer(account, FILE)


def test_wrong_answers_are_refused_and_named(stage: Providers) -> None:
    good = challenged(stage)
    first, *rest = good.proofs
    flipped = replace(first, segment=bytes([first.segment[0] ^ 1]) + first.segment[1:])
    bad = {
        (flipped, *rest): ("bad-proof", "proofs[0].path"),
        (first, *rest[:-1], replace(rest[-1], path=rest[-1].path[1:])): (
            "bad-proof",
            "proofs[3].path",
        ),
        (replace(first, segment=first.segment[1:]), *rest): ("bad-proof", "proofs[0].segment"),
        (rest[0], first, *rest[1:]): ("bad-proof", "proofs[0].path"),
        good.proofs[:-1]: ("wrong-number", "proofs"),
        (*good.proofs, first): ("wrong-number", "proofs"),
    }
    for proofs, expected in bad.items():
        assert failure(stage, BEN.public, replace(good, proofs=proofs)) == expected
    strange = stage.answer(BEN.public, FILE, File(OTHER.data[: len(FILE.data)]))
    assert failure(stage, BEN.public, strange) == ("bad-proof", "proofs[0].path")
    assert stage.act(BEN.public, good) == "ok"
    assert failure(stage, BEN.public, good) == ("not-open", "period")
    assert stage.sound()


def test_an_answer_for_another_number_or_before_the_draw_is_refused(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    early = Prove(FILE.cid, 1, (FILE.prove(0),))
    assert failure(stage, BEN.public, early) == ("not-open", "period")
    stage.go(PERIOD)
    good = stage.answer(BEN.public, FILE)
    for period in (0, 2):
        assert failure(stage, BEN.public, replace(good, period=period)) == ("not-open", "period")
    assert failure(stage, CLEO.public, good) == ("no-pledge", "cid")


def test_another_provider_gains_nothing_by_a_copied_answer(stage: Providers) -> None:
    stage.pledge_for(CLEO.public, FILE)
    good = challenged(stage)
    assert failure(stage, CLEO.public, good)[0] == "bad-proof"
    mine, theirs = (stage.pledge(each.public, FILE).challenge for each in (BEN, CLEO))
    assert mine is not None
    assert theirs is not None
    assert drawn_segments(mine, 100_000) != drawn_segments(theirs, 100_000)
    before = stage.held(CLEO.public)
    assert stage.act(CLEO.public, good) == "possession.bad-proof"
    assert stage.act(BEN.public, good) == "ok"
    assert stage.held(CLEO.public) == before


def test_the_last_block_of_the_window_takes_an_answer_and_the_next_none(stage: Providers) -> None:
    good = challenged(stage)
    stage.go(WINDOW - 1)
    assert stage.act(BEN.public, good) == "ok"
    stage.go_to(stage.pledge(BEN.public, FILE).due_height)
    good = stage.answer(BEN.public, FILE)
    stage.go(WINDOW)
    assert failure(stage, BEN.public, good) == ("not-open", "period")
    assert stage.events[-1] == Missed(FILE.cid, BEN.public, 2, UNITS // 10, UNITS // 10, 0)


def test_a_challenge_that_waits_to_be_closed_is_open_no_longer(stage: Providers) -> None:
    """More falls due than a block takes: the window stays as long as it was."""
    good = challenged(stage)
    stage.world.height += WINDOW
    assert failure(stage, BEN.public, good) == ("too-late", "period")


def test_a_missed_challenge_costs_a_share_and_what_was_earned(stage: Providers) -> None:
    stage.set({tables.BURN_PPM: 300_000, tables.MISS_PPM: 333_333})
    stage.pledge_for(BEN.public, FILE)
    burned, pot = stage.burned, stage.pot(STORAGE_POT)
    stage.go_to(DAY + PERIOD)
    lost = UNITS * 333_333 // 10**6
    missed = [event for event in stage.events if isinstance(event, Missed)]
    assert [event.lost for event in missed] == [lost] * len(missed)
    assert sum(event.forfeited for event in missed) == 100
    burned_each = lost * 300_000 // 10**6
    assert stage.burned == burned + burned_each * len(missed)
    assert stage.pot(STORAGE_POT) == pot + (lost - burned_each) * len(missed)
    assert stage.sound()


def test_three_misses_in_a_row_end_a_pledge(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE, 5)
    for _ in range(2):
        stage.go_to(stage.pledge(BEN.public, FILE).due_height + WINDOW)
    assert stage.pledge(BEN.public, FILE).missed == 2
    stage.go_to(stage.pledge(BEN.public, FILE).due_height)
    assert stage.prove(BEN.public, FILE) == "ok"
    assert stage.pledge(BEN.public, FILE).missed == 0
    for _ in range(3):
        stage.go_to(stage.pledge(BEN.public, FILE).due_height + WINDOW)
    left = UNITS - 5 * UNITS // 10
    assert stage.events[-1] == Ended(FILE.cid, BEN.public, left)
    assert PLEDGES.get(stage.world.state, FILE.cid, BEN.public) is None
    done = provider_of(stage.world.state, BEN.public)
    assert done == Provider(1, 5, 1, 100, UNITS // 2)
    assert stage.held(BEN.public) == FUNDS - UNITS + left + 100
    assert stage.pot(PLEDGED_POT) == 0
    assert stage.pledge_for(BEN.public, FILE) == "ok"
    assert stage.sound()


def test_a_pledge_with_nothing_left_is_over(stage: Providers) -> None:
    stage.set({tables.MISS_PPM: 10**6})
    stage.pledge_for(BEN.public, FILE)
    stage.go(PERIOD + WINDOW)
    assert stage.events[-1] == Ended(FILE.cid, BEN.public, 0)
    assert stage.pot(PLEDGED_POT) == 0
    assert stage.sound()


def test_a_pledge_is_withdrawn_after_its_term_and_between_challenges(stage: Providers) -> None:
    withdraw = Withdraw(FILE.cid)
    assert failure(stage, BEN.public, withdraw) == ("no-pledge", "cid")
    stage.pledge_for(BEN.public, FILE, 2)
    assert failure(stage, BEN.public, withdraw) == ("term-not-over", "cid")
    for _ in range(2):
        stage.go_to(stage.pledge(BEN.public, FILE).due_height)
        assert failure(stage, BEN.public, withdraw) == ("challenge-open", "cid")
        assert stage.prove(BEN.public, FILE) == "ok"
    pot = stage.pot(STORAGE_POT)
    stage.go(PERIOD - 1)
    assert stage.pot(OWED_POT) == 100
    assert stage.act(BEN.public, withdraw) == "ok"
    assert stage.events[-1] == Withdrawn(FILE.cid, BEN.public, UNITS, 100)
    assert (stage.held(BEN.public), stage.pot(STORAGE_POT)) == (FUNDS, pot)
    stage.go(PERIOD)
    assert stage.sound()


@pytest.mark.parametrize(
    ("day_units", "mib_day_units", "held", "each"),
    [
        (10**9, 100, 10**6, 100),
        (200, 100, 10**6, 66),
        (10**9, 100, 301, 100),
        (10**9, 100, 299, 99),
        (10**9, 100, 2, 0),
        (0, 100, 10**6, 0),
        (10**9, 0, 10**6, 0),
    ],
)
def test_a_day_pays_each_mib_alike_as_far_as_pot_and_parameters_allow(
    stage: Providers, day_units: int, mib_day_units: int, held: int, each: int
) -> None:
    for who, file in ((BEN, FILE), (CLEO, FILE), (CLEO, OTHER)):
        assert stage.pledge_for(who.public, file) == "ok"
    stage.set({tables.DAY_UNITS: day_units, tables.MIB_DAY_UNITS: mib_day_units})
    stage.set({tables.PERIOD_BLOCKS: 1_000})
    state = stage.world.state
    credit(state, ANNA.public, "REEL", 10**6 - held)
    drain_pot(state, STORAGE_POT, "REEL", 10**6 - held)
    stage.time_ms = GENESIS_TIME_MS + DAY * 1000
    stage.world.height += 1
    stage.step(turn_day, accrue)
    assert (stage.pot(STORAGE_POT), stage.pot(OWED_POT)) == (held - 3 * each, 3 * each)
    assert stage.events[3:] == ([Accrued(3, each)] if each else [])
    assert stage.sound()


def test_a_second_block_of_a_day_pays_nothing(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    stage.go_to(DAY - 1)
    accrued = [event for event in stage.events if isinstance(event, Accrued)]
    assert accrued == []
    stage.go(DAY)
    accrued = [event for event in stage.events if isinstance(event, Accrued)]
    assert accrued == [Accrued(1, 100)]


def test_anybody_funds_the_storage_pot_with_what_it_has(stage: Providers) -> None:
    before = stage.pot(STORAGE_POT)
    assert stage.act(BEN.public, Fund(7)) == "ok"
    assert stage.events == [Funded(BEN.public, 7)]
    assert stage.pot(STORAGE_POT) == before + 7
    assert stage.act(BEN.public, Fund(FUNDS)) == "token.insufficient-balance"


def test_for_a_false_root_nobody_can_answer_until_it_is_corrected(stage: Providers) -> None:
    video = File(content(3000))
    stage.publish(video, root=sha256(b"a lie"))
    stage.pledge_for(BEN.public, video)
    stage.go(PERIOD)
    assert failure(stage, BEN.public, stage.answer(BEN.public, video))[0] == "bad-proof"
    assert failure(stage, POLICY, Correct(File(b"x").cid, video.root, 3)) == ("no-root", "cid")
    correct = Correct(video.cid, video.root, len(video.data))
    assert str(video.cid) in correct.in_words()
    assert correct.scope == f"possession.correct:{video.cid}"
    assert stage.act(POLICY, correct) == "ok"
    assert tables.ROOTS.get(stage.world.state, video.cid) == Root(video.root, 3000, 1)
    assert stage.prove(BEN.public, video) == "ok"
    assert stage.sound()


def test_no_block_has_more_than_its_share_of_the_work(stage: Providers) -> None:
    stage.set({tables.MAX_PROVIDERS: 256})
    people = [key(f"provider {i}").public for i in range(DUE_A_BLOCK + 6)]
    for person in people:
        stage.give(person, UNITS)
        assert stage.pledge_for(person, FILE) == "ok"
    stage.events.clear()
    stage.go(PERIOD)
    assert len(stage.events) == DUE_A_BLOCK
    stage.go()
    assert len(stage.events) == len(people)
    assert {stage.pledge(person, FILE).period for person in people} == {1}
    assert stage.sound()


def test_a_challenge_during_a_stall_counts_for_nothing(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    stage.go(PERIOD)
    stage.stalled = True
    stage.go(3 * WINDOW)
    assert stage.pledge(BEN.public, FILE).period == 1
    stage.stalled = False
    stage.go()
    pledge = stage.pledge(BEN.public, FILE)
    assert (pledge.period, pledge.missed, pledge.units) == (2, 0, UNITS)
    stage.go(WINDOW)
    assert stage.pledge(BEN.public, FILE).missed == 1
    assert stage.sound()


def test_a_stalled_block_draws_nothing_and_pays_nothing(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    stage.stalled = True
    stage.go(2 * DAY)
    assert not [event for event in stage.events if isinstance(event, Drawn | Accrued)]
    stage.stalled = False
    stage.go()
    assert stage.pledge(BEN.public, FILE).period == 1


def test_on_a_chain_that_goes_on_from_this_state_pledges_wait_anew(stage: Providers) -> None:
    stage.pledge_for(BEN.public, FILE)
    stage.go(PERIOD)
    stage.pledge_for(CLEO.public, OTHER)
    stage.world.height = 500
    stage.stalled = True
    stage.go()
    stage.stalled = False
    begin_anew(stage.world.state)
    stage.world.height = 0
    for who, file in ((BEN, FILE), (CLEO, OTHER)):
        pledge = stage.pledge(who.public, file)
        assert (pledge.challenge, pledge.due_height) == (None, PERIOD)
    assert stage.sound()
    stage.go(PERIOD)
    assert stage.pledge(BEN.public, FILE).period == 2
    stage.go(WINDOW)
    assert stage.pledge(BEN.public, FILE).missed == 1


def test_gas_grows_with_what_is_shown(stage: Providers) -> None:
    small, large = SegmentProof(b"x", ()), SegmentProof(b"x", (bytes(32),) * MAX_PATH)
    gas = [
        Prove(FILE.cid, 1, proofs).derived_gas(stage.world.state)
        for proofs in ((small,), (small, small), (large,))
    ]
    assert gas == [400, 800, 400 + 50 * MAX_PATH]
    assert chain_constants(stage.world.state).native_asset == "REEL"


# What the game is worth: docs/possession.md says the same figures.


def odds_of_catching(held: Fraction, segments: int, periods: int) -> Fraction:
    """Of a provider that holds this share of a file's segments."""
    return 1 - held ** (segments * periods)


def test_the_odds_of_catching_a_tenth_that_is_missing() -> None:
    held = Fraction(9, 10)
    exact = {periods: odds_of_catching(held, 4, periods) for periods in (1, 3, 7, 30)}
    assert exact[1] == Fraction(3439, 10_000)
    percent = {periods: round(float(100 * share), 2) for periods, share in exact.items()}
    assert percent == {1: 34.39, 3: 71.76, 7: 94.77, 30: 100.0}


def test_draws_catch_a_missing_tenth_as_often_as_the_odds_say() -> None:
    size, held, challenges = 1_000 * 1024, 900, 20_000
    caught = sum(
        max(drawn_segments(Challenge(sha256(b"draw %d" % i), 0, 4), size)) >= held
        for i in range(challenges)
    )
    expected = odds_of_catching(Fraction(held, 1_000), 4, 1)
    deviation = (expected * (1 - expected) / challenges) ** 0.5
    assert abs(Fraction(caught, challenges) - expected) < 4 * deviation


def test_a_liar_with_nine_tenths_loses_more_than_it_saves(stage: Providers) -> None:
    """Over many challenges, on chain: it earns only by those that it can answer."""
    stage.set({tables.MAX_MISSES: 100, tables.MISS_PPM: 1_000})
    stage.pledge_for(BEN.public, FILE, 2)
    stage.pledge_for(CLEO.public, FILE, 2)
    held = 90  # of 101 segments
    kept = missed = 0
    for _ in range(60):
        stage.go_to(stage.pledge(BEN.public, FILE).due_height)
        assert stage.prove(CLEO.public, FILE) == "ok"
        challenge = stage.pledge(BEN.public, FILE).challenge
        assert challenge is not None
        if max(drawn_segments(challenge, len(FILE.data))) < held:
            assert stage.prove(BEN.public, FILE) == "ok"
            kept += 1
        else:
            stage.go(WINDOW)
            missed += 1
    honest, liar = (provider_of(stage.world.state, who.public) for who in (CLEO, BEN))
    assert (liar.kept, liar.missed, liar.lost) == (kept, missed, missed * UNITS // 1_000)
    assert 0 < liar.earned < honest.earned * Fraction(9, 10)
    assert stage.sound()


def test_two_pledges_with_one_disk_earn_twice(stage: Providers) -> None:
    """What is proved is possession: the chain cannot tell one copy from two."""
    for who in (BEN, CLEO):
        stage.pledge_for(who.public, FILE)
    for _ in range(4):
        stage.go_to(stage.pledge(BEN.public, FILE).due_height)
        for who in (BEN, CLEO):
            assert stage.prove(who.public, FILE) == "ok"
    earned = {provider_of(stage.world.state, who.public).earned for who in (BEN, CLEO)}
    assert len(earned) == 1
    assert earned.pop() > 0
