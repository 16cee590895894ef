"""The live line of a local network."""

from consensus.cid import DAG_CBOR, cid_of
from consensus.record import replace
from node.local.live_status import LiveStatus, transactions_per_second
from node.query.answers import FinalityItem, Place, StatusAnswer, SyncProgress


def place(height: int, slot: int) -> Place:
    return Place(cid_of(DAG_CBOR, b"%d" % height), height, slot)


STATUS = StatusAnswer(
    chain=b"c" * 32,
    network="devnet",
    release="0.1.0",
    node_id=b"n" * 32,
    p2p_port=7400,
    genesis_time_ms=0,
    slot_ms=500,
    epoch_slots=126,
    time_ms=0,
    slot=121,
    head=place(100, 120),
    justified=place(99, 119),
    final=place(98, 118),
    finality_lag_slots=2,
    missed_slots=20,
    mempool_transactions=0,
    mempool_bytes=0,
    peers=3,
    seats=(),
    ready=True,
    reasons=(),
    syncing=False,
    clock_offset_ms=0,
)


def test_the_line() -> None:
    assert LiveStatus(0).line(STATUS, ()) == (
        "head 100  justified 99  final 98  lag 2 slots  0.0 tx/s  peers 3  missed slots 0"
    )


def test_the_line_of_a_node_that_catches_up() -> None:
    behind = replace(STATUS, sync=SyncProgress(100, 150, 300, 20, 8))
    assert LiveStatus(0).line(behind, ()).endswith("missed slots 0  catching up 25%")


def test_missed_slots_count_once_all_are_ready() -> None:
    live = LiveStatus(130)

    def missed(slot: int, count: int) -> str:
        status = replace(STATUS, head=place(slot, slot), missed_slots=count)
        return live.line(status, ()).rpartition(" ")[2]

    assert missed(120, 20) == "0"  # from before the pause
    assert missed(131, 30) == "0"  # the pause itself
    assert missed(133, 31) == "1"
    assert missed(140, 33) == "3"


def test_the_rate_is_of_the_last_ten_slots() -> None:
    items = [FinalityItem(h, h + 20, 30, 600) for h in range(80, 99)]
    assert transactions_per_second(STATUS, items) == 30 * 10 / 5
    assert transactions_per_second(STATUS, items[-1:]) == 6
    assert transactions_per_second(STATUS, ()) == 0
