"""Single content blocks from peers, in virtual time: no one can hold a block up or spoil it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock

from consensus.cid import RAW, Cid, cid_of
from consensus.record import Record
from node.content.asking import HAVE_S, MAX_ASKED, Asking
from node.content.block_fetch import HEDGE_S, BlockFetch
from node.content.block_fetch import MAX_ASKED as BLOCK_ASKED
from node.content.providers import ProviderTable
from node.content.sources import START_TIMEOUT_S
from p2p.messages import Content, ContentBlock, GetContent, Have, WantHave
from p2p.network import PeerInfo
from p2p.questions import RemoteError, RequestTimeout
from storage.content import ContentStore

BLOCKS = {cid_of(RAW, data): data for data in (b"block %d" % i for i in range(60))}
HONEST, LYING, STALLING, EMPTY = b"h" * 32, b"l" * 32, b"s" * 32, b"e" * 32

Answer: TypeAlias = Callable[[Cid], Awaitable[Record]]


async def honest(cid: Cid) -> Record:
    await trio.sleep(0.01)
    return Content((ContentBlock(cid, BLOCKS[cid]),))


async def lying(cid: Cid) -> Record:
    await trio.sleep(0.001)
    return Content((ContentBlock(cid, b"something else"),))


async def stalling(_: Cid) -> Record:
    await trio.sleep(START_TIMEOUT_S)
    raise RequestTimeout("late")


async def empty(_: Cid) -> Record:
    await trio.sleep(0.001)
    return Content(())


async def slow(cid: Cid) -> Record:
    await trio.sleep(3 * HEDGE_S)
    return await honest(cid)


async def refusing(_: Cid) -> Record:
    raise RemoteError("no")


@dataclass
class Peers:
    """The network: who answers how, whom was asked for what, and who was blamed."""

    answers: dict[bytes, Answer]
    have: Callable[[WantHave], Record] = lambda _: Have(b"\1")
    asked: list[tuple[bytes, Cid]] = field(default_factory=list)
    questions: list[WantHave] = field(default_factory=list)
    blamed: list[bytes] = field(default_factory=list)

    def peers(self) -> list[PeerInfo]:
        infos = [PeerInfo(id_, "", "", 0, None, None, None) for id_ in self.answers]
        return [info for info in infos if info.id not in self.blamed]

    async def request(self, peer: bytes, message: Record, timeout_s: float) -> Record:
        if isinstance(message, WantHave):
            await trio.lowlevel.checkpoint()
            self.questions.append(message)
            return self.have(message)
        assert isinstance(message, GetContent)
        self.asked.append((peer, message.cids[0]))
        return await self.answers[peer](message.cids[0])

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        self.blamed.append(peer)


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


def fetch_of(store: ContentStore, peers: Peers) -> BlockFetch:
    """Over these peers, when nobody has announced anything."""
    return BlockFetch(store, Asking(peers), ProviderTable(b"n" * 32, lambda: 0))


def run(main: Callable[[], Awaitable[None]]) -> float:
    """The virtual seconds that it takes."""

    async def timed() -> float:
        began = trio.current_time()
        await main()
        return trio.current_time() - began

    return trio.run(timed, clock=MockClock(autojump_threshold=0))


def test_a_video_arrives_whole_though_one_peer_lies_and_another_stalls(
    store: ContentStore,
) -> None:
    peers = Peers({STALLING: stalling, LYING: lying, HONEST: honest})
    fetch = fetch_of(store, peers)

    async def main() -> None:
        for cid, data in BLOCKS.items():
            assert await fetch.fetch(cid) == data

    took_s = run(main)
    assert took_s < 2 * HEDGE_S + len(BLOCKS) * 0.02
    assert peers.blamed == [LYING]
    assert sum(peer == STALLING for peer, _ in peers.asked) == 1  # then the others come first
    assert all(store.has(cid) for cid in BLOCKS)


def test_many_blocks_at_once(store: ContentStore) -> None:
    peers = Peers({STALLING: stalling, LYING: lying, HONEST: honest})
    fetch = fetch_of(store, peers)
    found: dict[Cid, bytes | None] = {}

    async def one(cid: Cid) -> None:
        found[cid] = await fetch.fetch(cid)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for cid in BLOCKS:
                nursery.start_soon(one, cid)

    run(main)
    assert found == BLOCKS


def test_the_first_answer_counts_and_ends_the_other_questions(store: ContentStore) -> None:
    peers = Peers({STALLING: stalling, HONEST: slow})
    fetch = fetch_of(store, peers)
    cid = next(iter(BLOCKS))

    async def main() -> None:
        assert await fetch.fetch(cid) == BLOCKS[cid]

    assert 4 * HEDGE_S <= run(main) < 5 * HEDGE_S


@pytest.mark.parametrize("answer", [empty, refusing, stalling])
def test_nobody_gives_it(store: ContentStore, answer: Answer) -> None:
    peers = Peers({EMPTY: answer, STALLING: stalling})
    fetch = fetch_of(store, peers)

    async def main() -> None:
        assert await fetch.fetch(next(iter(BLOCKS))) is None

    assert run(main) <= HAVE_S + START_TIMEOUT_S + HEDGE_S
    assert peers.blamed == []


def test_what_is_here_is_asked_of_nobody(store: ContentStore) -> None:
    cid, data = next(iter(BLOCKS.items()))
    store.put(cid, data)
    peers = Peers({HONEST: honest})

    async def main() -> None:
        assert await fetch_of(store, peers).fetch(cid) == data

    run(main)
    assert peers.asked == []


def test_who_has_it_not_is_not_asked_for_it(store: ContentStore) -> None:
    peers = Peers({b"%32d" % i: empty for i in range(3)}, have=lambda _: Have(b"\0"))

    async def main() -> None:
        assert await fetch_of(store, peers).fetch(next(iter(BLOCKS))) is None

    run(main)
    assert peers.asked == []


def test_not_everybody_is_asked_for_one_block(store: ContentStore) -> None:
    peers = Peers({b"%32d" % i: empty for i in range(2 * MAX_ASKED)})

    async def main() -> None:
        assert await fetch_of(store, peers).fetch(next(iter(BLOCKS))) is None

    run(main)
    assert len(peers.asked) == BLOCK_ASKED
    assert len(peers.questions) == MAX_ASKED


@pytest.mark.parametrize("bits", [b"\2", b"\3", b"\1\0"])
def test_who_says_more_than_it_was_asked_is_blamed(store: ContentStore, bits: bytes) -> None:
    peers = Peers({HONEST: honest}, have=lambda _: Have(bits))

    async def main() -> None:
        assert await fetch_of(store, peers).fetch(next(iter(BLOCKS))) is None

    run(main)
    assert peers.blamed == [HONEST]
    assert peers.asked == []


def test_each_block_of_a_list_has_its_bit(store: ContentStore) -> None:
    cids = tuple(BLOCKS)[:10]
    asking = Asking(Peers({HONEST: honest}, have=lambda _: Have(b"\x81\x02")))
    found: list[bool] = []

    async def main() -> None:
        found.extend(await asking.have(HONEST, cids))

    run(main)
    assert [i for i, has in enumerate(found) if has] == [0, 7, 9]


def test_who_gives_blocks_that_were_not_asked_for_is_blamed(store: ContentStore) -> None:
    first, second = (ContentBlock(cid, data) for cid, data in list(BLOCKS.items())[:2])

    async def more(_: Cid) -> Record:
        return Content((first, second))

    async def another(_: Cid) -> Record:
        return Content((second,))

    for answer in (more, another):
        peers = Peers({LYING: answer})

        async def main(peers: Peers = peers) -> None:
            assert await fetch_of(store, peers).fetch(first.cid) is None

        run(main)
        assert peers.blamed == [LYING]
