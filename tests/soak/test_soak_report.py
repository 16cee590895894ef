"""What fails a soak, and what its document and its line say."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import cast

import pytest

from node.client import Client
from node.local.process import NodeProcess
from tests.soak.faults import KILL, Fault, Faults
from tests.soak.finality import FinalityWatch
from tests.soak.fleet import Fleet, Member
from tests.soak.logs import LogFaults
from tests.soak.memory import MIB, Life, Sample
from tests.soak.report import MIN_JUDGED_S, Ending, Soak, Wishes
from tests.soak.transfers import Counts

WISHES = Wishes(60, 2, 500, 20, 1, 60, 300)
ENDING = Ending(3600, 7200, 7000, 6990, {"node-0": "aa", "node-1": "aa"}, 72, 72, 0, 72, 0)


def member(name: str, mib_h: float = 0.0) -> Member:
    times = [MIN_JUDGED_S * i / 2 for i in range(4)]
    samples = [Sample(at_s, int((50 + mib_h * at_s / 3600) * MIB), MIB) for at_s in times]
    process = NodeProcess(Path(name))
    return Member(process, cast(Client, None), lives=[Life(samples, 1800.0)])


def soak(members: Sequence[Member] = (), ending: Ending = ENDING) -> Soak:
    faults = Faults(Fleet.__new__(Fleet), 60, Random(1))
    faults.done.append(Fault(60, KILL, "node-1", 5))
    found = members or (member("node-0"), member("node-1"))
    parts = (faults, FinalityWatch(), Counts(refused={"expired": 2}), LogFaults())
    return Soak(WISHES, ending, found, *parts, interrupted=False)


def test_a_good_soak_has_no_failures() -> None:
    seen = soak()
    assert seen.failures(strict=True) == []
    line = seen.line([])
    assert "7000 blocks, 72 of 72 transfers final, 0 lost, 1 kills" in line
    assert line.endswith("good")
    document = json.loads(json.dumps(seen.to_json([])))
    assert document["cpu"] == {"cores": 1.0, "nodes": {"node-0": 0.5, "node-1": 0.5}}
    assert document["state"] == {"height": 6990, "nodes": 2, "roots": ["aa"]}
    assert document["transactions"]["refused"] == {"expired": 2}
    assert document["memory"]["worst"]["seconds"] == MIN_JUDGED_S


@pytest.mark.parametrize(
    ("ending", "failure"),
    [
        (
            replace(ENDING, roots={"node-0": "aa", "node-1": "bb"}),
            "the states at height 6990 differ",
        ),
        (replace(ENDING, roots={"node-0": "aa"}), "no state root from node-1"),
        (replace(ENDING, lost=2), "2 transactions were accepted and then lost"),
        (replace(ENDING, received=71), "72 transfers are final, 71 arrived"),
        (replace(ENDING, received=73), "72 transfers are final, 73 arrived"),
        (replace(ENDING, sent=74), "2 transfers were not final at the end"),
        (replace(ENDING, handler_faults=1), "nodes met bugs of their own: see logs"),
    ],
)
def test_a_broken_promise_fails(ending: Ending, failure: str) -> None:
    assert soak(ending=ending).failures(strict=False) == [failure]


def test_who_interrupts_a_soak_need_not_wait_for_its_transfers() -> None:
    seen = replace(soak(ending=replace(ENDING, sent=74)), interrupted=True)
    assert seen.failures(strict=False) == []


def test_a_process_that_ended_by_itself_fails() -> None:
    crashed = member("node-1")
    crashed.crash = "ended with code 1"
    assert soak([member("node-0"), crashed]).failures(strict=False) == ["node-1 ended with code 1"]


def test_an_error_in_a_log_fails() -> None:
    seen = soak()
    seen.logs.errors = 1
    assert seen.failures(strict=False) == ["nodes met bugs of their own: see logs"]


def test_growth_fails_if_it_is_to_be_strict() -> None:
    grown = soak([member("node-0", 1.1), member("node-1", -5)])
    assert grown.failures(strict=False) == []
    assert len(grown.failures(strict=True)) == 1
    assert "+1.10 MiB/h at worst" in grown.line([])


def test_a_soak_too_short_to_tell_growth_is_not_strictly_good() -> None:
    short = member("node-0")
    short.lives = [Life(short.lives[0].samples[:3])]
    seen = soak([short, short])
    assert "memory not judged" in seen.line([])
    assert len(seen.failures(strict=True)) == 1
