"""Secrets of 32 bytes that people hand to each other: a line of hex digits, or a file with it."""

import os
from pathlib import Path

from node.commands.arguments import naming
from node.failure import Usage
from node.files import PRIVATE, read_bounded, write_new

SECRET_BYTES = 32
MAX_FILE_BYTES = 1024


def new_secret(file: Path) -> bytes:
    """A secret that nobody can guess, which this new file has; raises FileExistsError."""
    secret = os.urandom(SECRET_BYTES)
    write_new(file, f"{secret.hex()}\n".encode(), mode=PRIVATE)
    return secret


def read_secret(text: str, option: str) -> bytes:
    """The secret that a line says, or the file of that name has; raises Usage."""
    line = text
    if len(text) != 2 * SECRET_BYTES and Path(text).is_file():
        with naming(Path(text)):
            line = read_bounded(Path(text), MAX_FILE_BYTES).decode("ascii")
    digits = line.strip().lower()
    if len(digits) != 2 * SECRET_BYTES or not set(digits) <= set("0123456789abcdef"):
        raise Usage(
            f"{2 * SECRET_BYTES} hex digits are expected, or a file with them", field=option
        )
    return bytes.fromhex(digits)
