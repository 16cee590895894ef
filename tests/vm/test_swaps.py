"""Hash-time-locked transfers: the secret pays in time, else all comes back; and between two chains
both halves, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.declare import Action
from vm.modules.swaps import (
    HELD_POT,
    KEPT_MS,
    LONGEST_MS,
    RECEIVED,
    SWAPS,
    Claim,
    Lock,
    go_on,
)
from vm.modules.tokens import Create, Issue

SECRET = b"s" * 32
DIGEST = sha256(SECRET)
HOUR_MS = 3_600_000


@dataclass
class Ledger(Days):
    """A chain on which swaps go back, as in each block."""

    def lock(self, sender: KeyPair, to: KeyPair, units: int, hours: int) -> str:
        until_ms = self.time_ms + hours * HOUR_MS
        return self.act(sender.public, Lock(to.public, "REEL", units, DIGEST, until_ms))

    def claim(self, number: int = 1, secret: bytes = SECRET) -> str:
        return self.act(CLEO.public, Claim(number, secret))

    def wait(self, hours: int) -> None:
        self.time_ms += hours * HOUR_MS
        self.step(go_on)

    def shown(self, number: int = 1) -> bytes | None:
        row = SWAPS.get(self.world.state, number)
        return None if row is None else row.secret


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_the_secret_pays_whom_the_swap_is_for_whoever_shows_it(ledger: Ledger) -> None:
    assert ledger.lock(ANNA, BEN, 100, 2) == "ok"
    assert (ledger.held(ANNA.public), ledger.pot(HELD_POT)) == (FUNDS - 100, 100)
    assert ledger.claim(secret=b"x" * 32) == "swaps.wrong-secret"
    assert ledger.claim() == "ok"
    assert (ledger.held(BEN.public), ledger.held(CLEO.public)) == (FUNDS + 100, 0)
    assert ledger.shown() == SECRET
    assert ledger.claim() == "swaps.not-open"
    ledger.wait(3)
    assert ledger.held(ANNA.public) == FUNDS - 100
    assert ledger.sound()


def test_a_swap_that_nobody_claims_goes_back_by_itself(ledger: Ledger) -> None:
    ledger.lock(ANNA, BEN, 100, 2)
    ledger.time_ms += 2 * HOUR_MS - 1
    ledger.step(go_on)
    assert ledger.pot(HELD_POT) == 100
    ledger.time_ms += 1
    assert ledger.claim() == "swaps.too-late", "also before the block's step has run"
    ledger.step(go_on)
    assert (ledger.held(ANNA.public), ledger.pot(HELD_POT)) == (FUNDS, 0)
    assert ledger.claim() == "swaps.not-open"
    assert ledger.sound()


def test_a_secret_can_be_read_for_31_days_after_the_time_out(ledger: Ledger) -> None:
    ledger.lock(ANNA, BEN, 100, 2)
    ledger.claim()
    ledger.time_ms += 2 * HOUR_MS + KEPT_MS - 1
    ledger.step(go_on)
    assert ledger.shown() == SECRET
    ledger.time_ms += 1
    ledger.step(go_on)
    assert SWAPS.get(ledger.world.state, 1) is None
    assert list(RECEIVED.every(ledger.world.state)) == []
    assert ledger.sound()


def test_many_go_back_in_batches(ledger: Ledger) -> None:
    for _ in range(100):
        ledger.lock(ANNA, BEN, 1, 1)
    ledger.wait(1)
    assert ledger.pot(HELD_POT) == 36
    ledger.wait(0)
    assert ledger.held(ANNA.public) == FUNDS


GOOD = Lock(BEN.public, "REEL", 100, DIGEST, HOUR_MS)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (replace(GOOD, asset="NONE"), "token.unknown-asset"),
        (replace(GOOD, asset="POS"), "token.not-tradable"),
        (replace(GOOD, asset="FIXED"), "token.not-tradable"),
        (replace(GOOD, units=FUNDS + 1), "token.insufficient-balance"),
        (replace(GOOD, until_ms=0), "swaps.ends-too-early"),
        (replace(GOOD, until_ms=LONGEST_MS + 1), "swaps.ends-too-late"),
        (Claim(9, SECRET), "swaps.unknown-swap"),
    ],
)
def test_what_cannot_be_is_named_and_changes_nothing(
    ledger: Ledger, action: Action, code: str
) -> None:
    for name, may_send, may_trade in (("POS", True, False), ("FIXED", False, True)):
        ledger.decide(Create(name, name, 0, 10**6, may_send, may_trade, None))
        ledger.decide(Issue(ANNA.public, name, 1_000, ""))
    if isinstance(action, Lock):
        action = replace(action, until_ms=action.until_ms + ledger.time_ms)
    before = dict(ledger.world.state.writes())
    assert ledger.act(ANNA.public, action) == code
    assert dict(ledger.world.state.writes()) == before


def exchanged(one: Ledger, other: Ledger) -> tuple[int, int]:
    """What Anna, who has a thousand less on the one chain, has more on the other; and Ben."""
    anna = one.held(ANNA.public) + other.held(ANNA.public) - 2 * FUNDS
    ben = one.held(BEN.public) + other.held(BEN.public) - 2 * FUNDS
    return anna, ben


@given(st.lists(st.sampled_from(["claims", "waits"]), max_size=12))
def test_of_an_exchange_both_halves_happen_or_neither_if_ben_reads_in_time(
    turns: Sequence[str],
) -> None:
    """Anna offers for 8 hours, Ben answers for 4. Whatever Anna does and when, Ben, who looks every
    two hours, never ends with less: a secret that comes in the last moment gains nothing."""
    one, other = Ledger(), Ledger()
    one.lock(ANNA, BEN, 300, 8)
    other.lock(BEN, ANNA, 200, 4)
    for turn in turns:
        if turn == "claims":
            other.claim()
        elif turn == "waits":
            for each in (one, other):
                each.wait(2)
            secret = other.shown()
            if secret is not None:
                one.claim(secret=secret)
    secret = other.shown()
    if secret is not None:
        one.claim(secret=secret)
    for each in (one, other):
        each.wait(8)
        assert each.pot(HELD_POT) == 0
        assert each.sound()
    assert exchanged(one, other) in ((0, 0), (-100, 100))


def test_time_outs_in_the_wrong_order_let_the_first_take_both() -> None:
    """Why the command refuses them: Anna waits for her own time-out, and claims after it."""
    one, other = Ledger(), Ledger()
    one.lock(ANNA, BEN, 300, 4)
    other.lock(BEN, ANNA, 200, 8)
    for each in (one, other):
        each.wait(4)
    assert other.claim() == "ok"
    assert one.claim(secret=other.shown() or b"") == "swaps.not-open"
    assert exchanged(one, other) == (200, -200)


def test_the_invariants_see_what_is_not_kept(ledger: Ledger) -> None:
    ledger.lock(ANNA, BEN, 100, 1)
    row = SWAPS.get(ledger.world.state, 1)
    assert row is not None
    SWAPS.put(ledger.world.state, replace(row, units=99), 1)
    assert not ledger.sound()
    SWAPS.put(ledger.world.state, row, 1)
    RECEIVED.delete(ledger.world.state, BEN.public, 1)
    assert not ledger.sound()
