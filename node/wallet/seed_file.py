"""Seed files: the keys that a node signs with unattended, readable by their owner only.

An account key belongs in the keystore (node/wallet/keystore.py), encrypted; these cannot be,
because a producer must come back after a power cut without anybody typing a password.
"""

import json
import secrets
from pathlib import Path
from typing import Annotated

from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Bytes, Text
from consensus.record import Record, part
from node.failure import Refused
from node.files import PRIVATE, check_private, read_bounded, write_new
from node.wallet.derivation import KeyKind

FORMAT = "reelect-seed/1"
MAX_SEED_FILE_BYTES = 4096


@part
class SeedFile(Record):
    """The content of a seed file: a 32-byte seed, what it is for, and its public name."""

    format: Annotated[str, Text(32, 1, FORMAT)]
    kind: Annotated[str, Text(16, 1, "consensus|node|beacon")]
    id: Annotated[str, Text(80)]
    seed: Annotated[bytes, Bytes(32, 32)]


def create_seed_file(path: Path, kind: KeyKind, seed: bytes | None = None) -> str:
    """Write a seed (a new random one unless given) to a new file; the key's public name.

    Raises Refused if the file exists.
    """
    seed = secrets.token_bytes(32) if seed is None else seed
    content = SeedFile(FORMAT, kind.value, kind.id_of(seed), seed).to_json()
    write_new(path, json.dumps(content, indent=2).encode() + b"\n", mode=PRIVATE)
    return kind.id_of(seed)


def read_seed_file(path: Path, kind: KeyKind) -> bytes:
    """The 32-byte seed in a file; raises Refused, naming the file, for anything wrong with it."""
    check_private(path)
    try:
        content = SeedFile.from_json(json.loads(read_bounded(path, MAX_SEED_FILE_BYTES)))
        if content.kind != kind.value:
            raise InvalidEncoding(f"holds a {content.kind} key where a {kind.value} key belongs")
        if content.id != kind.id_of(content.seed):
            raise InvalidEncoding("the seed does not make the id beside it; the file is damaged")
    except (Invalid, ValueError, RecursionError) as error:
        raise Refused(f"not a seed file: {error}", field=str(path), code="seed-file") from error
    return content.seed
