"""Consumption is reward: fees, the platform's account, candy, from the command line on."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from tests.api.community import DAY_SLOTS, REEL, USDT, community_genesis
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.commands.conftest import LivingTransport, Run
from vm.modules.tokens import balance_of

ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)


@pytest.fixture
def rewards() -> bool:
    """Whether consumption is rewarded on the chain."""
    return True


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, rewards: bool) -> Iterator[World]:
    genesis = community_genesis() if rewards else GENESIS
    monkeypatch.setattr("tests.api.world.GENESIS", genesis)
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture(autouse=True)
def _node(node: LivingTransport) -> None:
    """Commands ask a node, and alice, who has funds, sends."""


def give_roses(run: Run, count: int) -> None:
    for _ in range(count):
        answer = run("gift", "give", "rose", "bob", "--json")
        assert (answer.code, answer.err) == (0, "")


def test_the_rules_and_what_was_paid_today_are_shown(run: Run) -> None:
    give_roses(run, 2)
    shown = run("rebate", "show").out.splitlines()
    lines = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in shown}
    assert lines == {
        "reserve": "community, with 1000 REEL left",
        "price": "0.1 USDT a whole token",
        "factor": "50% of what fees in USDT are worth",
        "split": "60% to the consumer, 40% to the provider",
        "activities": "0.00000003 REEL for a call, 0.00000002 REEL for a comment, 0.00000001 REEL "
        "for a rating, 5 a day at most",
        "cap": "100 REEL a day",
        "day": "0",
        "fees paid": "0.4 USDT",
        "for activities": "0 REEL",
        "if it ended now": "2 REEL of 2 REEL wanted",
    }
    answer = run("rebate", "show", "--json").json
    assert answer["estimate"] == {"wanted": str(2 * REEL), "released": str(2 * REEL)}


def test_a_fee_is_rewarded_when_its_day_is_over(
    world: World, node: LivingTransport, run: Run
) -> None:
    assert "Nobody" in run("rebate", "list").out
    give_roses(run, 2)
    shown = run("rebate", "show", "alice").out.splitlines()
    names = ["account", "day", "fees paid", "fees earned", "took part in", "is due", "has got"]
    assert [line.split("  ")[0] for line in shown] == names
    assert shown[1].split(maxsplit=1)[1] == "0, which is not over yet"
    assert [line.split()[-1] for line in shown[-2:]] == ["nothing", "nothing"]
    early = run("rebate", "claim", "--json")
    assert (early.code, early.error["message"]) == (1, "day 0 is not over yet")
    node.skip(DAY_SLOTS)
    rows = [line.split() for line in run("rebate", "list").out.splitlines()[1:]]
    assert sorted(rows) == sorted(
        [
            [ALICES, "0", "(over)", "0.4", "USDT", "0", "USDT", "0", "REEL"],
            [BOBS, "0", "(over)", "0", "USDT", "0.4", "USDT", "0", "REEL"],
        ]
    )
    assert "1.2 REEL as consumer (UC candy)" in run("rebate", "show", "alice").out
    before = balance_of(world.chain.state.view(), BOB.public, "REEL")
    claimed = run("rebate", "claim", "--from", "bob")
    assert (claimed.code, claimed.err) == (0, "")
    assert claimed.out.splitlines()[0].split(maxsplit=1)[1] == "0.8 REEL as provider (US candy)"
    after = balance_of(world.chain.state.view(), BOB.public, "REEL")
    assert after > before + 7 * REEL // 10
    got = run("rebate", "show", "bob", "--json").json
    assert (got["accrual"], got["is_over"]) == (None, False)
    assert got["received"] == {"consumer": "0", "provider": str(8 * REEL // 10), "activity": "0"}
    again = run("rebate", "claim", "--from", "bob", "--json")
    assert (again.code, again.error["code"]) == (1, "rebate.nothing-owed")
    (left,) = cast(list[JsonObject], run("rebate", "list", "--json").json["accounts"])
    assert (left["account"], left["is_over"], left["day"]) == (ALICES, True, 0)


def test_each_days_account_is_public(node: LivingTransport, run: Run) -> None:
    assert run("revenue", "show").out.startswith("The platform has taken nothing since day 0")
    give_roses(run, 2)
    node.skip(DAY_SLOTS)
    give_roses(run, 1)
    rows = [line.split() for line in run("revenue", "show").out.splitlines()[1:]]
    assert [" ".join(row) for row in rows] == [
        "0 0.4 USDT 0.32 USDT 0.08 USDT gifts 0.4 USDT in 2 payments",
        "1 (open) 0.2 USDT 0.16 USDT 0.04 USDT gifts 0.2 USDT in 1 payment",
    ]
    document = run("revenue", "show", "--day", "0", "--json").json
    (account,) = cast(list[JsonObject], document["accounts"])
    assert (document["today"], account["day"], account["asset"]) == (1, 0, "USDT")
    (today,) = cast(
        list[JsonObject], run("revenue", "show", "--days", "1", "--json").json["accounts"]
    )
    assert today["day"] == 1
    assert "nothing on day 7; today is day 1" in run("revenue", "show", "--day", "7").out


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("revenue", "show", "--day", "1", "--days", "2"), "--day"),
        (("revenue", "show", "--day", str(2**60)), "--day"),
        (("rebate", "show", "nobody"), "ACCOUNT"),
    ],
)
def test_a_mistake_names_its_argument(run: Run, command: tuple[str, ...], field: str) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (2, "", field)


@pytest.mark.parametrize("rewards", [False])
@pytest.mark.parametrize("command", ["show", "list"])
def test_a_chain_that_rewards_nothing_says_so(run: Run, command: str, *, rewards: bool) -> None:
    answer = run("rebate", command, "--json")
    assert (answer.code, answer.error["code"]) == (1, "not-found")
    assert answer.error["message"] == "no reserve rewards consumption on this chain"


def test_the_economy_is_one_request(node: LivingTransport, run: Run) -> None:
    give_roses(run, 1)
    node.skip(DAY_SLOTS)
    node.requests.clear()
    document = run("economy", "show", "--json").json
    assert node.requests == [("GET", "/v1/economy")]
    assets = {str(item["asset"]): item for item in cast(list[JsonObject], document["assets"])}
    assert (assets["USDT"]["decimals"], assets["USDT"]["minted"]) == (6, str(110 * USDT))
    # A fifth of a USDT is in the pots: what holders have not claimed, and operations.
    assert assets["USDT"]["circulating"] == str(110 * USDT - USDT // 5)
    (reserve,) = cast(list[JsonObject], document["reserves"])
    assert (reserve["reserve"], reserve["released"]) == ("community", str(REEL))
    assert document["day"] == 1
    shown = run("economy", "show").out.splitlines()
    assert [line.split() for line in shown[-2:]] == [
        ["RESERVE", "UNITS", "RELEASED"],
        ["community", "1000", "REEL", "1", "REEL"],
    ]
