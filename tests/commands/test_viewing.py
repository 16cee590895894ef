"""Sealed videos from the command line: published, sold, delivered, opened, disputed, granted."""

from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.cid import Cid, parse_cid
from consensus.dagpb import decode_node
from consensus.kinds import JsonObject
from consensus.sealed import is_sealed
from consensus.unixfs import read_file
from node.client import Client
from node.commands import delivering, viewing
from node.failure import Unreachable
from node.wallet.derivation import KeyKind
from node.wallet.keystore import Keystore
from node.wallet.viewing import seal_key
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import PASSWORD, WEAK, LivingTransport, Run
from tests.node.network import key
from vm.modules.tokens import balance_of
from vm.modules.viewing import ACCESS, COMMITMENTS, PURCHASES, Commit, offer_of

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
CAROL = key("carol")
REEL = 10**8


@pytest.fixture(autouse=True)
def _people(node: LivingTransport, run: Run, home: Path) -> None:
    """Bob and Carol have a little money, and Carol is known."""
    store = Keystore(home / ".reelect" / "node" / "keystore")
    store.add("carol", KeyKind.ACCOUNT, CAROL.seed, PASSWORD, strength=WEAK)
    for name in ("bob", "carol"):
        assert run("tx", "transfer", name, "100").code == 0
    assert run("tx", "transfer", "bob", "1", "--from", "carol").code == 0


def sold(run: Run, *options: str) -> str:
    """A sealed video of Alice's that costs 5 REEL."""
    answer = run(
        "video", "publish", str(SMALL), "--encrypt", "--price", "5REEL", *options, "--json"
    )
    assert (answer.code, answer.err) == (0, "")
    return str(answer.json["cid"])


def bought(run: Run, cid: str, *options: str) -> None:
    answer = run("video", "buy", cid, "--from", "bob", *options, "--json")
    assert (answer.code, answer.err) == (0, "")


def opened(run: Run, cid: str, name: str, out: str = "out.mp4") -> tuple[int, str]:
    """What comes of opening it as this account."""
    answer = run("video", "get", cid, "-o", out, "--account", name, "--json")
    return answer.code, str(answer.error["code"]) if answer.code else ""


def listed(run: Run, name: str) -> list[JsonObject]:
    videos = run("video", "purchases", name, "--json").json["videos"]
    return cast(list[JsonObject], videos)


def held(world: World, account: bytes) -> int:
    return balance_of(world.chain.state.view(), account, "REEL")


def test_only_its_owner_opens_what_is_sealed(world: World, run: Run, home: Path) -> None:
    cid = sold(run, "--referral", "10%", "--team", "carol", "--team-referral", "12.5%")
    root, view = parse_cid(cid), world.chain.state.view()
    found = offer_of(view, root)
    assert found is not None
    assert (found.owner, found.price, found.sharer_ppm) == (ALICE.public, 5 * REEL, 100_000)
    assert (found.teams, found.team_ppm) == ((CAROL.public,), 125_000)
    assert COMMITMENTS.get(view, root) is not None
    sealed = b"".join(read_file(root, lambda part: world.content.get(part) or b""))
    assert is_sealed(sealed)
    assert SMALL.read_bytes()[:64] not in sealed
    assert opened(run, cid, "alice") == (0, "")
    assert (home / "out.mp4").read_bytes() == SMALL.read_bytes()
    assert opened(run, cid, "bob", "bob.mp4") == (1, "no-access")
    assert not (home / "bob.mp4").exists()
    assert run("video", "get", cid, "-o", "sealed", "--sealed").code == 0
    assert (home / "sealed").read_bytes() == sealed


def test_the_same_file_is_sealed_the_same_and_another_edition_with_another_key(run: Run) -> None:
    cid = sold(run)
    again = run("video", "publish", str(SMALL), "--encrypt", "--json")
    assert (again.json["cid"], again.json["state"]) == (cid, "published before")
    dearer = run("video", "publish", str(SMALL), "--encrypt", "--price", "9", "--json")
    assert (dearer.code, dearer.json["cid"]) == (0, cid)
    assert "`reelect video offer` sets" in dearer.err
    assert sold(run, "--edition", "1") != cid


