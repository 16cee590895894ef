"""Blocks, votes, evidence and claims: by nobody, and by a real producer."""

import secrets
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress

import trio

from consensus.block import Header, Vote, vote_message
from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.evidence import DOUBLE_VOTE, Evidence, Statement
from consensus.finality_proof import FinalityProof
from consensus.record import Record, replace
from node.local.run import now_ms
from p2p.messages import (
    BY_TYPE,
    MAX_VOTES,
    Blocks,
    GetBlock,
    GetFinality,
    GetStatus,
    Refusal,
    Status,
    Votes,
)
from p2p.scoring import BAN_POINTS, FLOOD_POINTS, HALF_LIFE_S
from tests.fuzz.examples import example
from tests.hostile.attack import Outcome, Scene, attack
from tests.hostile.client import Closed, Conversation, Reply, new_key, peer_of, politely
from tests.hostile.renegade import announce

MANY_VOTES = 40
BLOCKS_IN_A_SLOT = 24
MAX_TURNS = 8
SLOT_S = 1.0
FAR_SLOTS = 1_000_000
CLAIM_S = 8.0
MOST = 2**50
LAST_QUESTION = 7


def nowhere() -> Cid:
    """The id of a block that there is not."""
    return cid_of(DAG_CBOR, secrets.token_bytes(8))


async def _send_all(
    scene: Scene, messages: Iterable[Record], *, until_closed: bool = False
) -> None:
    """Send to the victim, and wait until it has heard it, or has had enough."""
    async with peer_of(scene.victim, scene.name()) as peer:
        if not until_closed:
            await _pour(peer, [*messages, GetStatus()])
            await peer.answer(lambda _: None, until=LAST_QUESTION)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.answer, politely)
            with suppress(Closed):
                for message in messages:
                    await peer.send(message)


async def _pour(peer: Conversation, messages: Iterable[Record]) -> None:
    with suppress(Closed):
        for message in messages:
            await peer.send(message, LAST_QUESTION if isinstance(message, GetStatus) else 0)


async def _bring_a_block(scene: Scene) -> bytes:
    """A block that is known everywhere."""
    await scene.renegade.catch_up(scene.victim)
    raw = scene.renegade.chain.block_bytes(scene.renegade.chain.fork.head.id)
    assert raw is not None
    return raw


@attack(Outcome.BORNE)
async def votes_by_nobody_for_unknown_blocks(scene: Scene) -> None:
    """Rightly signed, by keys of no member, for blocks that there are not."""

    def votes() -> Iterable[Votes]:
        for _ in range(MANY_VOTES):
            key, block = new_key(), nowhere()
            message = vote_message(scene.victim.chain, block)
            yield Votes((Vote(block, key.public, key.sign(message)),))

    await _send_all(scene, votes())


@attack(Outcome.BANNED, "a votes that is not valid")
async def votes_by_nobody_for_the_head(scene: Scene) -> None:
    """Rightly signed, by keys of no member."""
    await scene.renegade.catch_up(scene.victim)
    block = scene.renegade.chain.fork.head.id
    message = vote_message(scene.victim.chain, block)

    def votes() -> Iterable[Votes]:
        for _ in range(MANY_VOTES):
            key = new_key()
            yield Votes((Vote(block, key.public, key.sign(message)),))

    await _send_all(scene, votes(), until_closed=True)


@attack(Outcome.BANNED, "a votes that is not valid")
async def votes_in_the_name_of_a_member(scene: Scene) -> None:
    """By a real member's key, with a signature that is not its."""
    key = scene.renegade.seat.key.public
    votes = (Votes((Vote(nowhere(), key, secrets.token_bytes(64)),)) for _ in range(MANY_VOTES))
    await _send_all(scene, votes, until_closed=True)


@attack(Outcome.BANNED, "too many votes messages")
async def a_flood_of_votes_by_a_real_member(scene: Scene) -> None:
    """Each valid, for a block that there is not: nobody can know that it never comes. A node that
    is too slow to read many more of them than its limit allows only reads them."""
    rate = BY_TYPE[Votes].rate
    made = [scene.renegade.vote(nowhere()) for _ in range(int(2 * rate.burst + 20 * rate.per_s))]
    messages = [Votes(tuple(made[i : i + MAX_VOTES])) for i in range(0, len(made), MAX_VOTES)]
    begun = trio.current_time()
    async with peer_of(scene.victim, scene.name()) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(_pour, peer, [*messages, GetStatus()])
        if await peer.answer(politely, until=LAST_QUESTION):
            spent_s = trio.current_time() - begun
            most = rate.burst + rate.per_s * spent_s + MAX_VOTES * _unpunished_messages(spent_s)
            assert len(made) <= most
            scene.names.clear()


def _unpunished_messages(spent_s: float) -> float:
    """How many too many a node bears from one peer in this time without banning it."""
    return BAN_POINTS / FLOOD_POINTS * 2 ** (spent_s / HALF_LIFE_S)


async def _blocks(scene: Scene, raws: Iterable[bytes], *, until_closed: bool = False) -> None:
    await _send_all(scene, map(announce, raws), until_closed=until_closed)


@attack(Outcome.BORNE)
async def blocks_of_the_far_future(scene: Scene) -> None:
    """By a real producer, a million slots ahead."""
    raw = await _bring_a_block(scene)
    header = scene.renegade.chain.fork.head.header
    await _blocks(
        scene,
        (scene.renegade.forged(raw, slot=header.slot + FAR_SLOTS + i) for i in range(50)),
    )


