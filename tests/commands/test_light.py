"""`reelect light query` against a real chain, an honest node and nodes that lie."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import cli
from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.light import LightAnswer
from node.chain import Chain
from node.client import Client
from node.commands import light
from node.light_answers import NO_DYNASTY_PROOF, NOT_YET_FINAL, light_answer
from node.query.answers import PROBLEM_PREFIX
from tests.node.network import (
    FUNDS,
    key,
    make_genesis_of,
    make_seats,
    open_chain,
    run_slots,
    signed,
    transfer,
)
from vm.modules.content import OWNERSHIP_PROFILE, Publish
from vm.modules.tokens import BALANCES

SEATS = make_seats(4)
ALICE, BOB, CAROL = key("alice"), key("bob"), key("carol")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
VIDEO, UNKNOWN_VIDEO = cid_of(RAW, b"film"), cid_of(RAW, b"another")
NODE = "http://node:7480"

Respond = Callable[[bytes], httpx.Response]
Alter = Callable[[LightAnswer], LightAnswer]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Alice has paid Bob 5,000 and published VIDEO, and that is final."""
    opened, database = open_chain(GENESIS, tmp_path / "chain")
    publish = Publish(VIDEO, OWNERSHIP_PROFILE.name, 4, "video/mp4", "Film")
    ready = [
        transfer(opened, ALICE, BOB.public, 5_000, 0),
        signed(opened, ALICE, publish, 1),
    ]
    run_slots([opened], SEATS, [1, 2, 3], ready)
    yield opened
    database.close()


