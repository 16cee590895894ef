"""T13: messages between users go through any node to their receiver, and to nobody else."""

import tempfile
from pathlib import Path

from node.wallet.letter import Letter, Sender, make_envelope, open_sealed, seal_for
from tests.node.mail import CHAIN, DAY_MS, NOW_MS, Clock, open_mailroom
from tests.node.network import key
from tests.rules.disabled import Disabled

DISABLED = Disabled("node.mail.mailroom.Mailroom.in_mailbox", lambda *arguments: [])

ALICE, BOB, EVE = key("alice"), key("bob"), key("eve")


def test_a_message_is_in_its_receivers_mailbox_and_names_its_sender() -> None:
    letter = Letter(ALICE.public, NOW_MS, False, "hello")
    sender = Sender(CHAIN, ALICE.public, ALICE, pays=True)
    made = make_envelope(sender, BOB.public, seal_for(BOB.public), letter, NOW_MS + DAY_MS)
    with tempfile.TemporaryDirectory() as folder, open_mailroom(Path(folder), Clock()) as room:
        room.take(made)
        (held,) = room.in_mailbox([BOB.public], None, 9)
        read = open_sealed(held, BOB.seed)
        assert isinstance(read, Letter)
        assert (read.sender, read.text) == (ALICE.public, "hello")
        assert room.in_mailbox([EVE.public], None, 9) == []
        assert b"hello" not in held.sealed
