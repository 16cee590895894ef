"""`reelect content fetch`."""

import pytest

from consensus.cid import RAW, cid_of
from node.content.file_fetch import FetchState
from tests.api.world import World
from tests.commands.conftest import LivingTransport, Run

ROOT = cid_of(RAW, b"a file")


def end(world: World, monkeypatch: pytest.MonkeyPatch, state: FetchState, reason: str) -> None:
    """Every fetch ends at once, so."""

    def start_soon(_: object, fetch: object) -> None:
        world.begun.fetches.append(fetch)  # type: ignore[arg-type]
        fetch.state, fetch.reason = state, reason  # type: ignore[attr-defined]

    monkeypatch.setattr(world.begun, "start_soon", start_soon)


def test_a_file_is_fetched(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(world, monkeypatch, FetchState.WHOLE, "")
    answer = run("content", "fetch", str(ROOT), "--json")
    assert answer.code == 0
    assert (answer.json["cid"], answer.json["state"]) == (str(ROOT), "whole")
    assert [method for method, _ in node.requests] == ["POST", "GET"]


def test_one_may_let_the_node_go_on_by_itself(node: LivingTransport, run: Run) -> None:
    answer = run("content", "fetch", str(ROOT), "--no-wait", "--json")
    assert (answer.code, answer.json["state"]) == (0, "running")


def test_what_nobody_has_is_refused(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(world, monkeypatch, FetchState.FAILED, "no neighbour gives it")
    answer = run("content", "fetch", str(ROOT), "--json")
    assert (answer.code, answer.error["code"]) == (1, "fetch-failed")
    assert "no neighbour gives it" in str(answer.error["message"])
    assert node.requests


def test_what_is_no_content_id_is_refused(run: Run) -> None:
    answer = run("content", "fetch", "nothing", "--json")
    assert (answer.code, answer.error["field"]) == (2, "CID")
