"""Pins: what a content store keeps."""

from enum import Enum
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import Counter, Text
from consensus.record import Record, record

MAX_PINS = 1_000_000
MAX_PIN_NAME = 200


class PinKind(Enum):
    """Why content is pinned: a user of this node wants it, it was published here and is registered
    on the chain, or it fell to this node as a replica."""

    USER = "user"
    CHAIN = "chain"
    REPLICA = "replica"


@record("content-pin")
class Pin(Record):
    """A root that is kept with all below it: why (a PinKind's value), as what, and since when
    (ms from the Unix epoch)."""

    cid: Cid
    kind: Annotated[str, Text(8, 4, "user|chain|replica")]
    name: Annotated[str, Text(MAX_PIN_NAME, 0, r"[^\n\t]*")]
    time_ms: Counter

    @property
    def key(self) -> bytes:
        """What pins are ordered by: the CID, and the place of the kind."""
        return pin_key(self.cid, PinKind(self.kind))


def pin_key(cid: Cid, kind: PinKind) -> bytes:
    """The CID, and the place of the kind."""
    return cid.binary + bytes([tuple(PinKind).index(kind)])
