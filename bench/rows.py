"""The rows of the table, each with its goal."""

from bench.builds import measure_decode, measure_validation
from bench.finalizing import measure_finalizing
from bench.network_load import measure_finality, measure_sustained
from bench.row import Goal, Row
from bench.validation import measure_unseen, measure_verified

_RAW = "bare libsodium verification in two threads"

ROWS = {
    row.name: row
    for row in (
        Row(
            "unseen",
            "validation of a block of unseen transfers in two threads",
            _RAW,
            "transfers/s",
            Goal(0.5, 0.8),
            measure_unseen,
        ),
        Row(
            "verified",
            "validation of a block of transfers that wait in the mempool",
            _RAW,
            "transfers/s",
            Goal(1.2, 2.5),
            measure_verified,
        ),
        Row(
            "decode",
            "strict decoding of that block by the compiled codec",
            "decoding by the pure codec",
            "transfers/s",
            Goal(8.0),
            measure_decode,
        ),
        Row(
            "compiled",
            "validation by the compiled build, signatures known",
            "the same by the pure build",
            "transfers/s",
            Goal(2.0),
            measure_validation,
        ),
        Row(
            "finalizing",
            "a final block made durable",
            "a bare LevelDB batch of the same rows, synced",
            "MB/s",
            Goal(0.5),
            measure_finalizing,
        ),
        Row(
            "network",
            "final transfers of four nodes under sustained load",
            "a quarter of what the machine verifies bare",
            "transfers/s",
            Goal(0.1, 0.2),
            measure_sustained,
        ),
        Row(
            "finality",
            "median time until a transfer is final under half that load",
            "a slot",
            "ms",
            Goal(1.6, is_most=True),
            measure_finality,
        ),
    )
}
