"""Mail between nodes: passed on at once, and made up for by who was away."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.mail import Deletion, Envelope, delete
from consensus.record import Record
from node.mail.exchange import MailExchange
from p2p.handler import Verdict
from p2p.mail import GetMail, GetMailIds, HeldMail, Mail, MailIds
from p2p.network import PeerInfo
from tests.node.mail import Clock, KnownAccounts, envelope, open_mailroom
from tests.node.network import key

ALICE, BOB, EVE = key("alice"), key("bob"), key("eve")
HONEST = b"p" * 32


@dataclass
class Wire:
    """The network of one node: what it broadcast, and a peer that answers."""

    other: MailExchange | None = None
    told: list[Record] = field(default_factory=list)
    blamed: list[str] = field(default_factory=list)
    answers: list[Record] = field(default_factory=list)
    asked: list[Record] = field(default_factory=list)

    def peers(self) -> tuple[PeerInfo, ...]:
        """Only those that the test connects."""
        return ()

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        """Remember it."""
        self.told.append(message)

    async def request(self, peer: bytes, message: Record, timeout_s: float) -> Record:
        """As the other node does, or as the test says."""
        self.asked.append(message)
        if self.answers:
            return self.answers.pop(0)
        assert self.other is not None
        assert isinstance(message, GetMailIds | GetMail)
        return self.other.serve(message)

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        """Remember it."""
        self.blamed.append(why)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[MailExchange, MailExchange, Wire]]:
    """Two nodes; the second asks over the wire, and has no room for what EVE sends unpaid."""
    with ExitStack() as stack:
        clock, poor = Clock(), KnownAccounts({EVE.public})
        rooms = [
            stack.enter_context(open_mailroom(tmp_path / name, clock, poor)) for name in ("a", "b")
        ]
        first = MailExchange(rooms[0], Wire())
        wire = Wire(first)
        yield first, MailExchange(rooms[1], wire), wire


def compare(asking: MailExchange) -> None:
    """Let it ask its peer, to the end."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asking.run)
            await trio.testing.wait_all_tasks_blocked()
            asking.connected(HONEST)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def many(count: int) -> list[Envelope]:
    return [
        envelope(key(f"sender {i % 7}"), BOB.public, sealed=i.to_bytes(4, "big") + bytes(508))
        for i in range(count)
    ]


def test_what_users_send_is_broadcast_once(
    nodes: tuple[MailExchange, MailExchange, Wire],
) -> None:
    _, node, wire = nodes
    made = envelope(ALICE, BOB.public)
    node.send(made)
    node.send(made)
    assert wire.told == [made]
    deletion = delete(made.head, made.signature, BOB)
    node.delete(deletion)
    node.delete(deletion)
    assert wire.told == [made, deletion]


def test_gossip_is_relayed_once_and_never_punished_for_what_is_no_fault(
    nodes: tuple[MailExchange, MailExchange, Wire],
) -> None:
    node = nodes[1]
    made = envelope(ALICE, BOB.public)
    assert node.gossip(made) is Verdict.ACCEPT
    assert node.gossip(made) is Verdict.IGNORE
    assert node.gossip(envelope(EVE, BOB.public)) is Verdict.IGNORE  # unpaid, as this node has it
    with pytest.raises(Invalid):
        node.gossip(delete(made.head, made.signature, EVE))
    assert node.gossip(delete(made.head, made.signature, BOB)) is Verdict.ACCEPT
    assert node.gossip(made) is Verdict.IGNORE


def test_a_node_that_was_away_takes_what_it_missed(
    nodes: tuple[MailExchange, MailExchange, Wire],
) -> None:
    there, here, wire = nodes
    made = many(150)
    for item in made:
        there.room.take(item)
    gone = delete(made[0].head, made[0].signature, BOB)
    there.room.delete(gone)
    here.room.take(made[0])  # it came before the node went away
    here.room.take(made[1])
    compare(here)
    assert here.room.held(None) == there.room.held(None)
    assert isinstance(here.room.find(made[0].id), Deletion)
    wanted = [i for q in wire.asked if isinstance(q, GetMail) for i in q.ids]
    assert sorted(wanted) == sorted(item.id for item in made if item != made[1])
    assert wire.blamed == []
    asked = len(wire.asked)
    compare(here)  # nothing is asked for again
    assert not any(isinstance(question, GetMail) for question in wire.asked[asked:])


def forged(by: KeyPair) -> Envelope:
    made = envelope(ALICE, BOB.public)
    return Envelope(made.head, by.sign(b"something else"), made.sealed)


MADE, OTHER = sorted(many(2), key=lambda item: item.id)


@pytest.mark.parametrize(
    "answers",
    [
        [MailIds((HeldMail(OTHER.id, deleted=False), HeldMail(MADE.id, deleted=False)))],
        [MailIds((HeldMail(MADE.id, deleted=False),) * 2)],
        [
            MailIds((HeldMail(MADE.id, deleted=False),)),
            Mail((MADE.encode(),), ()),
            MailIds((HeldMail(MADE.id, deleted=False),)),
        ],
        [MailIds((HeldMail(MADE.id, deleted=False),)), Mail((OTHER.encode(),), ())],
        [MailIds((HeldMail(MADE.id, deleted=False),)), Mail((b"garbage",), ())],
        [MailIds((HeldMail(forged(EVE).id, deleted=False),)), Mail((forged(EVE).encode(),), ())],
    ],
)
def test_a_peer_that_answers_falsely_is_blamed_and_left(
    nodes: tuple[MailExchange, MailExchange, Wire], answers: list[Record]
) -> None:
    _, here, wire = nodes
    wire.answers = answers
    compare(here)
    assert len(wire.blamed) == 1
    assert wire.answers == []
