"""Asking for everything, taking nothing, answering never, or wrongly."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress

import trio

from consensus.cid import RAW, Cid, cid_of
from consensus.kinds import JSON_INTEGER_MAX
from consensus.record import Record, replace
from node.client import Client
from node.failure import Refused
from p2p.messages import (
    BY_TYPE,
    MAX_BLOCKS,
    MAX_CONTENT_CIDS,
    MAX_TRANSACTION_IDS,
    MAX_WANTED_CIDS,
    MESSAGES,
    Content,
    ContentBlock,
    GetBlocks,
    GetChunk,
    GetContent,
    GetFinality,
    GetManifest,
    GetPeers,
    GetProviders,
    GetStatus,
    GetSteps,
    GetTransactions,
    Have,
    MessageKind,
    Peers,
    Providers,
    Role,
    TransactionIds,
    Transactions,
    WantHave,
)
from p2p.provider import CarriedProvider, ProviderRecord, sign_provider
from tests.fuzz.examples import example
from tests.hostile.attack import Outcome, Scene, attack
from tests.hostile.client import Closed, Conversation, Reply, new_key, peer_of, politely

ASKING_S = 6.0
GREEDY_PEERS = 3
WANTED_BLOCKS = 6  # a lie about each of so many is enough for a ban
SHARE = 0.8  # of the rate that is allowed
MANY = 400
MANY_PROVIDERS = 30
FORGING_S = 60.0  # until the fifth answer is asked for


def _cids(count: int) -> tuple[Cid, ...]:
    return tuple(cid_of(RAW, secrets.token_bytes(8)) for _ in range(count))


# The dearest question of a kind; of others its example.
_DEAREST: dict[type[Record], Callable[[int], Record]] = {
    GetBlocks: lambda _: GetBlocks(0, MAX_BLOCKS),
    GetFinality: lambda number: GetFinality(1 + number % 16),
    GetSteps: lambda _: GetSteps(0),
    GetTransactions: lambda _: GetTransactions(
        tuple(secrets.token_bytes(32) for _ in range(MAX_TRANSACTION_IDS))
    ),
    GetContent: lambda _: GetContent(_cids(MAX_CONTENT_CIDS)),
    WantHave: lambda _: WantHave(_cids(MAX_WANTED_CIDS)),
    GetManifest: lambda _: GetManifest(_cids(1)[0]),
    GetChunk: lambda number: GetChunk(_cids(1)[0], number % 9),
}


def _question(kind: type[Record], number: int) -> Record:
    make = _DEAREST.get(kind)
    return kind.decode(example(kind, full=True)) if make is None else make(number)


async def _ask(peer: Conversation, kind: MessageKind) -> None:
    """As often as is allowed, until cancelled."""
    number = kind.number * 100_000
    pause = 1 / (kind.rate.per_s * SHARE)
    while True:
        number += 1
        await peer.send(_question(kind.record, number), number)
        await trio.sleep(pause)


@attack(Outcome.BORNE)
async def asking_for_everything(scene: Scene) -> None:
    """All that can be asked, as often as is allowed, by several peers that read the answers."""

    async def one() -> None:
        async with peer_of(scene.victim, scene.name()) as peer, trio.open_nursery() as nursery:
            nursery.start_soon(peer.until_closed)
            for kind in MESSAGES:
                if kind.role is Role.REQUEST:
                    nursery.start_soon(_ask, peer, kind)
            await trio.sleep(ASKING_S)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(GREEDY_PEERS):
            nursery.start_soon(one)


@attack(Outcome.PARTED)
async def asking_and_never_reading(scene: Scene) -> None:
    """Much is asked and nothing of the answers taken."""
    async with peer_of(scene.victim, scene.name()) as peer:
        try:
            for number in range(1, MANY):
                await peer.send(GetBlocks(0, MAX_BLOCKS), number)
                await trio.sleep(0.02)
        except Closed:
            return
        await scene.until_logged([peer.victim], peer.key.public, "disconnected: ")


@attack(Outcome.PARTED, "no answer within")
async def never_answering(scene: Scene) -> None:
    """Read everything, say nothing."""
    async with peer_of(scene.victim, scene.name()) as peer:
        await peer.until_closed()


@attack(Outcome.BANNED)
async def transactions_that_are_none(scene: Scene) -> None:
    """Announce transactions, and answer with garbage when they are asked for."""
    async with peer_of(scene.victim, scene.name()) as peer:

        def reply(question: Record) -> Record | None:
            if isinstance(question, GetTransactions):
                return Transactions((secrets.token_bytes(300),) * 9)
            return politely(question)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.answer, reply)
            try:
                for _ in range(8):
                    await peer.send(TransactionIds((secrets.token_bytes(32),)))
                    await trio.sleep(0.1)
            except Closed:
                pass


def _silent_about_transactions(question: Record) -> Record | None:
    return None if isinstance(question, GetTransactions) else politely(question)


@attack(Outcome.BORNE)
async def announcements_of_transactions_that_there_are_not(scene: Scene) -> None:
    """As many ids as are allowed at once, each of which the node asks for, in vain."""
    async with peer_of(scene.victim, scene.name()) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(peer.answer, _silent_about_transactions)
        rate = BY_TYPE[TransactionIds].rate
        for _ in range(int(rate.burst) // MAX_TRANSACTION_IDS):
            await peer.send(
                TransactionIds(tuple(secrets.token_bytes(32) for _ in range(MAX_TRANSACTION_IDS)))
            )
        await trio.sleep(2)
        nursery.cancel_scope.cancel()


@attack(Outcome.PARTED, "protocol violation")
async def an_answer_of_another_kind(scene: Scene) -> None:
    """Peers where a Status is asked for."""
    async with peer_of(scene.victim, scene.name()) as peer:
        _, number = await peer.next_of(GetStatus)
        await peer.send(Peers(()), number)
        await peer.until_closed()


@attack(Outcome.PARTED, "protocol violation")
async def two_answers_to_one_question(scene: Scene) -> None:
    """The second was not asked for."""
    async with peer_of(scene.victim, scene.name()) as peer:
        _, number = await peer.next_of(GetPeers)
        for _ in range(2):
            await peer.send(Peers(()), number)
        await peer.until_closed()


@attack(Outcome.PARTED, "protocol violation")
async def content_that_was_not_asked_for(scene: Scene) -> None:
    """A content block, unasked."""
    async with peer_of(scene.victim, scene.name()) as peer:
        cid = _cids(1)[0]
        await peer.send(Content((ContentBlock(cid, bytes(1000)),)), JSON_INTEGER_MAX % 2**32)
        await peer.until_closed()


def _all_of_it(question: Record) -> Have | None:
    """It has whatever is asked about."""
    if not isinstance(question, WantHave):
        return None
    count = len(question.cids)
    return Have(((1 << count) - 1).to_bytes(-(-count // 8), "little"))


def _silent_about_content(question: Record) -> Record | None:
    if isinstance(question, GetContent):
        return None
    return _all_of_it(question) or politely(question)


def _content_of(give: Callable[[Cid], tuple[ContentBlock, ...]]) -> Reply:
    """What keeps a connection, and this for a content block that is asked for."""

    def reply(question: Record) -> Record | None:
        if isinstance(question, GetContent):
            return Content(give(question.cids[0]))
        return _all_of_it(question) or politely(question)

    return reply


def _another_block(cid: Cid) -> tuple[ContentBlock, ...]:
    return (ContentBlock(cid, secrets.token_bytes(1000)),)


def _more_blocks(cid: Cid) -> tuple[ContentBlock, ...]:
    return (*_another_block(cid), *_another_block(_cids(1)[0]))


async def _asked_in_vain(client: Client, cid: Cid) -> None:
    outcome = "found"
    try:
        await client.fetch_block(cid)
    except Refused as refused:
        outcome = refused.code
    assert outcome == "not-found", f"a block that nobody has: {outcome}"


async def _lie_about_content(scene: Scene, lie: Reply) -> None:
    async with (
        peer_of(scene.victim, scene.name()) as peer,
        Client(scene.victim.api) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(peer.answer, lie)
        async with trio.open_nursery() as asking:
            for cid in _cids(WANTED_BLOCKS):
                asking.start_soon(_asked_in_vain, client, cid)


@attack(Outcome.BANNED, alone=True)  # so that it is among the few that are asked
async def content_of_another_id(scene: Scene) -> None:
    """Random bytes for each block that the node's users want."""
    await _lie_about_content(scene, _content_of(_another_block))


