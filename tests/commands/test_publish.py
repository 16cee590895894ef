"""Publishing in two steps: what is committed to, resumed, waited for, and kept secret."""

from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from consensus.keys import KeyPair
from node.client import Client
from node.failure import Unreachable
from node.wallet.salt import commitment_salt
from tests.api.world import ALICE, BOB, GENESIS, World
from tests.commands.conftest import PASSWORD, LivingTransport, Run
from tests.node.network import signed
from vm.modules.content import COMMITMENTS, Claim, Commit, owner_of

FILM = b"a film"
CID = cid_of(RAW, FILM)


@pytest.fixture(autouse=True)
def film(home: Path) -> Path:
    file = home / "film.mp4"
    file.write_bytes(FILM)
    return file


class Older:
    """The parameter, as if it had this value."""

    @staticmethod
    def read(_: object) -> int:
        """The blocks."""
        return 8


@pytest.fixture
def age(monkeypatch: pytest.MonkeyPatch) -> int:
    """Commitments must be eight blocks old."""
    monkeypatch.setattr("vm.modules.content.committing.COMMIT_BLOCKS", Older)
    monkeypatch.setattr("node.commands.video_publish.POLL_S", 0)
    return Older.read(None)


def commitments(world: World) -> list[tuple[bytes, bytes]]:
    return [key for key, _ in COMMITMENTS.every(world.chain.state.view())]


DIGEST = Claim(ALICE.public, CID, commitment_salt(ALICE, GENESIS.chain, CID)).commitment


def test_the_salt_is_that_of_key_chain_and_content() -> None:
    salts = {
        commitment_salt(key, chain, cid)
        for key in (ALICE, BOB)
        for chain in (GENESIS.chain, bytes(32))
        for cid in (CID, cid_of(RAW, b"another"))
    }
    assert len(salts) == 8
    assert commitment_salt(KeyPair.from_seed(bytes(32)), bytes(32), CID).hex() == (
        "a42dd513c5fda995d82e09b1a6481b8a41d1bc28539d04f212f780b570ed5595"
    )


def test_an_interrupted_publication_goes_on(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Client.upload_block

    async def breaking(client: Client, cid: Cid, data: bytes) -> None:
        raise Unreachable("the connection broke")

    monkeypatch.setattr(Client, "upload_block", breaking)
    assert run("video", "publish", "film.mp4").code == 3
    assert commitments(world) == [(ALICE.public, DIGEST)]
    assert owner_of(world.chain.state.view(), CID) is None
    monkeypatch.setattr(Client, "upload_block", upload)
    assert run("video", "publish", "film.mp4").code == 0
    assert owner_of(world.chain.state.view(), CID) == ALICE.public
    assert world.next_nonce(ALICE.public) == 2
    assert commitments(world) == []


def test_it_waits_until_the_commitment_is_old_enough(
    world: World, node: LivingTransport, run: Run, age: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.commands.video_publish.live_line", lambda _: node.skip(0))
    answer = run("video", "publish", "film.mp4", "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    height = answer.json["height"]
    assert isinstance(height, int)
    assert height >= 1 + age


def test_it_does_not_wait_for_ever(world: World, node: LivingTransport, run: Run, age: int) -> None:
    world.slots([1, 2], [signed(world.chain, ALICE, Commit(DIGEST), 0)])
    answer = run("video", "publish", "film.mp4", "--timeout-s", "0", "--json")
    assert (answer.code, answer.error["code"]) == (4, "content.too-early")
    assert commitments(world) == [(ALICE.public, DIGEST)]


def test_a_dry_run_tries_the_step_that_is_next(
    world: World, node: LivingTransport, run: Run
) -> None:
    first = run("video", "publish", "film.mp4", "--dry-run", "--json")
    assert (first.code, first.json["step"]) == (0, "commit")
    assert commitments(world) == []
    world.slots([1, 2], [signed(world.chain, ALICE, Commit(DIGEST), 0)])
    second = run("video", "publish", "film.mp4", "--dry-run", "--json")
    assert (second.code, second.json["step"]) == (0, "publish")
    assert not world.content.has(CID)


def test_several_sign_each_step_in_a_file(world: World, node: LivingTransport, run: Run) -> None:
    first = run("video", "publish", "film.mp4", "--unsigned", "1.tx", "--json")
    assert (first.code, first.json["step"]) == (0, "commit")
    assert run("tx", "sign", "1.tx").code == 0
    assert run("tx", "send", "1.tx").code == 0
    second = run("video", "publish", "film.mp4", "--unsigned", "2.tx", "--json")
    assert (second.code, second.json["step"]) == (0, "publish")
    assert world.content.has(CID)
    assert run("tx", "sign", "2.tx").code == 0
    assert run("tx", "send", "2.tx").code == 0
    assert owner_of(world.chain.state.view(), CID) == ALICE.public


def test_without_a_key_there_is_no_salt(world: World, node: LivingTransport, run: Run) -> None:
    stranger = format_address(KeyPair.from_seed(bytes(32)).public)
    unsigned = ("--unsigned", "1.tx", "--from", stranger)
    answer = run("video", "publish", "film.mp4", *unsigned, "--json")
    assert (answer.code, answer.error["code"]) == (1, "unknown-key")
    assert answer.error["field"] == "--from"


def test_what_would_fail_later_is_refused_before_anything_is_sent(
    world: World, node: LivingTransport, run: Run
) -> None:
    unknown = str(cid_of(RAW, b"none"))
    for option in ("--replaces", "--parent"):
        answer = run("video", "publish", "film.mp4", option, unknown, "--json")
        assert (answer.code, answer.error["code"]) == (1, "content.unknown-video")
    place = ("--space", "films", "--name", "film")
    answer = run("video", "publish", "film.mp4", *place, "--json")
    assert (answer.code, answer.error["code"]) == (1, "content.unknown-space")
    assert commitments(world) == []
    assert world.next_nonce(ALICE.public) == 0


def test_the_password_is_asked_for_once(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path | None] = []

    def ask(file: Path | None) -> str:
        asked.append(file)
        return PASSWORD

    monkeypatch.setattr("node.commands.wallet.ask_password", ask)
    assert run("video", "publish", "film.mp4").code == 0
    assert asked == [None]