@attack(Outcome.BORNE)
async def blocks_of_the_past(scene: Scene) -> None:
    """By a real producer, on genesis, in slots that are long final."""
    raw = await _bring_a_block(scene)
    genesis = scene.renegade.chain.genesis.header.id()
    await _blocks(
        scene,
        (
            scene.renegade.forged(
                raw, slot=1 + i % 3, height=1, parent=genesis, reveal=bytes([i] * 32)
            )
            for i in range(50)
        ),
    )


@attack(Outcome.BANNED, "not valid")
async def blocks_by_nobody(scene: Scene) -> None:
    """On the head, for the next slots, signed by a key of no producer."""
    raw = await _bring_a_block(scene)
    head = scene.renegade.chain.fork.head
    slot = scene.renegade.chain.clock.slot_at(now_ms()) + 1
    await _blocks(
        scene,
        (
            scene.renegade.forged(raw, new_key(), slot=slot, parent=head.id, reveal=bytes([i] * 32))
            for i in range(20)
        ),
        until_closed=True,
    )


@attack(Outcome.BANNED, "not valid")
async def blocks_of_another_chain(scene: Scene) -> None:
    """Of a chain that is not this one."""
    raw = await _bring_a_block(scene)
    await _blocks(
        scene,
        (scene.renegade.forged(raw, chain=bytes([i] * 32)) for i in range(20)),
        until_closed=True,
    )


async def _answering(scene: Scene, first: Iterable[Record], reply: Reply, seconds: float) -> None:
    """A peer that says something, then answers as it likes for a while."""
    async with peer_of(scene.victim, scene.name()) as peer:
        try:
            for message in first:
                await peer.send(message)
        except Closed:
            return
        with trio.move_on_after(seconds):
            await peer.answer(reply)


def _claim() -> Status:
    return Status(nowhere(), MOST, nowhere(), MOST, MOST, 0)


@attack(Outcome.BORNE)
async def orphans_whose_parents_never_come(scene: Scene) -> None:
    """Blocks on blocks that there are not; the questions for those are not answered."""
    raw = await _bring_a_block(scene)
    orphans = (announce(scene.renegade.forged(raw, parent=nowhere())) for _ in range(100))
    await _answering(scene, orphans, lambda _: None, 3.0)


@attack(Outcome.BORNE)
async def orphans_without_end(scene: Scene) -> None:
    """Each question for a parent is answered by one more orphan, which cannot be the one."""
    raw = await _bring_a_block(scene)

    def answer(request: Record) -> Record | None:
        if isinstance(request, GetBlock):
            return Blocks((scene.renegade.forged(raw, parent=nowhere()),))
        return Refusal("no")

    orphans = (announce(scene.renegade.forged(raw, parent=nowhere())) for _ in range(20))
    await _answering(scene, orphans, answer, 3.0)


@attack(Outcome.BORNE)
async def claims_to_be_ahead_without_answers(scene: Scene) -> None:
    """A dozen peers that claim a longer final chain and never answer what is asked about it."""

    def answer(request: Record) -> Record | None:
        return _claim() if isinstance(request, GetStatus) else None

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(_answering, scene, [_claim()], answer, CLAIM_S)


@attack(Outcome.BORNE)
async def claims_of_another_history_with_wrong_proofs(scene: Scene) -> None:
    """Claims that another block is final, proved by what proves nothing."""
    proof = FinalityProof.decode(example(FinalityProof, full=True))

    def answer(request: Record) -> Record | None:
        if isinstance(request, GetStatus):
            return Status(nowhere(), 1, nowhere(), 1, 1, 0)
        return proof if isinstance(request, GetFinality) else Refusal("no")

    await _answering(scene, [Status(nowhere(), 1, nowhere(), 1, 1, 0)], answer, 3.0)


@attack(Outcome.BANNED, "that is not valid")
async def evidence_that_proves_nothing(scene: Scene) -> None:
    """Against a real producer that has done nothing, with signatures that are not its."""
    await scene.renegade.catch_up(scene.victim)
    header = scene.renegade.chain.fork.head.header
    key = scene.renegade.innocent

    def lies() -> Iterable[Record]:
        for i in range(20):
            headers = [replace(header, events_root=bytes([i, j] * 16)) for j in range(2)]
            first, second = sorted(headers, key=Header.id)
            wrong = secrets.token_bytes(64)
            yield Evidence(DOUBLE_VOTE, key, Statement(first, wrong), Statement(second, wrong))

    await _send_all(scene, lies(), until_closed=True)


@attack(Outcome.BORNE)
async def a_flood_of_blocks_by_a_real_producer(scene: Scene) -> None:
    """In its own slot, many blocks, all different and all valid, to all nodes. It is found out,
    and barred: if it comes too late, in its next slot."""
    others = [victim for victim in scene.victims if victim.name != scene.renegade.home]
    for turns_left in reversed(range(MAX_TURNS)):
        await _flood_a_slot(scene)
        try:
            key = scene.renegade.seat.key.public
            await scene.until_logged(others, key, "broke the rules")
        except AssertionError:
            if not turns_left:
                raise
        else:
            return


async def _flood_a_slot(scene: Scene) -> None:
    renegade = scene.renegade
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        peers = [
            await stack.enter_async_context(peer_of(victim, new_key())) for victim in scene.victims
        ]
        for peer in peers:
            nursery.start_soon(peer.answer, renegade.reply)
        slot, parent = await renegade.its_turn(scene.victim)
        with suppress(Closed):
            for raw in renegade.blocks(slot, parent, BLOCKS_IN_A_SLOT):
                for peer in peers:
                    await peer.send(announce(raw))
        await trio.sleep(SLOT_S)  # what is missing of the blocks is asked for
        nursery.cancel_scope.cancel()
