"""Small files that a node can do without: read if they can be read, written whole or not at all."""

import contextlib
import logging
import os
from pathlib import Path
from typing import TypeVar

from consensus.errors import Invalid
from consensus.record import Record

R = TypeVar("R", bound=Record)

logger = logging.getLogger("reelect.p2p")


def read_saved(file: Path, kind: type[R], max_bytes: int) -> R | None:
    """The record in a file; None if there is none, or an unreadable one, which is logged."""
    try:
        with file.open("rb") as stream:
            return kind.decode(stream.read(max_bytes))
    except FileNotFoundError:
        return None
    except (OSError, Invalid) as error:
        logger.warning("%s is unreadable, starting without: %s", file, error)
        return None


def save(file: Path, contents: bytes) -> None:
    """Write the file whole or not at all; a failure is logged, for the node can do without."""
    temporary = file.with_name(file.name + ".new")
    try:
        with temporary.open("wb") as stream:
            stream.write(contents)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        logger.warning("%s cannot be written: %s", file, error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