def test_from_purchase_to_payment(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    cid = sold(run, "--referral", "10%")
    assert "Nothing was bought" in run("video", "purchases", "bob").out
    bought(run, cid, "--referrer", "carol", "--max-price", "5REEL")
    assert opened(run, cid, "bob") == (1, "waiting")
    assert [item["state"] for item in listed(run, "bob")] == ["waiting for the key"]
    before = held(world, ALICE.public)
    delivered = run("video", "deliver", "--json")
    assert [item["video"] for item in cast(list[JsonObject], delivered.json)] == [cid]
    assert opened(run, cid, "bob") == (0, "")
    assert (home / "out.mp4").read_bytes() == SMALL.read_bytes()
    assert [item["state"] for item in listed(run, "bob")] == ["delivered"]
    assert "5 REEL" in run("video", "purchases", "bob").out
    assert run("video", "deliver", "--json").out == "[]\n"
    carol = held(world, CAROL.public)
    assert held(world, ALICE.public) < before
    node.skip(121)
    assert [item["state"] for item in listed(run, "bob")] == ["bought"]
    assert held(world, CAROL.public) == carol + REEL // 2
    assert held(world, ALICE.public) > before + 4 * REEL
    assert opened(run, cid, "bob", "later.mp4") == (0, "")


def test_without_delivery_the_price_comes_back(
    world: World, node: LivingTransport, run: Run
) -> None:
    cid = sold(run)
    before = held(world, BOB.public)
    bought(run, cid)
    assert held(world, BOB.public) < before - 4 * REEL
    node.skip(601)
    assert before - REEL < held(world, BOB.public) < before
    assert listed(run, "bob") == []


def test_a_wrong_key_is_disputed_and_the_next_purchase_has_another_viewing_key(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = sold(run)
    before = held(world, BOB.public)
    bought(run, cid)
    first = PURCHASES.get(world.chain.state.view(), parse_cid(cid), BOB.public)
    with monkeypatch.context() as patched:
        patched.setattr(delivering, "seal_key", lambda _, to: seal_key(b"w" * 32, to))
        assert run("video", "deliver").code == 0
    assert opened(run, cid, "bob") == (5, "proof-failed")
    assert run("video", "dispute", cid, "--from", "bob").code == 0
    assert before - REEL < held(world, BOB.public) < before
    assert ACCESS.get(world.chain.state.view(), BOB.public, parse_cid(cid)) is None
    bought(run, cid)
    second = PURCHASES.get(world.chain.state.view(), parse_cid(cid), BOB.public)
    assert first is not None
    assert second is not None
    assert first.viewing_key != second.viewing_key
    assert run("video", "deliver").code == 0
    assert opened(run, cid, "bob") == (0, "")


def test_a_right_key_is_not_disputed_and_its_secret_stays_secret(
    node: LivingTransport, run: Run
) -> None:
    cid = sold(run)
    early = run("video", "dispute", cid, "--from", "bob", "--json")
    assert (early.code, early.error["code"]) == (1, "no-access")
    bought(run, cid)
    assert run("video", "deliver").code == 0
    node.requests.clear()
    answer = run("video", "dispute", cid, "--from", "bob", "--json")
    assert (answer.code, answer.error["code"]) == (1, "viewing.key-is-right")
    assert [path for method, path in node.requests if method == "POST"] == []


def test_nobody_pays_for_a_file_that_is_sealed_with_another_key(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "Commit", lambda cid, _: Commit(cid, bytes(32)))
    cid = sold(run)
    answer = run("video", "buy", cid, "--from", "bob", "--json")
    assert (answer.code, answer.error["field"]) == (5, "commitment")
    assert PURCHASES.get(world.chain.state.view(), parse_cid(cid), BOB.public) is None


def test_a_grant_costs_nothing(run: Run, home: Path) -> None:
    cid = sold(run)
    assert run("video", "grant", cid, "bob").code == 0
    assert opened(run, cid, "bob") == (0, "")
    assert (home / "out.mp4").read_bytes() == SMALL.read_bytes()
    assert [item["state"] for item in listed(run, "bob")] == ["granted"]
    named = run("video", "viewing-key", cid, "--account", "carol").out.strip()
    assert run("video", "grant", cid, "carol", "--viewing-key", named).code == 0
    assert opened(run, cid, "carol", "carol.mp4") == (0, "")


def test_whom_the_owner_has_appointed_delivers(run: Run) -> None:
    cid = sold(run)
    bought(run, cid)
    carols = ("video", "deliver", cid, "--owner", "alice", "--from", "carol")
    without = run(*carols, "--json")
    assert (without.code, without.out) == (0, "[]\n")
    assert "no key" in without.err
    assert run("video", "grant", cid, "carol").code == 0
    not_yet = run(*carols, "--json")
    assert (not_yet.code, not_yet.out) == (0, "[]\n")
    assert "appointed" in not_yet.err
    assert run("video", "appoint", "carol").code == 0
    assert cid in run(*carols).out
    assert opened(run, cid, "bob") == (0, "")
    assert run("video", "appoint", "--nobody").code == 0


def test_the_service_delivers_to_whoever_buys_until_it_is_ended(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = sold(run)
    bought(run, cid)
    pauses: list[float] = []
    purchases = Client.purchases

    async def pause(seconds: float) -> None:
        if seconds != 3:  # it waits for a transaction
            return
        pauses.append(seconds)
        if len(pauses) == 1:  # the node does not answer for a while
            monkeypatch.setattr(Client, "purchases", fail)
        if len(pauses) == 2:
            monkeypatch.setattr(Client, "purchases", purchases)
        if len(pauses) == 4:
            raise KeyboardInterrupt

    def fail(_: Client, __: Cid) -> None:
        raise Unreachable("nobody answers")

    monkeypatch.setattr("node.commands.delivering.trio.sleep", pause)
    watched = run("video", "deliver", "--watch", "--pause-s", "3", "--wait", "sent", "--json")
    assert watched.code == 130
    assert watched.out.count(cid) == 1
    assert "nobody answers; going on" in watched.err
    assert pauses == [3.0] * 4


def test_an_interrupted_download_goes_on_where_it_was(
    world: World, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = home / "large.mp4"
    large.write_bytes(b"".join(bytes([i]) * 65_536 for i in range(24)))
    cid = str(run("video", "publish", str(large), "--encrypt", "--json").json["cid"])
    leaves = [link.hash for link in decode_node(world.content.get(parse_cid(cid)) or b"").links]
    asked: list[Cid] = []
    fetch = Client.fetch_block

    async def break_once(client: Client, block: Cid, root: Cid | None = None) -> bytes:
        asked.append(block)
        if block == leaves[4] and asked.count(block) == 1:
            raise Unreachable("the connection broke")
        return await fetch(client, block, root)

    monkeypatch.setattr(Client, "fetch_block", break_once)
    assert run("video", "get", cid, "-o", "out.mp4").code == 3
    once = len(asked)
    assert run("video", "get", cid, "-o", "out.mp4").code == 0
    assert (home / "out.mp4").read_bytes() == large.read_bytes()
    assert not {leaves[1], leaves[2]} & set(asked[once:])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--price", "5"), "--encrypt"),
        (("--edition", "1"), "--encrypt"),
        (("--encrypt", "--referral", "10%"), "--price"),
        (("--encrypt", "--price", "five"), "--price"),
        (("--encrypt", "--price", "0"), "--price"),
        (("--encrypt", "--price", "5REEL", "--referral", "10"), "--referral"),
        (("--encrypt", "--price", "5REEL", "--referral", "101%"), "--referral"),
        (("--encrypt", "--price", "5REEL", "--team-referral", "0.00001%"), "--team-referral"),
        (("--encrypt", "--price", "5REEL", "--team", "zoe"), "--team"),
    ],
)
def test_what_no_offer_is(run: Run, options: tuple[str, ...], field: str) -> None:
    answer = run("video", "publish", str(SMALL), *options, "--json")
    assert (answer.code, answer.error["field"]) == (2, field)


def test_an_offer_is_changed_and_closed(world: World, run: Run) -> None:
    cid = sold(run)
    assert run("video", "offer", cid, "--price", "7").code == 0
    found = offer_of(world.chain.state.view(), parse_cid(cid))
    assert found is not None
    assert found.price == 7 * REEL
    above = run("video", "buy", cid, "--from", "bob", "--max-price", "6.5", "--json")
    assert (above.code, above.error["code"]) == (1, "above-max-price")
    assert run("video", "offer", cid).code == 2
    assert run("video", "offer", cid, "--close", "--price", "7").code == 2
    assert run("video", "offer", cid, "--close").code == 0
    closed = run("video", "buy", cid, "--from", "bob", "--json")
    assert (closed.code, closed.error["code"]) == (1, "viewing.not-offered")


def test_what_is_not_sealed_is_not_sold_or_granted(run: Run) -> None:
    cid = str(run("video", "publish", str(SMALL), "--json").json["cid"])
    for arguments in (("offer", cid, "--price", "5"), ("grant", cid, "bob")):
        answer = run("video", *arguments, "--json")
        assert (answer.code, str(answer.error["code"])) in (
            (1, "viewing.not-committed"),
            (1, "not-sealed"),
        )


@pytest.mark.parametrize("key", ["00" * 31, "0" * 64, "zz" * 32])
def test_what_no_viewing_key_is(run: Run, key: str) -> None:
    cid = sold(run)
    answer = run("video", "grant", cid, "bob", "--viewing-key", key, "--json")
    assert (answer.code, answer.error["field"]) == (2, "--viewing-key")


def test_nothing_is_granted_to_what_is_nobodys_key(run: Run) -> None:
    cid = sold(run)
    nobody = format_address(b"\2" * 32)
    answer = run("video", "grant", cid, nobody, "--json")
    assert (answer.code, answer.error["field"]) == (2, "ACCOUNT")