class Reelect:
    """The command line with GENESIS trusted and a node that answers as `respond` says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.respond: Respond = lambda _: httpx.Response(500)

    def client(self, url: str) -> Client:
        return Client(url, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        head, _, state_key = request.url.path.rpartition("/")
        assert (request.url.host, head) == ("node", "/v1/light/rows")
        return self.respond(bytes.fromhex(state_key))

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = cli.run(["light", "query", *arguments])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *arguments: str) -> dict[str, object]:
        code, out, _ = self(*arguments, "--json")
        assert code == 0
        found = json.loads(out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def reelect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Reelect:
    file = tmp_path / "genesis.cbor"
    file.write_bytes(GENESIS.encode())
    made = Reelect(capsys)
    monkeypatch.setattr(light, "Client", made.client)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELECT_CLIENT_NODE", NODE)
    monkeypatch.setenv("REELECT_CLIENT_GENESIS", str(file))
    return made


def honest(chain: Chain) -> Respond:
    return altered(chain, lambda answer: answer)


def altered(chain: Chain, alter: Alter) -> Respond:
    return lambda state_key: answer_of(alter(light_answer(chain, state_key)).encode())


def answer_of(data: bytes) -> httpx.Response:
    return httpx.Response(200, content=data, headers={"content-type": "application/cbor"})


def problem(code: str) -> httpx.Response:
    body = {"type": PROBLEM_PREFIX + code, "title": code, "detail": f"because of {code}"}
    return httpx.Response(503, json=body)


def final_of(chain: Chain) -> dict[str, object]:
    header = chain.fork.final.header
    return {
        "height": header.height,
        "slot": header.slot,
        "time": "2023-11-14T22:13:22.000Z",
        "block": str(chain.fork.final.id),
        "signed": 3,
        "producers": 4,
    }


def test_an_account(chain: Chain, reelect: Reelect) -> None:
    reelect.respond = honest(chain)
    bob = format_address(BOB.public)
    found = reelect.json("account", bob)
    assert found == {
        "account": bob,
        "asset": "REEL",
        "balance": "5000",
        "nonce": 0,
        "proved": [
            {
                "table": "token.balance",
                "key": {"account": bob, "asset": "REEL"},
                "row": {"amount": "5000"},
                "final": final_of(chain),
            },
            {
                "table": "account.sender",
                "key": {"account": bob},
                "row": None,
                "final": final_of(chain),
            },
        ],
    }
    assert reelect.json("account", format_address(ALICE.public))["nonce"] == 2


def test_an_account_that_nobody_has_paid_holds_nothing(chain: Chain, reelect: Reelect) -> None:
    reelect.respond = honest(chain)
    code, out, _ = reelect("account", format_address(CAROL.public))
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[:4] == [
        ["account", format_address(CAROL.public)],
        ["holds", "0", "REEL"],
        ["next", "nonce", "0"],
        [],
    ]
    assert lines[4:] == [[name, str(value)] for name, value in final_of(chain).items()]


def test_an_account_while_the_chain_goes_on_shows_both_blocks(
    chain: Chain, reelect: Reelect
) -> None:
    def respond(state_key: bytes) -> httpx.Response:
        slot = chain.fork.head.slot + 1
        response = honest(chain)(state_key)
        run_slots([chain], SEATS, [slot])
        return response

    reelect.respond = respond
    code, out, _ = reelect("account", format_address(BOB.public))
    heights = [line.split()[1] for line in out.splitlines() if line.startswith("height")]
    assert (code, heights) == (0, ["2", "3"])


def test_a_video(chain: Chain, reelect: Reelect) -> None:
    reelect.respond = honest(chain)
    found = reelect.json("video", str(VIDEO))
    assert found["table"] == "content.video"
    assert found["row"] == {
        "owner": format_address(ALICE.public),
        "profile": OWNERSHIP_PROFILE.name,
        "size_bytes": 4,
        "media_type": "video/mp4",
        "title": "Film",
        "height": 1,
        "time_ms": chain.clock.start_ms(1),
    }
    code, out, _ = reelect("video", str(VIDEO))
    assert code == 0
    assert "title       Film" in out


def test_a_video_that_is_not_registered(chain: Chain, reelect: Reelect) -> None:
    reelect.respond = honest(chain)
    assert reelect.json("video", str(UNKNOWN_VIDEO))["row"] is None
    code, out, _ = reelect("video", str(UNKNOWN_VIDEO))
    assert code == 0
    assert "\nnot registered\n" in out


def test_any_row(chain: Chain, reelect: Reelect) -> None:
    reelect.respond = honest(chain)
    found = reelect.json("row", "token.balance", format_address(BOB.public), "REEL")
    assert found["row"] == {"amount": "5000"}
    constants = reelect.json("row", "chain.constants")
    assert (constants["key"], constants["final"]) == ({}, final_of(chain))
    owned = ("row", "content.owned", format_address(ALICE.public), "1", str(VIDEO))
    assert reelect.json(*owned)["row"] == {}
    assert "\npresent, without fields\n" in reelect(*owned)[1]
    assert "\nno such row\n" in reelect("row", "token.asset", "OTHER")[1]


def test_old_answers_are_shown_with_a_warning(chain: Chain, reelect: Reelect) -> None:
    reelect.respond = honest(chain)
    assert "ask another node to be sure" in reelect("row", "chain.constants")[2]


@pytest.mark.parametrize(
    ("check", "alter"),
    [
        ("key", lambda answer: replace(answer, key=BALANCES.state_key(BOB.public, "OTHER"))),
        ("certificate", lambda answer: replace(answer, certificate=answer.certificate[:-1])),
        ("certificate", lambda answer: replace(answer, target=replace(answer.target, slot=9))),
        ("final header", lambda answer: replace(answer, final=replace(answer.final, slot=9))),
        ("state proof", lambda answer: replace(answer, value=None)),
        ("state proof", lambda answer: replace(answer, value=b"\x01" + (answer.value or b""))),
    ],
)
def test_a_lie_ends_with_code_5_and_the_check_that_failed(
    chain: Chain, reelect: Reelect, check: str, alter: Alter
) -> None:
    reelect.respond = altered(chain, alter)
    code, out, err = reelect("account", format_address(ALICE.public))
    assert (code, out) == (5, "")
    assert err.startswith(f"reelect: {check}: ")
    assert NODE in err
    assert err.count("\n") == 1


def test_what_was_proved_before_the_lie_is_not_printed(chain: Chain, reelect: Reelect) -> None:
    lie = altered(chain, lambda answer: replace(answer, value=b"\x00"))
    nodes = iter([honest(chain), lie])

    def respond(state_key: bytes) -> httpx.Response:
        return next(nodes)(state_key)

    reelect.respond = respond
    code, out, err = reelect("account", format_address(BOB.public), "--json")
    assert (code, out) == (5, "")
    assert json.loads(err)["error"]["field"] == "state proof"


def test_what_is_no_answer_ends_with_code_5(reelect: Reelect) -> None:
    reelect.respond = lambda _: answer_of(b"<html>")
    code, out, err = reelect("row", "chain.constants")
    assert (code, out) == (5, "")
    assert err.startswith("reelect: encoding: ")


def test_an_endless_answer_is_cut_off(reelect: Reelect) -> None:
    reelect.respond = lambda _: answer_of(bytes(2_000_000))
    code, out, err = reelect("row", "chain.constants")
    assert (code, out) == (1, "")
    assert "more than" in err


def test_a_node_that_does_not_answer(reelect: Reelect) -> None:
    def refuse(_: bytes) -> httpx.Response:
        raise httpx.ConnectError("refused")

    reelect.respond = refuse
    code, out, err = reelect("row", "chain.constants")
    assert (code, out) == (3, "")
    assert NODE in err


def test_a_node_with_nothing_final_is_asked_again(
    chain: Chain, reelect: Reelect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light, "ASK_AGAIN_S", 0)
    young = [problem(NOT_YET_FINAL)] * 3
    reelect.respond = lambda state_key: young.pop() if young else honest(chain)(state_key)
    assert reelect("row", "chain.constants")[0] == 0
    assert young == []


def test_a_node_with_nothing_final_for_too_long(reelect: Reelect) -> None:
    reelect.respond = lambda _: problem(NOT_YET_FINAL)
    code, out, err = reelect("row", "chain.constants", "--timeout-s", "0")
    assert (code, out) == (4, "")
    assert NODE in err
    assert NOT_YET_FINAL in err


def test_a_node_that_cannot_prove_its_dynasty(reelect: Reelect) -> None:
    reelect.respond = lambda _: problem(NO_DYNASTY_PROOF)
    assert reelect("row", "chain.constants")[:2] == (1, "")


def test_an_altered_genesis_file_is_refused_before_asking(tmp_path: Path, reelect: Reelect) -> None:
    file = tmp_path / "altered.cbor"
    file.write_bytes(GENESIS.encode().replace(FUNDS.to_bytes(8, "big"), bytes(7) + b"\x01"))
    code, out, err = reelect("row", "chain.constants", "--genesis", str(file))
    assert (code, out) == (1, "")
    assert str(file) in err


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["account", "reel1nobody"], "ADDRESS"),
        (["video", str(VIDEO).upper()], "CID"),
        (["row", "token.nothing"], "TABLE"),
        (["row", "token.balance"], "KEY"),
        (["row", "token.balance", format_address(BOB.public), "REEL", "1"], "KEY"),
        (["row", "token.balance", "reel1nobody", "REEL"], "KEY"),
    ],
)
def test_mistakes_on_the_command_line(reelect: Reelect, arguments: list[str], field: str) -> None:
    code, out, err = reelect(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"reelect: {field}: ")
