"""K9: anonymous chat; burn after reading, deleted on both sides; groups without a size limit."""

import tempfile
from pathlib import Path

from consensus.mail import Envelope, delete
from node.wallet.letter import (
    Letter,
    Sender,
    make_envelope,
    open_sealed,
    seal_for,
)
from tests.node.mail import CHAIN, DAY_MS, NOW_MS, Clock, open_mailroom
from tests.node.network import key
from tests.rules.disabled import Disabled

DISABLED = Disabled("node.mail.mailroom.Mailroom.delete", lambda room, deletion: False)

ALICE, BOB = key("alice"), key("bob")


def burning() -> Envelope:
    letter = Letter(ALICE.public, NOW_MS, True, "burn me")
    sender = Sender(CHAIN, ALICE.public, ALICE, pays=True)
    return make_envelope(sender, BOB.public, seal_for(BOB.public), letter, NOW_MS + DAY_MS)


def test_what_burns_is_gone_for_good_and_its_sender_can_prove_it() -> None:
    with tempfile.TemporaryDirectory() as folder, open_mailroom(Path(folder), Clock()) as room:
        made = burning()
        room.take(made)
        (held,) = room.in_mailbox([BOB.public], None, 9)
        read = open_sealed(held, BOB.seed)
        assert isinstance(read, Letter)
        assert read.burn
        deletion = delete(held.head, held.signature, BOB)
        assert room.delete(deletion)
        assert room.in_mailbox([BOB.public], None, 9) == []
        assert room.find(made.id) == deletion, "the receiver's signature is what the sender is told"
        assert not room.take(made), "what was burnt does not come back"
