"""What sealing content costs: `python bench/sealing.py [--quick] [--json]`.

Sealing and opening beside flat SHA-256 of the same bytes in the same run, by processor time, and
beside the cipher alone.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from nacl import bindings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.report import Report, show, spread  # noqa: E402
from consensus.sealed import CHUNK_LOG2, Header, seal, unseal  # noqa: E402
from consensus.sealed_key import commitment_to  # noqa: E402

PIECE_BYTES = 262_144
ROUNDS = 5
KEY = b"k" * 32
HEADER = Header(CHUNK_LOG2, bytes(19), commitment_to(KEY))


def measure_sealing(_: Path, *, quick: bool) -> Report:
    """MB/s of sealing and opening, each divided by that of SHA-256, and of the bare cipher."""
    pieces = 16 if quick else 256
    sealed = list(seal(_content(pieces), HEADER, KEY))
    rates: dict[str, list[float]] = {"seal": [], "unseal": [], "cipher": []}
    for _round in range(1 if quick else ROUNDS):
        flat = _seconds(lambda: _hash(_content(pieces)))
        rates["seal"].append(flat / _seconds(lambda: _drain(seal(_content(pieces), HEADER, KEY))))
        rates["unseal"].append(flat / _seconds(lambda: _drain(unseal(sealed, KEY))))
        rates["cipher"].append(flat / _seconds(lambda: _encrypt(pieces)))
    return {f"{name}_to_sha256": spread(values) for name, values in rates.items()}


def _content(pieces: int) -> Iterator[bytes]:
    piece = bytes(PIECE_BYTES)
    return (piece for _ in range(pieces))


def _hash(pieces: Iterable[bytes]) -> None:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)


def _encrypt(pieces: int) -> None:
    chunk, encrypt = bytes(65_520), bindings.crypto_aead_xchacha20poly1305_ietf_encrypt
    for _ in range(4 * pieces):
        encrypt(chunk, b"", bytes(24), KEY)


def _drain(pieces: Iterable[bytes]) -> None:
    for _ in pieces:
        pass


def _seconds(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    show(measure_sealing(ROOT, quick=options.quick), as_json=options.json)


if __name__ == "__main__":
    main()
