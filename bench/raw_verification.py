"""How fast signatures can be verified at best: libsodium's function in a bare loop."""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import cycle, islice

from consensus.keys import KeyPair

THREADS = 2
MESSAGE_BYTES = 200  # about what the signature of a transfer covers
KEYS = 256


def _load() -> ctypes.CDLL:
    """The very library that the node's PyNaCl calls; its calls let other threads run."""
    found = find_spec("nacl._sodium")
    if found is None or found.origin is None:
        raise RuntimeError("PyNaCl has no libsodium")
    return ctypes.CDLL(found.origin)


_verify = _load().crypto_sign_verify_detached
_verify.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulonglong, ctypes.c_char_p]


def raw_verifications_a_second(count: int) -> float:
    """So many verifications of signatures by different keys, shared by two threads: no decoding,
    no hashing but the signature's own, no copy."""
    message = bytes(MESSAGE_BYTES)
    keys = [KeyPair.from_seed(b"r%31d" % i) for i in range(KEYS)]
    orders = [(key.sign(message), message, MESSAGE_BYTES, key.public) for key in keys]

    def verify_share(_: int) -> int:
        share = islice(cycle(orders), count // THREADS)
        return sum(_verify(*order) for order in share)  # 0 each if it is good

    with ThreadPoolExecutor(THREADS) as pool:
        begun = time.perf_counter()
        refused = sum(pool.map(verify_share, range(THREADS)))
        took = time.perf_counter() - begun
    if refused:
        raise RuntimeError("libsodium refuses good signatures")
    return count // THREADS * THREADS / took
