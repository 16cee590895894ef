"""A day's boundary costs as much with a million holders as with a hundred: nobody is visited."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import NamedTuple

import pytest

from consensus.record import replace
from genesis.preset import load_preset
from genesis.rehearsal import Rehearsal
from tests.vm.liveliness import Liveliness
from vm.modules import activity, checkin, poc
from vm.modules.rebate.tables import ACCRUALS, Accrual, Sums
from vm.modules.tokens import BALANCES, Balance
from vm.overlay import EmptyView, Overlay
from vm.view import View

FEW, MANY = 100, 1_000_000
DAYS = 3
USDT = 10**6


class Row(NamedTuple):
    """What a holder has in a table: the key's bytes before and after the account, and the value."""

    before: bytes
    after: bytes
    value: bytes


@dataclass
class Crowd:
    """A state with so many more holders, who are made as they are read: the rows that a holder has
    in each of these tables. Counts what is read, row by row."""

    base: View
    holders: int
    rows: Sequence[Row]
    reads: int = 0

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None."""
        self.reads += 1
        for before, after, value in self.rows:
            account = key[len(before) : len(key) - len(after)]
            if key == before + account + after and len(account) == 32:
                place = int.from_bytes(account, "big")
                if place < self.holders:
                    return value
        return self.base.get(key)

    def scan(self, prefix: bytes, *, start: bytes, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """At most `limit` rows of those whose key begins with `prefix`, in order."""
        made = (self._made(row, start) for row in self.rows if row.before.startswith(prefix))
        own = self.base.scan(prefix, start=start, limit=limit)
        for found in islice(merge(own, *made), limit):
            self.reads += 1
            yield found

    def _made(self, row: Row, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for place in range(self.holders):
            key = row.before + place.to_bytes(32, "big") + row.after
            if key >= start:
                yield key, row.value


def of_holders(day: int) -> list[Row]:
    """What each of the crowd has: tokens, what it paid on the day, and what it has checked in."""
    account = b"\xff" * 32

    def row(key: bytes, value: bytes) -> Row:
        before, after = key.split(account)
        return Row(before, after, value)

    sums = Sums(USDT, 0, 0)
    return [
        row(BALANCES.state_key(account, "PALT"), Balance(10**8).encode()),
        row(BALANCES.state_key(account, "POS"), Balance(10**8).encode()),
        row(ACCRUALS.state_key(account), Accrual(day, sums, 0).encode()),
        row(checkin.ENTRIES.state_key(account), checkin.tables.Entry(0, 10**8).encode()),
    ]


def reads_of_a_boundary(preset: str, holders: int, fees: int) -> int:
    """How many rows the block reads that begins a day after some days."""
    chain = Rehearsal.of(load_preset(preset), fees)
    rules = checkin.Rules(0, 1, 10_000, "participation")
    if preset == "wepos":
        checkin.RULES.put(chain.state, rules)
    for _ in range(DAYS):
        chain.live_day()
    crowd = Crowd(chain.state, holders, of_holders(DAYS - 1))
    chain.state = Overlay(crowd)
    chain.live_day()
    return crowd.reads


@pytest.mark.parametrize(("preset", "fees"), [("palchain", 1_000 * USDT), ("wepos", 0)])
def test_a_million_holders_cost_no_more_than_a_hundred(preset: str, fees: int) -> None:
    few, many = (reads_of_a_boundary(preset, holders, fees) for holders in (FEW, MANY))
    assert 10 < few == many


def reads_of_an_active_day(active: int) -> list[int]:
    """How many rows each block reads after a day on which so many more were active, and creators:
    its boundary, the draws of pairs, and the end of the time in which it can be claimed."""
    stage, account = Liveliness(), b"\xff" * 32
    stage.set("activity.keep_days", 1)
    done = activity.Done(activity.NO_COUNTS, 0, 250_000, ())
    standing = poc.Standing(0, 1)
    creator = replace(poc.NEW, fans=1, standing=standing)
    made = [
        (activity.ACCOUNTS.state_key(0, account), done),
        (poc.STANDINGS.state_key(0, poc.MOST_COEFFICIENT - 1, account), poc.Listed()),
        (poc.CREATORS.state_key(account), creator),
        (poc.CONTRIBUTIONS.state_key(0, account), poc.Contribution(1)),
    ]
    totals = replace(activity.NO_TOTALS, active_accounts=active, roots=500_000 * active)
    activity.DAYS.put(stage.world.state, activity.Day(totals, None), 0)
    rows = [Row(key[:-32], b"", row.encode()) for key, row in made]
    crowd, reads = Crowd(stage.world.state, active, rows), list[int]()
    stage.world.state = Overlay(crowd)
    for begins_day in (True, False, False, False, False, True):
        before = crowd.reads
        if begins_day:
            stage.live()
        else:
            stage.blocks(1)
        reads.append(crowd.reads - before)
    return reads


def test_a_million_active_accounts_cost_no_more_in_a_block_than_a_thousand() -> None:
    few, many = (reads_of_an_active_day(active) for active in (1_000, MANY))
    assert few == many
    assert few[0] < 50, "the boundary"
    assert few[1] == few[2] < 5, "the beacon that decides is not there yet"
    assert 64 < few[3] < 1_000, "a batch of pairs"


def test_who_visits_the_holders_is_noticed() -> None:
    crowd = Crowd(EmptyView(), FEW, of_holders(0))
    assert sum(1 for _ in BALANCES.every(crowd)) == 2 * FEW
    assert crowd.reads >= 2 * FEW
    assert BALANCES.get(crowd, (FEW - 1).to_bytes(32, "big"), "PALT") == Balance(10**8)
    assert BALANCES.get(crowd, FEW.to_bytes(32, "big"), "PALT") is None
