"""`reelect light query` against a real chain, an honest node and nodes that lie."""

import json
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.light_answer import decode_answer
from consensus.record import replace
from node.light import client as light_client
from node.light.answers import NO_DYNASTY_PROOF, NOT_YET_FINAL, LightAnswers
from node.light.evidence import LightEvidence
from tests.api.world import ALICE, BOB, GENESIS, World
from tests.commands.light_nodes import Alter, Light, Proxy, Refusing, Silent, light_commands
from tests.node.network import FUNDS, key, signed, transfer
from tests.vm.world import publish
from vm.modules.content import OWNERSHIP_PROFILE, CreateSpace, SetName
from vm.modules.tokens import BALANCES

CAROL = key("carol")
VIDEO, UNKNOWN_VIDEO = cid_of(RAW, b"film"), cid_of(RAW, b"another")
HONEST = "http://honest:7480"


@pytest.fixture
def light(
    home: Path, capsys: pytest.CaptureFixture[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> Light:
    """Alice has paid Bob 5,000 and published VIDEO, and that is final."""
    paid = transfer(world.chain, ALICE, BOB.public, 5_000, 0)
    world.publish(publish(b"film", title="Film", size_bytes=4), [1, 2, 3], paid)
    monkeypatch.setattr(light_client, "ASK_AGAIN_S", 0)
    return light_commands(home, capsys, world, monkeypatch)


def final_of(world: World) -> dict[str, object]:
    header = world.chain.durable_final.header
    return {
        "height": header.height,
        "slot": header.slot,
        "time": f"2023-11-14T22:13:2{header.slot}.000Z",
        "block": str(world.chain.durable_final.id),
        "signed": 3,
        "producers": 4,
    }


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# Facts


def test_an_account(light: Light) -> None:
    bob = format_address(BOB.public)
    assert light.json("query", "account", bob) == {
        "account": bob,
        "asset": "REEL",
        "balance": "5000",
        "nonce": 0,
        "proved": [
            {
                "table": "token.balance",
                "key": {"account": bob, "asset": "REEL"},
                "row": {"amount": "5000"},
            },
            {"table": "account.sender", "key": {"account": bob}, "row": None},
        ],
        "final": final_of(light.world),
    }
    assert light.json("query", "account", format_address(ALICE.public))["nonce"] == 3


def test_an_account_that_nobody_has_paid_holds_nothing(light: Light) -> None:
    answer = light("query", "account", format_address(CAROL.public))
    assert answer.code == 0
    shown = lines(answer.out)
    assert shown[:4] == [
        ["account", format_address(CAROL.public)],
        ["holds", "0", "REEL"],
        ["next", "nonce", "0"],
        [],
    ]
    assert shown[4:] == [[name, str(value)] for name, value in final_of(light.world).items()]


def test_amounts_for_people_have_the_decimals_of_the_proved_asset(light: Light) -> None:
    out = light("query", "account", format_address(BOB.public)).out
    assert ["holds", "0.00005", "REEL"] in lines(out)


def test_a_video(light: Light) -> None:
    found = light.json("query", "video", str(VIDEO))
    assert found["table"] == "content.video"
    assert found["row"] == {
        "line": {
            "owner": format_address(ALICE.public),
            "newest": str(VIDEO),
            "offered_to": None,
        },
        "first": str(VIDEO),
        "number": 1,
        "replaces": None,
        "parent": None,
        "profile": OWNERSHIP_PROFILE.name,
        "size_bytes": 4,
        "media_type": "video/mp4",
        "title": "Film",
        "licence": None,
        "height": 2,
        "time_ms": light.world.chain.clock.start_ms(2),
    }
    assert ["title", "Film"] in lines(light("query", "video", str(VIDEO)).out)


def test_a_name(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.modules.content.spaces.handle_fee", lambda view, name: 7)
    chain = light.world.chain
    made = signed(chain, ALICE, CreateSpace("films", "cinema", "Films"), 3)
    named = signed(chain, ALICE, SetName("films", "film", VIDEO), 4)
    light.world.slots([4, 5, 6], [made, named])
    found = light.json("query", "name", "films/film")
    assert (found["cid"], found["owner"]) == (str(VIDEO), format_address(ALICE.public))
    proved = found["proved"]
    assert isinstance(proved, list)
    assert {row["table"] for row in proved} == {"content.space", "content.name", "content.video"}
    assert ["cid", str(VIDEO)] in lines(light("query", "name", "films/film").out)
    none = light.json("query", "name", "films/none")
    assert none["cid"] is None
    assert "\nresolves to nothing\n" in light("query", "name", "films/none").out


def test_a_video_that_is_not_registered(light: Light) -> None:
    assert light.json("query", "video", str(UNKNOWN_VIDEO))["row"] is None
    answer = light("query", "video", str(UNKNOWN_VIDEO))
    assert answer.code == 0
    assert "\nnot registered\n" in answer.out


def test_any_row(light: Light) -> None:
    found = light.json("query", "row", "token.balance", format_address(BOB.public), "REEL")
    assert found["row"] == {"amount": "5000"}
    constants = light.json("query", "row", "chain.constants")
    assert (constants["key"], constants["final"]) == ({}, final_of(light.world))
    owned = ("query", "row", "content.owned", format_address(ALICE.public), "2", str(VIDEO))
    assert light.json(*owned)["row"] == {}
    assert "\npresent, without fields\n" in light(*owned).out
    assert "\nno such row\n" in light("query", "row", "token.asset", "OTHER").out
    assert '"peaks"' in light("query", "row", "chain.progress").out


def test_a_transaction_and_its_receipt(light: Light) -> None:
    identity = transfer(light.world.chain, ALICE, BOB.public, 5_000, 0).id.hex()
    light.world.slots([4, 5, 6, 7])
    found = light.json("query", "transaction", identity)
    assert found["transaction"] == identity
    receipt, block = found["receipt"], found["block"]
    assert isinstance(receipt, dict)
    assert isinstance(block, dict)
    assert (receipt["status"], receipt["transaction"], block["height"]) == ("ok", identity, 1)
    assert block["block"] == str(light.world.chain.blocks.id_at(1))
    shown = lines(light("query", "transaction", identity).out)
    assert ["status", "ok"] in shown
    assert ["height", "1"] in shown


def test_an_event(light: Light) -> None:
    found = light.json("query", "event", "1", "0")
    event = found["event"]
    assert isinstance(event, dict)
    assert event["data"]["type"] == "token.transferred"
    assert event["data"]["amount"] == "5000"
    assert ["type", "token.transferred"] in lines(light("query", "event", "1", "0").out)


def test_a_block_of_any_age(light: Light) -> None:
    light.world.slots(range(4, 30))
    for height in (0, 1, 13, light.world.chain.durable_final.height):
        block = light.json("query", "block", str(height))["block"]
        assert isinstance(block, dict)
        assert block["block"] == str(light.world.chain.blocks.id_at(height))
    assert ["height", "13"] in lines(light("query", "block", "13").out)


def test_the_producer_set(light: Light) -> None:
    found = light.json("query", "producers")
    items = found["items"]
    assert isinstance(items, list)
    assert (found["dynasty"], found["quorum"], len(items)) == (0, 3, 4)
    members = light.world.chain.genesis.members
    assert [item["key"] for item in items] == [member.key.hex() for member in members]
    assert {item["name"] for item in items} == {"p"}
    out = light("query", "producers").out
    assert [format_address(members[0].producer), "p"] in lines(out)


def test_a_parameter(light: Light) -> None:
    found = light.json("query", "parameter", "fee.base_gas")
    assert (found["value"], found["unit"]) == ("1000", "gas")
    default = light.json("query", "parameter", "content.mib_gas")
    assert default["value"] == "1000"
    assert ["value", "1000"] in lines(light("query", "parameter", "fee.base_gas").out)


def test_the_supply(light: Light) -> None:
    found = light.json("query", "supply")
    row = found["row"]
    assert isinstance(row, dict)
    assert found["supply"] == str(int(row["minted"]) - int(row["burned"]))
    assert int(row["burned"]) > 0
    assert int(row["minted"]) >= FUNDS
    assert light.json("query", "supply", "OTHER")["supply"] is None
    assert "no such asset" in light("query", "supply", "OTHER").out
    assert light("query", "supply").out.startswith("asset   REEL, Reel\nsupply  ")


def test_old_answers_are_shown_with_a_warning(light: Light) -> None:
    light.now_ms = light.world.now_ms + 3_600_000
    answer = light("query", "row", "chain.constants")
    assert answer.code == 0
    assert "ask others to be sure" in answer.err


# Lies


@pytest.mark.parametrize(
    ("check", "alter"),
    [
        ("question", lambda answer: replace(answer, rows=(), proof=replace(answer.proof))),
        ("certificate", lambda answer: replace(answer, certificate=answer.certificate[:-1])),
        ("certificate", lambda answer: replace(answer, target=replace(answer.target, slot=9))),
        ("final header", lambda answer: replace(answer, final=replace(answer.final, slot=9))),
        (
            "state proof",
            lambda answer: replace(
                answer, rows=tuple(replace(row, value=None) for row in answer.rows)
            ),
        ),
    ],
)
def test_a_lie_ends_with_code_5_and_the_check_that_failed(
    light: Light, check: str, alter: Alter
) -> None:
    liar = Proxy(light.world)
    url = light.add("liar", liar)
    if check == "question":
        key_of_alice = BALANCES.state_key(ALICE.public, "REEL")
        liar.body = lambda _: asked_otherwise(light, key_of_alice)
    else:
        liar.alter(alter)
    answer = light("query", "account", format_address(BOB.public), "--node", url)
    assert (answer.code, answer.out) == (5, "")
    assert answer.err.startswith(f"reelect: {check}: ")
    assert url in answer.err
    assert answer.err.count("\n") == 1
    (evidence,) = light.evidence
    assert str(evidence) in answer.err
    kept = LightEvidence.decode(evidence.read_bytes())
    assert kept.node == url
    assert decode_answer(kept.answer)


def asked_otherwise(light: Light, state_key: bytes) -> bytes:
    """An answer about another row."""
    return LightAnswers(light.world.chain).rows([state_key], 0).encode()


def test_a_liar_among_honest_nodes_changes_nothing_but_is_named(light: Light) -> None:
    liar = Proxy(light.world)
    liar.alter(lambda answer: replace(answer, rows=answer.rows[:-1]))
    urls = [light.add("liar", liar), HONEST]
    nodes = [word for url in urls for word in ("--node", url)]
    answer = light("query", "account", format_address(BOB.public), *nodes, "--json")
    assert answer.code == 0
    assert answer.json["balance"] == "5000"
    assert answer.err.startswith("reelect: state proof: ")
    assert "http://liar:7480" in answer.err
    assert len(light.evidence) == 1


def test_a_node_that_is_silent_beside_one_that_answers(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light_client, "PATIENCE_S", 0.01)
    silent = light.add("silent", Silent())
    bob = format_address(BOB.public)
    answer = light("query", "account", bob, "--node", silent, "--node", HONEST)
    assert answer.code == 0
    assert "the node at http://silent:7480 proves nothing in time" in answer.err
    alone = light("query", "account", bob, "--node", silent, "--timeout-s", "0.05")
    assert (alone.code, alone.out) == (4, "")


def test_a_node_of_another_chain(light: Light) -> None:
    liar = Proxy(light.world)
    liar.alter(lambda answer: replace(answer, target=replace(answer.target, chain=bytes(32))))
    answer = light("query", "supply", "--node", light.add("other", liar), "--json")
    assert answer.code == 5
    assert answer.error["field"] == "certificate"
    assert "another chain" in str(answer.error["message"])


def test_what_is_no_answer_ends_with_code_5(light: Light) -> None:
    liar = Proxy(light.world)
    liar.body = lambda _: b"<html>"
    answer = light("query", "row", "chain.constants", "--node", light.add("liar", liar))
    assert (answer.code, answer.out) == (5, "")
    assert answer.err.startswith("reelect: encoding: ")


def test_an_endless_answer_is_cut_off(light: Light) -> None:
    liar = Proxy(light.world)
    liar.body = lambda _: bytes(3_000_000)
    answer = light("query", "row", "chain.constants", "--node", light.add("liar", liar))
    assert (answer.code, answer.out) == (1, "")
    assert "more than" in answer.err


# Nodes that have no answer


def test_a_node_that_is_not_there(light: Light) -> None:
    answer = light("query", "row", "chain.constants", "--node", light.add("none", Refusing(None)))
    assert (answer.code, answer.out) == (3, "")
    assert "http://none:7480" in answer.err


def test_a_node_with_nothing_final_for_too_long(light: Light) -> None:
    young = light.add("young", Refusing(NOT_YET_FINAL))
    answer = light("query", "supply", "--node", young, "--timeout-s", "0.05")
    assert (answer.code, answer.out) == (4, "")
    assert young in answer.err
    assert NOT_YET_FINAL in answer.err


def test_a_node_that_cannot_prove_its_dynasty(light: Light) -> None:
    node = light.add("node", Refusing(NO_DYNASTY_PROOF))
    answer = light("query", "supply", "--node", node)
    assert (answer.code, answer.out) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["transaction", bytes(32).hex()],
        ["block", "99"],
        ["event", "1", "99"],
    ],
)
def test_what_no_node_knows(light: Light, arguments: list[str]) -> None:
    answer = light("query", *arguments, "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.error["code"] == "not-found"


# Mistakes


def test_an_altered_genesis_file_is_refused_before_asking(light: Light) -> None:
    file = light.home / "altered.cbor"
    file.write_bytes(GENESIS.encode().replace(FUNDS.to_bytes(8, "big"), bytes(7) + b"\x01"))
    answer = light("query", "row", "chain.constants", "--genesis", str(file))
    assert (answer.code, answer.out) == (1, "")
    assert str(file) in answer.err
    honest = light.nodes[HONEST]
    assert isinstance(honest, Proxy)
    assert honest.asked == []


def test_no_changed_byte_of_a_genesis_file_is_believed(light: Light) -> None:
    """Either the file is refused, or it is another chain's, whose proofs these are not."""
    good, file = GENESIS.encode(), light.home / "changed.cbor"
    for place in range(0, len(good), len(good) // 60):
        changed = bytearray(good)
        changed[place] ^= 1 << place % 8
        file.write_bytes(bytes(changed))
        answer = light("query", "supply", "--genesis", str(file))
        assert answer.code in (1, 5)
        assert answer.out == ""


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["account", "reel1nobody"], "ADDRESS"),
        (["video", str(VIDEO).upper()], "CID"),
        (["row", "token.nothing"], "TABLE"),
        (["row", "token.balance"], "KEY"),
        (["row", "token.balance", format_address(BOB.public), "REEL", "1"], "KEY"),
        (["row", "token.balance", "reel1nobody", "REEL"], "KEY"),
        (["transaction", "00"], "ID"),
        (["transaction", "X" * 64], "ID"),
        (["block", "-1"], "HEIGHT"),
        (["block", "bafy"], "HEIGHT"),
        (["event", "x", "0"], "HEIGHT"),
        (["event", "1", "x"], "INDEX"),
        (["parameter", "fee.nothing"], "NAME"),
        (["supply", "reel"], "ASSET"),
        (["supply", "--timeout-s", "0"], "--timeout-s"),
        (["supply", "--timeout-s", "nan"], "--timeout-s"),
        (["supply", "--node", "bla"], "--node"),
        (["supply", "--node", HONEST, "--node", "ftp://x"], "--node"),
    ],
)
def test_mistakes_on_the_command_line(light: Light, arguments: list[str], field: str) -> None:
    answer = light("query", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"reelect: {field}: ")


def test_no_option_asks_nobody(light: Light) -> None:
    assert light("query", "supply", "--empty-node").code == 2


@pytest.mark.parametrize("height", ["final", "\N{SUPERSCRIPT TWO}", "1.5"])
def test_a_height_is_a_number(light: Light, height: str) -> None:
    assert f"a whole number is expected, got '{height}'" in light("query", "block", height).err


def test_a_genesis_file_that_is_not_there(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELECT_CLIENT_GENESIS", str(light.home / "none.cbor"))
    answer = light("query", "supply", "--json")
    assert answer.code == 1
    assert "none.cbor" in str(answer.error["field"])
    assert "light init" in str(answer.error["message"])
    assert json.loads(answer.err)
    assert "name it with --genesis" in light("init").err
