"""What one connection may hold in memory, and all of them together.

Every queue of a connection has its bound here, so that their sum, PEER_BYTES, is what one peer
can cost at worst, whatever it sends or leaves unread. Bytes count with what the objects around
them take. Answers to this node's own questions belong to those who asked.
"""

from p2p.messages import MAX_CONTENT_BYTES, MESSAGES, Priority, Role

_MIB = 1024 * 1024

# What waits to be sent, by priority, and the most that is handed to TLS in one piece.
LANE_BYTES = {
    Priority.CONSENSUS: 2 * _MIB,
    Priority.CONTROL: 256 * 1024,
    Priority.TRANSACTIONS: 2 * _MIB,
    Priority.BULK: 2 * MAX_CONTENT_BYTES,
}
MAX_SEND_BYTES = 256 * 1024
TLS_WRITE_BYTES = 256 * 1024

# What was received: read at once, waiting for the handler (consensus and the rest), kept in mind.
READ_BYTES = 64 * 1024
INBOX_BYTES = _MIB
KNOWN_ITEMS = 8_192
KNOWN_ITEM_BYTES = 160

# Questions: of a peer, waiting and being answered at once (and for all peers together), those for
# content apart from others; to the peer, open and given up.
MAX_SERVING = 16
MAX_ANSWERING = 2
MAX_ANSWERING_IN_ALL = 8
MAX_GIVING = 2
MAX_GIVING_IN_ALL = 8
MAX_ASKING = 256
ABANDONED_REQUESTS = 1_024

# A dictionary's entry and the headers of two byte strings: what an item of a batch takes beside
# its bytes.
ITEM_OVERHEAD_BYTES = 192
# Tasks, TLS state, token buckets and what else every connection has.
FIXED_BYTES = 512 * 1024

LARGEST_PAYLOAD_BYTES = max(kind.max_bytes for kind in MESSAGES)
LARGEST_UNASKED_BYTES = max(
    kind.max_bytes for kind in MESSAGES if kind.role in (Role.NOTICE, Role.GOSSIP)
)

PEER_BYTES = (
    # waiting to be sent, and being sent
    sum(LANE_BYTES.values())
    + (MAX_SEND_BYTES + LARGEST_PAYLOAD_BYTES + TLS_WRITE_BYTES)
    # a message being gathered, and the same cut out
    + 2 * (READ_BYTES + LARGEST_PAYLOAD_BYTES)
    # waiting for the handler: one message may be larger than its inbox, one waits for room
    # before it, and one is being judged, decoded
    + 2 * INBOX_BYTES
    + 4 * LARGEST_UNASKED_BYTES
    # answers being made, and their encodings
    + 2 * MAX_ANSWERING * LARGEST_PAYLOAD_BYTES
    + 2 * MAX_GIVING * MAX_CONTENT_BYTES
    + 2 * KNOWN_ITEMS * KNOWN_ITEM_BYTES
    + FIXED_BYTES
)
# Of all that waits (to be sent, to be judged, half read) and is judged, for all peers together;
# beyond it the peer with the most is let go.
DEFAULT_BUDGET_BYTES = 256 * _MIB

if list(Priority) != list(range(len(LANE_BYTES))) or set(LANE_BYTES) != set(Priority):
    raise ValueError("every priority, counted from 0, has a lane")
if any(k.max_bytes > LANE_BYTES[k.priority] for k in MESSAGES if k.role is not Role.HANDSHAKE):
    raise ValueError("the largest message of each kind fits its lane")
if PEER_BYTES > DEFAULT_BUDGET_BYTES:
    raise ValueError("one peer alone must not reach the budget of all")