@attack(Outcome.BANNED, alone=True)  # so that it is among the few that are asked
async def more_content_than_was_asked_for(scene: Scene) -> None:
    """Two blocks for each that the node's users want."""
    await _lie_about_content(scene, _content_of(_more_blocks))


@attack(Outcome.BORNE, alone=True)
async def content_that_few_have_and_many_lie_about(scene: Scene) -> None:
    """One peer has what the node's user wants, one is silent and two lie: the user gets it."""
    data = secrets.token_bytes(100_000)
    cid = cid_of(RAW, data)
    replies = [
        _content_of(_another_block),
        _content_of(lambda _: ()),
        _silent_about_content,
        _content_of(lambda _: (ContentBlock(cid, data),)),
    ]

    async def give(reply: Reply, ready: trio.Event) -> None:
        async with peer_of(scene.victim, new_key()) as peer:
            ready.set()
            await peer.answer(reply)

    async with trio.open_nursery() as nursery, Client(scene.victim.api) as client:
        for reply in replies:
            ready = trio.Event()
            nursery.start_soon(give, reply, ready)
            await ready.wait()
        assert await client.fetch_block(cid) == data
        nursery.cancel_scope.cancel()


async def _tell_of_providers(
    scene: Scene, make: Callable[[], ProviderRecord], seconds: float
) -> None:
    """Answer each question for news with some records, until parted or for so long."""

    def reply(question: Record) -> Record | None:
        if isinstance(question, GetProviders):
            made = (CarriedProvider(1, make().encode()) for _ in range(MANY_PROVIDERS))
            return Providers(tuple(made))
        return politely(question)

    async with peer_of(scene.victim, scene.name()) as peer:
        with trio.move_on_after(seconds), suppress(Closed):
            await peer.answer(reply)


def _made_up(chain: bytes) -> ProviderRecord:
    roots = tuple(sorted(_cids(9)))
    return sign_provider(new_key(), chain, time.time_ns() // 1_000_000, 2**40, roots)


@attack(Outcome.BORNE)
async def providers_of_what_there_is_not(scene: Scene) -> None:
    """Ever new nodes that hold files which the chain does not know."""
    await _tell_of_providers(scene, lambda: _made_up(scene.victim.chain), ASKING_S)


@attack(Outcome.BANNED)
async def forged_provider_records(scene: Scene) -> None:
    """Records that their nodes have not signed."""
    forged = replace(_made_up(scene.victim.chain), room_bytes=1)
    await _tell_of_providers(scene, lambda: forged, FORGING_S)
